//! Ways in which people, programs and thieves write a telephone number, an identity number, a name and an address.

use super::Person;

/// What a person has.
pub(super) const KINDS: [Kind; 5] =
    [Kind::Name, Kind::Phone, Kind::Landline, Kind::Id, Kind::Address];

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Phone,
    Landline,
    Id,
    Address,
}

/// A way to write a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// With this between its parts.
    Parts(&'static str),
    /// With this between, and after, all characters.
    Characters(&'static str),
    /// With these digits.
    Digits(&'static str),
    /// With an escape for each character.
    Escaped(fn(char) -> String),
    /// With other words.
    Replaced(&'static [(&'static str, &'static str)]),
    /// With numbers in words: 十二 for 12.
    Spoken,
}

/// What stands between the parts of a value.
const SIGNS: [&str; 46] = [
    "", " ", "  ", "\t", "\u{3000}", "\u{A0}", "\n", "\r\n", "\n\n", "-", "–", "—", "−", "_", ".",
    "·", "•", ",", "，", "、", ";", "；", ":", "：", "。", "/", "|", "~", "*", "#", "@", "=", "→",
    "📞", "…", "------", "......", "【", "\u{200B}", "\u{2060}", "\u{AD}", "&nbsp;", "&#8203;",
    "<br/>", "\\n", "%20",
];
/// What nobody sees between characters, and what makes them an emoji.
const MARKS: [&str; 7] =
    [" ", "\u{200B}", "\u{301}", "\u{FE0F}\u{20E3}", "\u{E0100}", "\u{202E}", "."];
/// Digits from zero to nine.
pub(super) const DIGITS: [&str; 20] = [
    "０１２３４５６７８９",
    "零一二三四五六七八九",
    "〇一二三四五六七八九",
    "零幺二三四五六七八九",
    "零壹贰叁肆伍陆柒捌玖",
    "零壹貳參肆伍陸柒捌玖",
    "洞幺两三四五六拐八勾",
    "⓪①②③④⑤⑥⑦⑧⑨",
    "⓿❶❷❸❹❺❻❼❽❾",
    "〇㈠㈡㈢㈣㈤㈥㈦㈧㈨",
    "〇〡〢〣〤〥〦〧〨〩",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "₀₁₂₃₄₅₆₇₈₉",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "٠١٢٣٤٥٦٧٨٩",
    "०१२३४५६७८९",
    "๐๑๒๓๔๕๖๗๘๙",
    "༠༡༢༣༤༥༦༧༨༩",
    "᠐᠑᠒᠓᠔᠕᠖᠗᠘᠙",
    "🯰🯱🯲🯳🯴🯵🯶🯷🯸🯹",
];
/// Escapes of links, scripts, markup, JSON and programs.
const ESCAPES: [fn(char) -> String; 6] = [
    |c| octets(c.to_string().as_bytes(), "%"),
    |c| octets(c.to_string().as_bytes(), "%25"),
    |c| octets(c.to_string().as_bytes(), "\\x"),
    |c| format!("%u{:04X}", u32::from(c)),
    |c| format!("\\u{:04x}", u32::from(c)),
    |c| format!("&#{};", u32::from(c)),
];
/// The escape of mails, for characters that are not ASCII.
const MAIL: Way = Way::Escaped(|c| octets(c.to_string().as_bytes(), "="));
/// Letters that look like digits.
const LOOK_ALIKES: [Way; 2] = [
    Way::Replaced(&[("0", "O"), ("1", "l")]),
    Way::Replaced(&[("5", "S"), ("8", "B"), ("1", "I")]),
];
/// Other words in an address.
const WORDS: [Way; 6] = [
    Way::Replaced(&[("室", "")]),
    Way::Replaced(&[("号", "-"), ("栋", "-"), ("室", "")]),
    Way::Replaced(&[("栋", "幢")]),
    Way::Replaced(&[("栋", "号楼"), ("室", "")]),
    Way::Replaced(&[("号", "號"), ("栋", "棟")]),
    Way::Spoken,
];

/// All ways to write a kind of value.
pub(super) fn ways(kind: Kind) -> Vec<Way> {
    let signs = SIGNS.map(Way::Parts).into_iter();
    let marks = MARKS.map(Way::Characters).into_iter();
    let digits = DIGITS.map(Way::Digits).into_iter();
    let escapes = ESCAPES.map(Way::Escaped).into_iter();
    match kind {
        Kind::Name => signs.chain(marks).chain(escapes).chain([MAIL]).collect(),
        Kind::Phone | Kind::Landline | Kind::Id => {
            signs.chain(marks).chain(digits).chain(escapes).chain(LOOK_ALIKES).collect()
        }
        Kind::Address => signs.chain(marks).chain(digits).chain(WORDS).collect(),
    }
}

/// The way at an index, after the last one again the first one.
pub(super) fn way(kind: Kind, index: usize) -> Way {
    let ways = ways(kind);
    ways[index % ways.len()]
}

/// The parts of a value.
pub(super) fn parts(person: &Person, kind: Kind) -> Vec<String> {
    let split = |text: &str, ends: &[usize]| {
        let starts = [0].into_iter().chain(ends.iter().copied());
        let ends = ends.iter().copied().chain([text.len()]);
        starts.zip(ends).map(|(start, end)| text[start..end].to_owned()).collect()
    };
    match kind {
        Kind::Name => person.name.chars().map(String::from).collect(),
        Kind::Phone => split(&person.phone, &[3, 7]),
        Kind::Landline => person.landline.split('-').map(str::to_owned).collect(),
        Kind::Id => split(&person.id, &[6, 14]),
        Kind::Address => person.home.split_inclusive(['号', '栋']).map(str::to_owned).collect(),
    }
}

impl Way {
    /// A value with these parts, written in this way.
    pub(super) fn write(self, parts: &[String]) -> String {
        let whole = parts.concat();
        match self {
            Self::Parts(sign) => parts.join(sign),
            Self::Characters(mark) => {
                whole.chars().flat_map(|c| [c.to_string(), mark.to_owned()]).collect()
            }
            Self::Digits(digits) => whole.chars().map(|c| in_script(c, digits)).collect(),
            Self::Escaped(escape) => whole.chars().map(escape).collect(),
            Self::Replaced(pairs) => {
                pairs.iter().fold(whole, |text, (word, other)| text.replace(word, other))
            }
            Self::Spoken => spoken(&whole),
        }
    }
}

fn in_script(c: char, digits: &str) -> char {
    let value = c.to_digit(10).and_then(|value| usize::try_from(value).ok());
    value.and_then(|value| digits.chars().nth(value)).unwrap_or(c)
}

fn octets(bytes: &[u8], prefix: &str) -> String {
    bytes.iter().map(|byte| format!("{prefix}{byte:02X}")).collect()
}

/// The text with its numbers below one thousand in words, and the digits of others in Chinese.
fn spoken(text: &str) -> String {
    let digit = |n: usize| DIGITS[1].chars().nth(n).unwrap().to_string();
    let one = |n: usize| if n == 0 { String::new() } else { digit(n) };
    let words = |number: &str| match number.parse::<usize>().unwrap() {
        n @ 0..10 => digit(n),
        n @ 10..20 => format!("十{}", one(n % 10)),
        n @ 20..100 => format!("{}十{}", digit(n / 10), one(n % 10)),
        n @ 100..1000 => {
            let rest = match n % 100 {
                0 => String::new(),
                rest @ 1..10 => format!("零{}", digit(rest)),
                rest => format!("{}十{}", digit(rest / 10), one(rest % 10)),
            };
            format!("{}百{rest}", digit(n / 100))
        }
        _ => number.chars().map(|c| in_script(c, DIGITS[1])).collect(),
    };
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let len = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        result += before;
        result += &words(&number[..len]);
        rest = &number[len..];
    }
    result + rest
}
