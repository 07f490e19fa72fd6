//! What a change of the settings does to the position, and settings that do not fit the table.

use contract::ConnectorContext;

use super::*;

#[tokio::test]
async fn another_key_stops_the_channel_until_its_position_is_reset() {
    let mut city = City::sqlite(FindBy::ChangesOnly).await;
    city.add(&["a".into()], HOUR).await;
    let (_, at) = city.entries(None, 10).await;
    let city = city.with(json!({ "key": "ID" }));
    city.entries(Some(at.clone()), 10).await;
    for change in [json!({ "key": "serial" }), json!({ "columns": { "id": { "as": "hex" } } })] {
        let other = City::sqlite(FindBy::ChangesOnly).await.with(city.settings.clone());
        let other = other.with(json!({ "key": "id" })).with(change);
        let fault = other.table().read(Some(&at.decode().unwrap()), 10).await.unwrap_err();
        let text = fault.to_string();
        assert!(
            text.contains("`key` has changed") && text.contains("position CHANNEL reset"),
            "{text}"
        );
        assert_eq!(other.entries(None, 10).await.0.len(), 1);
    }
}

#[tokio::test]
async fn settings_that_decide_which_rows_are_read_begin_the_walk_anew() {
    let mut city = City::sqlite(FindBy::ChangesOnly).await;
    let mut elsewhere = City::sqlite(FindBy::ChangesOnly).await;
    for database in [&mut city, &mut elsewhere] {
        database.add(&["a".into(), "b".into()], 900 * HOUR).await;
    }
    city.run(
        "CREATE TABLE others AS SELECT * FROM orders;
         CREATE TABLE notes (id INTEGER PRIMARY KEY, serial TEXT)",
    )
    .await;
    let (_, at) = city.entries(None, 10).await;
    let notes = json!([{ "name": "notes", "table": "notes", "key": "id", "parent": "serial", "column": "serial" }]);
    let first = city.settings.clone();
    for (change, n_read) in [
        (json!({}), 0),
        (json!({ "timeout": "9s" }), 0),
        (json!({ "table": "others" }), 2),
        (json!({ "url": elsewhere.url }), 2),
        (json!({ "changes": { "column": "changed", "format": "%Y-%m-%d %H:%M:%S" } }), 2),
        (json!({ "part": notes }), 2),
    ] {
        city = city.with(first.clone()).with(change.clone());
        let (entries, at) = city.entries(Some(at.clone()), 10).await;
        assert_eq!(entries.len(), n_read, "{change}");
        let (entries, _) = city.entries(Some(at), 10).await;
        assert_eq!(entries.len(), 0, "{change}");
    }
}

#[tokio::test]
async fn a_mapping_that_names_a_column_that_is_not_read_stops_the_channel() {
    let mut city = City::sqlite(FindBy::ChangesOnly).await;
    for (columns, mapped, says) in [
        (json!({}), "$.id\n\n$.title\n\n$.urges[*]\n\n@.note\n\n", None),
        (json!({}), "$.titel\n$.title\n\n", None),
        (json!({}), "$.title.zh\n\n$['serial']\n\n$.*\n\n$\n\ndatetime\n\n", None),
        (json!({}), "$.titel\n\n", Some("no column titel")),
        (json!({}), "$.TITLE\n\n", Some("nearest is title,")),
        (json!({}), "$.titles\n$.titel\n\n", Some("nearest is title,")),
        (json!(["TITLE"]), "$.title\n\n", None),
        (json!(["serial"]), "$.title\n\n", Some("`columns` leaves out the column title")),
        (json!({ "title": { "as": "ignore" } }), "$.title\n\n", Some("`columns` leaves out")),
    ] {
        city = city.with(json!({ "columns": columns }));
        let mut context = ConnectorContext::new("hotline".parse().unwrap(), chrono_tz::UTC);
        context.mapped = Some(mapped.into());
        let config = serde_json::from_value(city.settings.clone()).unwrap();
        let mut table = Table::build(config, context).unwrap();
        let read = table.read(None, 10).await.err().map(|fault| fault.to_string());
        let found = table.inspect().await.unwrap();
        let found =
            found.iter().map(ToString::to_string).find(|it| it.contains("the mapping reads"));
        assert_eq!(read, found, "{mapped}");
        assert_eq!(read.is_some(), says.is_some(), "{mapped}: {read:?}");
        assert!(read.is_none_or(|it| it.contains(says.unwrap()) && it.contains("table orders")));
    }
}

#[tokio::test]
async fn a_part_of_which_nothing_finds_new_rows_is_found_by_an_inspection() {
    let mut city = City::sqlite(FindBy::ChangesOnly).await;
    let flag = city.settings["part"][0]["flag"].clone();
    for (flag, moves_record, n_found) in
        [(flag, false, 0), (json!([]), false, 1), (json!([]), true, 0)]
    {
        let mut part = city.settings["part"].clone();
        part[0]["flag"] = flag;
        part[0]["moves_record"] = json!(moves_record);
        city = city.with(json!({ "part": part }));
        let found = city.table().inspect().await.unwrap();
        let found = found.iter().map(ToString::to_string);
        let found = found.filter(|fault| fault.contains("new rows of this part"));
        assert_eq!(found.count(), n_found);
    }
}

#[tokio::test]
async fn a_number_and_its_text_are_the_same_value_of_a_flag() {
    for (pending, done) in [(json!("0"), json!("1")), (json!(0), json!(1))] {
        for kind in ["", "INTEGER", "TEXT"] {
            let city = City::sqlite(FindBy::FlagOnly).await;
            city.run(&format!(
                "CREATE TABLE wide (id INTEGER PRIMARY KEY, isfetch {kind});
                 INSERT INTO wide VALUES (1, 0), (2, '0'), (3, 1), (4, '1'), (5, '00')"
            ))
            .await;
            let flag = json!([{ "column": "isfetch", "pending": pending, "done": done }]);
            let city = city.with(json!({ "table": "wide", "part": [], "flag": flag }));
            let (entries, _) = city.entries(None, 10).await;
            // An INTEGER column stores '00' as 0.
            let n_pending = if kind == "INTEGER" { 3 } else { 2 };
            assert_eq!(entries.len(), n_pending, "{kind} {pending}");
            let left = "SELECT COUNT(*) FROM wide WHERE CAST(isfetch AS TEXT) = '0'";
            assert_eq!(city.count(left).await, 0, "{kind} {pending}");
        }
    }
}
