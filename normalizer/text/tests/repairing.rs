//! Repair of text that was decoded wrongly, and text that must stay as it is.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, WINDOWS_1252};
use normalizer_text::{MAX_REPAIR_STEPS, Repaired, Rule, Span, is_lost, repair, repair_record};
use proptest::prelude::*;

#[track_caller]
fn check(broken: &str, meant: &str, rules: &[Rule]) {
    let repaired = repair(broken);
    assert_eq!(repaired.text, meant, "{broken}");
    let found: Vec<_> = repaired.repairs.iter().flat_map(|repair| repair.rules.clone()).collect();
    assert_eq!(found, rules, "{broken}");
}

#[track_caller]
fn check_damaged(broken: &str, meant: &str, damaged: &[&str]) {
    let repaired = repair(broken);
    assert_eq!(repaired.text, meant);
    let places: Vec<_> = repaired.damaged.iter().map(|span| of(&repaired.text, *span)).collect();
    assert_eq!(places, damaged, "{broken}");
}

fn of(text: &str, span: Span) -> &str {
    &text[span.offset..span.offset + span.len]
}

fn is_untouched(text: &str, repaired: &Repaired<'_>) -> bool {
    matches!(repaired.text, Cow::Borrowed(same) if same == text) && repaired.repairs.is_empty()
}

#[test]
fn every_kind_of_wrong_decoding_is_repaired() {
    let simplified = "小区电梯坏了，请尽快维修";
    let traditional = "小區電梯壞了，請儘快維修";
    for (rule, broken, meant) in [
        (Rule::Utf8AsGb18030, "缇や紬璇夋眰", "群众诉求"),
        (Rule::Utf8AsGb18030, "寮犱笁", "张三"),
        (Rule::Utf8AsGb18030, "灏忓尯鐢垫\u{E76A}鍧忎簡锛岃\u{E1EC}灏藉揩缁翠慨", simplified),
        (Rule::Utf8AsLatin1, "ç¾¤ä¼—è¯‰æ±‚", "群众诉求"),
        (
            Rule::Utf8AsLatin1,
            "å°\u{8F}å\u{8C}ºç\u{94}µæ¢¯å\u{9D}\u{8F}äº\u{86}ï¼\u{8C}è¯·å°½å¿«ç»´ä¿®",
            simplified,
        ),
        (Rule::Gb18030AsLatin1, "ÈºÖÚËßÇó", "群众诉求"),
        // Windows-1250, the charset of Central Europe.
        (Rule::Gb18030AsLatin1, "ľ®¸ÇËÉ¶Ż", "井盖松动"),
        (Rule::Gb18030AsLatin1, "Ð¡ÇøµçÌÝ»µÁË£¬Çë¾¡¿ìÎ¬ÐÞ", simplified),
        (Rule::Big5AsLatin1, "¤p°Ï¹q±èÃa¤F¡A½Ð¾¨§Öºû\u{AD}×", traditional),
        (Rule::Big5AsGb18030, "\u{E616}跋筿辫胊\u{E5EC}\u{E4C7}叫鲸е蝴\u{E150}", traditional),
        (Rule::Gb18030AsBig5, "苤⑹萇枍輓賸", "小区电梯坏了"),
    ] {
        check(broken, meant, &[rule]);
    }
}

#[test]
fn text_broken_several_times_is_repaired_at_once() {
    let latin1 = Rule::Utf8AsLatin1;
    check("Ã§Â¾Â¤Ã¤Â¼Â\u{97}Ã¨Â¯Â\u{89}Ã¦Â±Â\u{82}", "群众诉求", &[latin1; 2]);
    check(
        "Ã\u{83}Â§Ã\u{82}Â¾Ã\u{82}Â¤Ã\u{83}Â¤Ã\u{82}Â¼Ã\u{82}Â\u{97}Ã\u{83}Â¨Ã\u{82}Â¯Ã\u{82}Â\u{89}\
         Ã\u{83}Â¦Ã\u{82}Â±Ã\u{82}Â\u{82}",
        "群众诉求",
        &[latin1; 3],
    );
    check("脠潞脰脷脣脽脟贸", "群众诉求", &[Rule::Utf8AsGb18030, Rule::Gb18030AsLatin1]);
}

