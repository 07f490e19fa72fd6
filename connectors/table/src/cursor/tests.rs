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
