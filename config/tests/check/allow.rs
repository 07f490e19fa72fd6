//! Tests of `[allow]` in gateway.toml.

use std::{collections::BTreeMap, os::unix::fs::symlink};

use config::{ConnectorSchema, Problems, SectionSchemas, Settings};
use contract::Secret;
use schemars::schema_for;
use serde_json::json;

use crate::folder::{Folder, section_schemas};

/// A connector with a value for each word of the keyword `allow`.
fn sections() -> SectionSchemas {
    let secret = schema_for!(Secret).to_value();
    let address = json!({ "type": "string", "allow": "address" });
    let with = |word: &str| {
        let mut schema = secret.clone();
        schema["allow"] = json!(word);
        schema
    };
    let schema = json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "address": address,
            "redirects": { "type": "array", "items": { "type": "string" }, "allow": "address" },
            "part": { "type": "array", "items": { "type": "object", "properties": { "address": address } } },
            "proxy": { "type": "string", "allow": "proxy" },
            "resolve": {
                "type": "object", "additionalProperties": { "type": "string" }, "allow": "addresses",
            },
            "database": with("database"),
            "url": with("folder"),
            "archive": { "type": ["string", "null"], "allow": "subfolder" },
            "match": { "type": "array", "items": { "type": "string" } },
            "command": { "type": "array", "items": { "type": "string" }, "allow": "command" },
            "key": secret,
        },
    });
    let http = ConnectorSchema { name: "http".to_owned(), schema };
    SectionSchemas { connectors: vec![http], ..section_schemas() }
}

fn folder(allow: &str) -> Folder {
    let folder = Folder::new();
    folder.edit("gateway.toml", "[limits]", &format!("{allow}\n[limits]"));
    for file in ["drops/x.db", "plugins/p.py", "source.key", "channels/hotline/plugin.py"] {
        folder.write(file, "some text");
    }
    symlink("/etc", folder.path().join("drops/link")).unwrap();
    symlink("/nowhere/yet", folder.path().join("drops/dangling")).unwrap();
    symlink("/etc/passwd", folder.path().join("channels/hotline/link.py")).unwrap();
    folder
}

/// Resolves a folder with one channel with these settings; `secret` is the value of every variable.
fn resolve(folder: &Folder, settings: &str, secret: &str) -> Result<Settings, Problems> {
    let text = format!(
        "name = \"h\"\nconnector = \"http\"\n[schedule]\nevery = \"1m\"\n[http]\n{settings}\n\
         [demand]\ncontent = \"$.text\"\n"
    );
    folder.channel("hotline", &text);
    config::resolve(folder.path(), &sections(), &|_| Some(secret.to_owned()))
}

const HOSTS: &str = "[allow]\nhosts = [\"*.city.gov.cn\", \"10.1.2.3:5432\"]";
const FOLDERS: &str = "[allow]\nfolders = [\"drops\"]";
const COMMANDS: &str = "[allow]\ncommands = [[\"python3\", \"/opt/p.py\"], [\"python3\", \"plugin.py\"], \
                        [\"python3\", \"../../plugins/p.py\"], [\"./plugin.py\"], [\"python3\", \"link.py\"], [\"plugin.py\"]]";
const DATABASE: &str = "database = { env = \"URL\" }";
const FOLDER: &str = "url = { env = \"URL\" }";
const OTHER_HOST: &str = "the host `evil.example`, port 443, is not allowed";
const UNKNOWN_HOST: &str = "it cannot be told which host";
const OTHER_FOLDER: &str = "the folder or file that this names is not allowed: `folders`";
const OF_GATEWAY: &str = "this names the configuration, the keys or the demands of the gateway";
const OTHER_COMMAND: &str = "this command is not allowed: `commands`";
const CHANGEABLE: &str = "in the folder of a channel, whose writer can change it";

