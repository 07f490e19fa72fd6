use super::*;

fn shown(written: &str, code: &str, is_1904: bool) -> (String, Option<&'static str>) {
    let cell = Cell::number(written, &NumberFormat::of_code(code), is_1904);
    let kind = cell.doubt.map(|doubt| match doubt {
        Doubt::Lost(_) => "lost",
        Doubt::NotAKey(_) => "no key",
        Doubt::Ambiguous(_) => "ambiguous",
    });
    (cell.text, kind)
}

#[test]
fn a_number_is_shown_without_point_and_exponent() {
    for (written, expected) in [
        ("1.3800004567E10", "13800004567"),
        ("340202", "340202"),
        ("12.0", "12"),
        ("", ""),
        ("x", "x"),
        ("999999999999999", "999999999999999"),
    ] {
        assert_eq!(shown(written, "General", false), (expected.to_owned(), None), "{written}");
    }
    for (written, expected) in [("46304.4375", "46304.4375"), ("0.1", "0.1"), ("1E-3", "0.001")] {
        assert_eq!(shown(written, "0.00", false), (expected.to_owned(), Some("no key")));
    }
}

#[test]
fn a_number_of_more_than_15_digits_is_no_key_and_has_a_value_only_if_nobody_has_rounded_it() {
    for written in [
        // Zeros after 15 digits.
        "2.02610090001313E+17",
        "1000000000000000",
        "-3.4E+15",
        "1234567890123450",
        "202610090001310000",
        // 202610090001310017 as a float: exactly, and with 16, 17 and as many digits as needed.
        "202610090001310016",
        "202610090001310000",
        "2.0261009000131002E+17",
        "202610090001310020",
        "-340202199003071232",
        "1234567890123456.5",
        "1E+300",
    ] {
        for code in ["General", "@", "000000000000000000", "0"] {
            assert_eq!(shown(written, code, false).1, Some("lost"), "{written} {code}");
        }
    }
    for (written, expected) in [
        ("1234567890123456", "1234567890123456"),
        ("1.234567890123457E+15", "1234567890123457"),
        ("9007199254740991", "9007199254740991"),
        ("340202199003071234", "340202199003071234"),
        ("202610090001310017", "202610090001310017"),
        ("-202610090001310017", "-202610090001310017"),
        ("1234567890123456789012", "1234567890123456789012"),
    ] {
        assert_eq!(shown(written, "General", false), (expected.to_owned(), Some("no key")));
    }
}

#[test]
fn a_date_cell_is_shown_in_iso_8601() {
    for (days, expected) in [
        ("46304.4375", "2026-10-09T10:30:00"),
        // Both the nearest float below and above 10:34:12.
        ("46304.440416666665", "2026-10-09T10:34:12"),
        ("46304.440416666672", "2026-10-09T10:34:12"),
        ("46304.000011574076", "2026-10-09T00:00:01"),
        ("46304.99999999999", "2026-10-10"),
        ("46304.4375057870", "2026-10-09T10:30:00.500"),
        ("46304", "2026-10-09"),
        ("0.4375", "10:30:00"),
        ("1", "1900-01-01"),
        ("59", "1900-02-28"),
        ("61", "1900-03-01"),
        ("2958465", "9999-12-31"),
        // Excel shows no day either: a day that never was, and days out of its calendar.
        ("60", "60"),
        ("-1", "-1"),
        ("2958466", "2958466"),
    ] {
        assert_eq!(shown(days, "yyyy/m/d h:mm", false).0, expected, "{days}");
    }
    for (days, expected) in [
        ("44842.4375", "2026-10-09T10:30:00"),
        ("0.25", "06:00:00"),
        ("1", "1904-01-02"),
        ("2957003", "9999-12-31"),
    ] {
        assert_eq!(shown(days, "yyyy-mm-dd", true).0, expected, "{days}");
    }
    assert_eq!(shown("1.5208333333", "[h]:mm:ss", false).0, "36:30:00");
    assert_eq!(shown("0.0208333333", "[mm]", false).0, "0:30:00");
}

