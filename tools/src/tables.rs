//! Code tables made from public data: administrative divisions and categories of demands.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::Path,
};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The table that is shipped.
const REGIONS: &str = "config/codes/region.csv";
const HEADER: [&str; 7] = ["code", "name", "old_of", "aliases", "from", "until", "note"];
/// Streets are shipped for this city alone: all of them are two megabytes.
const STREETS_OF: &str = "3402";
/// Short names that are not the name without its suffix.
const SHORT: [(&str, &str); 7] = [
    ("内蒙古自治区", "内蒙古"),
    ("广西壮族自治区", "广西"),
    ("西藏自治区", "西藏"),
    ("宁夏回族自治区", "宁夏"),
    ("新疆维吾尔自治区", "新疆"),
    ("香港特别行政区", "香港"),
    ("澳门特别行政区", "澳门"),
];

/// A row of the table.
type Row = [String; 7];

/// Writes the shipped table of divisions from `provinces.csv`, `cities.csv`, `areas.csv` and
/// `streets.csv` in `folder`. Rows of the old table that the files do not have, old codes and zones,
/// stay. With `history`, old counties of `history.jsonl` are added where one county of today in the
/// same province bears the same name.
pub(crate) fn regions(folder: &Path, history: bool) -> anyhow::Result<String> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut add = |code: String, name: &str| {
        rows.insert(code.clone(), row(&code, name, "", &short(name, code.len()), ["", "", ""]));
    };
    for (file, width) in [("provinces.csv", 6), ("cities.csv", 6), ("areas.csv", 6)] {
        for (code, name) in read(&folder.join(file))? {
            add(format!("{code:0<width$}"), &name);
        }
    }
    for (code, name) in read(&folder.join("streets.csv"))? {
        if code.starts_with(STREETS_OF) {
            add(code, &name);
        }
    }
    let n_public = rows.len();
    let mut reader = csv::Reader::from_path(REGIONS).context(REGIONS)?;
    let header = reader.headers()?.clone();
    for record in reader.records() {
        let record = record?;
        let cell = |name: &str| {
            let index = header.iter().position(|column| column == name);
            index.and_then(|index| record.get(index)).unwrap_or_default()
        };
        rows.entry(cell("code").to_owned())
            .or_insert_with(|| HEADER.map(|name| cell(name).to_owned()));
    }
    let n_kept = rows.len() - n_public;
    let old =
        if history { old_counties(&folder.join("history.jsonl"), &rows)? } else { Vec::new() };
    let n_old = old.len();
    rows.extend(old);
    let mut writer = csv::Writer::from_path(REGIONS)?;
    writer.write_record(HEADER)?;
    for row in rows.values() {
        writer.write_record(row)?;
    }
    writer.flush()?;
    Ok(format!("{REGIONS}: {n_public} divisions, {n_kept} rows kept, {n_old} old counties"))
}

fn row(code: &str, name: &str, old_of: &str, aliases: &str, rest: [&str; 3]) -> Row {
    let [from, until, note] = rest;
    [code, name, old_of, aliases, from, until, note].map(str::to_owned)
}

/// Code and name of every line.
fn read(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_path(file).with_context(|| file.display().to_string())?;
    let lines = reader.records().map(|record| {
        let record = record?;
        let cell = |index: usize| record.get(index).unwrap_or_default().to_owned();
        Ok((cell(0), cell(1)))
    });
    lines.collect()
}

/// 安徽 for 安徽省, 芜湖 for 芜湖市. Only for provinces and cities: the short name of a county is often an
/// ordinary word.
fn short(name: &str, width: usize) -> String {
    let known = SHORT.iter().find(|(long, _)| *long == name).map(|(_, short)| *short);
    let bare = name.strip_suffix('省').or_else(|| name.strip_suffix('市'));
    let bare = bare.filter(|bare| width == 6 && bare.chars().count() >= 2);
    known.or(bare).unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
struct Old {
    code: String,
    name: String,
    first_revision: String,
    last_revision: String,
}

/// Former counties, each with the present county of the same name in the same province.
fn old_counties(file: &Path, rows: &BTreeMap<String, Row>) -> anyhow::Result<Vec<(String, Row)>> {
    let mut today: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
    for [code, name, old_of, ..] in rows.values() {
        if old_of.is_empty() && code.len() == 6 && !code.ends_with("00") {
            today.entry((&code[..2], stem(name))).or_default().push(code);
        }
    }
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut newest: BTreeMap<String, Old> = BTreeMap::new();
    for line in text.lines() {
        let old: Old = serde_json::from_str(line)?;
        let is_newer =
            newest.get(&old.code).is_none_or(|known| known.last_revision < old.last_revision);
        if is_newer && !rows.contains_key(&old.code) && old.code.len() == 6 {
            newest.insert(old.code.clone(), old);
        }
    }
    let found = newest.into_values().filter_map(|old| {
        let Old { code, name, first_revision, last_revision } = old;
        let [now] = today.get(&(&code[..2], stem(&name)))?.as_slice() else { return None };
        let row = row(&code, &name, now, "", [&first_revision, &last_revision, ""]);
        Some((code, row))
    });
    Ok(found.collect())
}

/// The name of a county without its kind: 无为 for 无为县 and 无为市.
fn stem(name: &str) -> &str {
    let bare =
        ["自治县", "县", "市", "区", "旗"].iter().find_map(|suffix| name.strip_suffix(suffix));
    bare.filter(|bare| bare.chars().count() >= 2).unwrap_or(name)
}

#[derive(Deserialize)]
struct Category {
    #[serde(rename = "一级分类")]
    first: String,
    #[serde(rename = "二级分类")]
    second: String,
    #[serde(rename = "三级分类")]
    third: String,
}

/// Writes a table of categories, numbered in their order, from `category.jsonl` in `folder` to `file`.
pub(crate) fn categories(folder: &Path, file: &Path) -> anyhow::Result<String> {
    let source = folder.join("category.jsonl");
    let text = fs::read_to_string(&source).with_context(|| source.display().to_string())?;
    let mut all = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Category { first, second, third } = serde_json::from_str(line)?;
        all.push([first, second, third].map(|name| name.trim().to_owned()));
    }
    ensure!(!all.is_empty(), "{} holds no category", source.display());
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut below: HashMap<String, usize> = HashMap::new();
    let mut seen = HashSet::new();
    let mut leaves: HashMap<&str, usize> = HashMap::new();
    all.iter().for_each(|[.., leaf]| *leaves.entry(leaf.as_str()).or_default() += 1);
    let mut writer = csv::Writer::from_path(file)?;
    writer.write_record(["raw", "code", "aliases"])?;
    for path in &all {
        let (mut raw, mut code) = (String::new(), String::new());
        for (level, name) in path.iter().enumerate() {
            let parent = raw.clone();
            raw = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
            let number = *numbers.entry(raw.clone()).or_insert_with(|| {
                let count = below.entry(parent).or_default();
                *count += 1;
                *count
            });
            code.push_str(&format!("{number:02}"));
            if seen.insert(raw.clone()) {
                let is_telling = level == 2 && leaves[name.as_str()] == 1;
                writer.write_record([
                    raw.as_str(),
                    code.as_str(),
                    if is_telling { name } else { "" },
                ])?;
            }
        }
    }
    writer.flush()?;
    Ok(format!("{}: {} categories", file.display(), seen.len()))
}