/// The list, the settings of the channel, its secret, and what is wrong with them.
const CASES: [(&str, &str, &str, &str); 57] = [
    ("", "address = \"https://evil.example/\"", "", ""),
    ("", "command = [\"sh\"]", "", ""),
    (HOSTS, "proxy = \"none\"", "", ""),
    (HOSTS, "proxy = \"http://proxy.city.gov.cn:3128\"", "", ""),
    (HOSTS, "proxy = \"https://evil.example\"", "", OTHER_HOST),
    (
        "[allow]\nhosts = [\"10.1.2.3\", \"::1\"]",
        "resolve = { \"a.example\" = \"10.1.2.3\", b = \"::1\" }",
        "",
        "",
    ),
    (HOSTS, "resolve = { \"a.city.gov.cn\" = \"127.0.0.1\" }", "", "add \"127.0.0.1\""),
    (HOSTS, "resolve = { \"a.city.gov.cn\" = \"::1\" }", "", "add \"[::1]\""),
    ("", DATABASE, "sqlite:/etc/x.db", ""),
    ("[allow]", "address = \"https://evil.example/\"", "", ""),
    ("[allow]\nkinds = [\"http\", \"files\"]", "", "", ""),
    ("[allow]\nkinds = [\"files\"]", "", "", "the kind `http` is not allowed: `kinds`"),
    ("[allow]\nkinds = []", "", "", "the kind `http` is not allowed: `kinds`"),
    ("[allow]\nhosts = []", "address = \"https://evil.example/\"", "", OTHER_HOST),
    (HOSTS, "address = \"https://api.city.gov.cn/list\"", "", ""),
    (HOSTS, "address = \"https://evil.example/api.city.gov.cn\"", "", OTHER_HOST),
    (HOSTS, "address = \"api.city.gov.cn:3128\"", "", UNKNOWN_HOST),
    (HOSTS, "address = \"/list\"", "", UNKNOWN_HOST),
    (HOSTS, "redirects = [\"https://api.city.gov.cn\", \"https://evil.example\"]", "", OTHER_HOST),
    (HOSTS, "redirects = [\"https://api.city.gov.cn\"]", "", ""),
    (HOSTS, "part = [{ address = \"https://evil.example/\" }]", "", OTHER_HOST),
    (HOSTS, DATABASE, "postgres://u:hunter2@10.1.2.3/x", ""),
    (HOSTS, DATABASE, "postgres://u:hunter2@db.city.gov.cn:5432/x", ""),
    (HOSTS, DATABASE, "mysql://u:hunter2@10.1.2.3/x", "the host `10.1.2.3`, port 3306,"),
    (HOSTS, DATABASE, "postgres://u:hunter2@10.1.2.3/x?host=db", "the host `db`, port 5432,"),
    (HOSTS, DATABASE, "postgres:///x", "the host `localhost`, port 5432,"),
    (HOSTS, DATABASE, "postgres://hunter2:1/2@db/x", UNKNOWN_HOST),
    (HOSTS, DATABASE, "hunter2", UNKNOWN_HOST),
    (HOSTS, DATABASE, "sqlite:/etc/hunter2.db", ""),
    (HOSTS, FOLDER, "sftp://u:hunter2@drop.city.gov.cn/out", ""),
    (HOSTS, FOLDER, "sftp://u:hunter2@drop/out", "the host `drop`, port 22,"),
    (HOSTS, FOLDER, "/etc", ""),
    (HOSTS, "command = [\"sh\"]", "", ""),
    (FOLDERS, DATABASE, "sqlite:{}/drops/x.db", ""),
    (FOLDERS, DATABASE, "sqlite://{}/drops/x.db?mode=ro", ""),
    (FOLDERS, DATABASE, "sqlite:/etc/x.db", OTHER_FOLDER),
    (FOLDERS, DATABASE, "sqlite:{}/drops/..%2F..%2Fx.db", OTHER_FOLDER),
    (FOLDERS, DATABASE, "sqlite:file:{}/drops/x.db", "it cannot be told which file"),
    (FOLDERS, DATABASE, "sqlite:{}/data/tonghui.db", OF_GATEWAY),
    (FOLDERS, DATABASE, "postgres://u:hunter2@db/x", ""),
    (FOLDERS, FOLDER, "{}/drops/wqfw", ""),
    (FOLDERS, FOLDER, "file://{}/drops", ""),
    (FOLDERS, FOLDER, "/etc", OTHER_FOLDER),
    (FOLDERS, FOLDER, "{}/drops/link", OTHER_FOLDER),
    (FOLDERS, FOLDER, "{}/drops/dangling", OTHER_FOLDER),
    (FOLDERS, FOLDER, "{}/drops2", OTHER_FOLDER),
    (FOLDERS, FOLDER, "{}/data", OF_GATEWAY),
    (FOLDERS, "url = { env = \"URL\" }\narchive = \"done\"", "{}/drops", ""),
    (FOLDERS, "url = { env = \"URL\" }\narchive = \"../../done\"", "{}/drops", OTHER_FOLDER),
    (FOLDERS, "url = { env = \"URL\" }\narchive = \"/etc/cron.d\"", "{}/drops", OTHER_FOLDER),
    (FOLDERS, "url = { env = \"URL\" }\narchive = \"/done\"", "sftp://u:hunter2@drop/out", ""),
    (FOLDERS, "key = { file = \"source.key\" }", "", ""),
    (FOLDERS, "key = { file = \"/etc/passwd\" }", "", "is outside the configuration folder"),
    ("[allow]\nfolders = [\"/etc\"]", "key = { file = \"/etc/passwd\" }", "", ""),
    (COMMANDS, "command = [\"python3\", \"/opt/p.py\"]", "", ""),
    (COMMANDS, "command = [\"python3\", \"../../plugins/p.py\"]", "", ""),
    (COMMANDS, "command = [\"plugin.py\"]", "", ""),
];

