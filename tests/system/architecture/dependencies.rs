//! What deny.toml says, checked without cargo-deny and without network.
//!
//! `cargo metadata` is not asked: it also names crates that only a switched-off feature would bring
//! (ring, by rustls-webpki). `cargo tree` names what is built.

use std::collections::BTreeMap;

use super::tree::{cargo, nothing_wrong, read};

/// Licence expressions that the licences of deny.toml satisfy, as crates write them. Compared word
/// for word: whoever adds a crate with another expression reads it and adds it here.
const LICENCES: &[&str] = &[
    "(Apache-2.0 OR MIT) AND BSD-3-Clause",
    "(MIT OR Apache-2.0) AND Unicode-3.0",
    "0BSD OR MIT OR Apache-2.0",
    "Apache-2.0",
    "Apache-2.0 / MIT",
    "Apache-2.0 OR BSL-1.0",
    "Apache-2.0 OR BSL-1.0 OR MIT",
    "Apache-2.0 OR ISC OR MIT",
    "Apache-2.0 OR MIT",
    "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    "Apache-2.0/MIT",
    "BSD-2-Clause",
    "BSD-2-Clause OR Apache-2.0 OR MIT",
    "BSD-3-Clause",
    "BSD-3-Clause AND BSD-2-Clause",
    "CC0-1.0 OR MIT-0 OR Apache-2.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "ISC AND (Apache-2.0 OR ISC)",
    // aws-lc-sys
    "ISC AND (Apache-2.0 OR ISC) AND Apache-2.0 AND MIT AND BSD-3-Clause AND (Apache-2.0 OR ISC OR \
     MIT) AND (Apache-2.0 OR ISC OR MIT-0)",
    "MIT",
    "MIT AND BSD-3-Clause",
    "MIT OR Apache-2.0",
    "MIT OR Zlib OR Apache-2.0",
    "MIT/Apache-2.0",
    "Unicode-3.0",
    "Unlicense OR MIT",
    "Unlicense/MIT",
    "Zlib",
    "Zlib OR Apache-2.0 OR MIT",
];

#[test]
fn no_banned_crate_is_built() {
    let built = built();
    let deny = deny();
    let bans = deny["bans"]["deny"].as_array().unwrap();
    assert!(bans.len() >= 5, "deny.toml lost its bans");
    let mut wrong = Vec::new();
    for ban in bans {
        let (name, reason) = (ban["crate"].as_str().unwrap(), ban["reason"].as_str().unwrap());
        if built.contains_key(name) {
            wrong.push(format!("{name}: {reason}; find it with cargo tree --invert {name}"));
        }
    }
    nothing_wrong(&wrong, "banned in deny.toml and built");
}

#[test]
fn every_licence_is_allowed() {
    let built = built();
    assert!(built.len() > 100, "cargo tree is not read as expected");
    let refused = built
        .iter()
        .filter(|(_, licence)| !LICENCES.contains(&licence.as_str()))
        .map(|(name, licence)| format!("{name}: `{licence}`"));
    nothing_wrong(
        &refused.collect::<Vec<_>>(),
        "not in the list: do the licences of deny.toml satisfy it?",
    );
}

#[test]
fn every_crate_comes_from_crates_io() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let allowed = "registry+https://github.com/rust-lang/crates.io-index";
    let foreign = lock["package"].as_array().unwrap().iter().filter(|package| {
        // Those without a source are ours.
        package.get("source").is_some_and(|source| source.as_str() != Some(allowed))
    });
    let foreign: Vec<_> = foreign.map(|package| package["name"].to_string()).collect();
    nothing_wrong(&foreign, "not from crates.io");
}

fn deny() -> toml::Table {
    read("deny.toml").parse().unwrap()
}

/// Every crate that is part of a program or of its build, and its licence.
fn built() -> BTreeMap<String, String> {
    let arguments = ["tree", "--workspace", "--edges", "normal,build", "--prefix", "none"];
    let tree = cargo(&[&arguments[..], &["--format", "{p}\t{l}"]].concat());
    tree.lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('\t'))
        .map(|(package, licence)| {
            let name = package.split(' ').next().unwrap_or(package);
            (name.to_owned(), licence.to_owned())
        })
        .collect()
}
