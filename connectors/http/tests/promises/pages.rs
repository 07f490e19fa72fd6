//! What cannot be read on a page is reported; everything else is read exactly as it is written.

use super::{faults::fault, *};

#[tokio::test]
async fn a_page_that_cannot_be_read_is_requested_three_times() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    for _ in 0..2 {
        city.script(Reply::new(200, "garbage"));
    }
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["a"]));
    city.state().requests.clear();
    let fault = fault(&city, Reply::new(200, "garbage")).await;
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert_eq!(city.state().requests.len(), 3);
    assert!(!fault.to_string().contains("garbage"), "{fault}");
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_quarantined_if_the_channel_says_so() {
    let mut city = city().await.with(json!({ "on_bad_page": "quarantine" }));
    for n in 0..12_u32 {
        city.add(&[format!("r{n:02}")], HOUR * (20 - n)).await;
    }
    city.answer(|request| {
        let is_bad = request.query.get("page").is_some_and(|page| page == "2");
        is_bad.then(|| Reply::new(200, "garbage"))
    });
    let (entries, _) = city.entries(None, 100).await;
    let bad: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            matches!(entry, Entry::Unreadable { reason, bytes, place }
                if reason.code == "bad_page" && &bytes[..] == b"garbage" && place.at == "page 2")
        })
        .collect();
    assert!(!bad.is_empty());
    assert!(keys_of(&entries).is_superset(&set(&["r00", "r04", "r10", "r11"])));
}

#[tokio::test]
async fn a_record_without_a_key_is_reported_and_the_others_are_read() {
    let city = one_page().await;
    city.answer(|_| {
        let body =
            json!({ "code": 0, "rows": [{ "id": "a" }, { "x": 1 }, { "id": null }, { "id": 7 }] });
        Some(Reply::new(200, body.to_string()))
    });
    let (entries, _) = city.entries(None, 100).await;
    let n_missing = entries
        .iter()
        .filter(|e| matches!(e, Entry::Unreadable { reason, .. } if reason.code == "missing_key"))
        .count();
    assert_eq!((n_missing, entries.len()), (2, 4));
    assert!(keys_of(&entries).is_superset(&set(&["a", "7"])));
}

#[tokio::test]
async fn large_numbers_and_decimals_are_read_as_they_are_written() {
    let city = one_page().await;
    city.script(Reply::new(200, r#"{"code":0,"rows":[{"id":34020000000000000123,"sum":12.50}]}"#));
    let batch = city.read(None).await.unwrap();
    assert_eq!(key(&batch.entries[0]), "34020000000000000123");
    assert_eq!(tree(&batch.entries[0])["sum"], "12.50");
}
