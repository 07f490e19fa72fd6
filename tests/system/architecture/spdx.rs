//! Licence expressions (SPDX specification 2.3, annex D): enough of them to decide whether one is
//! allowed. `OR` needs one side, `AND` needs both and binds closer; `/` is cargo's old `OR`.

use std::{iter::Peekable, vec};

/// Whether `expression` can be satisfied with licences for which `allowed` says yes. A licence
/// `WITH` an exception is asked for as a whole. What is malformed is refused.
pub(crate) fn permits(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut words = words.into_iter().peekable();
    any(&mut words, allowed) == Some(true) && words.next().is_none()
}

type Words<'a> = Peekable<vec::IntoIter<&'a str>>;

fn any(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut permitted = all(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        // No short circuit: the right side must be read in any case.
        permitted |= all(words, allowed)?;
    }
    Some(permitted)
}

fn all(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut permitted = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        permitted &= one(words, allowed)?;
    }
    Some(permitted)
}

fn one(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    if words.next_if_eq(&"(").is_some() {
        let permitted = any(words, allowed)?;
        words.next_if_eq(&")")?;
        return Some(permitted);
    }
    let licence = words.next()?;
    if words.next_if_eq(&"WITH").is_none() {
        return Some(allowed(licence));
    }
    let exception = words.next()?;
    Some(allowed(&format!("{licence} WITH {exception}")))
}

#[test]
fn an_expression_is_permitted_as_spdx_says() {
    let allowed = |licence: &str| ["MIT", "ISC", "GPL-2.0 WITH C"].contains(&licence);
    for expression in [
        "MIT",
        "MIT OR GPL-2.0",
        "GPL-2.0/MIT",
        "GPL-2.0 / MIT",
        "MIT AND ISC",
        "GPL-2.0 AND GPL-3.0 OR MIT",
        "(GPL-2.0 OR MIT) AND ISC",
        "GPL-2.0 WITH C",
        "GPL-2.0 WITH C AND MIT",
        "((MIT))",
    ] {
        assert!(permits(expression, &allowed), "{expression} was refused");
    }
    for expression in [
        "",
        "GPL-2.0",
        "MIT AND GPL-2.0",
        "MIT AND GPL-2.0 OR GPL-3.0",
        "(MIT OR ISC) AND GPL-2.0",
        "GPL-2.0 OR GPL-3.0",
        "MIT WITH C",
        "(MIT",
        "MIT)",
        "MIT ISC",
        "MIT OR",
    ] {
        assert!(!permits(expression, &allowed), "{expression} was permitted");
    }
}
