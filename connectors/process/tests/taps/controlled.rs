//! A small tap that writes the messages in a file of the test, and records how it was started.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

use connector_process::{Cursor, Process};
use contract::{Connector as _, Entry, FaultKind, Revision};
use serde_json::{Value, json};

use super::{batches, process};

/// The tap: it writes the schema and `messages`, from the line in its state on, and records its
/// arguments and files.
const TAP: &str = r#"
import json, os, sys
args = sys.argv[1:]
with open("calls", "a") as calls:
    calls.write(json.dumps([args, [oct(os.stat(a).st_mode) for a in args if a.startswith("/")]]) + "\n")
if "--discover" in args:
    print(json.dumps({"streams": [
        {"tap_stream_id": "orders", "stream": "orders",
         "schema": {"type": "object", "properties": {"id": {"inclusion": "automatic"}, "no": {}}},
         "metadata": [{"breadcrumb": [], "metadata": {}},
                      {"breadcrumb": ["properties", "at"], "metadata": {"inclusion": "available"}},
                      {"breadcrumb": ["properties", "x"], "metadata": {"inclusion": "unsupported"}}]},
        {"tap_stream_id": "people", "stream": "people", "schema": {"type": "object"},
         "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}]}]}))
    sys.exit()
state = json.load(open(args[args.index("--state") + 1])) if "--state" in args else {}
for n, line in enumerate(open("messages")):
    if n >= state.get("line", 0) or '"SCHEMA"' in line:
        print(line.strip(), flush=True)
if os.path.exists("fails"):
    sys.exit(7)
"#;

pub(crate) struct ControlledTap(tempfile::TempDir);

impl ControlledTap {
    pub(crate) fn new(messages: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tap.py"), TAP).unwrap();
        let tap = Self(folder);
        tap.set_messages(messages);
        tap
    }

    pub(crate) fn set_messages(&self, messages: &[Value]) {
        let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
        std::fs::write(self.path("messages"), lines).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn process(&self, singer: Value) -> Process {
        let mut settings = json!({ "stream": "orders" });
        for (name, value) in singer.as_object().unwrap() {
            settings[name] = value.clone();
        }
        process(
            self.0.path(),
            json!({
                "command": ["python3", "tap.py"], "protocol": "singer", "singer": settings,
                "config": { "city": "芜湖" }, "secrets": { "token": "t0p" },
            }),
        )
    }
}

pub(crate) fn schema() -> Value {
    json!({ "type": "SCHEMA", "stream": "orders", "schema": {}, "key_properties": ["id"] })
}

pub(crate) fn record(id: u32) -> Value {
    json!({ "type": "RECORD", "stream": "orders", "record": { "id": id, "at": "2026-10-09T10:00:00Z" } })
}

pub(crate) fn state(line: u32) -> Value {
    json!({ "type": "STATE", "value": { "line": line } })
}

pub(crate) fn position(cursor: &Cursor) -> Value {
    serde_json::to_value(cursor).unwrap()["singer"].clone()
}

#[tokio::test]
async fn records_of_the_stream_become_records_and_states_become_the_cursor() {
    let other = json!({ "type": "RECORD", "stream": "people", "record": { "id": 99 } });
    let activate = json!({ "type": "ACTIVATE_VERSION", "stream": "orders", "version": 1 });
    let tap = ControlledTap::new(&[
        schema(),
        record(1),
        activate,
        record(2),
        other,
        state(6),
        record(3),
        state(8),
    ]);
    let (found, at) = batches(&mut tap.process(json!({})), None, 10).await;
    assert_eq!(found, [["1", "2", "3"]]);
    assert_eq!(position(&at)["state"], json!({ "line": 8 }));
    let (found, again) = batches(&mut tap.process(json!({})), Some(at.clone()), 10).await;
    assert_eq!((found, &again), (vec![Vec::<String>::new()], &at), "a source at rest");
}

#[tokio::test]
async fn a_run_can_end_at_any_cursor_and_continues_there() {
    let mut messages = vec![schema()];
    for id in 0..12 {
        messages.push(record(id));
        if id % 5 == 4 {
            messages.push(state(u32::try_from(messages.len()).unwrap() + 1));
        }
    }
    let tap = ControlledTap::new(&messages);
    let all: Vec<String> = (0..12).map(|id| id.to_string()).collect();
    for cut in 0..5 {
        let (mut process, mut at, mut seen) = (tap.process(json!({})), None, Vec::new());
        for _ in 0..cut {
            let batch = process.read(at.as_ref(), 3).await.unwrap();
            seen.extend(batch.entries.iter().map(super::key));
            at = Some(batch.upto);
        }
        let (rest, _) = batches(&mut tap.process(json!({})), at, 3).await;
        seen.extend(rest.concat());
        assert_eq!(seen, all, "cut after {cut} reads: each once, in order");
    }
}

#[tokio::test]
async fn a_tap_that_writes_other_records_after_a_restart_is_read_from_its_state_again() {
    let tap = ControlledTap::new(&[schema(), record(1), record(2), record(3), record(4)]);
    let batch = tap.process(json!({})).read(None, 2).await.unwrap();
    // A new order comes first. If the connector only counted records, it would lose one.
    tap.set_messages(&[schema(), record(9), record(1), record(2), record(3), record(4)]);
    let (found, _) = batches(&mut tap.process(json!({})), Some(batch.upto), 2).await;
    assert_eq!(found.concat(), ["9", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn an_empty_state_or_one_that_goes_back_changes_nothing() {
    let empty = json!({ "type": "STATE", "value": {} });
    let tap =
        ControlledTap::new(&[schema(), record(1), state(7), record(2), state(3), record(3), empty]);
    let (_, at) = batches(&mut tap.process(json!({})), None, 10).await;
    assert_eq!(position(&at)["state"], json!({ "line": 7 }));
    tap.set_messages(&[json!({ "type": "STATE", "value": { "bookmarks": {} } })]);
    let (_, at) = batches(&mut tap.process(json!({})), Some(at), 10).await;
    assert_eq!(position(&at)["state"], json!({ "line": 7 }));
}

#[tokio::test]
async fn the_failure_of_a_tap_is_transient_and_its_records_are_kept() {
    let tap = ControlledTap::new(&[schema(), record(1), state(3), record(2)]);
    std::fs::write(tap.path("fails"), "").unwrap();
    let mut process = tap.process(json!({}));
    let batch = process.read(None, 10).await.unwrap();
    assert_eq!((batch.entries.len(), batch.caught_up()), (2, false));
    let fault = process.read(Some(&batch.upto), 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
    assert!(fault.to_string().contains("exit code 7"), "{fault}");
    std::fs::remove_file(tap.path("fails")).unwrap();
    let (found, _) = batches(&mut process, Some(batch.upto), 10).await;
    assert!(found.concat().is_empty(), "nothing twice: {found:?}");
}

#[tokio::test]
async fn records_are_returned_while_a_tap_waits() {
    let tap = ControlledTap::new(&[schema(), record(1)]);
    let waits = format!("{TAP}\nos.waitpid(os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '1000'), 0)");
    std::fs::write(tap.path("tap.py"), waits).unwrap();
    let batch = tap.process(json!({})).read(None, 10).await.unwrap();
    assert_eq!((batch.entries.len(), batch.caught_up()), (1, false));
}

#[tokio::test]
async fn a_batch_has_each_key_once_with_its_last_state() {
    let changed = json!({ "type": "RECORD", "stream": "orders", "record": { "id": 1, "x": 2 } });
    let tap = ControlledTap::new(&[schema(), record(1), record(2), changed]);
    let batch = tap.process(json!({})).read(None, 10).await.unwrap();
    let [Entry::Record(first), Entry::Record(_)] = batch.entries.as_slice() else {
        panic!("{batch:?}")
    };
    assert_eq!(first.body.tree()["x"], 2);
}

#[tokio::test]
async fn a_state_with_a_lower_revision_does_not_replace_a_newer_one_of_its_batch() {
    let states = ["2026-10-09T10:00:00Z", "2026-10-10T10:00:00Z", "2026-10-08T10:00:00Z"];
    let record =
        |at: &str| json!({ "type": "RECORD", "stream": "orders", "record": { "id": 1, "at": at } });
    let [first, newest, oldest] = states.map(record);
    let tap = ControlledTap::new(&[schema(), first, newest, oldest]);
    let batch = tap.process(json!({ "revision": "at" })).read(None, 10).await.unwrap();
    let [Entry::Record(found)] = batch.entries.as_slice() else { panic!("{batch:?}") };
    assert_eq!(found.body.tree()["at"], states[1]);
}

#[tokio::test]
async fn keys_and_revisions_are_the_configured_fields() {
    let tap = ControlledTap::new(&[
        json!({ "type": "SCHEMA", "stream": "orders", "schema": {}, "key_properties": ["id", "at"] }),
        record(1),
        json!({ "type": "RECORD", "stream": "orders", "record": { "id": 2, "at": "soon" } }),
        json!({ "type": "RECORD", "stream": "orders", "record": { "at": "2026-10-09T10:00:00Z" } }),
    ]);
    let batch = tap.process(json!({ "revision": "at" })).read(None, 10).await.unwrap();
    let found: Vec<String> = batch.entries.iter().map(super::key).collect();
    assert_eq!(found, [r#"["1","2026-10-09T10:00:00Z"]"#, "no_revision", "missing_key"]);
    let Entry::Record(record) = &batch.entries[0] else { panic!() };
    assert_eq!(record.revision, "2026-10-09T10:00:00Z".parse().map(Revision::time).unwrap());

    let without_key =
        json!({ "type": "SCHEMA", "stream": "orders", "schema": {}, "key_properties": [] });
    tap.set_messages(&[without_key, self::record(1)]);
    let fault = tap.process(json!({})).read(None, 10).await.unwrap_err();
    assert!(fault.to_string().contains("have no key"), "{fault}");
    let (found, _) = batches(&mut tap.process(json!({ "key": ["id"] })), None, 10).await;
    assert_eq!(found, [["1"]]);
}

#[tokio::test]
async fn the_files_of_a_tap_are_private_and_removed_after_the_run() {
    let tap = ControlledTap::new(&[schema(), record(1), state(3), record(2)]);
    let (_, at) = batches(&mut tap.process(json!({})), None, 1).await;
    let (_, _) = batches(&mut tap.process(json!({})), Some(at), 1).await;
    let calls = std::fs::read_to_string(tap.path("calls")).unwrap();
    let calls: Vec<(Vec<String>, Vec<String>)> =
        calls.lines().map(|call| serde_json::from_str(call).unwrap()).collect();
    let options: Vec<Vec<&str>> = calls
        .iter()
        .map(|(args, _)| args.iter().map(String::as_str).filter(|a| a.starts_with("--")).collect())
        .collect();
    assert_eq!(options[0], ["--config", "--discover"]);
    assert_eq!(options[1], ["--config", "--catalog"]);
    assert_eq!(options.last().unwrap(), &["--config", "--catalog", "--state"]);
    for (args, modes) in &calls {
        assert!(modes.iter().all(|mode| mode == "0o100600"), "{modes:?}");
        let files = args.iter().filter(|argument| argument.starts_with('/'));
        for file in files {
            assert!(!PathBuf::from(file).exists(), "left behind: {file}");
        }
    }
}

#[tokio::test]
async fn the_stream_is_selected_in_the_catalog_and_no_other() {
    let tap = ControlledTap::new(&[schema()]);
    let copy = "import shutil, sys; a = sys.argv; '--catalog' in a and shutil.copy(a[a.index('--catalog') + 1], 'catalog.json')\n";
    std::fs::write(tap.path("tap.py"), format!("{copy}{TAP}")).unwrap();
    let _ = tap.process(json!({})).read(None, 10).await.unwrap();
    let catalog: Value =
        serde_json::from_slice(&std::fs::read(tap.path("catalog.json")).unwrap()).unwrap();
    let selected = |index: usize| &catalog["streams"][index]["metadata"][0]["metadata"]["selected"];
    assert_eq!((selected(0), selected(1)), (&json!(true), &json!(false)));
    let orders = &catalog["streams"][0];
    let field = |at: usize| &orders["metadata"][at]["metadata"]["selected"];
    assert_eq!((field(1), field(2)), (&json!(true), &Value::Null));
    let fields = &orders["schema"]["properties"];
    assert_eq!(
        (&fields["id"]["selected"], &fields["no"]["selected"]),
        (&json!(true), &Value::Null)
    );
    let mode = std::fs::metadata(tap.path("catalog.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let fault = tap.process(json!({ "stream": "ordres" })).read(None, 10).await.unwrap_err();
    assert!(fault.to_string().contains("one of these: orders, people"), "{fault}");
    std::fs::write(tap.path("mine.json"), r#"{"streams":[{"stream":"mine"}]}"#).unwrap();
    let mut mine = tap.process(json!({ "catalog": { "file": "mine.json" } }));
    let _ = mine.read(None, 10).await.unwrap();
    let catalog = std::fs::read_to_string(tap.path("catalog.json")).unwrap();
    assert!(catalog.contains("mine"), "{catalog}");
}

#[tokio::test]
async fn other_output_stops_the_channel_and_a_silent_tap_times_out() {
    let tap = ControlledTap::new(&[json!("13800001234")]);
    let fault = tap.process(json!({})).read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(!fault.to_string().contains("13800001234"), "{fault}");
    let silent = json!({
        "command": ["sh", "-c", "exec sleep 1000"], "protocol": "singer", "timeout": "200ms",
        "singer": { "stream": "orders", "catalog": "none" },
    });
    let fault = process(tap.0.path(), silent).read(None, 10).await.unwrap_err();
    assert!(fault.to_string().contains("no output for 200ms"), "{fault}");
}
