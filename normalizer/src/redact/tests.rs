use super::*;
use crate::{rule::PlainPerson, seal::Personal};

fn own(name: &str, phone: &str, address: &str) -> OwnValues {
    let person = PlainPerson {
        role: None,
        name: (!name.is_empty()).then(|| Personal::name(name)),
        phone: (!phone.is_empty()).then(|| Personal::phone(phone)),
        id_no: Some(Personal::id_no("34020219900101001")),
        gender: None,
    };
    OwnValues::new(&[person], Some(&Personal::address(address)))
}

fn check(own: &OwnValues, text: &str, expected: &str) {
    assert_eq!(mask_text(text, own).as_deref().unwrap_or(text), expected, "{text}");
}

#[test]
fn numbers_are_masked_by_their_form() {
    for (text, expected) in [
        ("电话13800001234。", "电话138****1234。"),
        ("+86 138-0000-1234", "+86 138****1234"),
        ("138 0000 1234,", "138****1234,"),
        ("8613800001234", "138****1234"),
        ("１３８００００１２３４", "138****1234"),
        ("013800001234", "138****1234"),
        ("微信wx13800001234", "微信wx138****1234"),
        ("13800001234和13900004321", "138****1234和139****4321"),
        ("0553-3800000", "****0000"),
        ("05533800000转801", "****0000转801"),
        ("（0553）38000001", "（****0001"),
        ("010 6500 0000", "****0000"),
        ("电话：3800000", "电话：****0000"),
        ("咨询电话0553-3800000、3800001,", "咨询电话****0000、****0001,"),
        ("身份证340202198001010015", "身份证340202****0015"),
        ("34028119880808888x,", "340281****888X,"),
        ("340202 19800101 0015", "340202****0015"),
        ("340281 19880808 888X", "340281****888X"),
        ("340202198001010016", "340202****0016"),
        ("340202800101001", "340202****1001"),
        ("卡号6222021202000000001。", "卡号****0001。"),
        ("6222 0212 0200 0000 001", "****0001"),
        ("6228480000000000000", "****0000"),
        ("4000000000000002", "****0002"),
        ("邮箱zhang.san_7@example.com,", "邮箱z***@example.com,"),
        ("a@b.example.cn.", "a***@b.example.cn."),
        ("皖B12345", "皖B****"),
        ("皖BD12345的车", "皖B****的车"),
        ("皖b·A1234 停", "皖B**** 停"),
        ("皖B 1234学", "皖B****"),
        ("皖B1234挂", "皖B****"),
    ] {
        check(&OwnValues::default(), text, expected);
    }
}

#[test]
fn other_numbers_are_not_masked() {
    for text in [
        "",
        "工单12345678901234567890",
        "DH202610090137",
        "13800001234567",
        "6222021202000000005",
        "2222021202000000001",
        "@某某, 3@5, a@b, @example.com",
        "2026-10-09 10:30:00",
        "2026-10-09 13:58:12",
        "23 点后 3800000 元",
        "913402817489001218",
        "91340200MA8N0W1H51",
        "12800000000",
        "138000012345",
        "12345热线",
        "400-800-1234",
        "面积 138 平, 2000 元, 1234 户",
        "新BMW2024款",
        "苏A级景区",
        "123456789012345678901234567890",
    ] {
        check(&OwnValues::default(), text, text);
    }
}

#[test]
fn own_values_are_masked_wherever_they_occur() {
    let own = own("张䶮", "0553-3800000", "镜湖区某某路77号2栋");
    for (text, expected) in [
        ("我叫张䶮,住镜湖区某某路77号2栋", "我叫张**,住镜湖区****"),
        ("在某某路77号2栋门口", "在****门口"),
        ("张䶮张䶮", "张**张**"),
        ("联系人: 张 䶮", "联系人: 张**"),
        ("打3800000找我", "打****0000找我"),
        ("打5533800000找我", "打****0000找我"),
        ("打0553 3800000找我", "打****0000找我"),
        ("共38000001元", "共38000001元"),
        ("证号34020219900101001", "证号340202****1001"),
        ("证号340202199001010012", "证号340202****0012"),
        ("张龙的事", "张龙的事"),
    ] {
        check(&own, text, expected);
    }
}

#[test]
fn ordinary_words_are_not_masked() {
    for name in ["市民", "匿名", "高兴", "先生", "李某", "王"] {
        let own = own(name, "", "镜湖区");
        let text = format!("{name}很高兴, 市民王先生在镜湖区");
        check(&own, &text, &text);
    }
}

#[test]
fn two_overlapping_values_are_both_masked() {
    let own = own("路13800001234", "", "某某大道5号13800001234");
    check(&own, "在某某大道5号13800001234等", "在****等");
}

#[test]
fn hundreds_of_petitioners_are_hidden_like_one() {
    let person = |index: u32| PlainPerson {
        role: None,
        name: char::from_u32(0x4E00 + index).map(|given| Personal::name(&format!("赵{given}"))),
        phone: None,
        id_no: None,
        gender: None,
    };
    let people: Vec<_> = (0..300).map(person).collect();
    let text: String = people.iter().flat_map(|person| &person.name).map(|n| n.plain()).collect();
    check(&OwnValues::new(&people, None), &text, &"赵**".repeat(300));
}
