use QualityFlag::{BadChecksum, BadPhone, MaskedValue};

use super::*;

#[test]
fn masks_show_as_much_as_the_rules_allow() {
    for (value, mask) in [
        (Personal::phone("13800001234"), "138****1234"),
        (Personal::phone("+86 138 0000 1234"), "138****1234"),
        (Personal::phone("0553-3800000"), "****0000"),
        (Personal::phone("0553-3800000转801"), "****0000"),
        (Personal::phone("3800000"), "****0000"),
        (Personal::phone("12345"), "****"),
        (Personal::phone("不详"), "****"),
        (Personal::phone("138****1234"), "138****1234"),
        (Personal::phone("无/13800001234"), "138****1234"),
        (Personal::phone("13800001234、13900004321"), "138****1234"),
        (Personal::id_no("34028119880808888x"), "340281****888X"),
        (Personal::id_no("340202198001010016"), "340202****0016"),
        (Personal::id_no("340202800101001"), "340202****1001"),
        (Personal::id_no("1234"), "****"),
        (Personal::name("张三"), "张**"),
        (Personal::name("欧阳 修"), "欧阳**"),
        (Personal::name("欧阳"), "欧**"),
        (Personal::name("诸葛亮"), "诸葛**"),
        (Personal::name("𠮷野"), "𠮷**"),
        (Personal::name("买买提·艾力"), "买**"),
        (Personal::name("Alice Smith"), "A**"),
        (Personal::name("王*峰"), "王**"),
        (Personal::name("高兴"), "高**"),
        (Personal::name("匿名"), "匿名"),
        (Personal::name("陈女士"), "陈女士"),
        (Personal::name("欧阳先生"), "欧阳先生"),
    ] {
        assert_eq!(value.mask, mask);
    }
}

#[test]
fn addresses_keep_the_part_down_to_the_town() {
    for (address, area, mask) in [
        ("芜湖市镜湖区赭山街道某小区3栋", "芜湖市镜湖区赭山街道", "芜湖市镜湖区赭山街道****"),
        (
            "安徽省芜湖市无为市无城镇西大街7号",
            "安徽省芜湖市无为市无城镇",
            "安徽省芜湖市无为市无城镇****",
        ),
        ("镜湖区某路与某街交口", "镜湖区", "镜湖区****"),
        ("鸠江区沈巷镇某村", "鸠江区沈巷镇", "鸠江区沈巷镇****"),
        ("湾沚区", "湾沚区", "湾沚区"),
        ("某小区3栋201室", "", "****"),
        ("北京西路12号", "", "****"),
        ("市场路5号", "", "****"),
        (
            "新疆维吾尔自治区乌鲁木齐市天山区某街1号",
            "新疆维吾尔自治区乌鲁木齐市天山区",
            "新疆维吾尔自治区乌鲁木齐市天山区****",
        ),
        ("12栋", "", "****"),
    ] {
        let value = Personal::address(address);
        assert_eq!(
            (value.area.as_deref().unwrap_or_default(), value.mask.as_str()),
            (area, mask),
            "{address}"
        );
        assert_eq!(value.plain(), address);
    }
}

#[test]
fn a_doubtful_value_has_no_identity() {
    for (value, flag, has_identity) in [
        (Personal::phone("13800001234"), None, true),
        (Personal::phone("013800001234"), None, true),
        (Personal::phone("5533800000"), Some(BadPhone), true),
        (Personal::phone("+86-553-3800000"), None, true),
        (Personal::phone("13987654321;13812345678"), Some(BadPhone), true),
        (Personal::phone("13800001234、0553-3800000"), Some(BadPhone), true),
        (Personal::phone("13800001234 / +8613800001234"), None, true),
        (Personal::phone("无/13800001234"), None, true),
        (Personal::phone("3800000"), Some(BadPhone), false),
        (Personal::phone("4001234567"), Some(BadPhone), false),
        (Personal::phone("12"), Some(BadPhone), false),
        (Personal::phone("138****1234"), Some(MaskedValue), false),
        (Personal::id_no("340202198001010015"), None, true),
        (Personal::id_no("340207199512310024"), None, true),
        (Personal::id_no("340221197006151233"), None, true),
        (Personal::id_no("34028119880808888X"), None, true),
        (Personal::id_no("340209200002290041"), None, true),
        (Personal::id_no("340202198001010016"), Some(BadChecksum), false),
        (Personal::id_no("340202198013010015"), Some(BadChecksum), false),
        (Personal::id_no("340202********0015"), Some(MaskedValue), false),
        (Personal::name("张䶮"), None, true),
        (Personal::name("张"), None, false),
        (Personal::name("陈***"), Some(MaskedValue), false),
        (Personal::name("热心市民"), None, false),
        (Personal::name("李某某"), None, false),
        (Personal::address("镜湖区某路7号"), None, true),
        (Personal::address("镜湖区"), None, false),
    ] {
        assert_eq!(value.doubt.map(|(flag, _)| flag), flag, "{value:?}");
        assert_eq!(value.identity().is_some(), has_identity, "{value:?}");
    }
}

#[test]
fn debug_shows_the_mask_only() {
    assert_eq!(format!("{:?}", Personal::phone("13800001234")), "Personal(phone 138****1234)");
}
