//! Tests of files that were made to keep the gateway busy, to fill its memory, or by people who wrote a secret into
//! the wrong place.

use std::{fs, process::Command};

use config::{ConnectorSchema, Problems, SectionSchemas};
use contract::Secret;
use schemars::schema_for;
use serde_json::json;

use crate::folder::{Folder, section_schemas};

const HOTLINE: &str = "channels/hotline/channel.toml";

#[test]
fn of_very_many_mistakes_the_first_are_reported_and_no_line_is_shown_at_full_length() {
    let lines = |line: fn(u32) -> String| (0..30_000).map(line).collect::<String>();
    for (from, to) in [
        ("page    = 500", lines(|n| format!("unknown{n:05} = {n}\n"))),
        ("page    = 500", lines(|n| format!("unknown{n:05} = broken\n"))),
        ("page    = 500", lines(|n| format!("[unknown{n:05}]\n"))),
        (
            "{ RQSTCONTENT = 4000 }",
            format!("{{ {}A = 1 }}", lines(|n| format!("k{n:05} = true, "))),
        ),
    ] {
        let folder = Folder::new();
        folder.edit(HOTLINE, from, &to);
        let problems = folder.resolve().unwrap_err();
        assert!((90..=250).contains(&problems.as_slice().len()), "{}", problems.as_slice().len());
        let report = problems.to_string();
        assert!(report.contains("100 problems or more"), "{report}");
        assert!(report.lines().all(|line| line.len() < 600), "{report}");
    }
}

#[test]
fn a_configuration_file_of_more_than_a_mebibyte_is_refused() {
    let folder = Folder::new();
    folder.edit(HOTLINE, "page    = 500", &"# more\n".repeat(200_000));
    let report = folder.report();
    assert!(report.contains("cannot be read: it is larger than 1024 KiB"), "{report}");
}

#[test]
fn a_configuration_file_is_no_link_to_something_else() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("channel.toml"), "hunter2").unwrap();
    let elsewhere = outside.path().join("channel.toml").display().to_string();
    for (target, wrong) in [
        ("..data/channel.toml", None),
        ("../../channels/hotline/..data/channel.toml", None),
        ("../../data/keys.json", Some("a link leads to a file of another kind")),
        ("../../hotline.url", Some("a link leads to a file of another kind")),
        ("/etc/passwd", Some("a link leads out of the configuration folder")),
        ("/dev/zero", Some("a link leads out of the configuration folder")),
        (&*elsewhere, Some("a link leads out of the configuration folder")),
        ("channel.toml", Some("the system cannot read it")),
        ("nowhere.toml", Some("it does not exist")),
    ] {
        let folder = Folder::new();
        folder.write("data/keys.json", "{ \"sealing\": \"hunter2\" }");
        folder.write("hotline.url", "hunter2");
        folder.write("channels/hotline/..data/channel.toml", folder.read(HOTLINE));
        fs::remove_file(folder.path().join(HOTLINE)).unwrap();
        std::os::unix::fs::symlink(target, folder.path().join(HOTLINE)).unwrap();
        let report = folder.report();
        match wrong {
            None => assert_eq!(report, "", "{target}"),
            Some(wrong) => assert!(report.contains(wrong), "{target}: {report}"),
        }
        assert!(!report.contains("hunter2") && !report.contains("root:"), "{target}: {report}");
    }
}

#[test]
fn no_channel_is_left_out_silently() {
    let folder = Folder::new();
    folder.write("channels/README.md", "notes");
    folder.write("channels/.hidden.toml", "x");
    folder.write("channels/hotline.toml", "beside the folder of this name");
    folder.write("channels/letters.toml~", "x");
    folder.write("channels/letters.toml.bak", "x");
    assert_eq!(folder.report(), "");
    folder.write("channels/letters.toml", folder.read(HOTLINE));
    std::os::unix::fs::symlink("/nowhere/yet", folder.path().join("channels/forum")).unwrap();
    let report = folder.report();
    for expected in [
        "channels/letters/channel.toml: the file does not exist, and channels/letters.toml is not read",
        "move it to channels/letters/channel.toml",
        "channels/forum/channel.toml: the file cannot be read: it does not exist",
    ] {
        assert!(report.contains(expected), "{report}");
    }
    let settings = folder.resolve_usable().unwrap();
    let ids: Vec<_> = settings.channel_ids().iter().map(ToString::to_string).collect();
    assert_eq!((ids.join(" "), settings.channels.len()), ("forum hotline letters".to_owned(), 1));
}

#[test]
fn a_secret_is_read_only_from_a_small_file() {
    let folder = Folder::new();
    let pipe = folder.path().join("pipe.key");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    folder.write("right.key", format!("{}\n", "k".repeat(60_000)));
    folder.write("large.key", "k".repeat(70_000));
    fs::create_dir(folder.path().join("folder.key")).unwrap();
    for (name, expected) in [
        ("right.key", None),
        ("pipe.key", Some("it is a device or a pipe")),
        ("/dev/zero", Some("it is a device or a pipe")),
        ("large.key", Some("it is larger than 64 KiB")),
        ("folder.key", Some("it is a folder")),
        ("none.key", Some("it does not exist")),
    ] {
        let folder_text = folder.read(HOTLINE);
        folder.edit(
            HOTLINE,
            "{ env = \"HOTLINE_DATABASE_URL\" }",
            &format!("{{ file = \"{name}\" }}"),
        );
        let report = folder.report();
        match expected {
            None => assert_eq!(report, "", "{name}"),
            Some(why) => assert!(report.contains(why) && report.contains(name), "{name}: {report}"),
        }
        folder.write(HOTLINE, folder_text);
    }
}

