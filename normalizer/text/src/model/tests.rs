use super::*;

fn bits_per_character(text: &str) -> f64 {
    f64::from(model().cost_of(text)) / f64::from(BIT) / text.chars().count() as f64
}

#[test]
fn real_text_costs_less_than_wrongly_decoded_text() {
    for (text, broken) in [
        ("群众诉求", "缇や紬璇夋眰"),
        ("小区电梯坏了", "ÐĞÇøµçÌİ»µÁË"),
        ("小區電梯壞了", "\u{E616}跋筿辫胊\u{E5EC}"),
    ] {
        let (text, broken) = (model().cost_of(text), model().cost_of(broken));
        assert!(text + 24 * BIT < broken, "{text} {broken}");
    }
}

#[test]
fn a_character_that_is_in_no_pair_costs_what_the_table_of_pairs_says() {
    let model = model();
    let some = |c: char| (c as usize).is_multiple_of(7) && is_counted(c);
    for first in ('\0'..='\u{FFFF}').filter(|c| some(*c)).step_by(9) {
        for second in ('\0'..='\u{FFFF}').filter(|c| some(*c) && *c != first) {
            let known = model.character(first).unwrap();
            let pair = model.pairs.get(known.context.into(), second as usize);
            let alone = u32::from(model.unigram_cost(second)) + u32::from(known.escape);
            assert_eq!(model.cost(first, second), pair.map_or(alone, u32::from));
        }
    }
}

#[test]
fn every_script_is_cheap_among_its_own() {
    for text in [
        "The street light in front of the school is broken.",
        "駅前の街灯が壊れています。",
        "На улице не горит фонарь",
        "학교 앞 가로등이 고장났습니다",
    ] {
        assert!(bits_per_character(text) < 14.0, "{text} {}", bits_per_character(text));
    }
}
