use super::*;

#[test]
fn an_address_is_searched_for_in_all_ways_in_which_people_write_it() {
    let found = spellings("文化路12号3栋501室");
    for letters in [
        "文化路12号3栋501室",
        "文化路12号3栋501",
        "文化路十2号3栋501",
        "文化路十2号3栋5百01",
        "文化路123501",
        "文化路12号3号楼501",
        "3栋501室",
        "3栋501",
        "3号楼501",
    ] {
        assert!(found.iter().any(|spelling| spelling == letters), "{letters}: {found:?}");
    }
    let found = spellings("文化路十二号楼三单元五百一十室");
    for letters in ["文化路12号楼3单元510", "文化路十2号楼3单元510", "文化路123510", "3单元510"]
    {
        assert!(found.iter().any(|spelling| spelling == letters), "{letters}: {found:?}");
    }
    assert!(spellings("八一路十二号").contains(&"81路12".to_owned()));
    assert!(spellings("12号3栋501室").iter().all(|spelling| !spelling.is_ascii()));
    assert!(!spellings("幸福小区3号楼12室").contains(&"3号楼12".to_owned()));
    assert_eq!(spellings("路12号"), Vec::<String>::new());
    assert_eq!(spellings(&"12号".repeat(100)).len(), 2);
}

#[test]
fn numbers_are_rewritten_and_read_back() {
    for (digits, words) in [
        ("10", "十"),
        ("12", "十2"),
        ("20", "2十"),
        ("35", "3十5"),
        ("100", "1百"),
        ("501", "5百01"),
    ] {
        assert_eq!(in_words(digits, 3).as_deref(), Some(words));
        assert_eq!(in_digits(words).as_deref(), Some(digits));
    }
    assert_eq!(in_digits("5百1十2").as_deref(), Some("512"));
    assert_eq!(in_words("512", 3).as_deref(), Some("5百1十2"));
    for number in ["5", "012", "1234"] {
        assert_eq!((in_words(number, 3), in_digits(number)), (None, None));
    }
}
