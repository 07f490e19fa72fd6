//! Checks that a schema cannot express: conflicts within a channel, and between channels.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::{
    allow::local_folder,
    channel::RawChannel,
    config_file::{ConfigFile, Finding},
    format::{UNSET, real_path},
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

/// Reports channels with the same name, and channels that would read the same records: those with equal connector
/// settings, and those that read the same files.
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
        } else if let Some(first) = earlier.iter().find(|other| share_files(other, channel)) {
            let (file, connector) = (&first.file.path, table.map_or("", |(name, _)| name));
            let message = format!(
                "{file} reads the same folder, and a file may fit `match` of both channels"
            );
            let advice =
                "give each channel a folder of its own, or patterns that no file of the other fits";
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

/// Whether a file may be read by both channels. Each of them would have some of its files taken away by the other.
fn share_files(one: &RawChannel, other: &RawChannel) -> bool {
    let (Some((folder, patterns)), Some((other_folder, others))) = (files(one), files(other))
    else {
        return false;
    };
    folder == other_folder
        && patterns.iter().any(|one| others.iter().any(|other| may_overlap(one, other)))
}

/// The folder that a channel reads, without symbolic links in its path, and the patterns of the names of its files;
/// `None` if it reads no files.
fn files(channel: &RawChannel) -> Option<(PathBuf, Vec<&str>)> {
    let (_, table) = connector_table(&channel.value)?;
    let url = table.get("url")?.as_str().filter(|url| *url != UNSET)?;
    let patterns = table.get("match")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let folder = local_folder(url).and_then(|folder| real_path(&folder));
    Some((folder.unwrap_or_else(|| PathBuf::from(url)), patterns))
}

/// Whether a name may fit two patterns, in which `*` stands for any characters.
fn may_overlap(one: &str, other: &str) -> bool {
    let other: Vec<char> = other.chars().collect();
    // For each number of characters of `other`: whether a text fits them and what was seen of `one`.
    let mut fits = vec![true];
    fits.extend(other.iter().scan(true, |fits, c| {
        *fits &= *c == '*';
        Some(*fits)
    }));
    for c in one.chars() {
        let mut next = vec![c == '*' && fits[0]];
        for (n, with) in other.iter().enumerate() {
            // The extension of a name may be in capitals.
            let both = fits[n] && c.eq_ignore_ascii_case(with);
            let star_of_one = c == '*' && (fits[n + 1] || next[n]);
            let star_of_other = *with == '*' && (fits[n + 1] || next[n]);
            next.push(both || star_of_one || star_of_other);
        }
        fits = next;
    }
    fits.last().is_some_and(|fits| *fits)
}

/// A problem at the place of `key`.
fn problem(file: &ConfigFile, key: &str, message: String, advice: &str) -> Problem {
    let suggestion = Some(Suggestion::advice(advice));
    file.problem(Finding::new(file.locate(&[key]), message, suggestion))
}

#[cfg(test)]
mod tests {
    use super::may_overlap;

    #[test]
    fn patterns_overlap_if_a_name_may_fit_both() {
        for (one, other, expected) in [
            ("*.csv", "*.csv", true),
            ("*.csv", "a*", true),
            ("*.csv", "b*.csv", true),
            ("a*.csv", "*b.csv", true),
            ("*", "x.ok", true),
            ("x*", "x", true),
            ("a.csv", "a.csv", true),
            ("*.csv", "*.CSV", true),
            ("*.csv", "*.json", false),
            ("a*.csv", "b*.csv", false),
            ("工单*.xlsx", "回访*.xlsx", false),
            ("a.csv", "a.csvx", false),
            ("", "a", false),
        ] {
            assert_eq!(may_overlap(one, other), expected, "{one} {other}");
            assert_eq!(may_overlap(other, one), expected, "{other} {one}");
        }
    }
}
