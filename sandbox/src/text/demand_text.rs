//! Composes the text of a whole demand, from an opening sentence to a closing one.

use std::fmt::Write as _;

use crate::dice::Dice;
use crate::faker::{self, District};
use crate::text::{Topic, phrases, random_length};

/// The texts of a composed demand.
pub(crate) struct DemandText {
    pub(crate) title: String,
    pub(crate) content: String,
    /// The category of its topic.
    pub(crate) category: &'static str,
    /// The address of the problem.
    pub(crate) address: String,
}

/// Composes a demand on a random topic, at a random address in `district`.
pub(crate) fn demand_text(dice: &mut Dice, district: &'static District) -> DemandText {
    let target = random_length(dice);
    let topic = any_topic(dice);
    let scene = Scene::new(dice, district);
    let mut title = String::new();
    scene.append_random(dice, &topic.titles, &mut title);
    let mut address = String::new();
    scene.append_random(dice, &phrases().common.addresses, &mut address);
    let mut content = String::new();
    compose(dice, topic, &scene, target, &mut content);
    DemandText { title, content, category: &topic.category, address }
}

/// Returns `text` with further sentences, about `characters` characters in all.
pub(crate) fn lengthen(dice: &mut Dice, text: &str, characters: usize) -> String {
    let district = faker::any_district(dice);
    let (topic, scene) = (any_topic(dice), Scene::new(dice, district));
    let mut text = text.to_owned();
    compose(dice, topic, &scene, characters, &mut text);
    text
}

/// Appends sentences on `topic` to `text`, until it has about `target` characters.
fn compose(dice: &mut Dice, topic: &Topic, scene: &Scene, target: usize, text: &mut String) {
    let common = &phrases().common;
    let mut problems = Deck::new(dice, &topic.problems);
    let mut requests = Deck::new(dice, &topic.requests);
    let [mut histories, mut harms, mut details] =
        [&common.histories, &common.harms, &common.details].map(|choices| Deck::new(dice, choices));
    scene.append_random(dice, &common.openings, text);
    scene.append(dice, problems.next(), text);
    let ending_length = if target > 120 { 45 } else { 20 };
    let mut section = 0;
    while text.chars().count() + ending_length < target {
        // Long texts have numbered sections.
        if target > 1_500 && section < common.numbers.len() && dice.one_in(8) {
            text.push('\n');
            text.push_str(&common.numbers[section]);
            section += 1;
        }
        let deck = match dice.below(10) {
            0..=3 => &mut problems,
            4..=6 => &mut histories,
            7 => &mut harms,
            8 => &mut details,
            _ => &mut requests,
        };
        scene.append(dice, deck.next(), text);
    }
    scene.append(dice, requests.next(), text);
    if target > 120 {
        scene.append_random(dice, &common.closings, text);
    }
}

/// Returns sentences in turn, beginning with a random one. It repeats none until all others have been used.
struct Deck<'a> {
    sentences: &'a [String],
    index: usize,
}

impl<'a> Deck<'a> {
    fn new(dice: &mut Dice, sentences: &'a [String]) -> Self {
        Self { sentences, index: dice.below(sentences.len()) }
    }

    fn next(&mut self) -> &'a str {
        self.index += 1;
        &self.sentences[self.index % self.sentences.len()]
    }
}

fn any_topic(dice: &mut Dice) -> &'static Topic {
    let topics = &phrases().topics;
    &topics[dice.below(topics.len())]
}

/// The place, the firm and the person that all sentences of one demand name.
struct Scene {
    district: &'static District,
    road: String,
    community: String,
    firm: String,
    person: String,
    phone: String,
}

impl Scene {
    fn new(dice: &mut Dice, district: &'static District) -> Self {
        Self {
            district,
            road: faker::road(dice),
            community: faker::community(dice),
            firm: faker::firm(dice),
            person: faker::name(dice),
            phone: faker::mobile(dice),
        }
    }

    /// Appends a random one of these templates to `text`, and fills its slots.
    fn append_random(&self, dice: &mut Dice, choices: &[String], text: &mut String) {
        let template = dice.pick(choices);
        self.append(dice, template, text);
    }

    /// Appends `template` to `text`, and fills its slots, such as `{road}`. An unknown slot stays as it is,
    /// so that a test finds it.
    fn append(&self, dice: &mut Dice, template: &str, text: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((slot, tail)) = after.split_once('}') else { break };
            self.append_slot(dice, slot, text);
            rest = tail;
        }
        text.push_str(rest);
    }

    /// Appends the text for the slot with this name.
    fn append_slot(&self, dice: &mut Dice, slot: &str, text: &mut String) {
        // Writing to a string cannot fail.
        let _ = match slot {
            "district" => write!(text, "{}", self.district.name),
            "road" => write!(text, "{}", self.road),
            "cross" => write!(text, "{}", faker::road(dice)),
            "place" => write!(text, "{}", self.community),
            "firm" => write!(text, "{}", self.firm),
            "person" => write!(text, "{}", self.person),
            "other" => write!(text, "{}某", dice.letter("张王李赵陈吴周徐孙汪")),
            "phone" => write!(text, "{}", self.phone),
            "idcard" => write!(text, "{}", faker::identity_number(dice, self.district)),
            "uscc" => write!(text, "{}", faker::credit_code(dice, self.district)),
            "date" => write!(text, "{}月{}日", dice.between(1, 12), dice.between(1, 28)),
            "building" => write!(text, "{}栋", dice.between(1, 38)),
            "room" => write!(text, "{}{:02}室", dice.between(1, 33), dice.between(1, 6)),
            "n" => write!(text, "{}", dice.between(2, 9)),
            "many" => write!(text, "{}", dice.between(12, 480)),
            "money" => write!(text, "{}元", dice.between(3, 980) * 100),
            "wan" => write!(text, "{}.{}万元", dice.between(1, 60), dice.between(1, 9)),
            "bus" => write!(text, "{}路", dice.between(1, 229)),
            "degrees" => write!(text, "{}", dice.between(11, 17)),
            "plate" => write!(text, "皖B{}", dice.digits(5)),
            other => match phrases().slots.get(other) {
                Some(choices) => write!(text, "{}", dice.pick(choices)),
                None => write!(text, "{{{other}}}"),
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faker::DISTRICTS;

    #[test]
    fn lengths_are_spread_as_in_a_real_hotline() {
        let mut lengths: Vec<usize> = (0..6_000)
            .map(|i| demand_text(&mut Dice::new(11, i), DISTRICTS[0]).content.chars().count())
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
            (0..3_000).map(|i| demand_text(&mut Dice::new(7, i), DISTRICTS[3]).content).collect();
        for text in &texts {
            assert!(!text.contains(['{', '}']), "{text}");
        }
        let distinct: std::collections::HashSet<_> = texts.iter().collect();
        assert!(distinct.len() > 2_990, "{}", distinct.len());
        let topics: std::collections::HashSet<_> =
            (0..500).map(|i| demand_text(&mut Dice::new(7, i), DISTRICTS[3]).category).collect();
        assert!(topics.len() > 18, "{}", topics.len());
    }
}
