//! CONTRIBUTING.md, literally: its commands are run one after the other, by a shell and with the real
//! binary, against an interface that answers what it says there; and its connector is the one that
//! the suite runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use contract::demand::{Kind, Status};
use sink::store::{Access, Database, Sqlite};
use system_tests::{
    gateway_process,
    site::{Reply, Site},
};

/// The blocks of a language below a heading, in order.
fn blocks(text: &str, heading: &str, language: &str) -> Vec<String> {
    let (_, section) = text.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut blocks = Vec::new();
    for part in section.split(&format!("\n```{language}\n")).skip(1) {
        blocks.push(part.split("\n```").next().unwrap().to_owned());
    }
    blocks
}

/// Runs the commands in a folder of their own: what they printed.
fn run(script: &str, folder: &Path) -> String {
    let tonghui = PathBuf::from(gateway_process::command().unwrap().get_program());
    let path = format!(
        "{}:{}",
        tonghui.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let noted = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{noted}");
    said + &noted
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_leads_from_nothing_to_the_first_demand_in_the_store() {
    let text = include_str!("../../CONTRIBUTING.md");
    let answer = blocks(text, "\n## Adding a channel\n", "json").concat();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let site = Site::open(move |request| {
        heard.lock().unwrap().push((request.target.clone(), request.header("x-parks-key")));
        Reply::json(answer.clone())
    })
    .await
    .unwrap();
    let commands = blocks(text, "\n## Adding a channel\n", "sh").join("\n");
    assert!(commands.contains("channel new") && commands.contains("sync"), "{commands}");
    let commands = commands.replace("https://parks.example", site.url());

    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let said = tokio::task::spawn_blocking(move || run(&commands, &place)).await.unwrap();
    assert!(said.contains("no problems; channels: 1"), "{said}");

    let store = folder.path().join("city/data/tonghui.db");
    let store = Database::Sqlite(Sqlite::open(store, Access::ReadOnly).await.unwrap());
    let demand = |key: &str| {
        let (store, key) = (store.clone(), contract::RecordKey::new(key));
        async move { store.current(&"parks".parse().unwrap(), &key).await.unwrap().unwrap() }
    };
    let body = demand("P-2026-77").await.body;
    assert_eq!(body.title.as_deref(), Some("长椅损坏"));
    assert_eq!(body.content.as_deref(), Some("湖边第三张长椅断了一根木条， 孩子容易划伤。"));
    assert_eq!((body.kind, body.status), (Some(Kind::Help), Some(Status::Pending)));
    assert_eq!(body.region.as_deref(), Some("340202"));
    assert_eq!(body.received_at.unwrap().to_rfc3339(), "2026-10-09T02:30:00+00:00");
    assert_eq!(body.people[0].phone.as_ref().unwrap().mask, "138****1234");
    assert_eq!(demand("P-2026-78").await.body.kind, Some(Kind::Praise));

    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|(_, key)| key.as_deref() == Some("made-up-key")), "{asked:?}");
    // The trace shows what was asked, and not with which key; the fixture and the screen no person.
    assert!(said.contains("/v2/tickets?limit=50") && !said.contains("made-up-key"), "{said}");
    let fixture = folder.path().join("city/channels/parks/fixtures/page.json");
    let fixture = fs::read_to_string(fixture).unwrap();
    for personal in ["王小明", "13800001234", "赵一", "3812345", "李某"] {
        assert!(!fixture.contains(personal), "{personal} is in the fixture: {fixture}");
        assert!(!said.contains(personal), "{personal} is shown: {said}");
    }
    assert!(fixture.contains("长椅损坏"), "{fixture}");
}

#[test]
fn the_connector_of_the_page_is_the_one_that_the_suite_runs() {
    let text = include_str!("../../CONTRIBUTING.md");
    let of = |language| blocks(text, "\n## Adding a kind of source\n", language);
    let crates = |file: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/testkit/example");
        fs::read_to_string(folder.join(file)).unwrap().trim_end().to_owned()
    };
    assert_eq!(of("toml"), [crates("Cargo.toml")]);
    assert_eq!(of("rust"), ["src/lib.rs", "tests/promises.rs"].map(crates));
}
