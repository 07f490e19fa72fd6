use super::*;
use crate::hotline::Fault;

#[test]
fn switches_are_read_from_names_and_numbers() {
    let faults = Faults::<Fault>::parse("poison@3, nul@2").unwrap();
    assert_eq!(faults.at(6).collect::<Vec<_>>(), [Fault::Poison, Fault::Nul]);
    assert_eq!(faults.at(5).count(), 0);
    assert_eq!(Faults::<Fault>::parse("").unwrap(), Faults::none());
    assert_eq!(Faults::<Fault>::parse("all").unwrap(), Faults::all_sparse());
    for fault in Fault::all() {
        let text = format!("{}@1", fault.name());
        assert_eq!(Faults::<Fault>::parse(&text).unwrap().at(1).next(), Some(fault));
    }
}

#[test]
fn a_wrong_switch_says_what_is_wrong() {
    for (text, part) in [
        ("poisson@3", "no fault is called poisson"),
        ("poison", "write name@n"),
        ("poison@0", "above 0"),
        ("poison@x", "above 0"),
    ] {
        let error = Faults::<Fault>::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
