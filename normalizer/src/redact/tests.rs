mod fields;
mod numbers;
mod spellings;

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
fn a_name_in_a_field_with_titles_or_other_names_is_masked() {
    for cell in [
        "欧阳震霆（业主）",
        "(业主)欧阳震霆",
        "欧阳震霆先生",
        "业主欧阳震霆",
        "热心市民欧阳震霆女士",
        "张三、欧阳震霆",
        "张三/欧阳震霆老师 13900001111",
        "联系人：欧阳震霆",
        "物业公司；欧阳震霆",
    ] {
        check(
            &own(cell, "", ""),
            "我是欧阳震霆，找物业公司和业主先生",
            "我是欧阳**，找物业公司和业主先生",
        );
    }
    check(&own("张三、欧阳震霆", "", ""), "张三与欧阳 震霆", "张**与欧阳**");
    for cell in ["业主欧阳先生", "王女士（业主）", "高兴、市民", "欧阳*霆", "张、王"]
    {
        let text = "欧阳修，王女，高兴，市民，张王";
        check(&own(cell, "", ""), text, text);
    }
}

#[test]
fn an_identity_number_with_a_wrong_check_digit_is_an_own_value_too() {
    let person = PlainPerson {
        id_no: Some(Personal::id_no("340202198001010016")),
        ..PlainPerson::default()
    };
    let own = OwnValues::new(&[person], None);
    for text in ["340202 1980 0101 0016", "340202.19800101.0016", "3402021980０1010016"] {
        check(&own, text, "340202****0016");
    }
}

/// 王小明 with a mobile number, and the landline number of somebody in the same record.
fn petitioners() -> OwnValues {
    let person = PlainPerson {
        role: None,
        name: Some(Personal::name("王小明")),
        phone: Some(Personal::phone("13900001111")),
        id_no: Some(Personal::id_no("11010519491231002X")),
        gender: None,
    };
    let other = PlainPerson { phone: Some(Personal::phone("0553-3812345")), ..Default::default() };
    let address = Personal::address("芜湖市镜湖区文化路12号3栋501室");
    OwnValues::new(&[person, other], Some(&address))
}

#[test]
fn texts_that_only_resemble_own_values_stay() {
    for text in [
        "王，小明",
        "王、小明",
        "小明和王先生",
        "文化路12号",
        "文化路12号3栋5012室",
        "2026.10.09, 2026/10/09, 2026_10_09 11:11",
        "坐标118.376451,31.326319",
        "坐标130.12345678,45.123456",
        "共13,900,001元, 1,390,000.11元",
        "共3,812,345元, 381.2345万元, 38.12345",
        "工单340202_20261009_0137, 138_2026_1009",
        "192.168.100.200, v139.0000.1, 139.0000",
        "第一三九号, 一三五七九限行, 一二三四五六七八九十",
        "增长20%39人, 50%",
        "3栋502室, 13栋501室, 十三栋501室, 二三栋501, 3栋5010",
        "身份证后四位002X, 手机尾号1111",
        "1394567890l, 13900001ll, O139000",
    ] {
        check(&petitioners(), text, text);
    }
    check(&own("王1", "", ""), "王12号, 王1号", "王12号, 王**号");
    check(&own("张三", "", ""), "张三一家, 张叁", "张**一家, 张**");
    // 张三 is not 3.
    check(&own("张三", "", ""), "共2张3元, 张 3, 张三", "共2张3元, 张 3, 张**");
    check(&own("Li", "", ""), "Light, 小Li, Li1", "Light, 小L**, L**1");
    check(&own("Will Long", "", ""), "it will long for", "it will long for");
    let house = own("", "", "幸福小区3号楼12室");
    check(&house, "3号楼12户居民, 3号楼12室", "3号楼12户居民, ****");
    check(&own("欧阳震霆", "", ""), "欧阳、震霆, 欧阳/震/霆", "欧阳、震霆, 欧阳/震/霆");
}

#[test]
fn identifiers_hide_own_values_and_nothing_else() {
    let own = petitioners();
    for (text, expected) in [
        ("13900001111", "139****1111"),
        ("P7-王小明-13900001111", "P7-王**-139****1111"),
        ("139000011112026", "139****11112026"),
        (
            "https://x.example/u/王小明/139.jpg?tel=13900001111",
            "https://x.example/u/王**/139.jpg?tel=139****1111",
        ),
        ("https://x.example/%E7%8E%8B%E5%B0%8F%E6%98%8E.jpg", "https://x.example/王**.jpg"),
        ("https://x.example/?id=%31%31010519491231002x", "https://x.example/?id=110105****002X"),
    ] {
        assert_eq!(mask_identifier(text, &own).as_deref(), Some(expected), "{text}");
    }
    for text in [
        "",
        "DH202610090137",
        "13800001234",
        "3812345",
        "340202198001010015",
        "https://x.example/2026/10/09/3812345.jpg?size=1390x1111",
        "6f1a0c52-9f0e-4a0b-8d3c-2f7c1d9e0a11",
    ] {
        assert_eq!(mask_identifier(text, &own), None, "{text}");
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