const REFUSED_COMMANDS: [(&str, &str); 8] = [
    ("[\"python3\"]", OTHER_COMMAND),
    ("[\"python3\", \"/opt/q.py\"]", OTHER_COMMAND),
    ("[\"python3\", \"/opt/p.py\", \"-v\"]", OTHER_COMMAND),
    ("[\"/opt/p.py\"]", OTHER_COMMAND),
    ("[\"python3\", \"plugin.py\"]", CHANGEABLE),
    ("[\"python3\", \"link.py\"]", CHANGEABLE),
    ("[\"./plugin.py\"]", CHANGEABLE),
    ("[\"sh\", \"-c\", \"python3 /opt/p.py\"]", OTHER_COMMAND),
];

#[test]
fn a_channel_uses_only_what_the_lists_of_the_gateway_name() {
    let refused = REFUSED_COMMANDS
        .map(|(command, wrong)| (COMMANDS, format!("command = {command}"), "", wrong));
    let cases =
        CASES.map(|(allow, settings, secret, wrong)| (allow, settings.to_owned(), secret, wrong));
    for (allow, settings, secret, wrong) in cases.into_iter().chain(refused) {
        let folder = folder(allow);
        let secret = secret.replace("{}", &folder.path().display().to_string());
        let found = resolve(&folder, &settings, &secret).err();
        let report = found.map_or_else(String::new, |problems| problems.to_string());
        assert_eq!(report.is_empty(), wrong.is_empty(), "{allow} {settings} {secret}: {report}");
        assert!(report.contains(wrong), "{allow} {settings} {secret}: {report}");
        assert!(!report.contains("hunter2"), "{report}");
    }
}

/// The settings of a channel, its secret, and whether it would use what belongs to the gateway.
const OWN_FILES: [(&str, &str, bool); 26] = [
    (FOLDER, "{}/drops", false),
    (FOLDER, "{}/drops/data", false),
    (FOLDER, "{}/data/drops", false),
    (FOLDER, "{}/data2", false),
    (FOLDER, "sftp://u:hunter2@drop/etc/tonghui/data", false),
    (FOLDER, "{}", true),
    (FOLDER, "{}/", true),
    (FOLDER, "{}/.", true),
    (FOLDER, "{}/drops/..", true),
    (FOLDER, "{}/..", true),
    (FOLDER, "/", true),
    (FOLDER, "file://{}/data", true),
    (FOLDER, "{}/data/", true),
    (FOLDER, "{}/to-data", true),
    (FOLDER, "{}/channels", true),
    (FOLDER, "{}/channels/hotline", true),
    (FOLDER, "{}/codes/hotline", true),
    ("url = { env = \"URL\" }\narchive = \"../data\"", "{}/drops", true),
    ("url = { env = \"URL\" }\narchive = \"../to-data\"", "{}/drops", true),
    ("url = { env = \"URL\" }\narchive = \"..\"", "{}/drops", true),
    ("url = { env = \"URL\" }\narchive = \"done\"", "{}/drops", false),
    (DATABASE, "sqlite:{}/drops/x.db", false),
    (DATABASE, "sqlite:{}/data/other.db", false),
    (DATABASE, "sqlite://{}/to-data/tonghui.db?mode=ro", true),
    (DATABASE, "sqlite:{}/drops/../data/tonghui.db", true),
    (DATABASE, "sqlite:{}/data/keys.json", true),
];

#[test]
fn no_channel_uses_the_files_of_the_gateway_whatever_the_lists_say() {
    for (settings, secret, is_own) in OWN_FILES {
        for allow in ["", "[allow]\nfolders = [\"/\"]"] {
            let folder = folder(allow);
            for file in ["data/keys.json", "data/tonghui.db"] {
                folder.write(file, "some text");
            }
            symlink("data", folder.path().join("to-data")).unwrap();
            let secret = secret.replace("{}", &folder.path().display().to_string());
            let found = resolve(&folder, settings, &secret).err();
            let report = found.map_or_else(String::new, |problems| problems.to_string());
            assert_eq!(report.contains(OF_GATEWAY), is_own, "{settings} {secret}: {report}");
            assert_eq!(report.is_empty(), !is_own, "{settings} {secret}: {report}");
        }
    }
}

