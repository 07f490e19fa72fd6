use super::*;

#[test]
fn the_cursor_of_another_connector_is_refused() {
    let own = serde_json::to_value(Cursor::default()).unwrap();
    assert!(serde_json::from_value::<Cursor>(own.clone()).is_ok());
    let mut incomplete = own.clone();
    incomplete.as_object_mut().unwrap().remove("within");
    let mut extended = own;
    extended["more"] = true.into();
    for foreign in [incomplete, extended, serde_json::json!({}), serde_json::json!({ "page": 7 })] {
        assert!(serde_json::from_value::<Cursor>(foreign.clone()).is_err(), "{foreign}");
    }
}

#[test]
fn a_full_folder_fits_into_a_cursor() {
    let name = |n: u32| format!("WQFW_340200_APPEAL_20261009{n:06}.csv");
    let done =
        |n| (Fingerprint::of(&name(n)), DoneFile(Fingerprint::of("a"), Fingerprint::of("b")));
    let current = Some(FilePosition {
        name: "文".repeat(85),
        fingerprint: Fingerprint::of("a"),
        n_records: u64::MAX,
    });
    let pending_move = Some(PendingMove {
        name: "文".repeat(85),
        state: Fingerprint::of("a"),
        manifest_state: Some(Fingerprint::of("b")),
        hash: Fingerprint::of("c"),
        is_error: true,
    });
    let moved = MovedFile {
        name: "文".repeat(85),
        hash: Fingerprint::of("c"),
        n_bytes: u64::MAX,
        modified: i64::MAX,
        is_error: true,
    };
    let moved = vec![moved; crate::MAX_WATCHED];
    let settings =
        Some(SettingsHash { selection: Fingerprint::of("a"), key: Some(Fingerprint::of("b")) });
    let done = (0..1_400).map(done).collect();
    let full = Cursor { done, current, pending_move, moved, settings };
    let text = serde_json::to_string(&full).unwrap();
    assert!(text.len() <= 64 * 1024, "{} bytes", text.len());
    assert_eq!(serde_json::from_str::<Cursor>(&text).unwrap(), full);
}
