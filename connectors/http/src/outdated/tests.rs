use super::*;

/// Reads a list of (key, content) once, and again if that is necessary. Returns what was not left out.
fn pass(outdated: &mut Outdated, list: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut read = Vec::new();
    let mut walk = Contents::default();
    for _ in 0..2 {
        for (key, content) in list {
            if !outdated.contains(*key, *content) {
                read.push((*key, *content));
            }
            walk.note(*key, Some(*content), outdated);
        }
        if !outdated.review(Some(&walk)) {
            break;
        }
    }
    read
}

#[test]
fn a_list_with_two_contents_of_a_key_gives_one_state_from_the_second_pass_on() {
    let mut outdated = Outdated::default();
    let list = [(1, 10), (2, 20), (1, 11), (1, 12)];
    assert_eq!(pass(&mut outdated, &list), list, "the record may have changed");
    for _ in 0..3 {
        assert_eq!(pass(&mut outdated, &list), [(2, 20), (1, 12)]);
    }
    // In another order it is the same state.
    assert_eq!(pass(&mut outdated, &[(1, 12), (1, 10), (1, 11), (2, 20)]), [(1, 12), (2, 20)]);
}

#[test]
fn a_record_that_changed_while_it_was_read_can_change_back() {
    let mut outdated = Outdated::default();
    pass(&mut outdated, &[(1, 10), (2, 20), (1, 11)]);
    // Only the first content is left in the source: the pass does not end without it.
    assert_eq!(pass(&mut outdated, &[(1, 10), (2, 20)]), [(2, 20), (1, 10), (2, 20)]);
    assert!(outdated.is_empty());
    pass(&mut outdated, &[(1, 10), (1, 11)]);
    assert_eq!(pass(&mut outdated, &[(1, 11)]), [(1, 11)]);
    assert!(outdated.is_empty(), "it was a change");
    pass(&mut outdated, &[(1, 10), (1, 11)]);
    assert_eq!(pass(&mut outdated, &[(2, 20)]), [(2, 20)]);
    assert!(!outdated.is_empty(), "nothing is known about a record that did not come");
}

#[test]
fn a_walk_that_was_not_seen_from_its_beginning_is_repeated() {
    let mut outdated = Outdated::default();
    assert!(!outdated.review(None));
    pass(&mut outdated, &[(1, 10), (1, 11)]);
    assert!(outdated.review(None) && outdated.is_empty());
}

#[test]
fn the_number_of_remembered_contents_is_bounded() {
    let mut outdated = Outdated::default();
    let list: Vec<(u64, u64)> = (0..1_000).flat_map(|key| [(key, 1), (key, 2)]).collect();
    pass(&mut outdated, &list);
    assert!(serde_json::to_string(&outdated).unwrap().len() < 8 << 10);
}
