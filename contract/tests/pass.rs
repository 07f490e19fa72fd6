//! The account of a pass.

use contract::{Complete, DropReason, EndedBy, PassEnd};

fn account(listed: Option<u64>, given: u64, distinct: Option<u64>) -> PassEnd {
    PassEnd { listed, given, distinct, ..PassEnd::default() }
}

#[test]
fn a_pass_is_complete_only_if_as_many_different_records_came_as_are_listed() {
    let cases = [
        (account(Some(20), 20, Some(20)), Complete::Yes, "yes, 20 of 20"),
        (account(Some(0), 0, Some(0)), Complete::Yes, "yes, 0 of 0"),
        // A record that came in while the pages were read.
        (account(Some(20), 21, Some(21)), Complete::Yes, "yes, 21 of 20"),
        (
            account(Some(20), 20, Some(15)),
            Complete::No,
            "no, the source lists 20, 15 different keys came",
        ),
        (account(Some(20), 15, None), Complete::No, "no, the source lists 20, 15 records came"),
        (
            account(Some(20), 20, None),
            Complete::Unknown,
            "unknown, not all that came was counted, as after a restart within a pass",
        ),
        (
            account(None, 20, Some(20)),
            Complete::Unknown,
            "unknown, the source does not say how many there are",
        ),
        (
            PassEnd::ended_by(EndedBy::Empty),
            Complete::Unknown,
            "unknown, the source does not say how many there are",
        ),
    ];
    for (account, complete, text) in cases {
        assert_eq!((account.complete(), account.to_string().as_str()), (complete, text));
    }
}

#[test]
fn a_gap_makes_any_pass_incomplete() {
    let gap = Some("the values of `changed` do not descend".to_owned());
    let pass = PassEnd { gap, ..account(Some(5), 5, Some(5)) };
    assert_eq!(pass.complete(), Complete::No);
    assert_eq!(pass.to_string(), "no, the values of `changed` do not descend");
}

#[test]
fn records_that_the_channel_excludes_are_not_missing() {
    let mut pass = account(Some(20), 20, Some(12));
    pass.dropped.insert(DropReason::Filtered, 8);
    assert_eq!(pass.complete(), Complete::Yes);
    pass.dropped.insert(DropReason::Filtered, 7);
    assert_eq!(pass.complete(), Complete::No);
    let mut pass = account(Some(20), 20, Some(12));
    pass.dropped.insert(DropReason::Repeated, 8);
    assert_eq!(pass.complete(), Complete::No, "a record that comes twice replaces no other");
}

#[test]
fn a_surplus_of_one_part_does_not_hide_what_another_part_lacks() {
    let (short, long) = (account(Some(10), 8, Some(8)), account(Some(10), 14, Some(14)));
    for (mut first, second) in [(short.clone(), long.clone()), (long, short)] {
        first.add(second);
        assert_eq!((first.listed, first.given, first.distinct), (Some(20), 22, Some(22)));
        assert_eq!(first.complete(), Complete::No);
        assert_eq!(first.missing().unwrap(), "the source lists 10, 8 different keys came");
    }
    let mut listed = account(Some(10), 10, Some(10));
    listed.add(account(None, 3, Some(3)));
    assert_eq!(listed.complete(), Complete::Unknown);
}

#[test]
fn an_account_survives_being_stored() {
    let mut pass = account(Some(20), 19, Some(18));
    (pass.end, pass.gap) = (EndedBy::LastToken, Some("page 3 came twice".to_owned()));
    pass.dropped.insert(DropReason::Repeated, 1);
    let json = serde_json::to_string(&pass).unwrap();
    assert_eq!(serde_json::from_str::<PassEnd>(&json).unwrap(), pass);
}
