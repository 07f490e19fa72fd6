//! Composing a whole demand: how a citizen begins, tells, complains, asks and ends.

use crate::city::District;
use crate::dice::Dice;
use crate::text::length;
use crate::text::slots::Scene;
use crate::text::topics::TOPICS;

/// A subject people call about.
pub(crate) struct Topic {
    /// The hotline's own classification, three levels.
    pub(crate) accord: &'static str,
    pub(crate) titles: &'static [&'static str],
    /// What is the matter.
    pub(crate) facts: &'static [&'static str],
    /// What should be done.
    pub(crate) asks: &'static [&'static str],
}

/// A composed demand.
pub(crate) struct Essay {
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) accord: &'static str,
    /// Where it happens.
    pub(crate) address: String,
}

/// A demand about anything, somewhere in `district`.
pub(crate) fn essay(dice: &mut Dice, district: &'static District) -> Essay {
    let target = length(dice);
    let topic = topic(dice);
    let scene = Scene::new(dice, district);
    let mut title = String::new();
    scene.say(dice, topic.titles, &mut title);
    let mut address = String::new();
    scene.say(dice, ADDRESSES, &mut address);
    let mut content = String::new();
    compose(dice, topic, &scene, target, &mut content);
    Essay { title, content, accord: topic.accord, address }
}

/// `text` continued by more complaints until it has `characters` characters.
pub(crate) fn lengthened(dice: &mut Dice, text: &str, characters: usize) -> String {
    let district = crate::city::DISTRICTS[dice.below(crate::city::DISTRICTS.len())];
    let (topic, scene) = (topic(dice), Scene::new(dice, district));
    let mut text = text.to_owned();
    compose(dice, topic, &scene, characters, &mut text);
    text
}

fn compose(dice: &mut Dice, topic: &Topic, scene: &Scene, target: usize, text: &mut String) {
    let [mut facts, mut asks] = [topic.facts, topic.asks].map(|choices| Deck::new(dice, choices));
    let [mut histories, mut harms, mut details] =
        [HISTORIES, HARMS, DETAILS].map(|choices| Deck::new(dice, choices));
    scene.say(dice, OPENINGS, text);
    scene.fill(dice, facts.next(), text);
    let ending = if target > 120 { 45 } else { 20 };
    let mut section = 0;
    while text.chars().count() + ending < target {
        // Long letters are numbered, as people number theirs.
        if target > 1_500 && section < NUMBERS.len() && dice.one_in(8) {
            text.push('\n');
            text.push_str(NUMBERS[section]);
            section += 1;
        }
        let deck = match dice.below(10) {
            0..=3 => &mut facts,
            4..=6 => &mut histories,
            7 => &mut harms,
            8 => &mut details,
            _ => &mut asks,
        };
        scene.fill(dice, deck.next(), text);
    }
    scene.fill(dice, asks.next(), text);
    if target > 120 {
        scene.say(dice, CLOSINGS, text);
    }
}

/// Sentences in turn, from anywhere: none comes again before all the others did.
struct Deck<'a> {
    sentences: &'a [&'a str],
    at: usize,
}

impl<'a> Deck<'a> {
    fn new(dice: &mut Dice, sentences: &'a [&'a str]) -> Self {
        Self { sentences, at: dice.below(sentences.len()) }
    }

    fn next(&mut self) -> &'a str {
        self.at += 1;
        self.sentences[self.at % self.sentences.len()]
    }
}

fn topic(dice: &mut Dice) -> &'static Topic {
    &TOPICS[dice.below(TOPICS.len())]
}

const ADDRESSES: &[&str] = &[
    "{district}{road}与{cross}交口",
    "{district}{place}{building}",
    "{district}{road}{many}号",
    "{district}{place}南门",
    "{district}{cross}{place}{building}{room}",
    "芜湖市{district}{road}沿线",
];
const NUMBERS: &[&str] =
    &["一、", "二、", "三、", "四、", "五、", "六、", "七、", "八、", "九、", "十、"];
