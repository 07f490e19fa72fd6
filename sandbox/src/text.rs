//! Made-up demands: what citizens of the made-up city write and say.
//!
//! Real demands cannot be in a repository, and ten canned sentences would leave every length limit
//! and every splitter untested. So texts are composed from a grammar of many topics, with lengths
//! spread as in real hotlines: a median near 237 characters, one in twenty above about 1,100, a few
//! above 7,000.

mod essay;
mod slots;
mod topics;

use crate::dice::Dice;

pub(crate) use essay::{Essay, essay, lengthened};

/// Quantiles in per mille, and the length there; lengths between are interpolated.
const QUANTILES: [(u32, u32); 11] = [
    (0, 40),
    (100, 90),
    (250, 145),
    (500, 230),
    (750, 410),
    (900, 720),
    (955, 1_000),
    (968, 1_500),
    (978, 2_400),
    (996, 4_000),
    (1_000, 9_000),
];

/// The number of characters a text should reach.
pub(crate) fn length(dice: &mut Dice) -> usize {
    let at = dice.between(0, 999);
    let above = QUANTILES.iter().position(|(quantile, _)| at < *quantile).unwrap_or(1);
    let ((low, from), (high, to)) = (QUANTILES[above - 1], QUANTILES[above]);
    // The last stretch holds the giants: half of them beyond 7,000 characters.
    let length = from + (to - from) * (at - low) / (high - low);
    let spread = (to - from) / (high - low);
    usize::try_from(length + dice.between(0, spread)).unwrap_or(usize::MAX)
}

/// One kind of mark in an otherwise clean text. All of them survive a trip through GB18030.
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
    /// Characters only four-byte GB18030 holds: rare names and pictures.
    FourByte,
    /// Characters ruined by an earlier wrong conversion.
    Mojibake,
}

impl Dirt {
    pub(crate) const ALL: [Self; 7] = [
        Self::Tab,
        Self::WideSpaces,
        Self::Invisible,
        Self::ExcelReturn,
        Self::Html,
        Self::FourByte,
        Self::Mojibake,
    ];

    /// The text with the mark in it, somewhere near its beginning so that no limit cuts it off.
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
