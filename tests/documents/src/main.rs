//! Inserts the texts of public test suites into documents, each between two good records, and reads the
//! documents with every connector. `cargo xtask conformance DIR` runs it.
//!
//! A suite says whether a text alone is valid JSON or XML. This program checks which records are damaged: the
//! record with the text may be unreadable, its neighbours must not be, and all connectors must agree. If a
//! text leaves a bracket open, the records cannot be told apart, and a connector refuses the whole document.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};
use document_tests::{Outcome, Outcomes, csv_rows, json_list, xml_list};
use serde_json::Value;

/// The results so far.
#[derive(Default)]
struct Results {
    /// The number of files by kind and outcome.
    outcomes: BTreeMap<(String, &'static str), usize>,
    /// Descriptions of wrong outcomes.
    wrong: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.context("add the folder with the clones of the suites as an argument")?;
    let mut files = Vec::new();
    list(&folder, &mut files)?;
    let mut results = Results::default();
    for path in &files {
        let (name, text) = (path.to_string_lossy(), fs::read(path)?);
        if name.contains("test_parsing/") && name.ends_with(".json") {
            results.json(path, &text)?;
        } else if name.ends_with(".xml") && (name.contains("/valid/") || name.contains("/not-wf/"))
        {
            results.xml(&name, &text)?;
        } else if name.contains("/csvs/") && name.ends_with(".csv") {
            results.csv(path, &text)?;
        }
    }
    ensure!(!results.outcomes.is_empty(), "{} contains no known test suite", folder.display());
    let mut out = io::stdout().lock();
    writeln!(out, "| files | outcome | n |\n|---|---|---|")?;
    for ((kind, outcome), n) in &results.outcomes {
        writeln!(out, "| {kind} | {outcome} | {n} |")?;
    }
    results.wrong.iter().try_for_each(|wrong| writeln!(out, "WRONG {wrong}"))?;
    Ok(if results.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Results {
    /// Checks one file of the JSON suite. The first letter of its name says whether it is valid JSON (`y`),
    /// invalid (`n`) or up to the parser (`i`).
    fn json(&mut self, path: &Path, value: &[u8]) -> Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (before, after) = (br#"[{"id":"1"},{"id":"2","v":"#, br#"},{"id":"9"}]"#);
        let all = json_list(&[&before[..], value, after].concat())?;
        let kind = name.split('_').next().unwrap_or_default();
        let outcome = self.judge(&name, &all);
        self.wrong.extend(match (kind, outcome) {
            ("y", "accepted") | ("y", "accepted with a flag") | ("i", _) => None,
            ("n", "refused as a whole") if !is_balanced(value) => None,
            ("n", "unreadable" | "accepted with a flag") => None,
            _ => Some(format!("{name}: {outcome}")),
        });
        *self.outcomes.entry((format!("JSON {kind}_"), outcome)).or_default() += 1;
        Ok(())
    }

    /// Checks one file of the XML suite. A valid document must be accepted.
    fn xml(&mut self, name: &str, text: &[u8]) -> Result<()> {
        // A text that is not UTF-8 cannot be inserted into a UTF-8 document.
        let Some(root) = std::str::from_utf8(text).ok().and_then(root_of) else { return Ok(()) };
        let document = format!(
            "<rows><row><id>1</id></row><row><id>2</id><v>{root}</v></row><row><id>9</id></row></rows>"
        );
        let all = xml_list(document.as_bytes())?;
        let outcome = self.judge(name, &all);
        let kind = if name.contains("/valid/") { "valid" } else { "not-wf" };
        if kind == "valid" && !outcome.starts_with("accepted") {
            self.wrong.push(format!("{name}: {outcome}"));
        }
        *self.outcomes.entry((format!("XML {kind}"), outcome)).or_default() += 1;
        Ok(())
    }

    /// Checks one file of the CSV suite, which has the expected rows as JSON.
    fn csv(&mut self, path: &Path, table: &[u8]) -> Result<()> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let expected = path.with_file_name("").join("../json").join(format!("{name}.json"));
        let mut expected = match serde_json::from_slice(&fs::read(expected)?)? {
            Value::Array(rows) => rows,
            row => vec![row],
        };
        let first = expected.first().and_then(Value::as_object).and_then(|row| row.keys().next());
        let key = format!("$['{}']", first.map_or("", String::as_str));
        let mut rows = csv_rows(table, &key)?;
        if name == "location_coordinates" {
            // The telephone number that the suite expects is not the one in this table.
            for row in rows.iter_mut().flatten().chain(&mut expected) {
                row["Contact Phone Number"] = Value::Null;
            }
        }
        let outcome = if rows.is_some_and(|rows| rows == expected) {
            "read as expected"
        } else {
            self.wrong.push(format!("{name}.csv: other rows than expected"));
            "read otherwise"
        };
        *self.outcomes.entry(("CSV".to_owned(), outcome)).or_default() += 1;
        Ok(())
    }

    /// The outcome of the record in the middle, on which all connectors must agree.
    fn judge(&mut self, name: &str, all: &[(&'static str, Outcomes)]) -> &'static str {
        for (connector, outcomes) in all {
            if *outcomes != all[0].1 {
                self.wrong.push(format!(
                    "{name}: {connector} says {outcomes:?}, {} {:?}",
                    all[0].0, all[0].1
                ));
            }
        }
        let Some(outcomes) = &all[0].1 else { return "refused as a whole" };
        let good = |key: &str| Outcome::Accepted { key: key.to_owned(), n_flags: 0 };
        match &outcomes[..] {
            [first, middle, last] if (first, last) == (&good("1"), &good("9")) => match middle {
                Outcome::Accepted { n_flags: 0, .. } => "accepted",
                Outcome::Accepted { .. } => "accepted with a flag",
                Outcome::Unreadable { .. } => "unreadable",
            },
            _ => "its neighbours are damaged",
        }
    }
}

/// Whether all brackets and quotes are closed.
fn is_balanced(text: &[u8]) -> bool {
    let (mut open, mut bytes, mut in_text) = (Vec::new(), text.iter(), false);
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if in_text => {
                bytes.next();
            }
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b']' | b'}' if open.pop() != Some(*byte) => return false,
            _ => {}
        }
    }
    open.is_empty() && !in_text
}

/// The root element of a document, without the prolog.
fn root_of(text: &str) -> Option<&str> {
    let mut unread = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if unread.starts_with("<?") {
            unread.find("?>")? + 2
        } else if unread.starts_with("<!--") {
            unread.find("-->")? + 3
        } else if unread.starts_with("<!DOCTYPE") {
            match (unread.find('['), unread.find('>')?) {
                (Some(subset), plain) if subset < plain => {
                    let close = unread.find("]>").or_else(|| unread.find("] >"))?;
                    close + unread[close..].find('>')? + 1
                }
                (_, plain) => plain + 1,
            }
        } else {
            return unread.starts_with('<').then_some(unread);
        };
        unread = unread.get(end..)?.trim_start();
    }
}

/// Lists all files in a folder and its subfolders, in the order of their names.
fn list(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            list(&entry.path(), into)?;
        } else {
            into.push(entry.path());
        }
    }
    Ok(())
}
