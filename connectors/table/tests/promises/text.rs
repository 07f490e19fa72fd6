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
    assert_eq!(record.text.flags[0].flag, QualityFlag::MalformedBytes);
    assert_eq!(record.text.flags[0].field, "content");
}

#[tokio::test]
async fn a_value_that_fills_its_column_is_flagged_as_cut() {
    let city = city().await.with(json!({ "widths": { "content": 3, "title": 4 } }));
    city.run("INSERT INTO orders (id, title, content) VALUES ('a', '反映问题', x'd5c5fe')").await;
    let (entries, _) = city.entries(None, 10).await;
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(body(&entries[0])["content"], "张");
    let flags: Vec<_> = record.text.flags.iter().map(|flag| (&*flag.field, flag.flag)).collect();
    assert_eq!(flags, [("title", QualityFlag::Truncated), ("content", QualityFlag::Truncated)]);
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

#[tokio::test]
async fn a_text_that_may_stand_for_several_records_is_no_key() {
    let city = city().await;
    let bad = ["  ", "\u{3000}", "NULL", "#N/A", "12.0", "1.2E+17", "a\u{1}b", "???", "a\u{fffd}"];
    for (n, id) in bad.iter().enumerate() {
        city.run(&format!("INSERT INTO orders (id, title) VALUES ('{id}', '{n}')")).await;
    }
    city.run("INSERT INTO orders (id) VALUES ('007'), (' 7'), ('12.5'), (7), (7.5)").await;
    let (entries, at) = city.entries(None, 3).await;
    let good: BTreeSet<String> = ["007", " 7", "12.5", "7", "7.5"].map(ToOwned::to_owned).into();
    let records = entries.iter().filter(|entry| matches!(entry, Entry::Record(_)));
    assert_eq!(records.map(key).collect::<BTreeSet<_>>(), good);
    let mut unreadable = BTreeSet::new();
    for entry in &entries {
        let Entry::Unreadable { place, reason, bytes } = entry else { continue };
        unreadable.insert(bytes);
        assert_eq!((&place.key, &*reason.code), (&None, "missing_key"), "{reason:?}");
        assert!(reason.detail.starts_with("the key id "), "{reason:?}");
    }
    assert_eq!(unreadable.len(), bad.len());
    assert_eq!(city.n_pending().await, 0, "rows without a key that can be read are told too");
    let (entries, _) = city.entries(Some(at), 3).await;
    assert!(entries.is_empty(), "{entries:?}");
}
