//! `cargo xtask sbom`: writes which crates are linked into the program `tonghui`, as a CycloneDX 1.5 document.
//!
//! The crates are those of `cargo tree`. `cargo metadata` also lists crates that only a disabled feature needs (such
//! as ring), and whoever compares the document with advisories would be warned of code that is not there. Proc macros
//! and build scripts are left out, because they are not linked. The same commit always gives the same document: it has
//! no date and no serial number.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::run::{cargo, print, root};

/// The systems that are supported, as in deny.toml.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
/// The crate of the program.
const ROOT: &str = "gateway";

/// Writes the document to a file, or prints it.
pub(crate) fn sbom(file: Option<&Path>) -> Result<()> {
    let text = serde_json::to_string_pretty(&make()?)?;
    match file {
        None => print(format_args!("{text}")),
        Some(file) => {
            fs::write(file, text + "\n")
                .with_context(|| format!("cannot write {}", file.display()))?;
            print(format_args!("wrote {}", file.display()));
        }
    }
    Ok(())
}

/// Makes the document of this commit.
pub(crate) fn make() -> Result<Value> {
    let mut tree = cargo(&["tree", "--locked", "--package", ROOT]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "{p}\t{l}"]);
    tree.args(TARGETS.iter().flat_map(|target| ["--target", target]));
    // `output_of` is not used: it would mix in what cargo writes to standard error.
    let output = tree.env("CARGO_TERM_COLOR", "never").output()?;
    if !output.status.success() {
        bail!("`cargo tree` failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let lock = fs::read_to_string(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    document(&linked(&String::from_utf8_lossy(&output.stdout))?, &checksums(&lock))
}

/// The name and the version of a crate.
type Id = (String, String);

/// What is known of a crate that is linked.
#[derive(Default)]
struct Linked {
    licence: String,
    /// Whether it is one of this repository.
    is_ours: bool,
    needs: BTreeSet<Id>,
}

/// The crates in the output of `cargo tree`. Below the first line of a crate are those that it needs, one level deeper.
fn linked(tree: &str) -> Result<BTreeMap<Id, Linked>> {
    let mut crates: BTreeMap<Id, Linked> = BTreeMap::new();
    let mut above: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (depth, id, found) =
            parse(line).with_context(|| format!("`cargo tree` printed an unknown line: {line}"))?;
        above.truncate(depth);
        if let Some(parent) = above.last().and_then(|parent| crates.get_mut(parent)) {
            parent.needs.insert(id.clone());
        }
        crates.entry(id.clone()).or_insert(found);
        above.push(id);
    }
    Ok(crates)
}

/// The depth and the crate in a line such as `2bytes v1.12.2<tab>MIT (*)`. Those of this repository have a path behind
/// the version.
fn parse(line: &str) -> Option<(usize, Id, Linked)> {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let depth = line.strip_suffix(rest)?.parse().ok()?;
    let (package, licence) = rest.trim_end_matches(" (*)").split_once('\t')?;
    let (name, version) = package.split_once(" v")?;
    let (version, path) = version.split_once(' ').unwrap_or((version, ""));
    // An old way to write OR.
    let licence = licence.replace('/', " OR ");
    let linked = Linked { licence, is_ours: !path.is_empty(), needs: BTreeSet::new() };
    Some((depth, (name.to_owned(), version.to_owned()), linked))
}

/// The SHA-256 of each archive that cargo downloads, in the content of Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<Id, &str> {
    lock.split("[[package]]")
        .filter_map(|package| {
            let value =
                |key| package.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix('"'));
            let id = (value("name = \"")?.to_owned(), value("version = \"")?.to_owned());
            Some((id, value("checksum = \"")?))
        })
        .collect()
}

fn document(crates: &BTreeMap<Id, Linked>, checksums: &BTreeMap<Id, &str>) -> Result<Value> {
    let (mut program, mut components) = (None, Vec::new());
    for (id, linked) in crates {
        let (name, version) = id;
        let licences = json!([{ "expression": linked.licence }]);
        if name == ROOT {
            program = Some(json!({
                "type": "application", "bom-ref": reference(id), "name": "tonghui", "version": version,
                "licenses": licences,
            }));
            continue;
        }
        ensure!(!linked.licence.is_empty(), "{name} {version} names no licence");
        let mut component = json!({
            "type": "library", "bom-ref": reference(id), "name": name, "version": version, "licenses": licences,
        });
        // A crate of this repository gets no address on crates.io: another one may have its name there.
        if !linked.is_ours {
            let checksum = checksums.get(id);
            let checksum = checksum
                .with_context(|| format!("Cargo.lock has no checksum of {name} {version}"))?;
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
            // The `+` of a version is escaped there.
            component["purl"] = json!(format!("pkg:cargo/{name}@{}", version.replace('+', "%2B")));
        }
        components.push(component);
    }
    let program = program.with_context(|| format!("`cargo tree` lists no crate {ROOT}"))?;
    let needs = |(id, linked): (&Id, &Linked)| {
        let needs: Vec<_> = linked.needs.iter().map(reference).collect();
        json!({ "ref": reference(id), "dependsOn": needs })
    };
    let dependencies: Vec<_> = crates.iter().map(needs).collect();
    Ok(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "component": program }, "components": components, "dependencies": dependencies,
    }))
}

/// The name of a crate within the document.
fn reference((name, version): &Id) -> String {
    format!("{name}@{version}")
}

#[cfg(test)]
mod tests;