#[test]
fn a_broken_part_is_repaired_and_the_rest_kept() {
    let text = "小区ç”µæ¢¯ 坏了";
    let repaired = repair(text);
    assert_eq!(repaired.text, "小区电梯 坏了");
    let [found] = &repaired.repairs[..] else { panic!("{:?}", repaired.repairs) };
    assert_eq!((of(text, found.before), of(&repaired.text, found.span)), ("ç”µæ¢¯", "电梯"));
    let broken = "¡°UU0081993¡±ÄúºÃ£¡ qqºÅ: 1234-5678 小区";
    check(broken, "“UU0081993”您好！ qq号: 1234-5678 小区", &[Rule::Gb18030AsLatin1]);
    check("标题：缇や紬璇夋眰（转）", "标题：群众诉求（转）", &[Rule::Utf8AsGb18030]);
    check("It鈥檚 broken", "It’s broken", &[Rule::Utf8AsGb18030]);
}

#[test]
fn the_euro_sign_of_cp936_is_a_byte_of_a_broken_text() {
    // Two wide spaces begin a paragraph.
    check("銆€銆€鎮ㄥソ", "　　您好", &[Rule::Utf8AsGb18030]);
}

#[test]
fn a_lost_byte_is_reported_and_the_rest_is_repaired() {
    check_damaged("鑺滄箹甯\u{FFFD}", "芜湖甯\u{FFFD}", &["甯\u{FFFD}"]);
    check_damaged("鑺滄箹甯?", "芜湖甯?", &["甯?"]);
    check_damaged("鍠\u{FFFD}", "鍠\u{FFFD}", &["\u{FFFD}"]);
    check_damaged(
        "Ⱥ\u{FFFD}\u{FFFD}\u{FFFD}",
        "Ⱥ\u{FFFD}\u{FFFD}\u{FFFD}",
        &["\u{FFFD}\u{FFFD}\u{FFFD}"],
    );
}

#[test]
fn lost_characters_are_reported_and_left() {
    for (text, damaged) in [
        ("群锟斤拷锟斤拷锟斤拷", "锟斤拷锟斤拷锟斤拷"),
        ("电话锟斤拷", "锟斤拷"),
        ("烫烫烫烫", "烫烫烫烫"),
        ("内容：屯屯屯", "屯屯屯"),
        ("ï¿½ï¿½ abc", "ï¿½ï¿½"),
    ] {
        check_damaged(text, text, &[damaged]);
    }
    for text in ["水太烫了，烫烫的", "小屯村屯里", "一斤拷贝纸", "naïve"] {
        check_damaged(text, text, &[]);
    }
}

#[test]
fn clean_text_is_never_touched() {
    for text in [
        "",
        "群众诉求",
        "芜湖市镜湖区北京路1号，电话：0553-3800000。",
        "张䶮、㛃、𬭎、𠮷、喆、·阿布都",
        "联通",
        "毀謗",
        "切勿心",
        "全角：ＡＢＣ１２３，（）！？——……“”‘’",
        "订单号GD20260101A3F7，https://example.org/?q=%E5%8C%BA&x=1",
        "The café’s résumé — naïve. Ünïcödé, ÀÉÎÕÜ ßẞ ÅÄÖ åäö",
        "Đặng Văn Lâm · Nguyễn Thị Minh Khai",
        "Łódź Żółć gęślą jaźń, Dvořák, Ångström, São João",
        "На улице не горит фонарь; Ὀδυσσεύς, Ελλάδα",
        "駅前の街灯が壊れています。カラオケの騒音、ｽｽﾞｷ様",
        "학교 앞 가로등이 고장났습니다",
        "小區電梯壞了，請儘快維修。臺灣、裏面、麵條",
        "👨‍👩‍👧‍👦🚦😀 ①②③ ㈱ ℃ № ½ ×÷±°",
        "مدرسة עברית ไทย हिन्दी",
    ] {
        let repaired = repair(text);
        assert!(is_untouched(text, &repaired), "{text}: {}", repaired.text);
        assert_eq!(repaired.damaged, [], "{text}");
    }
}

