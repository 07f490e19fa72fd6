//! What a text is once the marks of its journey are taken off, by rules written down here again,
//! so that the reader's cleaning is checked against somebody else's.

/// `text` without tags, entities, control characters, byte order marks and Excel's escapes, with
/// blanks and empty lines run together. Knows the entities and tags that [`Dirt`](crate::text::Dirt)
/// writes, and those only.
pub(crate) fn cleaned(text: &str) -> String {
    let text = text.replace("_x000D_", "\r");
    let text = if text.contains(['<', '&']) { without_markup(&text) } else { text };
    let text: String = text.chars().filter(|c| !c.is_control() || "\t\n\r".contains(*c)).collect();
    let text = text.replace('\u{feff}', "").replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = text.split('\n').map(single_spaced).collect();
    let mut tidy: Vec<&str> = Vec::new();
    for line in &lines {
        if !line.is_empty() || tidy.last().is_some_and(|before| !before.is_empty()) {
            tidy.push(line);
        }
    }
    tidy.join("\n").trim_matches('\n').to_owned()
}

fn single_spaced(line: &str) -> String {
    let words = line.split([' ', '\t', '\u{a0}', '\u{3000}']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Block tags become line ends, other tags nothing; then entities become what they stand for.
fn without_markup(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        let Some((tag, tail)) = after.split_once('>') else {
            rest = after;
            plain.push('<');
            continue;
        };
        if ["br", "/p", "p", "div", "/div"].iter().any(|block| names(tag, block)) {
            plain.push('\n');
        }
        rest = tail;
    }
    plain.push_str(rest);
    let entities =
        [("&nbsp;", "\u{a0}"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    entities.iter().fold(plain, |text, (entity, stands_for)| text.replace(entity, stands_for))
}

fn names(tag: &str, block: &str) -> bool {
    tag.strip_prefix(block).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::text::Dirt;

    #[test]
    fn every_mark_comes_off() {
        for (text, clean) in [
            ("小区\t停水", "小区 停水"),
            ("小区\u{a0}\u{a0}\u{3000}停水", "小区 停水"),
            ("小区\u{feff}停\0水", "小区停水"),
            ("小区_x000D_\n停水", "小区\n停水"),
            ("一\n\n\n\n二 \n 三\n", "一\n\n二\n三"),
            ("<p style=\"x\">停水，&nbsp;很久。<br/>急&lt;完&gt;</p>", "停水， 很久。\n急<完>"),
            ("3 < 5", "3 < 5"),
        ] {
            assert_eq!(cleaned(text), clean, "{text:?}");
        }
    }

    #[test]
    fn what_is_clean_stays() {
        let text = "市民来电反映：停水。\n请处理，电话13900004321。";
        assert_eq!(cleaned(text), text);
        let broken = Dirt::FourByte.apply(text, &mut Dice::new(1, 1));
        assert_eq!(cleaned(&broken), broken);
    }
}
