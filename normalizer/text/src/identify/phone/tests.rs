use super::*;

#[test]
fn mobiles_are_eleven_digits_however_they_are_typed() {
    for typed in [
        "13800000000",
        "+86 138 0000 0000",
        "+86-138-0000-0000",
        "(+86)13800000000",
        "008613800000000",
        "8613800000000",
        "１３８００００００００",
        "\u{3000}138-0000-0000\u{A0}",
    ] {
        let expected = CheckedNumber { normalised: "13800000000".to_owned(), problem: None };
        assert_eq!(mobile(typed), expected, "{typed}");
    }
}

#[test]
fn other_numbers_are_not_mobiles() {
    for (typed, problem) in [
        ("", Problem::Format),
        ("12345", Problem::Format),
        ("12800000000", Problem::Format),
        ("1380000000", Problem::Format),
        ("138000000000", Problem::Format),
        ("0553-3800000", Problem::Format),
        ("1380000000O", Problem::Format),
        ("无", Problem::Format),
        ("138****1234", Problem::Masked),
        ("138xxxx1234", Problem::Masked),
    ] {
        assert_eq!(mobile(typed).problem, Some(problem), "{typed}");
    }
    assert_eq!(mobile("138****1234").normalised, "138****1234");
}

#[test]
fn landlines_are_written_in_one_way() {
    for (typed, expected) in [
        ("0553-3800000", "0553-3800000"),
        ("05533800000", "0553-3800000"),
        ("(0553)3800000", "0553-3800000"),
        ("（０５５３）３８０００００", "0553-3800000"),
        ("0553 3800000", "0553-3800000"),
        ("0553—38000000", "0553-38000000"),
        ("+86 0553 3800000", "0553-3800000"),
        ("010-65000000", "010-65000000"),
        ("01065000000", "010-65000000"),
        ("0551-62600000-801", "0551-62600000-801"),
        ("05533800000转801", "0553-3800000-801"),
        ("3800000", "3800000"),
        ("55380000", "55380000"),
    ] {
        let expected = CheckedNumber { normalised: expected.to_owned(), problem: None };
        assert_eq!(landline(typed), expected, "{typed}");
    }
}

#[test]
fn other_numbers_are_not_landlines() {
    for typed in [
        "",
        "-",
        "0553",
        "0553-",
        "0553-380",
        "0553-1800000",
        "12345",
        "13800000000",
        "400-800-0000",
        "0553-3800000/3800001",
        "0553-3800000-1-2",
        "无",
        "0553-380000０000000",
        "0中53-3800000",
        "5533800000",
        "+86-553-3800000",
    ] {
        assert_eq!(landline(typed).problem, Some(Problem::Format), "{typed}");
    }
    assert_eq!(landline("0553-****000").problem, Some(Problem::Masked));
}
