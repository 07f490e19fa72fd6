use super::*;

fn at(second: i64) -> NaiveDateTime {
    NaiveDateTime::default() + chrono::TimeDelta::seconds(second)
}

fn changed(register: &Register, from: i64, to: i64) -> Vec<u64> {
    register.changed_between(at(from), at(to)).map(|entry| entry.number).collect()
}

#[test]
fn items_are_found_by_their_last_change_with_both_ends() {
    let mut register = Register::default();
    for number in [1, 2, 4] {
        register.add(number, vec![at(number.try_into().unwrap())]);
    }
    assert_eq!(changed(&register, 1, 4), [1, 2, 4]);
    register.add_change(2, at(9), 1);
    assert_eq!(changed(&register, 1, 9), [1, 4, 2]);
    assert_eq!(changed(&register, 2, 3), [0_u64; 0]);
    assert_eq!(changed(&register, 9, 1), [0_u64; 0]);
    register.delete(4, at(10));
    assert_eq!(changed(&register, 0, 9), [1, 2]);
    assert_eq!(register.entries.len(), 3);
    assert_eq!(register.entry(2).unwrap().changes.len(), 2);
    assert!(register.entry(3).is_none() && register.entry(4).unwrap().deleted_at.is_some());
}

#[test]
fn with_only_the_newest_state_kept_an_item_does_not_grow() {
    let mut register = Register::new(Retention::Newest);
    register.add(1, vec![at(0)]);
    for step in 1..100 {
        register.add_change(1, at(1), step);
    }
    assert_eq!(register.entry(1).unwrap().changes, [Change { at: at(1), step: 99 }]);
}