#[test]
fn only_formats_that_show_a_date_make_a_date() {
    for code in [
        "yyyy\"年\"m\"月\"d\"日\";@",
        "[$-804]yyyy\"年\"m\"月\"d\"日\" dddd",
        "[DBNum1][$-804]yyyy\"年\"m\"月\";@",
        "yyyy年m月d日 hh时mm分",
        "上午/下午h\"时\"mm\"分\";@",
        "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy",
        "[Red]m/d/yy h:mm",
        "mm:ss.0",
        "YYYY-MM-DD HH:MM:SS",
        "[$-404]e\"年\"m\"月\"",
        "aaaa",
    ] {
        assert_eq!(NumberFormat::of_code(code), NumberFormat::Date, "{code}");
    }
    for code in [
        "General",
        "GENERAL",
        "Standard",
        "G/通用格式",
        "[DBNum1][$-804]General",
        "0.00E+00",
        "0\"day\"",
        "#,##0\\ \"m\"",
        "[Red]#,##0.00",
        "[$USD] #,##0",
        "[$¥-804]#,##0.00",
        "0_d",
        "\\d0",
        "#,##0 hrs",
        "@",
        "0%",
        "",
    ] {
        assert_eq!(NumberFormat::of_code(code), NumberFormat::Plain, "{code}");
    }
    for code in ["[h]:mm", "[hh]:mm:ss", "[Blue][s]", "\"t\"[m]"] {
        assert_eq!(NumberFormat::of_code(code), NumberFormat::Elapsed, "{code}");
    }
    for id in (14..=22).chain([27, 31, 36, 45, 47, 57, 58]) {
        assert_eq!(NumberFormat::builtin(id), NumberFormat::Date, "{id}");
    }
    for id in [0, 1, 11, 37, 44, 48, 49, 164] {
        assert_eq!(NumberFormat::builtin(id), NumberFormat::Plain, "{id}");
    }
}

#[test]
fn a_number_has_the_leading_zeros_and_the_texts_that_people_see() {
    for (written, code, expected) in [
        ("123", "000000", "000123"),
        ("123", "\"WQ\"00000;@", "WQ00123"),
        ("123", "00000\\号", "00123号"),
        ("1234567", "000000", "1234567"),
        ("123", "0", "123"),
        ("13800001234", "000\\-0000\\-0000", "13800001234"),
        ("-5", "000", "-5"),
        ("123", "[Red]000000_)", "000123"),
        ("123", "\"¥\"0.00", "123"),
    ] {
        assert_eq!(shown(written, code, false).0, expected, "{code}");
    }
}

#[test]
fn a_number_without_a_format_is_doubtful_if_days_are_counted_from_1904() {
    let unknown = |days: &str, is_1904| Cell::number(days, &NumberFormat::Unknown, is_1904).text;
    assert_eq!(unknown("44842.4375", true), "2026-10-09T10:30:00");
    assert_eq!(unknown("44842.4375", false), "44842.4375");
    assert_eq!(shown("44842", "General", true).1, Some("ambiguous"));
    assert_eq!(shown("44842", "General", false).1, None);
    assert_eq!(shown("123", "General", true).1, None);
}

#[test]
fn the_time_of_a_cell_is_read_back() {
    for (text, expected) in [
        ("2026-10-09T10:30:00.5", Some("2026-10-09 10:30:00.500")),
        ("2026-10-09", Some("2026-10-09 00:00:00")),
        ("46304.4375", Some("2026-10-09 10:30:00")),
        ("12", None),
        ("10:30:00", None),
        ("昨天", None),
        ("NaN", None),
    ] {
        assert_eq!(time_of_cell(text).map(|time| time.to_string()).as_deref(), expected, "{text}");
    }
}

#[test]
fn an_id_loses_only_what_keeps_it_as_text() {
    for (cell, expected) in [
        ("=\"202610090001310002\"", "202610090001310002"),
        ("'202610090001310003", "202610090001310003"),
        ("'WQ-001", "WQ-001"),
        ("\t'00123\t", "00123"),
        ("=\"\"", ""),
        ("'说", "'说"),
        ("'tis", "'tis"),
        ("'1' 号楼", "'1' 号楼"),
        ("=A1&\"x\"", "=A1&\"x\""),
        ("=\"a\"&\"b\"", "=\"a\"&\"b\""),
    ] {
        assert_eq!(Cell::text(cell.to_owned()).text, expected, "{cell}");
    }
}
