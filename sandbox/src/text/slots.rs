//! Filling a sentence's `{slots}` with invented particulars.

use std::fmt::Write as _;

use crate::city::{self, District};
use crate::dice::Dice;

/// What one demand keeps the same throughout: its place and its parties.
pub(crate) struct Scene {
    pub(crate) district: &'static District,
    pub(crate) road: String,
    pub(crate) community: String,
    pub(crate) firm: String,
    pub(crate) person: String,
    pub(crate) phone: String,
}

impl Scene {
    pub(crate) fn new(dice: &mut Dice, district: &'static District) -> Self {
        Self {
            district,
            road: city::road(dice),
            community: city::community(dice),
            firm: city::firm(dice),
            person: city::name(dice),
            phone: city::mobile(dice),
        }
    }

    /// Appends one of the sentences to `text`.
    pub(crate) fn say(&self, dice: &mut Dice, choices: &[&str], text: &mut String) {
        let template = dice.pick(choices);
        self.fill(dice, template, text);
    }

    /// Appends `template` to `text` with every slot filled. A name no slot has stands as it is,
    /// which the test of all templates would notice.
    pub(crate) fn fill(&self, dice: &mut Dice, template: &str, text: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((slot, tail)) = after.split_once('}') else { break };
            self.slot(dice, slot, text);
            rest = tail;
        }
        text.push_str(rest);
    }

    fn slot(&self, dice: &mut Dice, slot: &str, text: &mut String) {
        // Writing to a string cannot fail.
        let _ = match slot {
            "district" => write!(text, "{}", self.district.name),
            "road" => write!(text, "{}", self.road),
            "cross" => write!(text, "{}", city::road(dice)),
            "place" => write!(text, "{}", self.community),
            "firm" => write!(text, "{}", self.firm),
            "person" => write!(text, "{}", self.person),
            "other" => write!(text, "{}某", dice.letter("张王李赵陈吴周徐孙汪")),
            "phone" => write!(text, "{}", self.phone),
            "idcard" => write!(text, "{}", city::identity_number(dice, self.district)),
            "uscc" => write!(text, "{}", city::credit_code(dice, self.district)),
            "clock" => write!(text, "{}", dice.pick(CLOCKS)),
            "since" => write!(text, "{}", dice.pick(SINCE)),
            "date" => write!(text, "{}月{}日", dice.between(1, 12), dice.between(1, 28)),
            "building" => write!(text, "{}栋", dice.between(1, 38)),
            "room" => {
                write!(text, "{}{:02}室", dice.between(1, 33), dice.between(1, 6))
            }
            "n" => write!(text, "{}", dice.between(2, 9)),
            "many" => write!(text, "{}", dice.between(12, 480)),
            "money" => write!(text, "{}元", dice.between(3, 980) * 100),
            "wan" => write!(text, "{}.{}万元", dice.between(1, 60), dice.between(1, 9)),
            "bus" => write!(text, "{}路", dice.between(1, 229)),
            "degrees" => write!(text, "{}", dice.between(11, 17)),
            "plate" => write!(text, "皖B{}", dice.digits(5)),
            "unit" => write!(text, "{}", dice.pick(UNITS)),
            "answer" => write!(text, "{}", dice.pick(ANSWERS)),
            other => write!(text, "{{{other}}}"),
        };
    }
}

const CLOCKS: &[&str] = &[
    "晚上11点以后",
    "凌晨2点左右",
    "早上6点不到",
    "中午12点至下午2点",
    "每天晚高峰",
    "早高峰7点半",
    "夜里1点多",
    "傍晚6点以后",
    "周末全天",
    "晚上9点到11点",
];
const SINCE: &[&str] = &[
    "上个月",
    "去年底",
    "今年3月",
    "前年",
    "国庆节前",
    "半个月前",
    "上周",
    "入夏以来",
    "春节之后",
    "交房以来",
    "近一周",
    "三年前",
];
const UNITS: &[&str] = &[
    "社区",
    "街道办事处",
    "物业公司",
    "区城管局",
    "住建部门",
    "交警大队",
    "市场监管所",
    "派出所",
    "开发商",
    "区教育局",
    "人社部门",
    "水务公司",
    "供电公司",
    "医保中心",
    "居委会",
    "镇政府",
];
const ANSWERS: &[&str] = &[
    "已经登记，让等消息",
    "不归他们管",
    "正在协调，请耐心等待",
    "会尽快安排人员到现场查看",
    "以前没有遇到过，需要请示领导",
    "已经整改完毕",
    "没有执法权",
    "下周给予答复",
    "电话一直无人接听",
    "属于历史遗留问题",
];
