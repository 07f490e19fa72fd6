//! Tests of the settings that a folder without mistakes becomes.

use std::time::Duration;

use config::{KeySource, StoreSettings, Topology, Trigger};
use contract::Period;

use config::{ConnectorSchema, SectionSchemas};
use serde_json::{Value, json};

use crate::folder::{Folder, golden, section_schemas};

#[test]
fn paths_in_the_settings_are_relative_to_the_folder() {
    let folder = Folder::new();
    let settings = folder.resolve().unwrap();
    assert_eq!(settings.zone, chrono_tz::Asia::Shanghai);
    let StoreSettings::Sqlite(file) = &settings.store else { panic!("the store is a file") };
    assert_eq!(file, &folder.path().join("data/tonghui.db"));
    assert!(settings.bus.is_none());
    assert_eq!(settings.limits.memory.0, 256 << 20);
    assert_eq!(settings.limits.grace.0, Duration::from_secs(20));
    assert_eq!(settings.limits.flight.0, Duration::from_mins(15));
    let KeySource::File(keys) = &settings.keys else { panic!("the keys come from a file") };
    assert_eq!(keys, &folder.path().join("data/keys.json"));
    assert_eq!(settings.audit_copy, None);
    folder.edit("gateway.toml", "[keys]", "[audit]\ncopy = \"copy/audit.jsonl\"\n\n[keys]");
    let copy = folder.resolve().unwrap().audit_copy;
    assert_eq!(copy, Some(folder.path().join("copy/audit.jsonl")));

    let [hotline] = settings.channels.as_slice() else { panic!("there is one channel") };
    assert_eq!(hotline.id.as_str(), "hotline");
    assert!(
        matches!(hotline.schedule.trigger, Trigger::Every(pause) if pause == Duration::from_secs(15))
    );
    assert_eq!((hotline.budget.concurrent, hotline.budget.interval), (2, None));
    let rows = folder.path().join("channels/hotline/fixtures/rows.json");
    assert_eq!(hotline.examples[0].page, rows);
    assert_eq!(hotline.demand["source_no"], "$.SERIALNUM");
}

#[test]
fn a_database_and_a_broker_are_configured_by_reference() {
    let folder = Folder::new();
    folder.edit("gateway.toml", "sqlite = \"data/tonghui.db\"", "postgres = { env = \"STORE\" }");
    folder.edit(
        "gateway.toml",
        "[keys]",
        "[bus]\namqp = { env = \"BROKER\" }\nca = \"ca.pem\"\n\n[keys]",
    );
    folder.write("ca.pem", "certificate");
    let settings = folder.resolve().unwrap();
    let StoreSettings::Postgres(url) = &settings.store else { panic!("the store is a database") };
    assert_eq!(url.expose(), "postgres://gateway:hunter2@db1,db2/demand");
    let bus = settings.bus.as_ref().unwrap();
    assert_eq!(bus.amqp.expose(), "amqp://gateway:hunter2@mq1 amqps://gateway:hunter2@mq2");
    assert_eq!(bus.ca.as_deref(), Some("certificate"));
    assert_eq!(
        (bus.prefix.as_str(), bus.queue.0, bus.topology),
        ("tonghui", 1 << 30, Topology::Declare)
    );
    assert!(!format!("{settings:?}").contains("hunter2"));
}

/// The settings of a connector, as the connector deserialises them.
#[derive(serde::Deserialize)]
struct Table {
    url: contract::Secret,
    timeout: Period,
}

#[test]
fn references_are_replaced_with_secrets() {
    let folder = Folder::new();
    let url = |folder: &Folder| {
        let table: Table = folder.resolve().unwrap().channels[0].section.parse().unwrap();
        assert_eq!(table.timeout, Period(Duration::from_secs(30)));
        table.url.expose().to_owned()
    };
    assert_eq!(url(&folder), "sqlite:hotline.db?secret=hunter2");
    folder.write("secrets/url", "sqlite:other.db\r\nnotes\n");
    let reference = "env = \"HOTLINE_DATABASE_URL\"";
    folder.edit("channels/hotline/channel.toml", reference, "file = \"secrets/url\"");
    assert_eq!(url(&folder), "sqlite:other.db");
}

