//! Measures how often the charset of a body is detected when nothing declares it.

use std::collections::BTreeMap;

use normalizer_text::detect;
use text_tests::peers;

use super::{corpus::Corpus, percent, say};

/// A line of `peers/bodies.py`: charset, size, body in hexadecimal, and whether each of the two peers is right.
type Body = (String, usize, String, Option<bool>, Option<bool>);

/// The charset of bodies with this many bytes must be detected.
const LONG: usize = 200;

/// Counts of answers for one charset and size. The peers are asked only about some bodies.
#[derive(Default)]
struct Answers {
    n: usize,
    right: usize,
    /// Wrong answers that the detector itself called uncertain.
    unsure: usize,
    /// Wrong answers that it called certain.
    wrong: usize,
    /// The number of bodies that the peers were asked about.
    asked: usize,
    /// The right answers of chardet and of charset-normalizer.
    right_peers: [usize; 2],
}

/// Prints a table. Returns a description of each quality target that is missed.
pub(crate) fn measure(corpus: &Corpus) -> anyhow::Result<Vec<String>> {
    let mut found: BTreeMap<(String, usize), Answers> = BTreeMap::new();
    let mut versions = (String::new(), String::new());
    let program = include_str!("../../../peers/bodies.py");
    peers::run(program, &serde_json::to_vec(&corpus.unseen)?, |line| {
        let Ok((charset, size, body, one, other)) = serde_json::from_str::<Body>(line) else {
            versions = serde_json::from_str(line)?;
            return Ok(());
        };
        let detected = detect(&bytes(&body));
        let is_right = detected.charset.name() == charset;
        let answers = found.entry((charset, size)).or_default();
        answers.n += 1;
        answers.right += usize::from(is_right);
        answers.unsure += usize::from(!is_right && !detected.is_certain);
        answers.wrong += usize::from(!is_right && detected.is_certain);
        if let (Some(one), Some(other)) = (one, other) {
            answers.asked += 1;
            answers.right_peers[0] += usize::from(one);
            answers.right_peers[1] += usize::from(other);
        }
        Ok(())
    })?;
    say(format_args!(
        "\n| detected, % | bytes | right | not right and unsure | wrong and certain | chardet {} | \
         charset-normalizer {} |\n|---|---|---|---|---|---|---|",
        versions.0, versions.1
    ))?;
    let mut missed = Vec::new();
    for ((charset, size), answers) in &found {
        let of_all = |part| percent(part, answers.n);
        let right = of_all(answers.right);
        say(format_args!(
            "| {charset} | {size} | {right:.2} of {} | {:.2} | {:.2} | {:.1} | {:.1} |",
            answers.n,
            of_all(answers.unsure),
            of_all(answers.wrong),
            percent(answers.right_peers[0], answers.asked),
            percent(answers.right_peers[1], answers.asked),
        ))?;
        if *size >= LONG && right < 99.9 {
            missed.push(format!("{charset}, {size} bytes: {right:.2} % detected, not 99.9"));
        }
        if answers.wrong > 0 {
            missed.push(format!("{charset}, {size} bytes: {} wrong with certainty", answers.wrong));
        }
    }
    Ok(missed)
}

/// Decodes hexadecimal digits.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)?.try_into().ok()).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}
