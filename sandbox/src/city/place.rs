//! Districts with their codes, and invented roads and communities in them.

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
