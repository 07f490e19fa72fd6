//! The texts of the hotline's demands: generated, or read from a file.
//!
//! Generated texts test rules, but only real texts test a reader. With a corpus file the hotline
//! files texts that must never be in this repository, unmodified and in order.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// A longer line is refused: no demand is that long, so the file is something else.
const LINE_LIMIT: u64 = 1 << 20;
/// All texts are held in memory; a larger corpus is refused rather than swapped.
const CORPUS_LIMIT: usize = 1 << 29;

/// One demand's words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Piece {
    /// The headline.
    #[serde(alias = "留言主题")]
    pub title: String,
    /// The body.
    #[serde(alias = "留言详情")]
    pub content: String,
}

/// Where the texts come from.
#[derive(Clone, Debug, Default)]
pub enum Corpus {
    /// Composed by the grammar, without end.
    #[default]
    Generated,
    /// Given texts, each filed once, in order; when they are used up, filing stops.
    Texts(Arc<[Piece]>),
}

impl Corpus {
    /// Reads texts from JSON lines with the keys `title` and `content`, or `留言主题` and
    /// `留言详情`; other keys and empty lines are passed over.
    ///
    /// # Errors
    /// When the file cannot be read, when a line is no such object or is longer than 1 MiB, and when
    /// the whole is larger than 512 MiB. The error names the line, never its text.
    pub fn from_jsonl(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Self::read(BufReader::new(file)).with_context(|| format!("cannot read {}", path.display()))
    }

    /// The text of demand `number`, counted from 1; `None` when it is generated, or there is none.
    pub(crate) fn text(&self, number: u64) -> Option<&Piece> {
        let Self::Texts(texts) = self else { return None };
        texts.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    fn read(mut lines: impl BufRead) -> anyhow::Result<Self> {
        let (mut pieces, mut line, mut total) = (Vec::new(), Vec::new(), 0);
        for number in 1_u64.. {
            line.clear();
            if lines.by_ref().take(LINE_LIMIT + 1).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            total += line.len();
            ensure!(line.len() as u64 <= LINE_LIMIT, "line {number} is longer than 1 MiB");
            ensure!(total <= CORPUS_LIMIT, "more than 512 MiB at line {number}, split the file");
            if line.trim_ascii().is_empty() {
                continue;
            }
            // The parser's own message would quote the text.
            let piece = serde_json::from_slice(&line).map_err(|error| {
                let column = error.column();
                anyhow::anyhow!("line {number}, column {column}: no object with title and content")
            })?;
            pieces.push(piece);
        }
        Ok(Self::Texts(pieces.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::any_district;
    use crate::dice::Dice;
    use crate::text::{Dirt, essay};

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
    fn generated(seed: u64, count: u64) -> impl Iterator<Item = Piece> {
        (0..count).map(move |index| {
            let mut dice = Dice::new(seed, index);
            let district = any_district(&mut dice);
            let essay = essay(&mut dice, district);
            let mut piece = Piece { title: essay.title, content: essay.content };
            if index % 11 == 3 {
                let kind = usize::try_from(index / 11).unwrap_or_default() % DIRT.len();
                piece.content = DIRT[kind].apply(&piece.content, &mut dice);
            }
            piece
        })
    }

    fn read(text: &str) -> anyhow::Result<Vec<Piece>> {
        match Corpus::read(text.as_bytes())? {
            Corpus::Texts(pieces) => Ok(pieces.to_vec()),
            Corpus::Generated => unreachable!("a file holds texts"),
        }
    }

    #[test]
    fn the_committed_corpus_is_what_the_generator_prints() {
        let committed: Vec<Piece> = read(COMMITTED).unwrap();
        assert_eq!(committed, generated(1, 500).collect::<Vec<_>>());
    }

    #[test]
    fn the_committed_corpus_holds_the_hard_cases() {
        let pieces = read(COMMITTED).unwrap();
        for mark in
            ["\t", "\u{a0}", "\u{3000}", "\u{200b}", "_x000D_", "&nbsp;", "<br/>", "㛃", "𬭎"]
        {
            assert!(pieces.iter().any(|p| p.content.contains(mark)), "none with {mark:?}");
        }
        assert!(pieces.iter().any(|p| p.content.contains(['😡', '🙏'])));
        let gbk = |p: &Piece| encoding_rs::GB18030.encode(&p.content).0.len();
        let long = pieces.iter().filter(|p| gbk(p) > 4_000).count();
        assert!(long >= 8, "only {long} above 4,000 bytes");
    }

    #[test]
    fn both_key_sets_are_read_unmodified() {
        let text = "{\"留言主题\":\" 甲\",\"留言详情\":\"乙\\t\",\"x\":1}\n\n\
                    {\"title\":\"丙\",\"content\":\"\"}";
        let pieces = read(text).unwrap();
        let expected = [(" 甲", "乙\t"), ("丙", "")];
        let expected = expected.map(|(t, c)| Piece { title: t.into(), content: c.into() });
        assert_eq!(pieces, expected);
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
