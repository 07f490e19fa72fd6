//! Checks that a schema cannot express: conflicts within a channel, and between channels.

use serde_json::{Map, Value};

use crate::{
    channel::RawChannel,
    problem::{Problem, Suggestion},
    schema::SectionSchemas,
    source::{Finding, Source},
};

/// Reports a missing table of the channel's connector, and tables of other connectors.
pub(crate) fn section_problems(
    value: &Value,
    sections: &SectionSchemas,
    source: &Source,
) -> Vec<Problem> {
    let Some(connector) = value["connector"].as_str() else { return Vec::new() };
    let mut kinds = sections.connectors.iter().map(|kind| kind.name.as_str());
    if !kinds.clone().any(|kind| kind == connector) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if value.get(connector).is_none() {
        let message = format!("missing table `[{connector}]` with the settings of the connector");
        problems.push(problem(source, "connector", message, None));
    }
    for other in kinds.by_ref().filter(|kind| *kind != connector && value.get(*kind).is_some()) {
        let message =
            format!("`[{other}]` is for `connector = \"{other}\"`, not for \"{connector}\"");
        let advice = format!("remove the table, or write `connector = \"{other}\"`");
        problems.push(problem(source, other, message, Some(Suggestion::advice(advice))));
    }
    problems
}

/// Reports channels with the same name, and channels with equal connector settings, which would read the
/// same records.
pub(crate) fn duplicate_channels(channels: &[RawChannel]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, channel) in channels.iter().enumerate() {
        let name = channel.value["name"].as_str().map(str::trim).filter(|name| !name.is_empty());
        let section = section(&channel.value);
        let earlier = &channels[..position];
        if let Some(first) = earlier
            .iter()
            .find(|other| name.is_some() && other.value["name"].as_str().map(str::trim) == name)
        {
            let message = format!("{} has the same name", first.source.file);
            problems.push(problem(&channel.source, "name", message, None));
        }
        if let Some(first) =
            earlier.iter().find(|other| section.is_some() && self::section(&other.value) == section)
        {
            let message =
                format!("{} has the same settings and reads the same records", first.source.file);
            let table = section.map_or("", |(connector, _)| connector);
            problems.push(problem(&channel.source, table, message, None));
        }
    }
    problems
}

/// Reports different budgets of channels that share an upstream: they share one budget.
pub(crate) fn budget_conflicts(channels: &[RawChannel]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, channel) in channels.iter().enumerate() {
        let (upstream, limits) = budget(channel);
        let mut earlier = channels[..position].iter();
        let Some(first) = earlier.find(|other| budget(other).0 == upstream) else { continue };
        if budget(first).1 != limits {
            let file = &first.source.file;
            let message =
                format!("{file} reads the same upstream `{upstream}` with another budget");
            let advice = "set the same limits in both files, or another `upstream`".to_owned();
            let suggestion = Some(Suggestion::advice(advice));
            problems.push(problem(&channel.source, "budget", message, suggestion));
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

/// The name and the settings of the connector of a channel.
fn section(value: &Value) -> Option<(&str, &Value)> {
    let connector = value["connector"].as_str()?;
    Some((connector, value.get(connector)?)).filter(|(_, section)| !section.is_null())
}

fn problem(source: &Source, key: &str, message: String, suggestion: Option<Suggestion>) -> Problem {
    source.problem(Finding::new(source.locate(&[key]), message, suggestion))
}
