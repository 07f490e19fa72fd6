use super::*;

#[test]
fn the_cursor_of_another_channel_is_refused() {
    let own = serde_json::to_value(Cursor::default()).unwrap();
    assert!(serde_json::from_value::<Cursor>(own.clone()).is_ok());
    let mut older = own.clone();
    older.as_object_mut().unwrap().remove("within");
    let mut newer = own;
    newer["more"] = true.into();
    for foreign in [older, newer, serde_json::json!({}), serde_json::json!({ "page": 7 })] {
        assert!(serde_json::from_value::<Cursor>(foreign.clone()).is_err(), "{foreign}");
    }
}

#[test]
fn a_full_folder_fits_into_a_cursor() {
    let name = |n: u32| format!("WQFW_340200_APPEAL_20261009{n:06}.csv");
    let done = |n| (Mark::of(&name(n)), Done(Mark::of("a"), Mark::of("b")));
    let within = Some(Within { name: "文".repeat(85), seen: Mark::of("a"), n_records: u64::MAX });
    let owed = Some(PendingMove {
        name: "文".repeat(85),
        data: Mark::of("a"),
        manifest: Some(Mark::of("b")),
        md5: Mark::of("c"),
        is_error: true,
    });
    let full = Cursor { done: (0..1_400).map(done).collect(), within, owed };
    let text = serde_json::to_string(&full).unwrap();
    assert!(text.len() <= 64 * 1024, "{} bytes", text.len());
    assert_eq!(serde_json::from_str::<Cursor>(&text).unwrap(), full);
}
