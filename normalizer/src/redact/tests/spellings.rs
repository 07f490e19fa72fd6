use serde_json::json;

use super::*;

/// The masks of the values of [`petitioners`], and ways to write the values.
const SPELLINGS: [(&str, &[&str]); 6] = [
    (
        "139****1111",
        &[
            "139.0000.1111",
            "139_0000_1111",
            "139/0000/1111",
            "139·0000·1111",
            "139,0000,1111",
            "139，0000，1111",
            "139~0000~1111",
            "139*0000*1111",
            "139−0000−1111",
            "139  0000  1111",
            "139 000 01111",
            "1 3 9 0 0 0 0 1 1 1 1",
            "139\u{200B}0000\u{2060}1111",
            "139\n00001111",
            "139\r\n0000\r\n1111",
            "１３９００００１１１１",
            "𝟏𝟑𝟗𝟎𝟎𝟎𝟎𝟏𝟏𝟏𝟏",
            "①③⑨⓪⓪⓪⓪①①①①",
            "139零零零零1111",
            "一三九零零零零一一一一",
            "一三九〇〇〇〇一一一一",
            "幺三九零零零零幺幺幺幺",
            "壹叁玖零零零零壹壹壹壹",
            "139%2D0000%2D1111",
            "139&#48;&#48;&#x30;&#x30;1111",
            "\\u0031\\u0033\\u003900001111",
            "139....0000....1111",
            "139、0000、1111",
            "139:0000:1111",
            "139。0000。1111",
            "139#0000#1111",
            "139@0000@1111",
            "139→0000→1111",
            "139📞0000📞1111",
            "139【0000】1111",
            "139------0000——————1111",
            "❶❸❾⓿⓿⓿⓿❶❶❶❶",
            "㈠㈢㈨零零零零㈠㈠㈠㈠",
            "〡〣〩〇〇〇〇〡〡〡〡",
            "༡༣༩༠༠༠༠༡༡༡༡",
            "幺三勾洞洞洞洞幺幺幺幺",
            "139OOOO1111",
            "l39ooooIIII",
            "139&nbsp;0000&ensp;1111",
            "139\\n0000\\n1111",
            "139<br/>0000<b>1111",
            "%2531%2533%253900001111",
            "%u0031%u0033%u003900001111",
        ],
    ),
    (
        "110105****002X",
        &[
            "110105.19491231.002X",
            "110105/19491231/002X",
            "110105_1949_1231_002X",
            "110105　1949　1231　002X",
            "11010519491231002x",
            "1101051949123\u{200B}1002X",
            "110105\n19491231002X",
            "１１０１０５１９４９１２３１００２Ｘ",
            "一一零一零五一九四九一二三一零零二X",
            "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X",
            "110105:1949:1231:002X",
            "11O1O519491231OO2X",
        ],
    ),
    (
        "王**",
        &[
            "王小明",
            "王 小 明",
            "王　小　明",
            "王小 明",
            "王_小_明",
            "王.小明",
            "王·小明",
            "王-小-明",
            "王小\u{200B}明",
            "王小\n明",
            "王%20小明",
            "%E7%8E%8B%e5%b0%8f%E6%98%8E",
            "\\u738b\\u5C0F\\u660e",
            "&#29579;&#x5c0f;&#26126;",
            "王/小/明",
            "王，小，明",
            "王(小明",
            "王“小明",
            "王❤小❤明",
            "王\u{E0100}小明",
            "王&nbsp;小明",
            "王<br>小明",
            "%CD%F5%D0%A1%C3%F7",
            "%u738b%u5c0f%u660e",
            "%25E7%258E%258B小明",
            "\\xe7\\x8e\\x8b小明",
            "=E7=8E=8B=E5=B0=8F=E6=98=8E",
        ],
    ),
    (
        "****2345",
        &[
            "0553-3812345",
            "0553.3812345",
            "0553/3812345",
            "0553\u{200B}3812345",
            "553 3812345",
            "零五五三三八一二三四五",
            "381 2345",
            "三八一二三四五",
            "3 8 1 2 3 4 5",
            "0553】381【2345",
            "❸❽❶❷❸❹❺",
            "三八幺两三四五",
        ],
    ),
    (
        "****",
        &[
            "文化路12号3栋501室",
            "文化路12号3栋501",
            "文化路 12号 3栋 501室",
            "文化路12号,3栋,501室",
            "文化路１２号３栋５０１室",
            "文化路一二号三栋五零一室",
            "文化路12号\u{200B}3栋501室",
            "文化路十二号三栋五百零一室",
            "文化路十二号三栋五零一",
            "文化路12-3-501",
            "文化路12号3幢501室",
            "文化路12號3棟501室",
            "文化路12号3号楼501",
            "文化路12号。3栋;501室",
            "3栋501室",
            "三栋五零一",
        ],
    ),
    ("芜湖市镜湖区****", &["芜湖市 镜湖区 文化路 12号 3栋 501室"]),
];

