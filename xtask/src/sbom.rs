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
mod tests {
    use super::*;

    const TREE: &str = "0gateway v0.1.0 (/src/gateway)\tApache-2.0\n1sink v0.1.0 (/src/sink)\tApache-2.0\n\
        2toml v1.2.1+spec-1.1.0\tMIT/Apache-2.0\n3memchr v2.8.3\tUnlicense OR MIT\n1memchr v2.8.3\tUnlicense OR MIT\n\
        1sink v0.1.0 (/src/sink)\tApache-2.0 (*)\n\n";
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"memchr\"\nversion = \"2.8.3\"\nsource = \"x\"\n\
        checksum = \"aa\"\n\n[[package]]\nname = \"sink\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"toml\"\n\
        version = \"1.2.1+spec-1.1.0\"\nchecksum = \"bb\"\ndependencies = [\n \"memchr\",\n]\n";

    #[test]
    fn every_linked_crate_is_listed_with_its_licence_checksum_and_what_it_needs() {
        let found = document(&linked(TREE).unwrap(), &checksums(LOCK)).unwrap();
        let licences = |text| json!([{ "expression": text }]);
        let hashes = |text| json!([{ "alg": "SHA-256", "content": text }]);
        assert_eq!(
            found["components"],
            json!([
                { "type": "library", "bom-ref": "memchr@2.8.3", "name": "memchr", "version": "2.8.3",
                  "licenses": licences("Unlicense OR MIT"), "hashes": hashes("aa"),
                  "purl": "pkg:cargo/memchr@2.8.3" },
                { "type": "library", "bom-ref": "sink@0.1.0", "name": "sink", "version": "0.1.0",
                  "licenses": licences("Apache-2.0") },
                { "type": "library", "bom-ref": "toml@1.2.1+spec-1.1.0", "name": "toml",
                  "version": "1.2.1+spec-1.1.0", "licenses": licences("MIT OR Apache-2.0"),
                  "hashes": hashes("bb"), "purl": "pkg:cargo/toml@1.2.1%2Bspec-1.1.0" },
            ])
        );
        assert_eq!(found["metadata"]["component"]["name"], "tonghui");
        let needs = |name: &str, list: &[&str]| json!({ "ref": name, "dependsOn": list });
        assert_eq!(
            found["dependencies"],
            json!([
                needs("gateway@0.1.0", &["memchr@2.8.3", "sink@0.1.0"]),
                needs("memchr@2.8.3", &[]),
                needs("sink@0.1.0", &["toml@1.2.1+spec-1.1.0"]),
                needs("toml@1.2.1+spec-1.1.0", &["memchr@2.8.3"]),
            ])
        );
    }

    #[test]
    fn a_crate_without_checksum_or_licence_is_an_error() {
        let error = |tree: &str, lock: &str| {
            document(&linked(tree).unwrap(), &checksums(lock)).unwrap_err().to_string()
        };
        assert!(error(TREE, &LOCK.replace("checksum = \"bb\"", "")).contains("toml 1.2.1"));
        assert!(error(&TREE.replace("Unlicense OR MIT", ""), LOCK).contains("names no licence"));
        assert!(error("", LOCK).contains("lists no crate gateway"));
        assert!(linked("gateway").is_err());
    }
}
