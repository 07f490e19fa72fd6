//! Tables at rest, and what nobody reads.

use contract::ConnectorContext;

use super::*;

#[tokio::test]
async fn a_table_at_rest_is_published_once_even_by_other_processes() {
    for find_by in [FindBy::ChangesAndFlag, FindBy::ChangesOnly] {
        let mut city = City::sqlite(find_by).await;
        let keys: Vec<String> = (0..3_000).map(|n| format!("k{n:04}")).collect();
        city.add(&keys, NOW).await;
        let (entries, mut at) = city.entries(None, 1_000).await;
        assert_eq!(entries.len(), keys.len());
        for _ in 0..10 {
            let (entries, next) = city.entries(Some(at), 1_000).await;
            assert!(entries.is_empty(), "{} rows again", entries.len());
            at = next;
        }
        city.change("k0007").await;
        city.add(&["new".into()], NOW).await;
        let (entries, _) = city.entries(Some(at), 1_000).await;
        let found = keys_of(&entries);
        assert!(found.contains("k0007") && found.contains("new"));
        assert!(entries.len() < 300, "{} rows again", entries.len());
    }
}

#[tokio::test]
async fn a_photo_that_the_mapping_does_not_read_rejects_no_row() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    city.run("ALTER TABLE orders ADD COLUMN photo BLOB; UPDATE orders SET photo = x'ffd8ffe000ff'")
        .await;
    for (mapped, is_read) in
        [(Some("$.id\n$.title"), true), (Some("$.photo"), false), (None, false)]
    {
        let mut context = ConnectorContext::new("hotline".parse().unwrap(), chrono_tz::UTC);
        context.mapped = mapped.map(Into::into);
        let config = serde_json::from_value(city.settings.clone()).unwrap();
        let batch = Table::build(config, context).unwrap().read(None, 10).await.unwrap();
        assert_eq!(matches!(batch.entries[..], [Entry::Record(_)]), is_read, "{mapped:?}");
    }
}

#[tokio::test]
async fn columns_are_read_as_the_channel_says() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    city.run(
        "ALTER TABLE orders ADD COLUMN person BLOB; ALTER TABLE orders ADD COLUMN photo BLOB;
         ALTER TABLE orders ADD COLUMN note TEXT;
         UPDATE orders SET person = x'00112233445566778899aabbccddeeff', photo = x'ffd8ff00',
         content = x'd5c5', serial = 'NULL', note = CAST(x'd5c5' AS TEXT)",
    )
    .await;
    let city = city.with(json!({ "columns": {
        "person": { "as": "uuid" }, "photo": { "as": "ignore" }, "content": { "as": "hex" },
        "serial": { "null": ["NULL", "-"] }, "note": { "charset": "gbk" },
    }, "part": [] }));
    let (entries, _) = city.entries(None, 10).await;
    let body = body(&entries[0]);
    assert_eq!(body["person"], "00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(body["content"], "d5c5");
    assert_eq!(body["note"], "张");
    assert_eq!((&body["serial"], body.get("photo")), (&Value::Null, None));
    let wrong = city.with(json!({ "columns": { "id": { "as": "ignore" } } }));
    let fault = wrong.build(std::sync::Arc::new(contract::OpenGate)).unwrap_err();
    assert!(fault.to_string().contains("column id"), "{fault}");
}

#[tokio::test]
async fn the_first_pass_counts_the_rows_of_the_table() {
    let mut city = City::sqlite(FindBy::ChangesOnly).await;
    city.add(&(0..25).map(|n| format!("k{n}")).collect::<Vec<_>>(), HOUR).await;
    let (mut table, mut at) = (city.table(), None);
    let end = loop {
        let batch = table.read(at.as_ref(), 10).await.unwrap();
        at = Some(batch.upto);
        if let Some(end) = batch.end {
            break end;
        }
    };
    assert_eq!((end.listed, end.distinct, end.gap), (Some(25), Some(25), None));
    let end = table.read(at.as_ref(), 10).await.unwrap().end.unwrap();
    assert_eq!((end.listed, end.distinct), (None, Some(25)));
    assert!(
        end.to_string().starts_with("unknown, the rows of the table were not counted"),
        "{end}"
    );
}

#[tokio::test]
async fn rows_that_are_never_read_for_want_of_a_flag_are_a_doubt_of_every_pass() {
    for (find_by, flagless, doubt) in [
        (FindBy::FlagOnly, "INSERT INTO orders (id) VALUES ('b')", None),
        (
            FindBy::FlagOnly,
            "INSERT INTO orders (id, sjjhzt) VALUES ('b', NULL)",
            Some("table orders"),
        ),
        (FindBy::FlagOnly, "INSERT INTO urges (isfetch) VALUES (NULL)", Some("table urges")),
        // They are found by their time, or the lack of it.
        (FindBy::ChangesAndFlag, "INSERT INTO orders (id, sjjhzt) VALUES ('b', NULL)", None),
    ] {
        let mut city = City::sqlite(find_by).await;
        city.add(&["a".into()], HOUR).await;
        city.run(flagless).await;
        let (mut table, mut at) = (city.table(), None);
        for _ in 0..2 {
            let end = loop {
                let batch = table.read(at.as_ref(), 10).await.unwrap();
                table.settled(&batch.upto).await.unwrap();
                at = Some(batch.upto);
                if let Some(end) = batch.end {
                    break end;
                }
            };
            let what = "have no value in a flag, so they are never read";
            let said = doubt.map(|table| format!("rows of {table} {what}"));
            let found = end.doubt.filter(|doubt| doubt.contains(what));
            assert_eq!(found, said, "{flagless}");
        }
    }
}
