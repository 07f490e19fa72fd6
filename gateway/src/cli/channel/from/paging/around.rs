//! The parts of an answer around its records: how many there are, and whether it is a success.

use serde_json::Value;

use crate::cli::channel::from::{
    columns::member,
    draft::quoted,
    guess::{Certainty, Guess},
    names,
    records::Records,
};

/// Maximum number of objects around a part of the answer.
const MAX_DEPTH: usize = 6;

/// A part of the answer outside its records: its path, its name and its value.
pub(super) struct Part {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) value: Value,
}

/// Collects the parts of an answer.
pub(super) fn collect(
    value: &Value,
    path: &str,
    records: &Records,
    depth: usize,
    parts: &mut Vec<Part>,
) {
    let list = records.path.strip_suffix("[*]").unwrap_or(&records.path);
    if depth > MAX_DEPTH || path == list {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = member(path, name);
                if value.is_object() || value.is_array() {
                    collect(value, &path, records, depth + 1, parts);
                } else if !path.starts_with(&format!("{list}[")) {
                    parts.push(Part { path, name: name.clone(), value: value.clone() });
                }
            }
        }
        // An element of XML, which is the only one of its name.
        Value::Array(items) => {
            if let [only @ Value::Object(element)] = items.as_slice() {
                let own = path.rsplit('.').next().unwrap_or(path).to_owned();
                match element.get("$text") {
                    Some(text) => {
                        let (path, value) = (format!("{path}[0]['$text']"), text.clone());
                        parts.push(Part { path, name: own, value });
                    }
                    None if records.is_xml => {
                        collect(only, &format!("{path}[0]"), records, depth + 1, parts);
                    }
                    None => {}
                }
            }
        }
        _ => {}
    }
}

impl Part {
    fn number(&self) -> Option<u64> {
        document::scalar_text(&self.value)?.trim().parse().ok()
    }
}

/// How many records the whole list has.
pub(super) fn total(parts: &[Part], n_records: usize) -> Option<Guess> {
    let n_records = u64::try_from(n_records).unwrap_or(u64::MAX);
    let ranked = parts.iter().filter_map(|part| {
        let found = names::find(&part.name, "total").filter(|found| found.level == 3)?;
        (part.number()? >= n_records).then_some((found, part))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let (rank, first) = ranked.first()?;
    let is_equal = |(other, part): &&(names::NameMatch, &Part)| {
        other == rank && part.number() != first.number()
    };
    if let Some((_, other)) = ranked.iter().skip(1).find(is_equal) {
        let why = format!("{} and {} are equally likely: choose one", first.path, other.path);
        return Some(Guess::todo("total", why));
    }
    // `count` may as well be that of the page.
    let is_of_page = rank.group < 9 && first.number() == Some(n_records);
    if is_of_page {
        let why = format!(
            "{} may be the number of all records or of the page: total = {}",
            first.path,
            quoted(&first.path)
        );
        return Some(Guess::todo("total", why));
    }
    let sure = if rank.group == 9 { Certainty::Sure } else { Certainty::Likely };
    Some(Guess::new("total", quoted(&first.path), sure, "its name and its number"))
}

/// Which answers are successes.
pub(super) fn success(parts: &[Part]) -> Option<Guess> {
    let is_short =
        |part: &&Part| document::scalar_text(&part.value).is_some_and(|text| text.len() <= 12);
    let is_state =
        |part: &&Part| names::find(&part.name, "state").is_some_and(|found| found.level == 3);
    let states: Vec<&Part> = parts.iter().filter(is_state).filter(is_short).collect();
    let is_outermost = |part: &&&Part| part.path.matches(['.', '[']).count();
    let part = states.iter().min_by_key(is_outermost)?;
    let value = match &part.value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    };
    let value = format!("{{ at = {}, equals = {value} }}", quoted(&part.path));
    Some(Guess::new(
        "success",
        value,
        Certainty::Likely,
        "its name, and its value in an answer with records",
    ))
}
