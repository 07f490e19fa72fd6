//! The made-up city the demands come from: places, people and firms.
//!
//! Area codes are Wuhu's real ones, because the gateway must know them; every road, community,
//! person, number and firm is invented, so that a generated database can be shown to anybody.

use chrono::{Days, NaiveDate};

use crate::checksum::{identity_check, organisation_check, uscc_check};
use crate::dice::Dice;

/// A district, county or county-level city of Wuhu.
#[derive(Clone, Copy, Debug)]
pub(crate) struct District {
    /// Name in use today.
    pub(crate) name: &'static str,
    /// GB/T 2260 code in use today.
    pub(crate) code: &'static str,
    /// A code from before the last merger that old entries still carry.
    pub(crate) old_code: Option<&'static str>,
}

const fn district(
    name: &'static str,
    code: &'static str,
    old_code: Option<&'static str>,
) -> District {
    District { name, code, old_code }
}

/// All seven, the ones with most demands more than once.
pub(crate) const DISTRICTS: &[&District] = &[
    &district("镜湖区", "340202", None),
    &district("镜湖区", "340202", None),
    &district("鸠江区", "340207", None),
    &district("鸠江区", "340207", None),
    &district("弋江区", "340209", Some("340208")),
    &district("弋江区", "340209", Some("340203")),
    &district("湾沚区", "340210", Some("340221")),
    &district("繁昌区", "340212", Some("340222")),
    &district("南陵县", "340223", None),
    &district("无为市", "340281", Some("340225")),
];

/// The six-digit code in use today for a code of six or more digits; `None` outside the city.
pub(crate) fn current_code(code: &str) -> Option<String> {
    let county = code.get(..6)?;
    let known = DISTRICTS.iter().find(|d| d.code == county || d.old_code == Some(county));
    known.map(|district| district.code.to_owned())
}

const ROAD_FIRST: &str = "云锦澄月松竹兰桂晨晖朝霞银星文和瑞祥福泰明春秋长永新德";
const ROAD_SECOND: &str = "湖山溪桥园林河浦塘港岭川泽舟帆峰谷亭阁台";
const ROAD_KIND: &[&str] = &["路", "路", "大道", "街", "巷", "东路", "西路", "南路", "北路"];
const COMMUNITY_FIRST: &[&str] = &[
    "锦绣", "碧波", "江城", "滨江", "翡翠", "春晓", "丽景", "东方", "金色", "阳光", "和谐", "盛世",
    "紫荆", "凤凰", "鸿运", "安居", "书香", "云顶", "水岸", "星河",
];
const COMMUNITY_SECOND: &[&str] = &[
    "花园", "华府", "家园", "新城", "雅苑", "名邸", "公馆", "小区", "新村", "广场", "名都", "佳苑",
];

/// A road name, such as 云溪大道.
pub(crate) fn road(dice: &mut Dice) -> String {
    let (first, second) = (dice.letter(ROAD_FIRST), dice.letter(ROAD_SECOND));
    format!("{first}{second}{}", dice.pick(ROAD_KIND))
}

/// A housing estate's name, such as 滨江雅苑.
pub(crate) fn community(dice: &mut Dice) -> String {
    let first = dice.pick(COMMUNITY_FIRST);
    let second = dice.pick(COMMUNITY_SECOND);
    match dice.below(4) {
        0 => format!("{first}{second}{}", dice.pick(&["一期", "二期", "三期", "东区", "西区"])),
        _ => format!("{first}{second}"),
    }
}

/// Names whose characters old systems cannot hold: two bytes in the user-defined area, four bytes,
/// and characters beyond the basic plane.
pub(crate) const RARE_NAMES: &[&str] = &["张䶮", "李㛃", "王𬭎", "陈喆䶮", "刘𠮷", "阿依·古丽"];

const SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕\
                        苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵";
const COMPOUND_SURNAMES: &[&str] =
    &["欧阳", "诸葛", "上官", "司马", "端木", "皇甫", "尉迟", "夏侯"];
const GIVEN: &str = "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超秀霞平刚桂英华玉兰红建国文志斌宇浩轩子涵雨欣\
                     怡佳琪晨曦睿哲思源博雅梦婷俊峰海燕春梅淑珍振东立新德胜庆喆";

