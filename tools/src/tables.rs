//! Generates code tables from public data: administrative divisions and categories of demands.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The shipped table of divisions.
const REGIONS: &str = "config/codes/region.csv";
/// Its columns. A former division has in `old_of` the code of the present one, and in `from` and `until`
/// the period in which it existed.
const HEADER: [&str; 7] = ["code", "name", "old_of", "aliases", "from", "until", "note"];
/// The code of the city whose streets are shipped; the streets of all cities would take two megabytes.
const STREETS_CITY: &str = "3402";
/// Full and short names of the provinces whose short name is not the full name without a suffix.
const SHORT_NAMES: [(&str, &str); 7] = [
    ("内蒙古自治区", "内蒙古"),
    ("广西壮族自治区", "广西"),
    ("西藏自治区", "西藏"),
    ("宁夏回族自治区", "宁夏"),
    ("新疆维吾尔自治区", "新疆"),
    ("香港特别行政区", "香港"),
    ("澳门特别行政区", "澳门"),
];

/// A row of the table, in the order of [`HEADER`].
type Row = [String; 7];

/// Writes the shipped table of divisions from `provinces.csv`, `cities.csv`, `areas.csv` and
/// `streets.csv` in `folder`. Rows of the existing table that are not in these files stay: former codes
/// and zones. With `history`, adds the former counties of `history.jsonl` whose name exactly one present
/// county of the same province has.
pub(crate) fn write_regions(folder: &Path, history: bool) -> Result<String> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut add = |code: String, name: &str| {
        let short = short_name(name, code.len());
        rows.insert(code.clone(), row(&code, name, "", &short, ["", "", ""]));
    };
    for (file, width) in [("provinces.csv", 6), ("cities.csv", 6), ("areas.csv", 6)] {
        for (code, name) in read_names(&folder.join(file))? {
            add(format!("{code:0<width$}"), &name);
        }
    }
    for (code, name) in read_names(&folder.join("streets.csv"))? {
        if code.starts_with(STREETS_CITY) {
            add(code, &name);
        }
    }
    let n_present = rows.len();
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
    let n_kept = rows.len() - n_present;
    let former =
        if history { former_counties(&folder.join("history.jsonl"), &rows)? } else { Vec::new() };
    let n_former = former.len();
    rows.extend(former);
    let mut writer = csv::Writer::from_path(REGIONS)?;
    writer.write_record(HEADER)?;
    for row in rows.values() {
        writer.write_record(row)?;
    }
    writer.flush()?;
    Ok(format!("{REGIONS}: {n_present} divisions, {n_kept} rows kept, {n_former} former counties"))
}

fn row(code: &str, name: &str, old_of: &str, aliases: &str, [from, until, note]: [&str; 3]) -> Row {
    [code, name, old_of, aliases, from, until, note].map(str::to_owned)
}

/// The code and the name in each line of a CSV file.
fn read_names(file: &Path) -> Result<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_path(file).with_context(|| file.display().to_string())?;
    let lines = reader.records().map(|record| {
        let record = record?;
        let cell = |index: usize| record.get(index).unwrap_or_default().to_owned();
        Ok((cell(0), cell(1)))
    });
    lines.collect()
}

/// The short name of a province or city: 安徽 for 安徽省, 芜湖 for 芜湖市. Empty for other divisions, whose
/// short names are often ordinary words. The code of a province, city or county has 6 digits, that of a
/// street more.
fn short_name(name: &str, code_length: usize) -> String {
    let listed = SHORT_NAMES.iter().find(|(long, _)| *long == name).map(|(_, short)| *short);
    let bare = name.strip_suffix('省').or_else(|| name.strip_suffix('市'));
    let bare = bare.filter(|bare| code_length == 6 && bare.chars().count() >= 2);
    listed.or(bare).unwrap_or_default().to_owned()
}

