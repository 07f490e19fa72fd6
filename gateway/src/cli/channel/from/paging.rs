//! Proposes how pages are requested, how many records there are, and from when on, by the parameters of the request and
//! the parts of the answer around its records.

mod around;
mod since;

use serde_json::Value;

use self::around::Part;
use super::{
    draft::quoted,
    fields::Fields,
    guess::{Certainty, Guess},
    names,
    records::Records,
    request::{Body, Request},
    values::TimeForm,
};

/// The number of records of a page if the command does not say it.
const DEFAULT_SIZE: u32 = 100;
/// Maximum number of records of a page.
const MAX_SIZE: u32 = 10_000;

/// The settings of pages. Parameters that they say from now on are taken out of the request.
pub(super) fn find(
    request: &mut Request,
    tree: &Value,
    records: &Records,
    fields: &Fields,
) -> Vec<Guess> {
    let mut parts = Vec::new();
    around::collect(tree, "$", records, 0, &mut parts);
    let mut guesses = vec![page(request, &parts)];
    guesses.extend(since::since(request, fields));
    guesses.extend(around::total(&parts, records.records.len()));
    guesses.extend(around::success(&parts));
    guesses
}

/// The parameters whose own names mean `concept`, the surest first.
fn named(
    params: &[(String, String)],
    concept: &str,
    is: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let rank = |name: &String| names::find(name.rsplit('.').next().unwrap_or(name), concept);
    let mut found: Vec<_> = params
        .iter()
        .filter(|(_, value)| is(value))
        .filter_map(|(name, value)| Some((rank(name)?, name.clone(), value.clone())))
        .filter(|(rank, ..)| rank.level == 3)
        .collect();
    found.sort_by_key(|(rank, ..)| std::cmp::Reverse(*rank));
    let best = found.first().map(|(rank, ..)| *rank);
    found.retain(|(rank, ..)| Some(*rank) == best);
    found.into_iter().map(|(_, name, value)| (name, value)).collect()
}

fn is_number(text: &str) -> bool {
    text.len() <= 7 && text.parse::<u32>().is_ok()
}

/// How the next page is requested.
fn page(request: &mut Request, parts: &[Part]) -> Guess {
    let params = request.params();
    let is_blank_or_number = |text: &str| text.is_empty() || is_number(text);
    let mut sizes = named(&params, "page_size", is_number);
    let numbers = named(&params, "page_number", is_blank_or_number);
    let offsets = named(&params, "page_offset", is_number);
    let tokens = named(&params, "page_token", |text| TimeForm::of(text).is_none());
    let next = parts.iter().find(|part| {
        let is_filled = part.value.as_str().is_some_and(|text| !text.is_empty());
        names::find(&part.name, "next_page").is_some_and(|found| found.level == 3) && is_filled
    });
    let is_address = |part: &&Part| {
        part.value.as_str().is_some_and(|text| text.contains("://") || text.starts_with(['/', '?']))
    };
    if let Some(next) = next.filter(is_address) {
        let value = format!("{{ kind = \"next\", at = {} }}", quoted(&next.path));
        return Guess::new(
            "page",
            value,
            Certainty::Sure,
            "the answer has the address of the next page",
        );
    }
    if let (Some(next), Some((param, _))) = (next, tokens.first()) {
        request.take(param);
        let value = format!(
            "{{ kind = \"token\", param = {}, at = {} }}",
            quoted(param),
            quoted(&next.path)
        );
        return Guess::new(
            "page",
            value,
            Certainty::Likely,
            "the names of the parameter and of the token in the answer",
        );
    }
    let size = match sizes.as_slice() {
        [] => None,
        [(name, value), ..] => {
            let n = value.parse().unwrap_or(DEFAULT_SIZE).clamp(1, MAX_SIZE);
            Some((name.clone(), n))
        }
    };
    sizes.truncate(1);
    let (kind, candidates) = match (numbers.as_slice(), offsets.as_slice()) {
        ([], []) => return no_page(request, next, size.as_ref()),
        ([], offsets) => ("offset", offsets),
        (numbers, []) => ("number", numbers),
        ([(number, _), ..], [(offset, _), ..]) => {
            let why = format!(
                "the parameters {number} and {offset} are equally likely to select the page: choose one"
            );
            return Guess::todo("page", why);
        }
    };
    let Some((param, first)) = candidates.first() else { return no_page(request, next, None) };
    if let Some((other, _)) = candidates.get(1) {
        let why = format!(
            "the parameters {param} and {other} are equally likely to select the page: choose one"
        );
        return Guess::todo("page", why);
    }
    request.take(param);
    let mut value = format!("{{ kind = \"{kind}\", param = {}", quoted(param));
    if kind == "number" && first == "0" {
        value.push_str(", first = 0");
    }
    let mut why = "the names and values of its parameters".to_owned();
    match size {
        Some((name, n)) => {
            request.take(&name);
            value.push_str(&format!(", size = {{ param = {}, value = {n} }}", quoted(&name)));
        }
        None => why.push_str("; none says how many records a page has"),
    }
    value.push_str(" }");
    let is_first = matches!(first.as_str(), "0" | "1" | "");
    if kind == "number" && !is_first {
        why.push_str("; the number of the first page is taken to be 1");
    }
    Guess::new("page", value, if is_first { Certainty::Sure } else { Certainty::Likely }, why)
}

/// What is missing where no parameter selects a page.
fn no_page(request: &Request, next: Option<&Part>, size: Option<&(String, u32)>) -> Guess {
    if let Some(next) = next {
        return Guess::todo(
            "page",
            format!(
                "the answer has something like the token of the next page at {}: page = {{ kind = \"token\", param = \
                 \"…\", at = {} }}",
                next.path,
                quoted(&next.path)
            ),
        );
    }
    if matches!(request.body, Body::Text(..)) {
        return Guess::todo(
            "page",
            "if the source has pages: page = { kind = \"number\", param = \"page\" }, and {{ page }} in the body",
        );
    }
    let what = match size {
        Some((name, _)) => format!("only {name} says how many records a page has; "),
        None => String::new(),
    };
    Guess::todo(
        "page",
        format!("{what}no parameter of the command selects a page, so only one is read"),
    )
}
