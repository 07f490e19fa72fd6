//! Composing a whole demand: how a citizen begins, tells, complains, asks and ends.

use std::fmt::Write as _;

use crate::city::{self, District};
use crate::dice::Dice;
use crate::text::{Topic, length, phrases};

/// A composed demand.
pub(crate) struct Essay {
    pub(crate) title: String,
    pub(crate) content: String,
    /// The classification of its topic.
    pub(crate) accord: &'static str,
    /// Where it happens.
    pub(crate) address: String,
}

/// A demand about any topic, somewhere in `district`.
pub(crate) fn essay(dice: &mut Dice, district: &'static District) -> Essay {
    let target = length(dice);
    let topic = topic(dice);
    let scene = Scene::new(dice, district);
    let mut title = String::new();
    scene.say(dice, &topic.titles, &mut title);
    let mut address = String::new();
    scene.say(dice, &phrases().essay.addresses, &mut address);
    let mut content = String::new();
    compose(dice, topic, &scene, target, &mut content);
    Essay { title, content, accord: &topic.accord, address }
}

/// `text` continued with more complaints up to a length of `characters`.
pub(crate) fn lengthened(dice: &mut Dice, text: &str, characters: usize) -> String {
    let district = city::any_district(dice);
    let (topic, scene) = (topic(dice), Scene::new(dice, district));
    let mut text = text.to_owned();
    compose(dice, topic, &scene, characters, &mut text);
    text
}

fn compose(dice: &mut Dice, topic: &Topic, scene: &Scene, target: usize, text: &mut String) {
    let parts = &phrases().essay;
    let [mut facts, mut asks] = [&topic.facts, &topic.asks].map(|choices| Deck::new(dice, choices));
    let [mut histories, mut harms, mut details] =
        [&parts.histories, &parts.harms, &parts.details].map(|choices| Deck::new(dice, choices));
    scene.say(dice, &parts.openings, text);
    scene.fill(dice, facts.next(), text);
    let ending = if target > 120 { 45 } else { 20 };
    let mut section = 0;
    while text.chars().count() + ending < target {
        // Long letters have numbered sections.
        if target > 1_500 && section < parts.numbers.len() && dice.one_in(8) {
            text.push('\n');
            text.push_str(&parts.numbers[section]);
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
        scene.say(dice, &parts.closings, text);
    }
}

/// Sentences in turn, starting anywhere: none is repeated before all others were used.
struct Deck<'a> {
    sentences: &'a [String],
    at: usize,
}

impl<'a> Deck<'a> {
    fn new(dice: &mut Dice, sentences: &'a [String]) -> Self {
        Self { sentences, at: dice.below(sentences.len()) }
    }

    fn next(&mut self) -> &'a str {
        self.at += 1;
        &self.sentences[self.at % self.sentences.len()]
    }
}

fn topic(dice: &mut Dice) -> &'static Topic {
    let topics = &phrases().topics;
    &topics[dice.below(topics.len())]
}

/// What stays the same throughout a demand: its place and its parties.
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
            road: city::road(dice),
            community: city::community(dice),
            firm: city::firm(dice),
            person: city::name(dice),
            phone: city::mobile(dice),
        }
    }

    /// Appends one of the sentences to `text`.
    fn say(&self, dice: &mut Dice, choices: &[String], text: &mut String) {
        let template = dice.pick(choices);
        self.fill(dice, template, text);
    }

    /// Appends `template` to `text` and fills in its slots. An unknown slot is left as it is; a
    /// test would find it.
    fn fill(&self, dice: &mut Dice, template: &str, text: &mut String) {
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
                Some(words) => write!(text, "{}", dice.pick(words)),
                None => write!(text, "{{{other}}}"),
            },
        };
    }
}

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
