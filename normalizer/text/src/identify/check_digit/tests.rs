use super::*;

const IDS: [&str; 5] = [
    "340202198001010015",
    "340207199512310024",
    "340221197006151233",
    "34028119880808888X",
    "340209200002290041",
];

#[test]
fn valid_identity_numbers_pass_however_they_are_typed() {
    for number in IDS {
        let wide: String =
            number.chars().map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap()).collect();
        let spaced = format!("\u{3000}{} {}\t", &number[..6], &number[6..]);
        for typed in [number.to_owned(), number.to_lowercase(), wide, spaced] {
            let expected = CheckedNumber { normalised: number.to_owned(), problem: None };
            assert_eq!(id_card(&typed), expected, "{typed}");
        }
    }
    assert_eq!(id_card("340202800101001").problem, None);
}

#[test]
fn no_identity_number_with_a_single_wrong_digit_passes() {
    for number in IDS {
        for place in 0..18 {
            for digit in "0123456789X".chars() {
                let mut wrong = number.to_owned();
                wrong.replace_range(place..=place, &digit.to_string());
                assert_eq!(id_card(&wrong).problem.is_none(), wrong == number, "{wrong}");
            }
        }
    }
}

#[test]
fn the_problem_of_an_identity_number_is_named() {
    for (number, problem) in [
        ("", Problem::Format),
        ("3402021980010100", Problem::Format),
        ("3402021980010100155", Problem::Format),
        ("3402021980010100X5", Problem::Format),
        ("34020219800101001A", Problem::Format),
        ("芜湖市镜湖区", Problem::Format),
        ("340202198002300015", Problem::Date),
        ("340209190002290041", Problem::Date),
        ("340202218001010015", Problem::Date),
        ("340202801301001", Problem::Date),
        ("34020280010100X", Problem::Format),
        ("340202198001010016", Problem::CheckDigit),
        ("340202********0015", Problem::Masked),
        ("340202XXXXXXXX0015", Problem::Masked),
    ] {
        assert_eq!(id_card(number).problem, Some(problem), "{number}");
    }
}

const CODES: [&str; 6] = [
    "91340200MA8N0W1H51",
    "91340207MA2U7K3BXJ",
    "91340210MA2RTERT09",
    "92340202MA2TQ9C428",
    "913402817489001218",
    "91340200000000000J",
];

#[test]
fn valid_credit_codes_pass_however_they_are_typed() {
    for code in CODES {
        let wide: String =
            code.chars().map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap()).collect();
        let spaced = format!(" {} {}\u{A0}", &code[..8], &code[8..]);
        for typed in [code.to_owned(), code.to_lowercase(), wide, spaced] {
            let expected = CheckedNumber { normalised: code.to_owned(), problem: None };
            assert_eq!(uscc(&typed), expected, "{typed}");
        }
    }
}

#[test]
fn no_credit_code_with_a_single_wrong_character_passes() {
    for code in CODES {
        for place in 0..18 {
            for character in ('0'..='9').chain('A'..='Z') {
                let mut wrong = code.to_owned();
                wrong.replace_range(place..=place, &character.to_string());
                assert_eq!(uscc(&wrong).problem.is_none(), wrong == code, "{wrong}");
            }
        }
    }
}

#[test]
fn the_problem_of_a_credit_code_is_named() {
    for (code, problem) in [
        ("", Problem::Format),
        ("91340200MA8N0W1H5", Problem::Format),
        ("91340200MA8N0W1H511", Problem::Format),
        ("9134020OMA8N0W1H51", Problem::Format),
        ("91340200MA8N0W1H5中", Problem::Format),
        ("340200000000001", Problem::Format),
        ("91340200MA8N0W1H52", Problem::CheckDigit),
        ("91340200MA8N0W1H15", Problem::CheckDigit),
        // Its own check digit is right; that of the organisation code in it is wrong.
        ("91340200MA8N0W1H0H", Problem::CheckDigit),
        ("92340202MA2TQ9C402", Problem::CheckDigit),
        ("913402**********51", Problem::Masked),
    ] {
        assert_eq!(uscc(code).problem, Some(problem), "{code}");
    }
}
