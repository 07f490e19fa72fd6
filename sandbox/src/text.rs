//! Made-up demands: what citizens of the made-up city write and say.
//!
//! Real demands must not be in a repository, and ten fixed sentences would test no length limit and
//! no splitter. So texts are composed by a grammar of many topics. Their lengths are distributed as
//! in real hotlines: a median near 237 characters, one in twenty above about 1,100, a few above
//! 7,000.

mod essay;

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

use crate::dice::Dice;

pub(crate) use essay::{essay, lengthened};

/// The words everything is made of, from `phrases.toml`.
#[derive(Deserialize)]
pub(crate) struct Phrases {
    pub(crate) names: Names,
    essay: Parts,
    pub(crate) hotline: Additions,
    /// By the name of a slot, the words that can take its place.
    slots: HashMap<String, Vec<String>>,
    topics: Vec<Topic>,
}

/// What names of roads, estates, people and firms are made of.
#[derive(Deserialize)]
pub(crate) struct Names {
    pub(crate) road_first: String,
    pub(crate) road_second: String,
    pub(crate) road_kind: Vec<String>,
    pub(crate) community_first: Vec<String>,
    pub(crate) community_second: Vec<String>,
    pub(crate) surnames: String,
    pub(crate) compound_surnames: Vec<String>,
    pub(crate) given: String,
    pub(crate) firm_first: String,
    pub(crate) firm_second: String,
    pub(crate) trades: Vec<String>,
    pub(crate) rare: Vec<String>,
}

/// The parts of a text that do not depend on its topic.
#[derive(Deserialize)]
struct Parts {
    /// Quantiles in per mille and their lengths; lengths in between are interpolated.
    lengths: Vec<[u32; 2]>,
    addresses: Vec<String>,
    numbers: Vec<String>,
    openings: Vec<String>,
    histories: Vec<String>,
    harms: Vec<String>,
    details: Vec<String>,
    closings: Vec<String>,
}

/// What is added to cases of the hotline.
#[derive(Deserialize)]
pub(crate) struct Additions {
    /// To the content.
    pub(crate) appended: Vec<String>,
    pub(crate) reminders: Vec<String>,
    pub(crate) supplements: Vec<String>,
}

/// A subject people call about.
#[derive(Deserialize)]
struct Topic {
    /// The hotline's own classification, three levels.
    accord: String,
    titles: Vec<String>,
    /// What is wrong.
    facts: Vec<String>,
    /// What should be done.
    asks: Vec<String>,
}

/// The phrases, read when they are first needed.
#[expect(clippy::expect_used, reason = "the file is part of the program, and every test reads it")]
pub(crate) fn phrases() -> &'static Phrases {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
        toml::from_str(include_str!("text/phrases.toml")).expect("phrases.toml is complete")
    });
    &PHRASES
}

/// The number of characters a text should reach.
pub(crate) fn length(dice: &mut Dice) -> usize {
    let at = dice.between(0, 999);
    let quantiles = &phrases().essay.lengths;
    let above = quantiles.iter().position(|[quantile, _]| at < *quantile).unwrap_or(1);
    let ([low, from], [high, to]) = (quantiles[above - 1], quantiles[above]);
    // Half of the texts in the last interval are longer than 7,000 characters.
    let length = from + (to - from) * (at - low) / (high - low);
    let spread = (to - from) / (high - low);
    usize::try_from(length + dice.between(0, spread)).unwrap_or(usize::MAX)
}

/// One kind of dirt in an otherwise clean text. GB18030 can encode all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dirt {
    /// A TAB from a spreadsheet cell.
    Tab,
    /// U+00A0 and U+3000 from a web page.
    WideSpaces,
    /// U+200B and U+FEFF from a chat program.
    Invisible,
    /// `_x000D_`, a carriage return as a spreadsheet escapes it.
    ExcelReturn,
    /// Tags and entities from a rich-text editor.
    Html,
    /// Characters that take four bytes in GB18030: rare names and emoji.
    FourByte,
    /// Characters lost in an earlier wrong conversion.
    Mojibake,
}

impl Dirt {
    /// The text with the dirt in it, near its beginning so that no length limit cuts it off.
    pub(crate) fn apply(self, text: &str, dice: &mut Dice) -> String {
        if matches!(self, Self::Html) {
            let inner = text.replacen('，', "，&nbsp;", 2).replacen('。', "。<br/>", 2);
            return format!("<p style=\"font-family:仿宋_GB2312\">{inner}&lt;完&gt;</p>");
        }
        let mark = match self {
            Self::Tab => "\t",
            Self::WideSpaces => "\u{a0}\u{a0}\u{3000}",
            Self::Invisible => "\u{200b}\u{feff}",
            Self::ExcelReturn => "_x000D_\n",
            Self::FourByte => "㛃𬭎🙏😡",
            Self::Mojibake | Self::Html => "锟斤拷",
        };
        let place = dice.below(text.chars().count().min(30));
        let (at, _) = text.char_indices().nth(place).unwrap_or((0, ' '));
        format!("{}{mark}{}", &text[..at], &text[at..])
    }
}
