//! What deny.toml says, checked without cargo-deny and without network.
//!
//! `cargo metadata` is not asked: it also names crates that only a switched-off feature would bring
//! (ring, by rustls-webpki). `cargo tree` names what is built.

use std::collections::BTreeMap;

use super::{
    spdx::permits,
    tree::{cargo, nothing_wrong, read},
};

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
    let deny = deny();
    let list: Vec<_> =
        deny["licenses"]["allow"].as_array().unwrap().iter().filter_map(|l| l.as_str()).collect();
    let built = built();
    assert!(built.len() > 100, "cargo tree is not read as expected");
    let refused = built
        .iter()
        .filter(|(_, licence)| !permits(licence, &|one| list.contains(&one)))
        .map(|(name, licence)| format!("{name}: `{licence}`"));
    nothing_wrong(&refused.collect::<Vec<_>>(), "not allowed in deny.toml");
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
