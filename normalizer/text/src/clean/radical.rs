//! Replaces radicals by the characters that they look like. PDF files and some fonts give ⼯⼈ instead
//! of 工人; nobody sees the difference, and a search for 工人 does not find it.

use std::borrow::Cow;

use unicode_normalization::char::decompose_compatible;

/// The text with ordinary characters instead of radicals.
pub fn without_radicals(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| ordinary(c) != c) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(ordinary).collect())
}

/// The ordinary character for a radical; any other character itself.
pub(super) fn ordinary(c: char) -> char {
    match c {
        // The radicals of Kangxi have decompositions in Unicode; of the others only two have.
        '\u{2F00}'..='\u{2FD5}' => {
            let mut ordinary = c;
            decompose_compatible(c, |part| ordinary = part);
            ordinary
        }
        '\u{2E80}'..='\u{2EF3}' => {
            let mut chars = SUPPLEMENT.chars();
            chars.find(|radical| *radical == c).and_then(|_| chars.next()).unwrap_or(c)
        }
        _ => c,
    }
}

/// Radicals that are also characters, each before its character (Unicode, equivalent unified
/// ideographs).
const SUPPLEMENT: &str = "\
    ⺁厂⺅亻⺉刂⺊卜⺋㔾⺒巳⺓幺⺔彑⺖忄⺘扌⺙攵⺛旡⺝月⺞歺⺟母⺠民⺡氵⺣灬⺤爫⺨犭⺩王⺬示⺭礻⺯糹⺰纟⺲罒⺹耂⺻聿⺾艹\
    ⻁虎⻂衤⻃覀⻄西⻅见⻆角⻈讠⻉贝⻋车⻎辶⻏阝⻐钅⻑長⻒镸⻓长⻔门⻖阝⻘青⻙韦⻚页⻛风⻜飞⻝食⻟飠⻠饣⻢马⻣骨⻤鬼⻥鱼⻦鸟\
    ⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜⻲亀⻳龟";