const OPENINGS: &[&str] = &[
    "市民来电反映：",
    "来电人称，",
    "尊敬的领导您好，",
    "您好，我是{district}{place}的居民，",
    "市民{person}来电反映，",
    "网民留言：",
    "来电人为{place}{building}{room}业主，",
    "领导好！",
    "市民通过皖事通反映：",
    "我家住{district}{road}附近，",
    "本人{person}，联系电话{phone}，",
    "来电人多次反映，",
    "",
];
const HISTORIES: &[&str] = &[
    "{date}曾向{unit}反映，对方答复{answer}，至今没有结果。",
    "来电人{since}已拨打过{n}次12345，{unit}回复{answer}，来电人对此不认可。",
    "居民自发联名{many}户签字交到{unit}，{unit}表示{answer}。",
    "先找{unit}，{unit}让找{unit}，来回推诿已经{n}个月。",
    "{date}{unit}工作人员到过现场，拍照后离开，之后再无下文。",
    "工单显示已办结，但现场没有任何变化，希望重新核实。",
    "{unit}一位姓{other}的工作人员在电话里说{answer}，语气比较生硬。",
    "此前在{date}调解过一次，双方未能达成一致。",
];
const HARMS: &[&str] = &[
    "家中有{n}岁的孩子和年过八旬的老人，长期下去身体吃不消。",
    "已经严重影响周边{many}户居民的正常生活。",
    "存在很大的安全隐患，一旦出事谁来负责？",
    "为此已经花费{money}，损失无人承担。",
    "孩子马上中考，根本没法安心学习。",
    "雨天尤其严重，老人{date}还在此处摔伤。",
    "群里的邻居对此意见很大。",
    "周边商户的生意也受到影响，有的已经关门。",
];
const DETAILS: &[&str] = &[
    "本人身份证号{idcard}，可以核实。",
    "该公司统一社会信用代码为{uscc}。",
    "联系人{person}，电话{phone}。",
    "有照片和视频为证，需要时可以提供。",
    "车牌号{plate}，请帮忙查询。",
    "具体位置在{road}与{cross}交叉口往东{many}米。",
    "涉及{building}、{building}和{building}。",
    "请为来电人保密，不要透露电话。",
];
const CLOSINGS: &[&str] = &[
    "望领导重视，谢谢！",
    "请相关部门核实处理并给予回复。",
    "来电人要求尽快处理，并将结果告知。",
    "恳请给予帮助，不胜感激。",
    "盼复。",
    "请按期回复来电人，电话{phone}。",
    "希望不要再层层转办，切实解决问题。",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::DISTRICTS;

    #[test]
    fn lengths_are_spread_as_in_a_real_hotline() {
        let mut lengths: Vec<usize> = (0..6_000)
            .map(|i| essay(&mut Dice::new(11, i), DISTRICTS[0]).content.chars().count())
            .collect();
        lengths.sort_unstable();
        let median = lengths[lengths.len() / 2];
        let p95 = lengths[lengths.len() * 95 / 100];
        assert!((215..=260).contains(&median), "median {median}");
        assert!((800..=1_200).contains(&p95), "p95 {p95}");
        assert!(lengths.iter().filter(|n| **n > 7_000).count() >= 3, "{:?}", lengths.last());
        assert!(lengths[lengths.len() - 1] < 10_000);
    }

    #[test]
    fn texts_differ_and_leave_no_slot_open() {
        let texts: Vec<String> =
            (0..3_000).map(|i| essay(&mut Dice::new(7, i), DISTRICTS[3]).content).collect();
        for text in &texts {
            assert!(!text.contains(['{', '}']), "{text}");
        }
        let distinct: std::collections::HashSet<_> = texts.iter().collect();
        assert!(distinct.len() > 2_990, "{}", distinct.len());
        let topics: std::collections::HashSet<_> =
            (0..500).map(|i| essay(&mut Dice::new(7, i), DISTRICTS[3]).accord).collect();
        assert!(topics.len() > 18, "{}", topics.len());
    }
}
