use super::*;

fn workspace() -> Workspace {
    let package = |name: &str, folder: &str, needs: &[&str]| Package {
        name: name.to_owned(),
        manifest_path: root().join(folder).join("Cargo.toml").display().to_string(),
        dependencies: needs.iter().map(|name| Dependency { name: (*name).to_owned() }).collect(),
    };
    Workspace {
        packages: vec![
            package("contract", "contract", &["serde"]),
            package("sink", "sink", &["contract"]),
            package("gateway", "gateway", &["sink"]),
            package("xtask", "xtask", &[]),
            package(SYSTEM_TESTS, "tests", &["gateway"]),
            package("fuzz-tests", "tests/fuzz", &["contract"]),
        ],
    }
}

#[test]
fn a_change_reaches_all_crates_that_need_what_changed() {
    for (file, expected) in [
        ("xtask/src/main.rs", "xtask"),
        ("sink/src/lib.rs", "gateway, sink, system-tests"),
        ("tests/fuzz/src/main.rs", "fuzz-tests"),
        ("README.md", "system-tests"),
        ("Cargo.toml", "contract, fuzz-tests, gateway, sink, system-tests, xtask"),
    ] {
        assert_eq!(join(&affected_crates(&[file.to_owned()], &workspace())), expected, "{file}");
    }
    assert!(affected_crates(&[], &workspace()).is_empty());
}
