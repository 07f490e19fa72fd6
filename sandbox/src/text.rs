//! Generates the texts of demands.
//!
//! Real demands must not be in a repository, and a few fixed sentences would not test length limits. So texts are
//! composed of phrases on many topics. Their lengths are distributed as at real hotlines: the median is near 237
//! characters, one text in twenty has more than 1,000, and a few have more than 7,000.

mod demand_text;

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

use crate::dice::Dice;

pub(crate) use demand_text::{demand_text, lengthen};

/// The content of `phrases.toml`: the components of texts and names.
#[derive(Deserialize)]
pub(crate) struct Phrases {
    pub(crate) names: Names,
    common: CommonPhrases,
    pub(crate) hotline: Additions,
    pub(crate) handling: Handling,
    /// For each slot, by name, the phrases that can replace it.
    slots: HashMap<String, Vec<String>>,
    topics: Vec<Topic>,
}

/// The components of the names of roads, housing estates, people and businesses. A `String` is a list of
/// characters, a `Vec` a list of words.
#[derive(Deserialize)]
pub(crate) struct Names {
    pub(crate) road_first: String,
    pub(crate) road_second: String,
    pub(crate) road_kind: Vec<String>,
    pub(crate) community_first: Vec<String>,
    pub(crate) community_second: Vec<String>,
    pub(crate) surnames: String,
    pub(crate) compound_surnames: Vec<String>,
    pub(crate) given_names: String,
    pub(crate) firm_first: String,
    pub(crate) firm_second: String,
    pub(crate) trades: Vec<String>,
    /// Names of people with characters that old systems cannot store.
    pub(crate) rare: Vec<String>,
}

/// The sentences that do not depend on the topic of a text.
#[derive(Deserialize)]
struct CommonPhrases {
    /// The distribution of lengths: pairs of a quantile in per mille and the length at it, in characters.
    /// Between them, lengths are interpolated.
    lengths: Vec<[u32; 2]>,
    addresses: Vec<String>,
    /// The numbers of sections in long texts.
    numbers: Vec<String>,
    openings: Vec<String>,
    histories: Vec<String>,
    harms: Vec<String>,
    details: Vec<String>,
    closings: Vec<String>,
}

/// Texts that are added to cases of the hotline.
#[derive(Deserialize)]
pub(crate) struct Additions {
    /// Sentences that are appended to the content.
    pub(crate) appended: Vec<String>,
    pub(crate) reminders: Vec<String>,
    pub(crate) supplements: Vec<String>,
}

/// What units write while they handle a demand.
#[derive(Deserialize)]
pub(crate) struct Handling {
    /// Reasons for more time.
    pub(crate) extensions: Vec<String>,
    /// Reasons for sending a demand back.
    pub(crate) returns: Vec<String>,
    /// Public answers.
    pub(crate) answers: Vec<String>,
}

/// A topic that people call about.
#[derive(Deserialize)]
struct Topic {
    /// The category at the hotline, in three levels.
    category: String,
    titles: Vec<String>,
    problems: Vec<String>,
    requests: Vec<String>,
}

/// The phrases in `phrases.toml`; the first call parses the file.
#[expect(clippy::expect_used, reason = "the file is part of the program, and every test reads it")]
pub(crate) fn phrases() -> &'static Phrases {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
        toml::from_str(include_str!("text/phrases.toml")).expect("phrases.toml is complete")
    });
    &PHRASES
}

/// A random length for a text, in characters.
pub(crate) fn random_length(dice: &mut Dice) -> usize {
    let quantile = dice.between(0, 999);
    let quantiles = &phrases().common.lengths;
    let above = quantiles.iter().position(|[upper, _]| quantile < *upper).unwrap_or(1);
    let ([low, from], [high, to]) = (quantiles[above - 1], quantiles[above]);
    let length = from + (to - from) * (quantile - low) / (high - low);
    let spread = (to - from) / (high - low);
    usize::try_from(length + dice.between(0, spread)).unwrap_or(usize::MAX)
}

/// A kind of unwanted characters in a text. GB18030 can encode all of these characters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dirt {
    /// A TAB from a spreadsheet cell.
    Tab,
    /// U+00A0 and U+3000 from a web page.
    WideSpaces,
    /// U+200B and U+FEFF from a chat program.
    Invisible,
    /// `_x000D_`, the escape of Excel for a carriage return.
    ExcelReturn,
    /// Tags and entities from a rich-text editor.
    Html,
    /// Characters that take four bytes in GB18030: rare names and emoji.
    FourByte,
    /// `锟斤拷`, which replaces characters that an earlier system lost.
    Mojibake,
}

impl Dirt {
    /// Adds the dirt to the text, near its beginning, so that no length limit cuts the dirt off.
    pub(crate) fn add_to(self, text: &str, dice: &mut Dice) -> String {
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
