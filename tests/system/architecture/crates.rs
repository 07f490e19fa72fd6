//! Checks which crate depends on which, and the rules of deny.toml, without cargo-deny and without network.
//!
//! For deny.toml this uses `cargo tree`, which lists only crates that cargo builds. `cargo metadata` also
//! lists crates that only a disabled feature needs (such as ring, for rustls-webpki).

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::{assert_none, cargo, folders, read, root};

/// Crates that the core must not depend on, because they do I/O or wait for it.
const IO_CRATES: &[&str] =
    &["tokio", "tokio-util", "mio", "sqlx", "sqlx-core", "reqwest", "hyper", "lapin", "axum"];

/// The crates of the workspace that a crate may depend on, and those that its tests may use in addition. `None`
/// allows all.
fn allowed(name: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match name {
        "gateway" | "system-tests" | "document-tests" | "text-tests" | "fuzz-tests" | "tools"
        | "xtask" => {
            return None;
        }
        "contract" | "sandbox" => (&[], &[]),
        "connector-testkit" | "connector-wire" | "document" => {
            (&["contract", "normalizer-text"], &[])
        }
        connector if connector.starts_with("connector-") => {
            (&["contract", "normalizer-text", "connector-wire", "document"], &["connector-testkit"])
        }
        "normalizer" => (&["contract", "normalizer-text"], &[]),
        "sink" => (&["contract"], &["normalizer"]),
        // It decodes configuration files from any charset.
        "config" => (&["contract", "normalizer-text"], &[]),
        // normalizer-text and new crates: only the core.
        _ => (&["contract"], &[]),
    })
}

#[test]
fn crates_depend_only_on_what_they_may() {
    let packages = workspace();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let Some((in_program, in_tests)) = allowed(&package.name) else { continue };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let is_test = dependency.kind == DependencyKind::Development;
            let may = in_program.contains(&name) || (is_test && in_tests.contains(&name));
            if ours.contains(name) && !may {
                wrong.push(format!("{} depends on {name}", package.name));
            }
        }
    }
    assert_none(&wrong, "a crate depends on one that it must not know");
}

#[test]
fn nothing_but_tests_and_tools_depends_on_the_gateway_and_the_testkit() {
    // The gateway needs the testkit: `tonghui plugin test` runs the conformance suite on a plugin.
    let may = ["system-tests", "tools", "gateway"];
    let mut wrong = Vec::new();
    for package in workspace() {
        for dependency in &package.dependencies {
            let is_program = dependency.kind != DependencyKind::Development;
            let is_top = ["gateway", "connector-testkit"].contains(&dependency.name.as_str());
            if is_program && is_top && !may.contains(&package.name.as_str()) {
                wrong.push(format!("{} depends on {}", package.name, dependency.name));
            }
        }
    }
    assert_none(&wrong, "only tests and tools may depend on these crates");
}

#[test]
fn contract_depends_on_no_io_crate_even_indirectly() {
    let tree = cargo(&["tree", "--package", "contract", "--edges", "normal", "--prefix", "none"]);
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let wrong: Vec<_> = names.filter(|n| IO_CRATES.contains(n)).map(str::to_owned).collect();
    assert_none(&wrong, "contract knows no runtime and no I/O");
}

#[test]
fn drivers_are_dependencies_of_their_owners_only() {
    let owners = [
        ("sqlx", &["sink", "connector-table", "sandbox", "system-tests"][..]),
        ("lapin", &["sink", "system-tests"][..]),
        ("russh", &["connector-files"][..]),
    ];
    let mut wrong = Vec::new();
    for package in workspace() {
        for (driver, owners) in owners {
            let has = package.dependencies.iter().any(|dependency| dependency.name == driver);
            if has && !owners.contains(&package.name.as_str()) {
                wrong.push(format!("{} depends on {driver}", package.name));
            }
        }
    }
    assert_none(&wrong, "a driver outside the crate that hides it");
}

#[test]
fn every_crate_is_under_the_lints_of_the_workspace() {
    let mut wrong = Vec::new();
    for package in workspace() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(toml::Value::as_bool) != Some(true) {
            wrong.push(package.name.to_string());
        }
    }
    assert_none(&wrong, "no `[lints] workspace = true`");
}

#[test]
fn every_connector_is_registered() {
    let registry = read("gateway/src/registry.rs");
    let shared = ["document", "testkit", "wire"];
    let kinds = folders("connectors").into_iter().filter(|kind| !shared.contains(&kind.as_str()));
    let missing =
        kinds.filter(|kind| !registry.contains(&format!("register::<connector_{kind}::")));
    assert_none(&missing.collect::<Vec<_>>(), "not registered in gateway/src/registry.rs");
}

fn workspace() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command.current_dir(root()).no_deps().other_options(["--offline".to_owned()]);
    command.exec().unwrap().packages
}

#[test]
fn every_crate_that_logs_is_one_whose_lines_are_written() {
    for package in workspace() {
        let logs = package.dependencies.iter().any(|dependency| {
            dependency.name == "tracing" && dependency.kind == DependencyKind::Normal
        });
        let target = package.name.replace('-', "_");
        let is_written = gateway::log::OUR_CRATES.contains(&target.as_str());
        assert!(!logs || is_written, "{target} logs, and gateway/src/log.rs does not write it");
    }
}

/// The licence expressions of crates, as they write them, that the licences of deny.toml satisfy. If a new
/// crate has another expression, check whether they satisfy it too, and add it here.
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
    assert_none(&wrong, "banned in deny.toml and built");
}

#[test]
fn every_licence_is_allowed() {
    let built = built();
    assert!(built.len() > 100, "cargo tree is not read as expected");
    let refused = built
        .iter()
        .filter(|(_, licence)| !LICENCES.contains(&licence.as_str()))
        .map(|(name, licence)| format!("{name}: `{licence}`"));
    assert_none(
        &refused.collect::<Vec<_>>(),
        "not in the list: do the licences of deny.toml satisfy it?",
    );
}

#[test]
fn every_crate_comes_from_crates_io() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let allowed = "registry+https://github.com/rust-lang/crates.io-index";
    let foreign = lock["package"].as_array().unwrap().iter().filter(|package| {
        // Crates without a source are those of the workspace.
        package.get("source").is_some_and(|source| source.as_str() != Some(allowed))
    });
    let foreign: Vec<_> = foreign.map(|package| package["name"].to_string()).collect();
    assert_none(&foreign, "not from crates.io");
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