/// A person's name; one in forty with a two-character surname.
pub(crate) fn name(dice: &mut Dice) -> String {
    let mut name = if dice.one_in(40) {
        dice.pick(COMPOUND_SURNAMES).to_owned()
    } else {
        dice.letter(SURNAMES).to_string()
    };
    name.push(dice.letter(GIVEN));
    if !dice.one_in(4) {
        name.push(dice.letter(GIVEN));
    }
    name
}

/// A mobile number of eleven digits.
pub(crate) fn mobile(dice: &mut Dice) -> String {
    let second = dice.letter("3456789");
    format!("1{second}{}0000{}", dice.digits(1), dice.digits(4))
}

/// A landline with Wuhu's prefix.
pub(crate) fn landline(dice: &mut Dice) -> String {
    format!("0553-380{}", dice.digits(4))
}

/// An identity number of someone of working age or older, with its right check character.
pub(crate) fn identity_number(dice: &mut Dice, district: &District) -> String {
    let day = u64::from(dice.between(0, 20_000));
    let birth =
        NaiveDate::from_ymd_opt(1950, 1, 1).and_then(|d| d.checked_add_days(Days::new(day)));
    let birth = birth.unwrap_or_default().format("%Y%m%d");
    let first_17 = format!("{}{birth}{}", district.code, dice.digits(3));
    let check = identity_check(&first_17).unwrap_or('X');
    format!("{first_17}{check}")
}

const FIRST: &str = "皖鸠弋赭锦恒鼎瑞盛宏嘉汇百泰丰隆旭骏";
const SECOND: &str = "宸业达通程源信诚博禾康润兴阳安然";
const TRADES: &[&str] = &[
    "物业服务有限公司",
    "建筑工程有限公司",
    "房地产开发有限公司",
    "劳务有限公司",
    "餐饮管理有限公司",
    "科技有限公司",
    "汽车销售服务有限公司",
    "教育咨询有限公司",
    "商贸有限公司",
    "装饰工程有限公司",
    "电子商务有限公司",
    "供应链管理有限公司",
];
const ORGANISATION_LETTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A firm's full name, such as 芜湖恒达物业服务有限公司.
pub(crate) fn firm(dice: &mut Dice) -> String {
    let (first, second) = (dice.letter(FIRST), dice.letter(SECOND));
    format!("芜湖{first}{second}{}", dice.pick(TRADES))
}

/// A unified social credit code of an enterprise in the district, with both check characters right.
pub(crate) fn credit_code(dice: &mut Dice, district: &District) -> String {
    let serial: String = (0..6).map(|_| dice.letter(ORGANISATION_LETTERS)).collect();
    let organisation = format!("MA{serial}");
    let inner = organisation_check(&organisation).unwrap_or('0');
    let first_17 = format!("91{}{organisation}{inner}", district.code);
    let check = uscc_check(&first_17).unwrap_or('0');
    format!("{first_17}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::DISTRICTS;

    #[test]
    fn numbers_pass_the_rules_real_ones_pass() {
        let mut dice = Dice::new(3, 1);
        for _ in 0..500 {
            let mobile = mobile(&mut dice);
            assert!(mobile.len() == 11 && mobile.starts_with('1'), "{mobile}");
            assert!(('3'..='9').contains(&mobile.chars().nth(1).unwrap()), "{mobile}");
            let identity = identity_number(&mut dice, DISTRICTS[0]);
            assert_eq!(identity.len(), 18);
            assert_eq!(identity_check(&identity[..17]), identity.chars().last());
            assert!(landline(&mut dice).starts_with("0553-"));
            assert!((2..=4).contains(&name(&mut dice).chars().count()));
        }
    }

    #[test]
    fn credit_codes_pass_both_checks() {
        let mut dice = Dice::new(5, 1);
        for district in DISTRICTS.iter().cycle().take(300) {
            let code = credit_code(&mut dice, district);
            assert_eq!(code.len(), 18);
            assert_eq!(organisation_check(&code[8..16]), code.chars().nth(16), "{code}");
            assert_eq!(uscc_check(&code[..17]), code.chars().last(), "{code}");
        }
    }
}
