//! What was decoded wrongly, and what becomes of it.

use normalizer_text::{Rule, repair};

fn check(broken: &str, meant: &str, rules: &[Rule]) {
    let repaired = repair(broken);
    assert_eq!(repaired.text, meant, "{broken}");
    let found: Vec<_> = repaired.repairs.iter().flat_map(|repair| repair.rules.clone()).collect();
    assert_eq!(found, rules, "{broken}");
}

fn untouched(text: &str) {
    let repaired = repair(text);
    assert!(matches!(repaired.text, std::borrow::Cow::Borrowed(_)), "{text}: {}", repaired.text);
    assert_eq!(repaired.text, text);
    assert_eq!(repaired.repairs, []);
}

#[test]
fn every_kind_of_breakage_is_put_back() {
    check("缇や紬璇夋眰", "群众诉求", &[Rule::Utf8AsGb18030]);
    check("寮犱笁", "张三", &[Rule::Utf8AsGb18030]);
    check("ç¾¤ä¼—è¯‰æ±‚", "群众诉求", &[Rule::Utf8AsLatin1]);
    check("ÈºÖÚËßÇó", "群众诉求", &[Rule::Gb18030AsLatin1]);
    check("\u{E616}跋筿辫胊\u{E5EC}", "小區電梯壞了", &[Rule::Big5AsGb18030]);
    check("苤⑹萇枍輓賸", "小区电梯坏了", &[Rule::Gb18030AsBig5]);
    check("小区ç”µæ¢¯ 坏了", "小区电梯 坏了", &[Rule::Utf8AsLatin1]);
}

#[test]
fn a_lost_byte_is_named_and_what_is_exact_is_put_back() {
    for (broken, meant, damaged) in
        [("鑺滄箹甯\u{FFFD}", "芜湖甯\u{FFFD}", "甯\u{FFFD}"), ("鑺滄箹甯?", "芜湖甯?", "甯?")]
    {
        let repaired = repair(broken);
        assert_eq!(repaired.text, meant);
        let spans: Vec<_> =
            repaired.damaged.iter().map(|s| &meant[s.offset..s.offset + s.len]).collect();
        assert_eq!(spans, [damaged]);
    }
}

#[test]
fn clean_text_is_never_touched() {
    for text in [
        "群众诉求",
        "芜湖市镜湖区北京路1号，电话：0553-3800000。",
        "张䶮、㛃、𬭎、𠮷",
        "The café’s résumé — naïve.",
        "駅前の街灯が壊れています。",
        "小區電梯壞了，請儘快維修。",
    ] {
        untouched(text);
    }
}