#[test]
fn two_channels_do_not_read_the_same_files() {
    for (url, pattern, is_shared) in [
        ("{}/drops", "*.csv", true),
        ("{}/drops/", "*.csv", true),
        ("{}/drops/.", "b*.csv", true),
        ("file://{}/drops", "*", true),
        ("{}/to-drops", "*.csv", true),
        ("{}/drops", "*.json", false),
        ("{}/drops2", "*.csv", false),
        ("sftp://u:hunter2@drop/drops", "*.csv", false),
    ] {
        let folder = folder("");
        symlink("drops", folder.path().join("to-drops")).unwrap();
        let place = folder.path().display().to_string();
        folder.write("first.url", format!("{place}/drops"));
        folder.write("second.url", url.replace("{}", &place));
        for (name, pattern, rest) in
            [("first", "*.csv", ""), ("second", pattern, "archive = \"done\"")]
        {
            let text = format!(
                "name = \"{name}\"\nconnector = \"http\"\n[schedule]\nevery = \"1m\"\n[http]\n\
                 url = {{ file = \"{name}.url\" }}\nmatch = [\"{pattern}\"]\n{rest}\n\
                 [demand]\ncontent = \"$.text\"\n"
            );
            folder.channel(name, &text);
        }
        let found = resolve(&folder, "", "").err();
        let report = found.map_or_else(String::new, |problems| problems.to_string());
        let expected =
            "channels/second/channel.toml:5:1: channels/first/channel.toml reads the same folder";
        assert_eq!(report.contains(expected), is_shared, "{url} {pattern}: {report}");
        assert_eq!(report.is_empty(), !is_shared, "{url} {pattern}: {report}");
    }
}

#[test]
fn what_is_not_allowed_is_shown_at_its_place_with_what_to_add_where() {
    let list = "redirects = [\"https://a.city.gov.cn\", \"https://evil.example\"]";
    for (settings, place, advice) in [
        (
            "address = \"https://evil.example/\"",
            (6, 11),
            "add \"evil.example\", or \"evil.example:443\"",
        ),
        (list, (6, 39), "to `hosts` there"),
    ] {
        let problems = resolve(&folder(HOSTS), settings, "").unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{problems}") };
        let found = problem.place.as_ref().map(|place| (place.line, place.column));
        assert_eq!((problem.file.as_str(), found), ("channels/hotline/channel.toml", Some(place)));
        assert!(problems.to_string().contains(advice), "{problems}");
    }
}

#[test]
fn only_the_channel_that_uses_something_else_does_not_run() {
    let folder = folder(HOSTS);
    let channel = |name: &str, host: &str| {
        let text = format!(
            "name = \"{name}\"\nconnector = \"http\"\n[schedule]\nevery = \"1m\"\n[http]\n\
             address = \"https://{host}/\"\n[demand]\ncontent = \"$.text\"\n"
        );
        folder.channel(name, &text);
    };
    channel("hotline", "api.city.gov.cn");
    channel("stranger", "evil.example");
    let settings = config::resolve_usable(folder.path(), &sections(), &|_| None).unwrap();
    let usable: Vec<_> = settings.channels.iter().map(|channel| channel.id.as_str()).collect();
    let broken: BTreeMap<_, _> =
        settings.broken.iter().map(|(id, found)| (id.as_str(), found.to_string())).collect();
    assert_eq!(usable, ["hotline"]);
    assert!(broken.len() == 1 && broken["stranger"].contains("evil.example"), "{broken:?}");
}

#[test]
fn a_list_that_cannot_be_read_stops_everything() {
    for (allow, wrong) in [
        ("[allow]\nhosts = [\"https://city.gov.cn\"]", "`https://city.gov.cn` is not a host"),
        ("[allow]\nhosts = \"city.gov.cn\"", "expected a list"),
        ("[allow]\nhost = []", "unknown key `host`"),
        ("[allow]\ncommands = [\"python3\"]", "expected a list"),
    ] {
        let folder = folder(allow);
        let stopped = config::resolve_usable(folder.path(), &section_schemas(), &|_| None);
        let report = stopped.unwrap_err().to_string();
        assert!(report.contains(wrong) && report.contains("gateway.toml"), "{allow}: {report}");
    }
}

#[test]
fn a_secret_that_is_not_set_is_not_compared() {
    for settings in [DATABASE, FOLDER, "url = { env = \"URL\" }\narchive = \"done\""] {
        let lists = "[allow]\nhosts = []\nfolders = []\ncommands = []\nkinds = [\"http\"]";
        let found = resolve(&folder(lists), settings, config::UNSET);
        assert!(found.is_ok(), "{settings}: {}", found.unwrap_err());
    }
}
