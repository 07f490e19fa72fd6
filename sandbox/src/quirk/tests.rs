use super::*;
use crate::hotline::Quirk;

#[test]
fn rates_are_parsed_from_names_and_numbers() {
    let quirks = QuirkRates::<Quirk>::parse("poison@3, nul@2").unwrap();
    assert_eq!(quirks.at(6).collect::<Vec<_>>(), [Quirk::Poison, Quirk::Nul]);
    assert_eq!(quirks.at(5).count(), 0);
    assert_eq!(QuirkRates::<Quirk>::parse("").unwrap(), QuirkRates::none());
    assert_eq!(QuirkRates::<Quirk>::parse("all").unwrap(), QuirkRates::demonstration());
    for quirk in Quirk::all() {
        let text = format!("{}@1", quirk.name());
        assert_eq!(QuirkRates::<Quirk>::parse(&text).unwrap().at(1).next(), Some(quirk));
    }
}

#[test]
fn a_wrong_rate_says_what_is_wrong() {
    for (text, part) in [
        ("poisson@3", "no quirk `poisson`"),
        ("poison", "write name@n"),
        ("poison@0", "above 0"),
        ("poison@x", "above 0"),
    ] {
        let error = QuirkRates::<Quirk>::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
