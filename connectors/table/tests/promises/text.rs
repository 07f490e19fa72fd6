//! How bytes become text, and how malformed bytes are kept.

use super::*;

#[tokio::test]
async fn bytes_are_decoded_with_the_declared_charset() {
    let city = city().await;
    city.run("INSERT INTO orders (id, content) VALUES ('a', x'd5c5fe9f')").await;
    let (entries, _) = city.entries(None, 10).await;
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(body(&entries[0])["content"], "张䶮");
    assert_eq!(record.text.charset, "GB18030");
    assert_eq!(record.text.decided_by, DecidedBy::Declared);
}

#[tokio::test]
async fn malformed_bytes_are_kept_with_their_place_and_without_their_text() {
    let city = city().await;
    city.run(
        "INSERT INTO orders (id, title, content) VALUES ('bad', 't', x'd5c5ff41'),
         ('good', 't', x'd5c5'), ('broken', CAST(x'41ff' AS TEXT), NULL);
         INSERT INTO urges (id, serial, note) VALUES (1, 'S-p', x'ff');
         INSERT INTO orders (id, serial) VALUES ('part', 'S-p')",
    )
    .await;
    let (entries, _) = city.entries(None, 10).await;
    assert_eq!(keys_of(&entries).len(), 4);
    for (name, place) in
        [("bad", "orders.content"), ("broken", "orders.title"), ("part", "urges.note")]
    {
        let entry = entries.iter().find(|entry| key(entry) == name).unwrap();
        let Entry::Unreadable { place: found, bytes, reason } = entry else { panic!("{entry:?}") };
        assert_eq!((found.at.as_str(), &*reason.code), (place, "malformed_bytes"));
        assert!(!reason.detail.contains('张'), "{}", reason.detail);
        // The bytes in quarantine can be read again after the settings were corrected.
        let page = format!("[{}]", std::str::from_utf8(bytes).unwrap());
        assert_eq!(key(&city.table().sample("page", page.as_bytes()).unwrap()[0]), name);
    }
    let bad = entries.iter().find(|entry| key(entry) == "bad").unwrap();
    let Entry::Unreadable { bytes, reason, .. } = bad else { panic!("{bad:?}") };
    assert!(reason.detail.contains("the 1-byte sequence at offset 2"), "{}", reason.detail);
    let kept: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(kept["content"], json!({ "$hex": "d5c5ff41" }));
    assert_eq!(city.n_pending().await, 0, "custody was taken of all of them");
}

#[tokio::test]
async fn malformed_bytes_may_be_accepted_with_a_mark() {
    let city = city().await.with(json!({ "malformed": "accept" }));
    city.run("INSERT INTO orders (id, content) VALUES ('bad', x'd5c5ff')").await;
    let (entries, _) = city.entries(None, 10).await;
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(record.text.marks[0].flag, QualityFlag::MalformedBytes);
    assert_eq!(record.text.marks[0].field, "content");
}

#[tokio::test]
async fn a_value_that_fills_its_column_is_marked_as_cut() {
    let city = city().await.with(json!({ "widths": { "content": 3, "title": 4 } }));
    city.run("INSERT INTO orders (id, title, content) VALUES ('a', '反映问题', x'd5c5fe')").await;
    let (entries, _) = city.entries(None, 10).await;
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(body(&entries[0])["content"], "张");
    let marks: Vec<_> = record.text.marks.iter().map(|mark| (&*mark.field, mark.flag)).collect();
    assert_eq!(marks, [("title", QualityFlag::Truncated), ("content", QualityFlag::Truncated)]);
}

#[tokio::test]
async fn a_fixture_reads_as_the_table_does() {
    let city = city().await;
    city.run(
        "INSERT INTO orders (id, serial, title, content) VALUES ('a', 'S-a', 't', x'd5c5');
         INSERT INTO urges (id, serial, note) VALUES (1, 'S-a', x'b4df')",
    )
    .await;
    let (entries, _) = city.entries(None, 10).await;
    let page = json!([{
        "id": "a", "serial": "S-a", "title": "t", "content": { "$hex": "d5 c5" },
        "changed": null, "isfetch": 0, "sjjhzt": 0,
        "urges": [{ "id": 1, "serial": "S-a", "note": { "$hex": "b4df" }, "isfetch": 0 }],
    }]);
    let sampled = city.table().sample("page", page.to_string().as_bytes()).unwrap();
    assert_eq!(body(&sampled[0]), body(&entries[0]));
    for page in ["{}", "[1]", "nonsense", r#"[{"id": {"$hex": "xy"}}]"#, r#"[{"urges": 1}]"#] {
        let fault = city.table().sample("page", page.as_bytes()).unwrap_err();
        assert!(fault.to_string().contains("JSON array of rows"), "{fault}");
    }
}
