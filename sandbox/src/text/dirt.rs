//! What texts pick up on their way: editors, spreadsheets and web forms leave their marks.

use crate::dice::Dice;

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
