//! Checks that no schema can express: conflicts within a channel, and between channels.

use serde_json::{Map, Value};

use crate::{
    channel::RawChannel,
    problem::{Problem, Suggestion},
    schema::Vocabulary,
    source::{Finding, Source},
};

/// The table named after the connector must exist, and no other connector's may.
pub(crate) fn bad_sections(
    value: &Value,
    vocabulary: &Vocabulary,
    source: &Source,
) -> Vec<Problem> {
    let Some(connector) = value["connector"].as_str() else { return Vec::new() };
    let mut kinds = vocabulary.connectors.iter().map(|kind| kind.name.as_str());
    if !kinds.clone().any(|kind| kind == connector) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if value.get(connector).is_none() {
        let message = format!("missing table `[{connector}]`, the settings of the connector");
        problems.push(at(source, "connector", message, None));
    }
    for other in kinds.by_ref().filter(|kind| *kind != connector && value.get(*kind).is_some()) {
        let message =
            format!("`[{other}]` is for `connector = \"{other}\"`, not for \"{connector}\"");
        let advice = format!("remove the table, or write `connector = \"{other}\"`");
        problems.push(at(source, other, message, Some(Suggestion::advice(advice))));
    }
    problems
}

/// Channels with the same name, and channels with the same source settings, which would read the same
/// records.
pub(crate) fn duplicates(channels: &[RawChannel]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, channel) in channels.iter().enumerate() {
        let name = channel.value["name"].as_str().map(str::trim).filter(|name| !name.is_empty());
        let section = section(&channel.value);
        let earlier = &channels[..position];
        if let Some(first) = earlier
            .iter()
            .find(|other| name.is_some() && other.value["name"].as_str().map(str::trim) == name)
        {
            let message = format!("the same name as in {}", first.source.file);
            problems.push(at(&channel.source, "name", message, None));
        }
        if let Some(first) =
            earlier.iter().find(|other| section.is_some() && self::section(&other.value) == section)
        {
            let message =
                format!("the same settings as in {}: it reads the same records", first.source.file);
            let table = section.map_or("", |(connector, _)| connector);
            problems.push(at(&channel.source, table, message, None));
        }
    }
    problems
}

/// Channels that share an upstream share its budget, so their budgets must be equal.
pub(crate) fn budget_conflicts(channels: &[RawChannel]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, channel) in channels.iter().enumerate() {
        let (upstream, limits) = budget(channel);
        let mut earlier = channels[..position].iter();
        let Some(first) = earlier.find(|other| budget(other).0 == upstream) else { continue };
        if budget(first).1 != limits {
            let file = &first.source.file;
            let message =
                format!("another budget than in {file}, which asks the same upstream `{upstream}`");
            let advice = "write the same limits in both, or name another upstream".to_owned();
            let suggestion = Some(Suggestion::advice(advice));
            problems.push(at(&channel.source, "budget", message, suggestion));
        }
    }
    problems
}

/// The upstream of a channel, and its limits as written.
fn budget(channel: &RawChannel) -> (&str, Map<String, Value>) {
    let mut limits = channel.value["budget"].as_object().cloned().unwrap_or_default();
    limits.remove("upstream");
    let upstream = channel.value["budget"]["upstream"].as_str();
    (upstream.unwrap_or(channel.id.as_str()), limits)
}

fn section(value: &Value) -> Option<(&str, &Value)> {
    let connector = value["connector"].as_str()?;
    Some((connector, value.get(connector)?)).filter(|(_, section)| !section.is_null())
}

fn at(source: &Source, key: &str, message: String, suggestion: Option<Suggestion>) -> Problem {
    source.problem(Finding::new(source.locate(&[key]), message, suggestion))
}
