//! The names that a document declares for texts: `<!ENTITY co "宏图公司">` for `&co;`.
//!
//! Only plain texts are known: no files, no elements, and no names within these texts, with which a small document could
//! become a very large one.

use std::{collections::HashMap, sync::Arc};

use super::builder::is_forbidden;

/// The maximum number of names.
const MAX_NAMES: usize = 1_000;
/// The maximum length of a text, in bytes.
const MAX_TEXT_BYTES: usize = 1_000;
/// By how many bytes the texts of one document or record may be longer than their names.
const MAX_GROWTH: usize = 1 << 20;

/// What a document declares, and how much of it was used.
#[derive(Debug, Clone, Default)]
pub struct Entities {
    /// The text of each name; `None` if it is not known.
    texts: Arc<HashMap<String, Option<String>>>,
    /// Whether there may be names in other files too.
    has_other_files: bool,
    growth: usize,
}

/// What a name stands for.
pub(super) enum Entity<'a> {
    Text(&'a str),
    /// The name is declared, but its text is not known, or there are too many of them.
    Unknown,
    /// The name may be declared in another file.
    Elsewhere,
    Undeclared,
}

impl Entities {
    /// Reads the declarations in the content of a `DOCTYPE`.
    pub fn declared(doctype: &str) -> Self {
        let mut texts = HashMap::new();
        // In brackets, after the names of other files with declarations.
        let mut rest = doctype.split_once('[').map_or("", |(_, declarations)| declarations);
        while let Some(at) = rest.find('<') {
            let declaration = &rest[at..];
            let mut comments = [("<!--", "-->"), ("<?", "?>")].into_iter();
            if let Some((_, end)) = comments.find(|(begin, _)| declaration.starts_with(begin)) {
                rest = declaration.split_once(end).map_or("", |(_, after)| after);
                continue;
            }
            let (content, after) = split_declaration(declaration);
            let entity = content.strip_prefix("<!ENTITY").map(str::trim);
            // A `%` stands before names that are used within declarations.
            if let Some((name, value)) = entity.and_then(|e| e.split_once(char::is_whitespace))
                && name != "%"
                && texts.len() < MAX_NAMES
            {
                // The first declaration of a name counts.
                texts.entry(name.to_owned()).or_insert_with(|| plain_text(value.trim()));
            }
            rest = after;
        }
        let before = doctype.split_once('[').map_or(doctype, |(before, _)| before);
        let has_other_files = ["SYSTEM", "PUBLIC"].into_iter().any(|word| before.contains(word))
            || doctype.contains('%')
            || texts.len() == MAX_NAMES;
        Self { texts: Arc::new(texts), has_other_files, growth: 0 }
    }

    /// What a name stands for, which is to be put in its place.
    pub(super) fn take(&mut self, name: &str) -> Entity<'_> {
        match self.texts.get(name) {
            None if self.has_other_files => Entity::Elsewhere,
            None => Entity::Undeclared,
            Some(None) => Entity::Unknown,
            Some(Some(text)) => {
                self.growth += text.len().saturating_sub(name.len());
                if self.growth > MAX_GROWTH { Entity::Unknown } else { Entity::Text(text) }
            }
        }
    }
}

/// A declaration up to its end, and what follows it. A `>` in quotes is not its end.
fn split_declaration(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if c == '>' => return (&text[..at], &text[at + 1..]),
            None => {}
        }
    }
    (text, "")
}

/// The text in quotes; `None` if it is long, is in another file, or is more than a text.
fn plain_text(value: &str) -> Option<String> {
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let value = value.strip_prefix(quote)?.strip_suffix(quote)?;
    if value.len() > MAX_TEXT_BYTES || value.contains(['<', '%', quote]) {
        return None;
    }
    let mut text = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        let (name, after) = rest[at + 1..].split_once(';')?;
        // `&#38;` and `&#60;` would begin another name, or an element.
        let by_number = || numbered(name.strip_prefix('#')?).filter(|c| !matches!(c, '&' | '<'));
        text.push(predefined(name).or_else(by_number)?);
        rest = after;
    }
    text.push_str(rest);
    // One of the characters that mark damage would be taken for a mark.
    let is_refused = |c| is_forbidden(c) || ('\u{fdd0}'..='\u{fdef}').contains(&c);
    (!text.contains(is_refused)).then(|| text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The character of a name that every document knows.
pub(super) fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// The character with a number, like `169` or `xA9`; `None` for a surrogate, a number above the largest
/// character, or no number.
pub(super) fn numbered(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    code.ok().and_then(char::from_u32)
}
