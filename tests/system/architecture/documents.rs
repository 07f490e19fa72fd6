//! Checks that the files, tests and commands that the documents name exist, in both languages.

use std::collections::BTreeSet;

use super::{assert_none, folders, read, root, sources};

const VERBS: &[&str] = &["read", "pack", "deliver", "advance", "settle", "take", "keep", "ack"];

#[test]
fn the_architecture_page_is_short_and_names_every_verb() {
    let page = read("ARCHITECTURE.md");
    let lines = page.lines().count();
    assert!(lines <= 200, "ARCHITECTURE.md has {lines} lines, more than 200");
    let words: Vec<_> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let missing = VERBS.iter().filter(|verb| !words.contains(verb)).map(|v| (*v).to_owned());
    assert_none(&missing.collect::<Vec<_>>(), "verbs that ARCHITECTURE.md does not name");
}

#[test]
fn every_invariant_is_guarded_by_a_test_that_exists() {
    let page = read("ARCHITECTURE.md");
    let sources = sources();
    let tests: BTreeSet<_> = sources.iter().flat_map(|source| tests(&source.text)).collect();
    let mut wrong = Vec::new();
    for number in 1..=10 {
        let name = format!("I{number}");
        let row = page.lines().find(|line| line.starts_with(&format!("| {name} |")));
        let guards = row.and_then(|row| row.trim_end_matches('|').rsplit('|').next());
        let guards: Vec<_> = guards.unwrap_or_default().split('`').skip(1).step_by(2).collect();
        if guards.is_empty() {
            wrong.push(format!("{name}: no row with a test in ARCHITECTURE.md"));
        }
        let missing = guards.into_iter().filter(|guard| !tests.contains(guard));
        wrong.extend(missing.map(|guard| format!("{name}: there is no test {guard}")));
    }
    assert_none(&wrong, "invariants without a guard");
}

#[test]
fn every_test_that_the_security_pages_name_exists() {
    let sources = sources();
    let texts = sources.iter().map(|source| source.text.as_str());
    let tests: BTreeSet<_> = texts.flat_map(|text| tests(text).chain(suites(text))).collect();
    let (english, chinese) = (read("docs/security.md"), read("docs/security.zh-CN.md"));
    let named = named_tests(&english);
    assert!(named.len() > 50, "docs/security.md is not read as expected: {named:?}");
    let missing = named.iter().filter(|name| !tests.contains(*name)).map(|name| (*name).to_owned());
    assert_none(&missing.collect::<Vec<_>>(), "tests of docs/security.md that do not exist");
    assert_eq!(named, named_tests(&chinese), "left docs/security.md, right the Chinese page");
}

#[test]
fn every_file_and_folder_that_the_architecture_page_names_is_there() {
    let page = read("ARCHITECTURE.md");
    let prose: String = page.split("```").step_by(2).collect();
    let sources = sources();
    let is_there = |name: &str| {
        let below = format!("/{name}");
        root().join(name).exists()
            || root().join("config").join(name).exists()
            || sources.iter().any(|source| {
                source.path.ends_with(&below) || name.ends_with('/') && source.path.contains(&below)
            })
    };
    let names = prose.split('`').skip(1).step_by(2);
    let names = names.filter(|name| name.ends_with(".rs") || name.ends_with('/'));
    let names: Vec<_> = names.filter(|name| !name.contains('<')).collect();
    assert!(names.len() > 40, "the page is not read as expected: {names:?}");
    let missing = names.into_iter().filter(|name| !is_there(name)).map(str::to_owned);
    assert_none(&missing.collect::<Vec<_>>(), "ARCHITECTURE.md names these, but they do not exist");
}

#[test]
fn both_readmes_give_the_same_commands() {
    let (english, chinese) = (commands("README.md"), commands("README.zh-CN.md"));
    assert!(!english.is_empty(), "README.md gives no command");
    assert_eq!(english, chinese, "left README.md, right README.zh-CN.md");
}

#[test]
fn the_readme_gives_the_test_command() {
    assert!(commands("README.md").iter().any(|command| command == "cargo xtask test"));
}

#[test]
fn every_channel_has_an_example() {
    let channels = folders("config/channels");
    assert!(!channels.is_empty(), "config/channels is empty");
    let mut wrong = Vec::new();
    for channel in channels {
        let file = format!("config/channels/{channel}/channel.toml");
        let settings: toml::Table = read(&file).parse().unwrap();
        let examples = settings.get("example").and_then(toml::Value::as_array);
        if examples.is_none_or(Vec::is_empty) {
            wrong.push(file);
        }
    }
    assert_none(&wrong, "channels without [[example]]");
}

/// Prometheus takes a metric that nobody has for one without samples: such an alert would never come.
#[test]
fn alerts_and_dashboard_use_only_metrics_that_the_console_has() {
    let source = read("gateway/src/console/metrics.rs");
    let known = source.split("family(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let known: BTreeSet<_> = known.collect();
    for file in ["docs/monitoring/alerts.yml", "docs/monitoring/dashboard.json"] {
        let text = read(file);
        let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let used: BTreeSet<_> = words.filter(|word| word.starts_with("tonghui_")).collect();
        assert!(used.len() > 5, "{file} uses {used:?}");
        let unknown: Vec<_> = used.difference(&known).map(|name| (*name).to_owned()).collect();
        assert_none(&unknown, &format!("metrics in {file} that the console does not have"));
    }
    let dashboard: Result<serde_json::Value, _> =
        serde_json::from_str(&read("docs/monitoring/dashboard.json"));
    assert!(dashboard.is_ok_and(|dashboard| dashboard["panels"].is_array()));
}

/// The names of the functions with a test attribute.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let attributes = text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1));
    attributes.filter_map(|rest| rest.split_once("fn ")?.1.split_once('(').map(|(name, _)| name))
}

/// The names of the tests that a suite makes of a list, for each implementation.
fn suites(text: &str) -> impl Iterator<Item = &str> {
    let lists = text.split("promises! {\n").skip(1).chain(text.split("of_both! {\n").skip(1));
    let lists = lists.filter_map(|rest| rest.split_once('}'));
    lists.flat_map(|(list, _)| list.split(',')).map(str::trim)
}

/// The tests that a page names: words in backticks with at least three underscores, except metrics.
fn named_tests(page: &str) -> BTreeSet<&str> {
    let is_name = |word: &&str| {
        word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && word.matches('_').count() >= 3
            && !word.starts_with("tonghui_")
    };
    page.split('`').skip(1).step_by(2).filter(is_name).collect()
}

/// The commands in the `sh` blocks of a page, without trailing comments.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in read(page).lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
            continue;
        }
        let command = line.split(" #").next().unwrap_or_default().trim();
        if inside && !command.is_empty() && !command.starts_with('#') {
            commands.push(command.to_owned());
        }
    }
    commands
}