#[test]
fn a_repair_does_not_end_in_letters_that_nobody_wrote() {
    // Each could be read as letters of another script, as rare characters, or as kana.
    for word in [
        "影影绰绰",
        "乜斜",
        "睍睆",
        "战止",
        "浓眉",
        "膜片",
        "芫荽",
        "诘诎",
        "烟瘾",
        "丁香酚",
        "干戈",
        "滹沱",
        "谌逊",
        "佟湘",
        "袭扰",
        "隙罅",
        "螺锥",
        "曳光",
        "枝叶",
        "丘陵",
    ] {
        for text in [
            word.to_owned(),
            format!("小区门口{word}，请处理。"),
            format!("A {word} B"),
            format!("12{word}34"),
        ] {
            assert!(is_untouched(&text, &repair(&text)), "{text}: {}", repair(&text).text);
        }
    }
}

#[test]
fn a_repaired_text_is_not_repaired_into_something_rarer() {
    // The repaired word is valid UTF-8 once more, of a character that does not exist.
    for meant in ["鸠江北路的井盖松动了，请派人查看", "鸠兹广场", "鸠江"] {
        let broken = read_as(meant.as_bytes(), GB18030).unwrap();
        check(&broken, meant, &[Rule::Utf8AsGb18030]);
    }
}

#[test]
fn what_is_left_of_a_lost_text_is_damage() {
    for (text, damaged) in [
        ("?????", &["?????"][..]),
        ("¿¿ ¿¿¿", &["¿¿", "¿¿¿"]),
        ("2026?10?9? ????", &["?", "?", "?", "????"]),
    ] {
        check_damaged(text, text, damaged);
        assert_eq!(is_lost(text), !text.contains('2'), "{text}");
    }
    for text in ["为什么不修？？？", "什么时候来???", "really?", "10?", "", " ", "¿Qué pasa?", "？"]
    {
        check_damaged(text, text, &[]);
        assert!(!is_lost(text), "{text}");
    }
}

#[test]
fn the_texts_of_a_record_are_repaired_together() {
    let row = ["B-7", "井盖松动", "请派人到鸠江北路查看井盖", "吴敏", "投诉", "13800001234", "男"];
    for (written, read) in [(None, GB18030), (None, WINDOWS_1252), (Some(GB18030), WINDOWS_1252)] {
        let bytes = |text: &str| match written {
            Some(charset) => Encoding::encode(charset, text).0.into_owned(),
            None => text.as_bytes().to_vec(),
        };
        // A cell that lost a byte cannot be put back; it is left out here.
        let cells: Vec<_> =
            row.iter().filter_map(|text| Some((*text, read_as(&bytes(text), read)?))).collect();
        assert!(cells.len() >= 4, "{cells:?}");
        let broken: Vec<_> = cells.iter().map(|(_, broken)| broken.as_str()).collect();
        let repaired = repair_record(&broken, &mut MAX_REPAIR_STEPS.clone());
        for ((meant, broken), repaired) in cells.iter().zip(&repaired) {
            assert_eq!(repaired.text, *meant, "{broken}");
        }
    }
    // No cell is long enough to prove it, but all together are.
    let short = ["ÎâÃô", "ÄÐ", "Í¶Ëß"];
    let repaired = repair_record(&short, &mut MAX_REPAIR_STEPS.clone());
    let texts: Vec<_> = repaired.iter().map(|repaired| &*repaired.text).collect();
    assert_eq!(texts, ["吴敏", "男", "投诉"]);
}

