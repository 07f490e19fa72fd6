use super::*;
use crate::hotline::Quirk;

#[test]
fn switches_are_read_from_names_and_numbers() {
    let faults = Faults::<Quirk>::parse("poison@3, nul@2").unwrap();
    assert_eq!(faults.at(6).collect::<Vec<_>>(), [Quirk::Poison, Quirk::Nul]);
    assert_eq!(faults.at(5).count(), 0);
    assert_eq!(Faults::<Quirk>::parse("").unwrap(), Faults::none());
    assert_eq!(Faults::<Quirk>::parse("all").unwrap(), Faults::all_sparse());
    for quirk in Quirk::all() {
        let text = format!("{}@1", quirk.name());
        assert_eq!(Faults::<Quirk>::parse(&text).unwrap().at(1).next(), Some(quirk));
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
        let error = Faults::<Quirk>::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
