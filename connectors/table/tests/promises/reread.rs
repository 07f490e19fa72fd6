//! Rows that are read again: recent rows at intervals, and a time range in a backfill.

use super::*;

#[tokio::test]
async fn old_rows_are_read_again_when_that_is_due() {
    let city = City::sqlite(FindBy::ChangesOnly).await;
    let mut city = city.with(json!({ "reread": { "days": 2, "every": "1h" } }));
    city.add(&["yesterday".into()], 24 * HOUR).await;
    city.add(&["last week".into()], 168 * HOUR).await;
    city.add(&["now".into()], NOW).await;
    let (_, at) = city.entries(None, 10).await;
    let (entries, at) = city.entries(Some(at), 10).await;
    assert!(!keys_of(&entries).contains("yesterday"), "not due yet");
    let mut hour_later: Value = serde_json::from_str(at.as_str()).unwrap();
    hour_later["main"]["reread"]["started"] = json!("2026-01-01T00:00:00Z");
    let (entries, _) = city.entries(Some(Cursor::from_text(hour_later.to_string())), 1).await;
    let expected = BTreeSet::from(["now".to_owned(), "yesterday".to_owned()]);
    assert_eq!(keys_of(&entries), expected);
}

#[tokio::test]
async fn a_time_range_is_read_once_and_nothing_else() {
    for find_by in [FindBy::ChangesAndFlag, FindBy::ChangesOnly] {
        let mut city = City::sqlite(find_by).await;
        for age in 1..9 {
            let half_past = HOUR * age + HOUR / 2;
            city.add(&[format!("{age}a"), format!("{age}b")], half_past).await;
        }
        city.run(
            "INSERT INTO orders (id, changed) VALUES ('null', NULL), ('empty', ''),
             ('garbage', '待定'), ('first', '!'), ('future', '2062-01-01 00:00:00')",
        )
        .await;
        for max in [1, 2, 100] {
            let entries = city.entries_between(6, 3, max).await.unwrap();
            let expected = ["5a", "5b", "4a", "4b", "3a", "3b"].map(ToOwned::to_owned);
            assert_eq!(keys_of(&entries), BTreeSet::from(expected), "{max} at once");
            assert_eq!(entries.len(), 6, "{max} at once");
        }
        assert!(city.entries_between(600, 500, 2).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_table_without_times_refuses_a_time_range() {
    let flagged = City::sqlite(FindBy::FlagOnly).await;
    let fault = flagged.entries_between(6, 3, 10).await.unwrap_err();
    assert!(fault.is_stopped() && fault.to_string().contains("[table.changes]"), "{fault}");
    let counted = City::sqlite(FindBy::ChangesOnly).await;
    let counted = counted.with(json!({ "changes": { "column": "changed" } }));
    counted.run("INSERT INTO orders (id, changed) VALUES ('a', NULL)").await;
    assert!(counted.entries_between(6, 3, 10).await.unwrap().is_empty());
    counted.run("ALTER TABLE orders ADD COLUMN version INTEGER DEFAULT 7").await;
    let counted = counted.with(json!({ "changes": { "column": "version" } }));
    let fault = counted.entries_between(6, 3, 10).await.unwrap_err();
    assert!(fault.is_stopped() && fault.to_string().contains("numbers"), "{fault}");
}