/// A line of `history.jsonl`: a former county, with the first and the last official list that has it.
#[derive(Deserialize)]
struct FormerCounty {
    code: String,
    name: String,
    first_revision: String,
    last_revision: String,
}

/// Rows for the former counties in `file`, each with its code. `old_of` is the code of the only present
/// county with the same name in the same province; if there is none or more than one, there is no row.
fn former_counties(file: &Path, rows: &BTreeMap<String, Row>) -> Result<Vec<(String, Row)>> {
    let mut present: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
    for [code, name, old_of, ..] in rows.values() {
        if old_of.is_empty() && code.len() == 6 && !code.ends_with("00") {
            present.entry((&code[..2], stem(name))).or_default().push(code);
        }
    }
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut newest: BTreeMap<String, FormerCounty> = BTreeMap::new();
    for line in text.lines() {
        let county: FormerCounty = serde_json::from_str(line)?;
        let is_newer =
            newest.get(&county.code).is_none_or(|other| other.last_revision < county.last_revision);
        if is_newer && !rows.contains_key(&county.code) && county.code.len() == 6 {
            newest.insert(county.code.clone(), county);
        }
    }
    let found = newest.into_values().filter_map(|county| {
        let FormerCounty { code, name, first_revision, last_revision } = county;
        let &[new_code] = present.get(&(&code[..2], stem(&name)))?.as_slice() else { return None };
        let row = row(&code, &name, new_code, "", [&first_revision, &last_revision, ""]);
        Some((code, row))
    });
    Ok(found.collect())
}

/// The name of a county without its suffix: 无为 for 无为县 and 无为市.
fn stem(name: &str) -> &str {
    let bare =
        ["自治县", "县", "市", "区", "旗"].iter().find_map(|suffix| name.strip_suffix(suffix));
    bare.filter(|bare| bare.chars().count() >= 2).unwrap_or(name)
}

/// A line of `category.jsonl`: a category with its two parents.
#[derive(Deserialize)]
struct Category {
    #[serde(rename = "一级分类")]
    first: String,
    #[serde(rename = "二级分类")]
    second: String,
    #[serde(rename = "三级分类")]
    third: String,
}

/// Writes the categories of `category.jsonl` in `folder` as a code table to `file`. A code has two digits
/// for each level: the number of the category within its parent, in the order of the file.
pub(crate) fn write_categories(folder: &Path, file: &Path) -> Result<String> {
    let source = folder.join("category.jsonl");
    let text = fs::read_to_string(&source).with_context(|| source.display().to_string())?;
    let mut categories = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Category { first, second, third } = serde_json::from_str(line)?;
        categories.push([first, second, third].map(|name| name.trim().to_owned()));
    }
    ensure!(!categories.is_empty(), "{} contains no category", source.display());
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut child_counts: HashMap<String, usize> = HashMap::new();
    let mut seen = HashSet::new();
    let mut leaf_counts: HashMap<&str, usize> = HashMap::new();
    categories.iter().for_each(|[.., leaf]| *leaf_counts.entry(leaf.as_str()).or_default() += 1);
    let mut writer = csv::Writer::from_path(file)?;
    writer.write_record(["raw", "code", "aliases"])?;
    for path in &categories {
        let (mut raw, mut code) = (String::new(), String::new());
        for (level, name) in path.iter().enumerate() {
            let parent = raw.clone();
            raw = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
            let number = *numbers.entry(raw.clone()).or_insert_with(|| {
                let count = child_counts.entry(parent).or_default();
                *count += 1;
                *count
            });
            code.push_str(&format!("{number:02}"));
            if seen.insert(raw.clone()) {
                let is_unambiguous = level == 2 && leaf_counts[name.as_str()] == 1;
                writer.write_record([
                    raw.as_str(),
                    code.as_str(),
                    if is_unambiguous { name } else { "" },
                ])?;
            }
        }
    }
    writer.flush()?;
    Ok(format!("{}: {} categories", file.display(), seen.len()))
}