#[test]
fn a_channel_reads_files_of_its_own_folder_only() {
    let folder = Folder::new();
    let fixtures = folder.path().join("channels/hotline/fixtures");
    folder.write("codes/rows.json", "[]");
    std::os::unix::fs::symlink("rows.json", fixtures.join("inside.json")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("gateway.toml"), fixtures.join("out.json"))
        .unwrap();
    let absolute = folder.path().join("gateway.toml").display().to_string();
    for (name, is_own) in [
        ("fixtures/../fixtures/rows.json", true),
        ("fixtures/inside.json", true),
        ("fixtures/out.json", false),
        ("../../codes/rows.json", false),
        ("../../gateway.toml", false),
        (&*absolute, false),
    ] {
        let text = folder.read(HOTLINE);
        folder.edit(HOTLINE, "\"fixtures/rows.json\"", &format!("\"{name}\""));
        let report = folder.report();
        assert_eq!(report.is_empty(), is_own, "{name}: {report}");
        assert!(is_own || report.contains("is not in the folder of the channel"), "{report}");
        folder.write(HOTLINE, text);
    }
}

#[test]
fn the_keys_and_the_demands_of_the_gateway_are_no_secret_of_a_channel() {
    let folder = Folder::new();
    folder.write("data/keys.json", "{}");
    folder.write("data/tonghui.db", "SQLite");
    folder.write("data/source.key", "hunter2");
    std::os::unix::fs::symlink("keys.json", folder.path().join("data/link.key")).unwrap();
    for (name, is_own) in [
        ("data/source.key", false),
        ("data/keys.json", true),
        ("./channels/../data/tonghui.db", true),
        ("data/link.key", true),
    ] {
        let text = folder.read(HOTLINE);
        let reference = format!("{{ file = \"{name}\" }}");
        folder.edit(HOTLINE, "{ env = \"HOTLINE_DATABASE_URL\" }", &reference);
        let report = folder.report();
        assert_eq!(report.contains("belongs to the gateway"), is_own, "{name}: {report}");
        assert!(is_own || report.is_empty(), "{report}");
        folder.write(HOTLINE, text);
    }
}

/// A connector whose settings hold secrets and free texts.
fn sections() -> SectionSchemas {
    let secret = schema_for!(Secret).to_value();
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["url"],
        "properties": {
            "url": { "type": "string" },
            "timeout": { "type": "string", "format": "period" },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "auth": { "anyOf": [
                { "const": "none" },
                {
                    "type": "object", "additionalProperties": false, "required": ["bearer"],
                    "properties": { "bearer": secret },
                },
            ] },
        },
    });
    let http = ConnectorSchema { name: "http".to_owned(), schema };
    SectionSchemas { connectors: vec![http], ..section_schemas() }
}

fn problems_with(line: &str) -> Result<config::Settings, Problems> {
    let folder = Folder::new();
    let text = format!("name = \"h\"\nconnector = \"http\"\n[http]\n{line}\n[demand]\n");
    folder.channel("hotline", &text);
    config::resolve(folder.path(), &sections(), &|_| None)
}

#[test]
fn a_value_beside_a_mistake_is_not_shown_if_it_may_be_a_secret() {
    for line in [
        "url = \"https://a/b?token=hunter2&x=1\"\ntimeout = 5",
        "url = \"https://a/b?k=hunter2\"\nurl = \"https://a/b?k=hunter2\"",
        "headers = { X-A = \"hunter2\", bad = [\"hunter2\"], \"X-B\" = 1 }",
        "headers = { X-A = \"hunter2 }",
        "headers = { X-A = hunter2\" }",
        "headers.X-A = \"hunter2",
        "[http.headers]\nX-A = \"hunter2",
        "auth = \"hunter2\"",
        "auth = [\"hunter2\", 1]",
        "auth = { bearer = \"hunter2\" }",
        "auth = { bearer = \"hunter2 }",
        "auth = { bearer = hunter2\" }",
        "auth = { bearer = { env = \"hunter2\" } }",
        "auth = { bearer = { file = \"hunter2\" } }",
        "auth = { bearer = { file = \"ab+hunter2/cd==\" } }",
        "auth = { bearer = { value = \"hunter2\" } }",
        "query = { token = \"hunter2\n, b = 1 }",
        "passphrase = \"hunter2\"",
        "口令 = \"hunter2\"",
        "api_key = \"hunter2\"",
    ] {
        let problems = problems_with(line).unwrap_err();
        let json = serde_json::to_string(&problems).unwrap();
        for shown in [problems.to_string(), json, format!("{problems:?}")] {
            assert!(!shown.contains("hunter2"), "{line} gives\n{shown}");
        }
    }
}
