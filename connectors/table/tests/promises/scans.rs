//! Rows that a simpler connector would lose, or would read again and again.

use super::*;

#[tokio::test]
async fn rows_without_a_usable_time_are_found() {
    for find_by in [FindBy::ChangesAndFlag, FindBy::ChangesOnly] {
        let city = City::sqlite(find_by).await;
        let moment = city.ago(NOW);
        city.run(&format!(
            "INSERT INTO orders (id, changed) VALUES ('untimed', NULL), ('empty', ''),
             ('garbage', '待定'), ('slashes', '2026/10/9 10:30'), ('serial', 46304.4375),
             ('future', '2062-01-01 00:00:00'), ('bytes', x'ff00'), ('good', {moment}),
             ('blob', CAST({moment} AS BLOB))"
        ))
        .await;
        let expected =
            ["untimed", "empty", "garbage", "slashes", "serial", "future", "bytes", "good", "blob"];
        let (entries, at) = city.entries(None, 2).await;
        assert_eq!(keys_of(&entries), expected.iter().map(ToString::to_string).collect());
        // None of them has moved the position past a row that arrives now.
        city.run(&format!("INSERT INTO orders (id, changed) VALUES ('new', {moment})")).await;
        let (entries, _) = city.entries(Some(at), 2).await;
        assert!(keys_of(&entries).contains("new"));
    }
}

#[tokio::test]
async fn a_commit_later_than_the_overlap_is_found_by_its_flag() {
    let mut city = city().await;
    city.add(&["new".into()], NOW).await;
    let (_, at) = city.entries(None, 10).await;
    city.add(&["very late".into()], 900 * HOUR).await;
    let (entries, _) = city.entries(Some(at), 10).await;
    assert!(keys_of(&entries).contains("very late"));
    assert_eq!(city.n_pending().await, 0);
}

#[tokio::test]
async fn the_first_load_reads_every_row_once_and_later_sweeps_only_the_overlap() {
    let mut city = City::sqlite(FindBy::ChangesOnly).await;
    for age in 1..30 {
        city.add(&[format!("old{age}")], HOUR * age).await;
    }
    city.add(&["new".into()], NOW).await;
    let (entries, at) = city.entries(None, 4).await;
    assert_eq!(entries.len(), 30);
    let (entries, _) = city.entries(Some(at), 4).await;
    assert!(entries.is_empty(), "the overlap has not changed");
}

#[tokio::test]
async fn a_table_that_always_changes_does_not_starve_pending_rows() {
    let mut city = city().await;
    let (_, at) = city.entries(None, 2).await;
    city.add(&["late".into()], 900 * HOUR).await;
    let (mut table, mut at) = (city.table(), Some(at.decode().unwrap()));
    for n in 0..6 {
        let busy: Vec<String> = (0..8).map(|m| format!("busy{n}-{m}")).collect();
        city.add(&busy, NOW).await;
        let batch = table.read(at.as_ref(), 2).await.unwrap();
        assert!(!batch.caught_up());
        table.settled(&batch.upto).await.unwrap();
        at = Some(batch.upto);
        // Rows that are not `late` were found by their time.
        city.run("UPDATE orders SET isfetch = 1 WHERE id <> 'late'").await;
    }
    assert_eq!(city.n_pending().await, 0);
}

#[tokio::test]
async fn a_row_without_a_key_is_reported_and_the_others_are_read() {
    let mut city = city().await;
    city.run("INSERT INTO orders (id, title) VALUES (NULL, 'x'), (NULL, 'y'), (NULL, 'z')").await;
    city.add(&["a".into()], HOUR).await;
    let (entries, _) = city.entries(None, 2).await;
    let missing: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            matches!(entry, Entry::Unreadable { place, reason, .. }
                if place.key.is_none() && place.at == "orders.id" && reason.code == "missing_key")
        })
        .collect();
    assert_eq!(missing.len(), 3);
    assert!(keys_of(&entries).contains("a"));
}

#[tokio::test]
async fn sweeps_compare_times_in_the_format_of_the_column() {
    for value in ["strftime('%Y%m%d%H%M%S', TIME)", "CAST(strftime('%Y%m%d%H%M%S', TIME) AS BLOB)"]
    {
        let city = City::sqlite(FindBy::ChangesOnly).await.with(json!({
            "changes": { "column": "changed", "format": "%Y%m%d%H%M%S", "overlap": "5m" }
        }));
        for (key, age) in [("old", HOUR), ("new", NOW)] {
            let value = value.replace("TIME", &city.ago(age));
            city.run(&format!("INSERT INTO orders (id, changed) VALUES ('{key}', {value})")).await;
        }
        let (entries, at) = city.entries(None, 10).await;
        assert_eq!(entries.len(), 2);
        // A change that leaves the time as it is shows which rows a sweep reads again.
        city.run("UPDATE orders SET title = 'other'").await;
        let (entries, _) = city.entries(Some(at), 10).await;
        assert_eq!(keys_of(&entries), BTreeSet::from(["new".to_owned()]), "{value}");
    }
}

#[tokio::test]
async fn rows_of_one_time_are_read_by_pages_of_one_row() {
    let mut city = City::sqlite(FindBy::ChangesOnly).await.with(json!({ "page": 1 }));
    let keys: Vec<String> = (0..25).map(|n| format!("k{n:02}")).collect();
    city.add(&keys, HOUR).await;
    city.run("UPDATE orders SET changed = '2026-10-09 08:00:00'").await;
    let (entries, at) = city.entries(None, 1).await;
    assert_eq!(entries.iter().map(key).collect::<Vec<_>>(), keys);
    let (entries, _) = city.entries(Some(at), 1).await;
    assert!(entries.is_empty());
}

#[tokio::test]
async fn all_rows_of_one_key_go_to_quarantine_wherever_a_page_ends() {
    for max in [1, 2, 100] {
        let city = city().await;
        city.run(
            "CREATE TABLE wide (id INTEGER, title TEXT, changed TEXT, isfetch INTEGER DEFAULT 0);
             INSERT INTO wide (id, title, changed) VALUES (1, 'a', '2026-10-09 08:00:00'),
             (1, 'b', '2026-10-09 08:00:00'), (1, 'c', '2026-10-09 08:00:00')",
        )
        .await;
        let city = city.with(json!({
            "table": "wide", "part": [], "duplicates": "quarantine",
            "flag": [{ "column": "isfetch", "pending": 0, "done": 1 }],
        }));
        let (entries, at) = city.entries(None, max).await;
        let bytes = |entry: &Entry| match entry {
            Entry::Unreadable { place, bytes, .. } if place.key.is_none() => bytes.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(entries.iter().map(bytes).collect::<BTreeSet<_>>().len(), 3, "by {max}");
        let (entries, _) = city.entries(Some(at), max).await;
        assert!(entries.is_empty(), "by {max}: {entries:?}");
    }
}

#[tokio::test]
async fn two_keys_that_are_one_for_the_database_stop_the_channel() {
    let city = City::sqlite(FindBy::ChangesOnly).await;
    city.run(
        "CREATE TABLE wide (id TEXT COLLATE NOCASE, changed TEXT);
         INSERT INTO wide VALUES ('A', '2026-10-09 08:00:00'), ('a', '2026-10-09 08:00:00')",
    )
    .await;
    let city = city.with(json!({ "table": "wide", "part": [], "duplicates": "last" }));
    let fault = city.table().read(None, 1).await.unwrap_err();
    assert!(fault.to_string().contains("stands in more than one row"), "{fault}");
}
