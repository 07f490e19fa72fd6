use super::*;

#[test]
fn sequences_take_turns_and_complete_ones_wait_for_a_limited_time() {
    let mut cursor = Cursor::default();
    let now: Timestamp = "2026-10-09T10:00:00Z".parse().unwrap();
    let sequences = |cursor: &mut Cursor, n: usize, now| -> Vec<usize> {
        (0..n).map(|_| cursor.next_sequence(3, Some(now), |_, _| false)).collect()
    };
    assert_eq!(sequences(&mut cursor, 4, now), [0, 1, 2, 0]);
    cursor.complete.insert(1);
    assert_eq!(sequences(&mut cursor, 3, now), [2, 0, 2]);
    assert_eq!(sequences(&mut cursor, 3, now + TimeDelta::minutes(11)), [0, 1, 2]);
    cursor.complete.extend([0, 1, 2]);
    assert!(cursor.end_round_if_complete(3) && cursor == Cursor::default());
}

#[test]
fn few_sequences_are_in_the_middle_of_a_walk_at_the_same_time() {
    let (mut cursor, mut open) = (Cursor::default(), BTreeSet::new());
    for _ in 0..100 {
        let index = cursor.next_sequence(200, None, |_, index| open.contains(&index));
        open.insert(index);
    }
    assert_eq!(open.len(), MAX_OPEN);
    // Those that failed in this round are in nobody's way.
    cursor.complete.extend(open.iter().copied());
    let next = cursor.next_sequence(200, None, |_, index| open.contains(&index));
    assert!(!open.contains(&next), "{next}");
}

#[test]
fn the_cursor_of_another_channel_is_refused() {
    let current = serde_json::to_value(Cursor::default()).unwrap();
    assert!(serde_json::from_value::<Cursor>(current.clone()).is_ok());
    let mut newer = current;
    newer["more"] = true.into();
    for foreign in [newer, serde_json::json!({}), serde_json::json!({ "page": 7 })] {
        assert!(serde_json::from_value::<Cursor>(foreign.clone()).is_err(), "{foreign}");
    }
}

#[test]
fn a_position_begins_anew_when_the_settings_that_it_depends_on_change() {
    let settings = |pages: &str, start: &str| Fingerprint {
        pages: pages.into(),
        start: start.into(),
        requests: None,
        key: None,
    };
    let since = "2026-10-09T10:00:00Z".parse().ok();
    let mut cursor = Cursor::default();
    assert!(!cursor.fit_to(&settings("a", "x")), "nothing to drop");
    let mut progress = Progress { since, started: since, ..Progress::default() };
    progress.pages.n_pages = 3;
    cursor.positions.insert(String::new(), progress.clone());
    cursor.complete.insert(0);
    assert!(!cursor.fit_to(&settings("a", "x")));
    assert_eq!(cursor.positions[""], progress);
    // Other pages: the pass that has not ended begins again where it began.
    assert!(cursor.fit_to(&settings("b", "x")) && cursor.is_between_rounds());
    assert_eq!(cursor.positions[""], Progress { since, ..Progress::default() });
    // Another time: everything is read again.
    assert!(cursor.fit_to(&settings("b", "y")));
    assert_eq!(cursor.positions[""], Progress::default());
}

#[test]
fn other_requests_begin_anew_and_those_of_an_earlier_version_are_not_known() {
    for (before, now, is_dropped) in
        [(None, "b", false), (Some("a"), "a", false), (Some("a"), "b", true)]
    {
        let settings = |requests: Option<&str>| Fingerprint {
            pages: "p".into(),
            start: "s".into(),
            requests: requests.map(str::to_owned),
            key: None,
        };
        let mut cursor = Cursor::default();
        cursor.fit_to(&settings(before));
        let since = "2026-10-09T10:00:00Z".parse().ok();
        cursor.positions.insert(String::new(), Progress { since, ..Progress::default() });
        assert_eq!(cursor.fit_to(&settings(Some(now))), is_dropped, "{before:?} {now}");
        assert_eq!(cursor.positions[""].since.is_none(), is_dropped);
        assert!(!cursor.fit_to(&settings(Some(now))), "noticed once");
    }
}
