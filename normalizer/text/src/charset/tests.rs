use super::*;

#[test]
fn every_national_label_means_gb18030() {
    let labels = "gb2312 gbk gb_2312-80 x-gbk cp936 ms936 GB18030 GB18030-2022 GBK Gb2312 ZHS16GBK";
    for label in labels.split(' ') {
        assert_eq!(Charset::from_label(label), Some(Gb18030), "{label}");
    }
}

#[test]
fn labels_are_taken_in_any_case_and_with_blanks_around() {
    for (label, charset) in [
        (" utf8 ", Utf8),
        ("UTF-8\r\n", Utf8),
        ("Big5", Big5),
        ("CP950", Big5),
        ("Latin1", Windows1252),
        ("ISO-8859-1", Windows1252),
    ] {
        assert_eq!(Charset::from_label(label), Some(charset), "{label}");
    }
    for label in ["", "gb", "gb 18030", "utf-7", "utf-32", "shift_jis"] {
        assert_eq!(Charset::from_label(label), None, "{label}");
    }
}

#[test]
fn names_are_labels() {
    for charset in [Utf8, Gb18030, Big5, Utf16Le, Utf16Be, Windows1252] {
        assert_eq!(Charset::from_label(charset.name()), Some(charset));
        let text = serde_json::to_string(&charset).unwrap();
        assert_eq!(serde_json::from_str::<Charset>(&text).unwrap(), charset);
    }
    for (index, (charset, ..)) in CHARSETS.iter().enumerate() {
        assert_eq!(*charset as usize, index, "rows stand in the order of the variants");
    }
    assert!(Charset::labels().iter().all(|label| Charset::from_label(label).is_some()));
}

#[test]
fn an_unknown_label_is_refused_with_those_that_are_known() {
    let error = serde_json::from_str::<Charset>("\"gbk2\"").unwrap_err().to_string();
    assert!(error.contains("`gbk2`") && error.contains("gb18030"), "{error}");
}