#[test]
fn a_secret_in_a_pem_file_is_the_whole_file() {
    let folder = Folder::new();
    let pem = "Bag Attributes\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    folder.write("secrets/key.pem", pem);
    let reference = "env = \"HOTLINE_DATABASE_URL\"";
    folder.edit("channels/hotline/channel.toml", reference, "file = \"secrets/key.pem\"");
    let table: Table = folder.resolve().unwrap().channels[0].section.parse().unwrap();
    assert_eq!(table.url.expose(), pem);
}

#[test]
fn limits_and_budget_may_be_left_out() {
    let folder = Folder::new();
    folder.edit("gateway.toml", "[limits]\nmemory = \"256MiB\"\ngrace  = \"20s\"\n", "");
    folder.edit("channels/hotline/channel.toml", "[budget]\nconcurrent = 2\n", "");
    let settings = folder.resolve().unwrap();
    assert_eq!(settings.limits.grace.0, Duration::from_secs(20));
    assert_eq!((settings.channels[0].budget.burst, settings.channels[0].budget.concurrent), (1, 1));
}

#[test]
fn a_rate_becomes_the_time_between_two_requests() {
    let folder = Folder::new();
    let hotline = "channels/hotline/channel.toml";
    folder.edit(hotline, "concurrent = 2", "rate = \"5/s\"\nburst = 10");
    let budget = folder.resolve().unwrap().channels[0].budget;
    assert_eq!((budget.interval, budget.burst), (Some(Duration::from_millis(200)), 10));
}

#[test]
fn a_budget_may_limit_requests_per_day_and_hours() {
    let folder = Folder::new();
    let hotline = "channels/hotline/channel.toml";
    folder.edit(hotline, "concurrent = 2", "per_day = 2000\nwindow = \"22:00-06:00\"");
    let budget = folder.resolve().unwrap().channels[0].budget;
    assert_eq!(budget.per_day, Some(2000));
    assert_eq!(budget.window.unwrap().to_string(), "22:00-06:00");
}

#[test]
fn channels_may_share_an_upstream() {
    let folder = Folder::new();
    let hotline = folder.read("channels/hotline/channel.toml");
    let other = hotline.replace("12345", "12346").replace("CNS_", "X");
    let shared = "concurrent = 2\nupstream = \"hotline\"";
    folder.channel("second", &other.replace("concurrent = 2", shared));
    let settings = folder.resolve().unwrap();
    let upstreams: Vec<_> = settings.channels.iter().map(|channel| channel.upstream()).collect();
    assert_eq!(upstreams, ["hotline", "hotline"]);
}

#[test]
fn files_from_windows_are_read() {
    let folder = Folder::new();
    let hotline = "channels/hotline/channel.toml";
    let windows = format!("\u{feff}{}", folder.read(hotline).replace('\n', "\r\n"));
    folder.write(hotline, &windows);
    assert_eq!(folder.report(), "");
    let utf16: Vec<u8> = windows.encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write(hotline, &utf16);
    assert_eq!(folder.report(), "");
    folder.write(hotline, &windows);
    folder.edit(hotline, "\u{feff}name", "\u{feff}nmae");
    golden("byte_order_mark", &folder.report()).unwrap();
}

#[test]
fn problems_found_later_have_the_place_of_their_value() {
    let settings = Folder::new().resolve().unwrap();
    let hotline = &settings.channels[0];
    for (path, line, column) in [
        (vec!["demand", "title", "at"], 52, 23),
        (vec!["demand", "source_no", "at"], 51, 16),
        (vec!["demand", "people", "phone"], 65, 65),
        (vec!["table", "flag", "1", "done"], 32, 11),
        (vec!["table", "changes"], 19, 1),
        (vec!["nothing"], 1, 1),
    ] {
        let place = hotline.problem(&path, "it is wrong").place.unwrap();
        assert_eq!((place.line, place.column), (line, column), "{path:?}");
    }
}

#[test]
fn the_schemas_that_editors_use_are_those_that_are_checked() {
    let gateway = serde_json::to_string_pretty(&config::gateway_schema()).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/gateway.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/schema")).unwrap();
        std::fs::write(path, format!("{gateway}\n")).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{gateway}\n"));

    let channel = config::channel_schema(&section_schemas());
    assert_eq!(channel["properties"]["connector"]["enum"], serde_json::json!(["table", "files"]));
    assert_eq!(channel["properties"]["table"]["$ref"], "#/$defs/table");
    assert_eq!(channel["$defs"]["table"]["properties"]["charset"]["$ref"], "#/$defs/table.Charset");
}

