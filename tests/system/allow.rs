//! Runs the program on channels that use what `[allow]` of gateway.toml does not list.

use std::{collections::BTreeSet, fs, path::Path, process::Output};

use serde_json::Value;
use system_tests::gateway_process::command;

/// Every place in a channel file that names something outside the gateway, marked by `#!`.
const CHANNELS: [(&str, &str); 7] = [
    (
        "pages",
        "connector = \"http\" #!\n\
         [http]\n\
         url       = \"https://a.example/list\" #!\n\
         records   = \"$.items[*]\"\n\
         key       = \"$.id\"\n\
         warm_up   = \"https://a.example/\" #!\n\
         redirects = [\"https://b.example\"] #!\n\
         proxy     = \"http://proxy.example:3128\" #!\n\
         [http.auth.oauth2]\n\
         token_url     = \"https://login.example/\" #!\n\
         client_id     = \"c\"\n\
         client_secret = { file = \"one.key\" }\n\
         [[http.part]]\n\
         name   = \"detail\"\n\
         url    = \"https://a.example/detail\" #!\n\
         params = { id = \"$.id\" }\n\
         [http.ack]\n\
         url   = \"https://a.example/ack\" #!\n\
         param = \"ids\"\n",
    ),
    (
        "national",
        "connector = \"http\" #!\n\
         [http]\n\
         url     = \"http://127.0.0.1/list\" #!\n\
         records = \"$.items[*]\"\n\
         key     = \"$.id\"\n\
         [http.auth.gjgxjhpt]\n\
         rid = \"r\"\n\
         sid = \"s\"\n\
         [http.auth.gjgxjhpt.refresh]\n\
         url    = \"https://login.example/\" #!\n\
         appkey = { file = \"one.key\" }\n",
    ),
    ("database", TABLE),
    ("sqlite", TABLE),
    (
        "drops",
        "connector = \"files\" #!\n\
         [files]\n\
         url      = { file = \"drops.key\" } #!\n\
         match    = [\"*.csv\"]\n\
         key      = \"$.id\"\n\
         revision = { at = \"$.n\" }\n\
         archive  = \"done\" #!\n\
         error    = \"/etc\" #!\n",
    ),
    (
        "plugin",
        "connector = \"process\" #!\n\
         [process]\n\
         command = [\"sh\"] #!\n",
    ),
    (
        "pushed",
        "connector = \"webhook\" #!\n\
         [webhook]\n\
         auth = \"none\"\n\
         key  = \"$.id\"\n",
    ),
];

/// A channel that reads a table of a database of its own.
const TABLE: &str = "connector = \"table\" #!\n\
     [table]\n\
     url   = { file = \"NAME.key\" } #!\n\
     table = \"NAME\"\n\
     key   = \"id\"\n";

const SECRETS: [(&str, &str); 4] = [
    ("one.key", "hunter2"),
    ("database.key", "postgres://u:hunter2@db.example/x?sslmode=verify-full"),
    ("sqlite.key", "sqlite:/srv/hunter2.db"),
    ("drops.key", "/srv/hunter2"),
];

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut run = command().unwrap();
    run.args(arguments).arg("--config").arg(folder).output().unwrap()
}

#[test]
fn every_place_of_every_kind_of_channel_is_compared_with_the_lists_of_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    gateway::shipped::write(folder.path(), &[]).unwrap();
    let lists = "\n[allow]\nkinds = []\ncommands = []\nhosts = []\nfolders = []\n";
    let gateway = folder.path().join("gateway.toml");
    let allows_all = fs::read_to_string(&gateway).unwrap();
    fs::write(&gateway, format!("{allows_all}{lists}")).unwrap();
    for (name, secret) in SECRETS {
        fs::write(folder.path().join(name), secret).unwrap();
    }
    let mut expected = BTreeSet::new();
    for (name, settings) in CHANNELS {
        let settings = settings.replace("NAME", name);
        let text = format!(
            "name = \"{name}\"\n{settings}[schedule]\nevery = \"1m\"\n[demand]\ncontent = \"$.text\"\n"
        );
        let file = format!("channels/{name}/channel.toml");
        let marked = (1..).zip(text.lines()).filter(|(_, line)| line.ends_with("#!"));
        expected.extend(marked.map(|(number, _): (u64, _)| (file.clone(), number)));
        fs::create_dir_all(folder.path().join("channels").join(name)).unwrap();
        fs::write(folder.path().join(file), text).unwrap();
    }

    let output = run(folder.path(), &["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap();
    let place =
        |problem: &Value| Some((problem["file"].as_str()?.to_owned(), problem["line"].as_u64()?));
    let found: BTreeSet<_> = problems.iter().filter_map(place).collect();
    assert_eq!(found, expected, "{report:#}");
    assert!(!report.to_string().contains("hunter2"), "{report:#}");

    // Such a channel does not run.
    let output = run(folder.path(), &["sync", "plugin"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("this command is not allowed"), "{said}");

    fs::write(&gateway, allows_all).unwrap();
    let output = run(folder.path(), &["check", "--format", "json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains("[allow]"), "{said}");
}
