//! The source of the texts of the hotline's demands: a generator or a file.
//!
//! Real texts have difficulties that generated texts lack, but must never be in this repository. So the
//! hotline can file the texts of a file outside the repository, in order and without changing them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use serde::Deserialize;

/// The maximum length of a line. No demand is that long, so a file with a longer line is not a corpus.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// All texts are kept in memory, so the size of the corpus is limited.
const MAX_CORPUS_BYTES: usize = 1 << 29;

/// The title and the content of one demand. The Chinese keys are those of a public data set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CorpusText {
    #[serde(alias = "留言主题")]
    pub title: String,
    #[serde(alias = "留言详情")]
    pub content: String,
}

/// Where the texts of demands come from.
#[derive(Clone, Debug, Default)]
pub enum Corpus {
    /// Generated texts, without end.
    #[default]
    Generated,
    /// These texts, each filed once, in order; after the last one, no more demands are filed.
    Texts(Arc<[CorpusText]>),
}

impl Corpus {
    /// Reads texts from JSON lines with the keys `title` and `content`, or `留言主题` and
    /// `留言详情`; other keys and empty lines are ignored.
    ///
    /// # Errors
    /// If the file cannot be read, a line is not such an object or is longer than 1 MiB, or the file is
    /// larger than 512 MiB. The error names the line, but never contains its text.
    pub fn from_jsonl(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Self::read(BufReader::new(file)).with_context(|| format!("cannot read {}", path.display()))
    }

    /// The text of demand `number`, counted from 1; `None` if the texts are generated or all used.
    pub(crate) fn text(&self, number: u64) -> Option<&CorpusText> {
        let Self::Texts(texts) = self else { return None };
        texts.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    fn read(mut lines: impl BufRead) -> anyhow::Result<Self> {
        let (mut texts, mut line, mut total) = (Vec::new(), Vec::new(), 0);
        for number in 1_u64.. {
            line.clear();
            if lines.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            total += line.len();
            ensure!(line.len() as u64 <= MAX_LINE_BYTES, "line {number} is longer than 1 MiB");
            ensure!(total <= MAX_CORPUS_BYTES, "more than 512 MiB: split it at line {number}");
            if line.trim_ascii().is_empty() {
                continue;
            }
            // The parser's message is left out, because it would quote the text.
            let text = serde_json::from_slice(&line).map_err(|error| {
                let column = error.column();
                anyhow!("line {number}, column {column}: write an object with title and content")
            })?;
            texts.push(text);
        }
        Ok(Self::Texts(texts.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::faker::any_district;
    use crate::text::{Dirt, demand_text};

    const COMMITTED: &str = include_str!("../corpus/generated-500.jsonl");

    const DIRT: [Dirt; 7] = [
        Dirt::Tab,
        Dirt::WideSpaces,
        Dirt::Invisible,
        Dirt::ExcelReturn,
        Dirt::Html,
        Dirt::FourByte,
        Dirt::Mojibake,
    ];

    /// The first `count` generated texts of a seed, one in eleven of them with dirt.
    fn generated(seed: u64, count: u64) -> impl Iterator<Item = CorpusText> {
        (0..count).map(move |index| {
            let mut dice = Dice::new(seed, index);
            let district = any_district(&mut dice);
            let text = demand_text(&mut dice, district);
            let mut piece = CorpusText { title: text.title, content: text.content };
            if index % 11 == 3 {
                let kind = usize::try_from(index / 11).unwrap_or_default() % DIRT.len();
                piece.content = DIRT[kind].add_to(&piece.content, &mut dice);
            }
            piece
        })
    }

    fn read(text: &str) -> anyhow::Result<Vec<CorpusText>> {
        match Corpus::read(text.as_bytes())? {
            Corpus::Texts(texts) => Ok(texts.to_vec()),
            Corpus::Generated => unreachable!("a file holds texts"),
        }
    }

    #[test]
    fn the_committed_corpus_is_what_the_generator_prints() {
        let committed: Vec<CorpusText> = read(COMMITTED).unwrap();
        assert_eq!(committed, generated(1, 500).collect::<Vec<_>>());
    }

    #[test]
    fn the_committed_corpus_holds_the_hard_cases() {
        let texts = read(COMMITTED).unwrap();
        for mark in
            ["\t", "\u{a0}", "\u{3000}", "\u{200b}", "_x000D_", "&nbsp;", "<br/>", "㛃", "𬭎"]
        {
            assert!(texts.iter().any(|p| p.content.contains(mark)), "none with {mark:?}");
        }
        assert!(texts.iter().any(|p| p.content.contains(['😡', '🙏'])));
        let gbk = |p: &CorpusText| encoding_rs::GB18030.encode(&p.content).0.len();
        let long = texts.iter().filter(|p| gbk(p) > 4_000).count();
        assert!(long >= 8, "only {long} above 4,000 bytes");
    }

    #[test]
    fn both_key_sets_are_read_unmodified() {
        let text = "{\"留言主题\":\" 甲\",\"留言详情\":\"乙\\t\",\"x\":1}\n\n\
                    {\"title\":\"丙\",\"content\":\"\"}";
        let texts = read(text).unwrap();
        let expected = [(" 甲", "乙\t"), ("丙", "")];
        let expected = expected.map(|(t, c)| CorpusText { title: t.into(), content: c.into() });
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_bad_line_is_named_and_never_quoted() {
        let error = read("{\"title\":\"a\",\"content\":\"b\"}\n{\"title\":\"秘密\"}").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(!error.to_string().contains("秘密"));
        let long = format!("{{\"title\":\"{}\"", "a".repeat(1 << 20));
        assert!(read(&long).unwrap_err().to_string().contains("longer than 1 MiB"));
    }
}