#[test]
fn a_clean_text_beside_broken_ones_stays() {
    let clean = ["佟湘", "café", "镜湖区", "①", "2026-10-09"];
    let texts: Vec<_> = ["ç”µæ¢¯åäº†", "è¯·ç»´ä¿®"].into_iter().chain(clean).collect();
    let repaired = repair_record(&texts, &mut MAX_REPAIR_STEPS.clone());
    for (text, repaired) in texts.iter().zip(&repaired).skip(2) {
        assert!(is_untouched(text, repaired), "{text}: {}", repaired.text);
    }
    // Beside GBK that was read as Latin-1, a single letter proves nothing.
    let texts = ["Ð¡ÇøµçÌÝ»µÁË£¬Çë¾¡¿ìÎ¬ÐÞ", "Ål", "×h", "Øi"];
    let repaired = repair_record(&texts, &mut MAX_REPAIR_STEPS.clone());
    assert_eq!(repaired[0].text, "小区电梯坏了，请尽快维修");
    for (text, repaired) in texts.iter().zip(&repaired).skip(1) {
        assert!(is_untouched(text, repaired), "{text}: {}", repaired.text);
    }
}

/// Demands made of sentences that people write.
fn demand() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "小区电梯坏了",
        "请尽快维修",
        "物业一直没有处理",
        "反映噪音扰民",
        "停车收费不合理",
        "路灯不亮",
        "，",
        "。",
        "3栋2单元",
        "2026年5月",
        "自来水浑浊",
        "学区划分",
        "您好！",
        "A3区",
        "已经投诉多次",
    ]);
    prop::collection::vec(piece, 3..12).prop_map(|pieces| pieces.concat())
}

/// The text that a browser's decoder gives for the bytes of a text, if nothing is lost.
fn read_as(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Cow::into_owned)
}

proptest! {
    #[test]
    fn every_wrong_decoding_without_loss_is_undone(text in demand()) {
        let gb18030 = GB18030.encode(&text).0;
        let broken = [
            read_as(text.as_bytes(), GB18030),
            read_as(text.as_bytes(), WINDOWS_1252),
            read_as(&gb18030, WINDOWS_1252),
        ];
        for broken in broken.into_iter().flatten() {
            prop_assert_eq!(&*repair(&broken).text, &*text, "{}", broken);
        }
    }

    #[test]
    fn clean_demands_are_not_repaired(text in demand()) {
        prop_assert!(is_untouched(&text, &repair(&text)));
    }

    #[test]
    fn a_repaired_text_has_nothing_left_to_repair(text in demand(), before in demand(), n in 0_usize..40) {
        let broken = read_as(text.as_bytes(), WINDOWS_1252).unwrap_or_default();
        let cut: String = before + &broken.chars().take(n).collect::<String>();
        let once = repair(&cut).text.into_owned();
        prop_assert!(is_untouched(&once, &repair(&once)), "{} {}", cut, once);
    }

    #[test]
    fn any_text_is_answered_and_places_are_in_order(
        text in "[\\PC\u{80}-\u{FF}\u{4E00}-\u{9FFF}\u{E000}-\u{E864}锟烫€]{0,60}",
    ) {
        let repaired = repair(&text);
        let (mut end, mut end_before) = (0, 0);
        for repair in &repaired.repairs {
            prop_assert!(repair.span.offset >= end && repair.before.offset >= end_before);
            // The text between the repairs is unchanged.
            prop_assert_eq!(
                &repaired.text[end..repair.span.offset],
                &text[end_before..repair.before.offset]
            );
            end = repair.span.offset + repair.span.len;
            end_before = repair.before.offset + repair.before.len;
        }
        prop_assert_eq!(&repaired.text[end..], &text[end_before..]);
    }
}
