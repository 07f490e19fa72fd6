//! The same parts in another spelling: with or without a separator between them, with one text or with several.

use crate::auth::SignedPart;

/// Parts with adjacent texts as one: all spellings of a recipe have the same.
pub(super) fn merged(parts: &[SignedPart]) -> Vec<SignedPart> {
    let mut merged: Vec<SignedPart> = Vec::new();
    for part in parts {
        match (merged.last_mut(), part) {
            (Some(SignedPart::Text(before)), SignedPart::Text(text)) => before.push_str(text),
            _ => merged.push(part.clone()),
        }
    }
    merged
}

/// Parts without the separator between all of them, and the separator; `None` if there is no such one.
pub(super) fn compressed(parts: &[SignedPart]) -> Option<(Vec<&SignedPart>, &str)> {
    let between = || parts.iter().skip(1).step_by(2);
    let join = between().next().and_then(separator)?;
    let is_join = |part| separator(part) == Some(join);
    let is_everywhere = parts.len() % 2 == 1 && between().all(is_join);
    is_everywhere.then(|| (parts.iter().step_by(2).collect(), join))
}

fn separator(part: &SignedPart) -> Option<&str> {
    match part {
        SignedPart::Text(text) if !text.contains(char::is_alphanumeric) => Some(text),
        _ => None,
    }
}
