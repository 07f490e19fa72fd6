use serde_json::json;

use super::*;

#[test]
fn a_state_only_goes_forward() {
    let at = |time: &str| json!({ "bookmarks": { "orders": { "updated": time } } });
    let old = at("2026-10-09T10:00:00Z");
    for (new, forward) in [
        (at("2026-10-09T10:00:01Z"), true),
        (at("2026-10-09T18:00:01+08:00"), true),
        (at("2026-10-09T10:00:00Z"), true),
        (at("2026-10-09T09:59:59Z"), false),
        (at("2026-10-09T17:59:59+08:00"), false),
        (at(""), false),
        (json!({ "bookmarks": { "orders": { "updated": null } } }), false),
        (json!({ "bookmarks": { "orders": {} } }), false),
        (json!({ "bookmarks": {} }), false),
        (json!({}), false),
        (json!(null), false),
        // A token has no order, and a new stream counts as progress.
        (json!({ "bookmarks": { "orders": { "token": "b" } } }), true),
        (json!({ "bookmarks": { "others": { "updated": "2020-01-01" } } }), true),
    ] {
        assert_eq!(is_forward(Some(&old), &new), forward, "{new}");
    }
}

#[test]
fn one_bookmark_may_go_back_while_another_goes_forward() {
    let old = json!({ "day": "2026-10-09", "page": 7 });
    assert!(is_forward(Some(&old), &json!({ "day": "2026-10-10", "page": 1 })));
    assert!(!is_forward(Some(&old), &json!({ "day": "2026-10-09", "page": 1 })));
    assert!(is_forward(Some(&json!({ "id": "99" })), &json!({ "id": "100" })));
    assert!(!is_forward(Some(&json!({ "id": "100" })), &json!({ "id": "99" })));
    assert!(is_forward(None, &json!({ "id": 1 })));
    assert!(!is_forward(None, &json!({ "bookmarks": { "orders": null } })));
}
