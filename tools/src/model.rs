//! The model of plausible texts: how often each character occurs, and which characters follow it.
//!
//! Only messages with even ids are counted, so that the model can be tested with the others. Each text
//! is counted a second time, after OpenCC has converted it to traditional characters. Pairs that occur
//! fewer than three times are left out: they tell nothing, and could be part of a person's name.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Result, ensure};
use normalizer_text::model::{as_context, is_counted};
use text_tests::{messages, peers};

/// Pairs that occur fewer times are left out.
const MIN_PAIR_COUNT: u32 = 3;

const HEADER: &str = "\
# Characters of Chinese public demands, how often each stood in about two million, and what followed
# it how often; 0 is any digit, a any letter, . any other sign or the beginning. Made by
# `cargo xtask tool text-model` from one half (the even ids) of public messages to
# city leaders and their answers, and from the same texts in traditional characters (OpenCC, s2t).
# Counts only: pairs that were seen fewer than three times are left out.
";

/// Counts the messages in `folder`, and writes the model to `file`.
pub(crate) fn write_model(folder: &Path, file: &Path) -> Result<String> {
    let messages = messages::read(folder)?;
    let counted: Vec<String> =
        messages.into_iter().filter(|message| message.is_seen).flat_map(|m| m.texts).collect();
    let simplified = counted.join("\n");
    let traditional = to_traditional(&simplified)?;
    let mut counts = Counts::default();
    counts.add(&simplified);
    counts.add(&traditional);
    let model = counts.to_text()?;
    ensure!(model.len() <= 1 << 20, "the model of {} bytes is larger than 1 MiB", model.len());
    fs::write(file, &model)?;
    Ok(format!("{}: {} bytes", file.display(), model.len()))
}

/// Converts the text to traditional characters.
fn to_traditional(text: &str) -> Result<String> {
    let program = "import sys, opencc\n\
        text = sys.stdin.buffer.read().decode()\n\
        sys.stdout.buffer.write(opencc.OpenCC('s2t').convert(text).encode())";
    let mut converted = String::with_capacity(text.len());
    peers::run(program, text.as_bytes(), |line| {
        converted.push_str(line);
        converted.push('\n');
        Ok(())
    })?;
    Ok(converted)
}

#[derive(Default)]
struct Counts {
    characters: BTreeMap<char, Character>,
}

#[derive(Default)]
struct Character {
    n: u32,
    followers: BTreeMap<char, u32>,
}

impl Counts {
    fn add(&mut self, text: &str) {
        let mut previous = '\n';
        for c in text.chars() {
            let context = as_context(std::mem::replace(&mut previous, c));
            if !is_counted(c) {
                continue;
            }
            self.characters.entry(c).or_default().n += 1;
            let context_counts = self.characters.entry(context).or_default();
            *context_counts.followers.entry(c).or_default() += 1;
            // A digit, letter or sign is counted only if a character of the model follows it.
            context_counts.n += u32::from(!is_counted(context));
        }
    }

    /// One line for each character: the character, its count, then each follower with its count.
    fn to_text(&self) -> Result<String> {
        let mut model = HEADER.to_owned();
        for (c, Character { n, followers }) in &self.characters {
            write!(model, "{c} {n} ")?;
            for (follower, n) in followers.iter().filter(|(_, n)| **n >= MIN_PAIR_COUNT) {
                write!(model, "{follower}{n}")?;
            }
            model.push('\n');
        }
        Ok(model)
    }
}
