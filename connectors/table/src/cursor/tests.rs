use super::*;

#[test]
fn the_cursor_of_another_channel_is_refused() {
    let current = serde_json::to_value(Cursor::default()).unwrap();
    assert!(serde_json::from_value::<Cursor>(current.clone()).is_ok());
    let mut older = current.clone();
    older["main"].as_object_mut().unwrap().remove("sweep");
    let mut newer = current;
    newer["more"] = true.into();
    for foreign in [older, newer, serde_json::json!({}), serde_json::json!({ "page": 7 })] {
        assert!(serde_json::from_value::<Cursor>(foreign.clone()).is_err(), "{foreign}");
    }
}

#[test]
fn the_numbers_of_an_older_cursor_are_read() {
    let older = serde_json::json!({
        "next_scan": 1, "n_pages": 0, "n_ended": 4,
        "main": {
            "sweep": {
                "column": "no", "since": { "int": 3 }, "after": null, "newest": { "int": 7 },
                "near_since": null,
                "numbers": [
                    ["2026-10-09T02:30:00Z", { "int": 5 }],
                    ["2026-10-09T02:35:00.250Z", { "text": "7" }],
                ],
                "seen": { "before": "00000000000000ff", "now": "" },
            },
            "pending": null,
            "undated": { "started": "2026-10-09T02:30:00Z", "after": null },
            "reread": { "started": null, "after": null },
            "keyless": { "started": null, "after": 2 },
            "unfinished": null,
            "acknowledged": "",
        },
        "parts": {}, "to_acknowledge": {},
    });
    let cursor: Cursor = serde_json::from_value(older).unwrap();
    let numbers = serde_json::to_value(&cursor.main.sweep.numbers).unwrap();
    assert_eq!(numbers["notes"][0][1], serde_json::json!({ "int": 5 }));
    let again = serde_json::to_string(&cursor).unwrap();
    assert!(serde_json::from_str::<Cursor>(&again).unwrap() == cursor);
}
