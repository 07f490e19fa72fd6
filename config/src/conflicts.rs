//! Checks that a schema cannot express: conflicts within a channel, and between channels.

use serde_json::{Map, Value};

use crate::{
    channel::RawChannel,
    config_file::{ConfigFile, Finding},
    problem::{Problem, Suggestion},
    schema::SectionSchemas,
};

/// Reports a missing table of the channel's connector, and tables of other connectors.
pub(crate) fn section_problems(
    value: &Value,
    sections: &SectionSchemas,
    file: &ConfigFile,
) -> Vec<Problem> {
    let Some(connector) = value["connector"].as_str() else { return Vec::new() };
    let kinds = sections.connectors.iter().map(|kind| kind.name.as_str());
    if !kinds.clone().any(|kind| kind == connector) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if value.get(connector).is_none() {
        let message = format!("missing table `[{connector}]` with the settings of the connector");
        let advice = "add the table, or change `connector`";
        problems.push(problem(file, "connector", message, advice));
    }
    for other in kinds.filter(|kind| *kind != connector && value.get(*kind).is_some()) {
        let message =
            format!("`[{other}]` is for `connector = \"{other}\"`, not for \"{connector}\"");
        let advice = format!("remove the table, or write `connector = \"{other}\"`");
        problems.push(problem(file, other, message, &advice));
    }
    problems
}

/// Reports channels with the same name, and channels with equal connector settings, which would read the
/// same records.
pub(crate) fn duplicate_channels(channels: &[RawChannel]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, channel) in channels.iter().enumerate() {
        let name = channel.value["name"].as_str().map(str::trim).filter(|name| !name.is_empty());
        let table = connector_table(&channel.value);
        let earlier = &channels[..position];
        if let Some(first) = earlier
            .iter()
            .find(|other| name.is_some() && other.value["name"].as_str().map(str::trim) == name)
        {
            let message = format!("the channel in {} has the same `name`", first.file.path);
            let advice = "set another `name` in one of the two files";
            problems.push(problem(&channel.file, "name", message, advice));
        }
        if let Some(first) =
            earlier.iter().find(|other| table.is_some() && connector_table(&other.value) == table)
        {
            let (file, connector) = (&first.file.path, table.map_or("", |(name, _)| name));
            let message = format!("{file} has an equal table, so it reads the same records");
            let advice = "change this table, or remove one of the two channels";
            problems.push(problem(&channel.file, connector, message, advice));
        }
    }
    problems
}

/// Reports channels that share an upstream but set different limits: an upstream has one budget.
pub(crate) fn budget_conflicts(channels: &[RawChannel]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, channel) in channels.iter().enumerate() {
        let (upstream, limits) = budget(channel);
        let mut earlier = channels[..position].iter();
        let Some(first) = earlier.find(|other| budget(other).0 == upstream) else { continue };
        if budget(first).1 != limits {
            let file = &first.file.path;
            let message =
                format!("{file} reads the same upstream `{upstream}` with another budget");
            let advice = "set the same limits in both files, or another `upstream`";
            problems.push(problem(&channel.file, "budget", message, advice));
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

/// The connector of a channel, and the table with its settings; `None` if one of them is missing.
fn connector_table(value: &Value) -> Option<(&str, &Value)> {
    let connector = value["connector"].as_str()?;
    Some((connector, value.get(connector)?)).filter(|(_, table)| !table.is_null())
}

/// A problem at the place of `key`.
fn problem(file: &ConfigFile, key: &str, message: String, advice: &str) -> Problem {
    let suggestion = Some(Suggestion::advice(advice));
    file.problem(Finding::new(file.locate(&[key]), message, suggestion))
}