#[test]
fn keys_may_come_from_the_environment() {
    let folder = Folder::new();
    folder.edit("gateway.toml", "file = \"data/keys.json\"", "env = \"HOTLINE_DATABASE_URL\"");
    let KeySource::Env(keys) = folder.resolve().unwrap().keys else {
        panic!("the keys come from the environment")
    };
    assert_eq!(keys.expose(), "sqlite:hotline.db?secret=hunter2");
}

#[test]
fn the_name_of_a_content_file_is_replaced_with_its_text() {
    #[derive(serde::Deserialize)]
    struct Table {
        template: String,
    }
    let folder = Folder::new();
    let channel = "channels/hotline/channel.toml";
    folder.edit(channel, "page    = 500", "page    = 500\ntemplate = \"request.xml\"");
    let report = folder.report();
    assert!(report.contains("the file `request.xml` does not exist"), "{report}");
    folder.write("channels/hotline/request.xml", "<a>{{ page }}</a>\n");
    let table: Table = folder.resolve().unwrap().channels[0].section.parse().unwrap();
    assert_eq!(table.template, "<a>{{ page }}</a>\n");
    folder.write("channels/hotline/request.xml", b"\xff");
    assert!(folder.report().contains("it is not text in UTF-8"));
}

#[test]
fn the_proxy_of_the_gateway_is_that_of_every_channel_which_can_have_one_and_sets_none() {
    let kind = |name: &str, keys: Value| {
        let schema = json!({ "type": "object", "additionalProperties": false, "properties": keys });
        ConnectorSchema { name: name.to_owned(), schema }
    };
    let text = json!({ "type": "string" });
    let connectors = vec![
        kind("http", json!({ "url": text, "proxy": true })),
        kind("files", json!({ "url": text })),
    ];
    let sections = SectionSchemas { connectors, ..section_schemas() };
    let proxy = "{ url = \"http://proxy.example:3128\", user = \"u\", password = { env = \"P\" } }";
    for (gateway, connector, table, expected) in [
        ("", "http", "", Value::Null),
        ("proxy = \"http://p.example\"", "http", "", json!("http://p.example")),
        ("proxy = \"http://p.example\"", "http", "proxy = \"none\"", json!("none")),
        ("proxy = \"http://p.example\"", "files", "", Value::Null),
        (
            &format!("proxy = {proxy}"),
            "http",
            "",
            json!({ "url": "http://proxy.example:3128", "user": "u", "password": "hunter2" }),
        ),
    ] {
        let folder = Folder::new();
        folder.edit("gateway.toml", "[limits]", &format!("[network]\n{gateway}\n[limits]"));
        let channel = format!(
            "name = \"h\"\nconnector = \"{connector}\"\n[schedule]\nevery = \"1m\"\n\
             [{connector}]\nurl = \"x\"\n{table}\n[demand]\ncontent = \"$.text\"\n"
        );
        folder.channel("hotline", &channel);
        let environment = |_: &str| Some("hunter2".to_owned());
        let settings = config::resolve(folder.path(), &sections, &environment);
        let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
        let section = &settings.channels[0].section;
        assert_eq!(section.parse::<Value>().unwrap()["proxy"], expected, "{gateway}");
        assert_eq!(section.has_secret("hunter2"), expected.is_object());
    }
}

#[test]
fn what_a_channel_chooses_itself_keeps_the_order_of_the_file() {
    let folder = Folder::new();
    let schema = json!({
        "type": "object", "properties": { "query": { "type": "object", "additionalProperties": true } },
    });
    let http = ConnectorSchema { name: "http".to_owned(), schema };
    let sections = SectionSchemas { connectors: vec![http], ..section_schemas() };
    folder.channel(
        "hotline",
        "name = \"h\"\nconnector = \"http\"\n[schedule]\nevery = \"1m\"\n[demand]\ncontent = \"$.text\"\n\
         [http]\nquery = { z = 1, a = { y = 2, b = 3 }, m = [1] }\n",
    );
    let settings = config::resolve(folder.path(), &sections, &|_| None).unwrap();
    let query = settings.channels[0].section.parse::<Value>().unwrap()["query"].to_string();
    assert_eq!(query, r#"{"z":1,"a":{"y":2,"b":3},"m":[1]}"#);
}
