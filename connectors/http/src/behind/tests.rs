use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Runs passes every hour at a source whose gap lasts until `mended`. Returns how many hours after the first
/// pass each pass began that asked for the gap, and the progress at the end.
fn passes(n_passes: i64, mended: i64) -> (Vec<i64>, Progress) {
    let began = at("2026-10-09T00:00:00Z");
    let mut progress = Progress { since: Some(began), ..Progress::default() };
    let mut asked = Vec::new();
    for hour in 0..n_passes {
        let now = began + TimeDelta::hours(hour);
        let start = Start::of(&progress);
        let has_gap = progress.since == Some(began) && hour < mended;
        if progress.since == Some(began) {
            asked.push(hour);
        }
        progress.since = Some(now + TimeDelta::minutes(1));
        if has_gap {
            progress.note_gap(start, now);
        }
        progress.end_pass(now);
    }
    (asked, progress)
}

#[test]
fn a_gap_is_asked_for_again_less_and_less_often_and_never_forgotten() {
    let (asked, progress) = passes(400, 1_000);
    assert_eq!(asked[..8], [0, 1, 3, 6, 11, 20, 37, 70]);
    assert!(asked.len() < 12, "{asked:?}");
    assert!(progress.open_gap().unwrap().contains("asked for again after 2026-"));
}

#[test]
fn a_gap_that_is_filled_is_gone() {
    let (asked, progress) = passes(60, 2);
    assert_eq!(asked, [0, 1, 3]);
    assert_eq!(progress.behind, None);
    assert_eq!(progress.open_gap(), None);
}

#[test]
fn a_gap_where_the_next_pass_begins_anyway_needs_nothing() {
    let mut progress = Progress::default();
    progress.note_gap(Start::of(&progress), at("2026-10-09T00:00:00Z"));
    assert_eq!(progress.behind, None);
}

#[test]
fn a_clock_that_is_set_back_does_not_postpone_it() {
    let now = at("2026-10-09T00:00:00Z");
    let start = Start::of(&Progress::default());
    let mut progress = Progress { since: Some(now), ..Progress::default() };
    progress.note_gap(start, now);
    progress.end_pass(now);
    assert_eq!(progress.since, None, "the next pass begins at the gap");
    progress.note_gap(start, now);
    progress.since = Some(now);
    progress.end_pass(now);
    assert_eq!(progress.since, Some(now));
    progress.end_pass(now - TimeDelta::days(30));
    assert_eq!(progress.since, None);
}