#[test]
fn own_values_are_masked_however_they_are_written() {
    let own = petitioners();
    for (mask, spellings) in SPELLINGS {
        for spelling in spellings {
            let masked = format!("联系方式是{mask}，请处理");
            check(&own, &format!("联系方式是{spelling}，请处理"), &masked);
        }
    }
}

#[test]
fn a_number_is_erased_however_it_is_written_and_nothing_else() {
    let numbers = OwnNumbers::new([
        Personal::phone("139-0000-1111"),
        Personal::phone("0553-3812345"),
        Personal::id_no("11010519491231002x"),
        Personal::name("王小明"),
        Personal::phone("138****1234"),
    ]);
    let landline = "0553-3812345 0553.3812345 553/3812345 零五五三三八一二三四五";
    let is_number = |mask: &str| mask == "139****1111" || mask == "110105****002X";
    let found = SPELLINGS.iter().filter(|(mask, _)| is_number(mask)).flat_map(|(_, found)| *found);
    for spelling in found.copied().chain(landline.split(' ')) {
        let text = format!("联系方式是{spelling}，请处理");
        assert_eq!(numbers.erase_in(&text).as_deref(), Some("联系方式是***，请处理"), "{text}");
        assert!(numbers.are_in(&text), "{text}");
        // A record as its source sent it may be JSON, also such that escapes every letter.
        let json = json!({ "text": text }).to_string();
        assert!(numbers.are_in(&json), "{json}");
    }
    assert!(numbers.are_in(r#"{"tel":"139\/0000\/1111"}"#));
    for text in [
        "",
        "1390000111",
        "139a00001111",
        r#"{"a":139,"b":"00001111"}"#,
        // Other people's numbers, and values that several people may have.
        "13800001234、王小明、3812345、138****1234",
    ] {
        assert_eq!(numbers.erase_in(text), None, "{text}");
        assert!(!numbers.are_in(text), "{text}");
    }
    let both = numbers.erase_in("张 139.0000.1111 或 一三九〇〇〇〇一一一一，谢谢");
    assert_eq!(both.as_deref(), Some("张 *** 或 ***，谢谢"));
}

#[test]
fn names_in_other_scripts_and_orders_and_numbers_without_their_end_are_masked() {
    for (name, text, masked) in [
        ("张国华", "張國華、張国華", "张**、张**"),
        ("張國華", "张国华", "張**"),
        ("Alice Smith", "ALICE SMITH, alice smith, Smith Alice", "A**, A**, A**"),
        ("John Smith", "john smith, Smith John", "J**, J**"),
        ("Li Ming", "LI MING, Ming Li", "L**, L**"),
    ] {
        check(&own(name, "", ""), text, masked);
    }
    for end in ["×", "叉", "Ⅹ", "Х", ""] {
        let text = format!("证号11010519491231002{end}");
        check(&petitioners(), &text, &format!("证号110105****002X{end}"));
    }
    let own_keycaps = "1\u{FE0F}\u{20E3}3\u{FE0F}\u{20E3}9\u{FE0F}\u{20E3}00001111\u{FE0F}\u{20E3}";
    check(&petitioners(), own_keycaps, "139****1111\u{FE0F}\u{20E3}");
    let spoken = own("", "", "镜湖区文化路十二号三栋五百零一室");
    for text in ["文化路12号3栋501室", "文化路十二号3栋501", "文化路一二号三栋五零一室"]
    {
        check(&spoken, text, "****");
    }
}
