//! Tests of the commands for codes, keys and people, and of the output for a page that is read offline.

use std::{
    path::Path,
    process::{Command, Output},
};

use contract::{
    Batch, Body, Channel, Cursor, DemandId, Entry, Intake, MappingNo, PassEnd, Position, RawRecord,
    ReadNo, RecordKey, Revision, Store, TextReport, Timestamp, pack,
};
use gateway::{
    assemble, keys,
    offline::{self, Outcome},
    shipped,
};
use normalizer::{Keys, Sealer, Suite};
use serde_json::{Value, json};
use sink::store::{Access, Database, Sqlite};
use tempfile::TempDir;

/// A configuration with a store that has seen three orders.
async fn city() -> (TempDir, Keys) {
    city_sealed_with(None).await
}

/// The same; the orders are sealed with the `lost` keys, if there are some.
async fn city_sealed_with(lost: Option<&Keys>) -> (TempDir, Keys) {
    let folder = tempfile::tempdir().unwrap();
    shipped::write(folder.path(), &["hotline"]).unwrap();
    let keys = keys::make(&folder.path().join("data/keys.json"), Suite::Aes).unwrap();
    let settings = assemble::settings_without_secrets(folder.path()).unwrap();
    let hotline = assemble::channels(&settings, lost.unwrap_or(&keys)).unwrap().remove(0);
    let order = |key: &str, kind: &str, phone: &str| {
        let tree = json!({
            "ROWGUID": key, "RQSTTYPE": kind, "CSTATUS": "35", "RQSTTITLE": "路灯不亮",
            "RQSTCONTENT": format!("请回电{phone}"), "RQSTPERSON": "张三丰", "LINKNUMBER": phone,
            "RQSTTIME": "2026-10-09 10:30:00", "AREACODE": "340202",
        });
        Entry::Record(RawRecord {
            key: RecordKey::new(key),
            revision: Revision::NONE,
            body: Body::new(tree),
            text: TextReport::default(),
        })
    };
    let batch = Batch {
        entries: vec![
            order("a", "20", "13800001234"),
            order("b", "求决类", "13900004321"),
            order("c", "求决类", "13800001234"),
        ],
        upto: Cursor::from_text("1"),
        end: Some(PassEnd::default()),
        trouble: Vec::new(),
    };
    let channel =
        Channel { id: hotline.id().clone(), mapping: MappingNo(1), normalizer: hotline.normalizer };
    let read_at: Timestamp = "2026-10-10T00:00:00Z".parse().unwrap();
    let outbox = pack(&channel, Position::default(), ReadNo(1), batch, read_at);
    let store = open(folder.path()).await;
    store.bind_key(&keys.check_values()).await.unwrap();
    let messages = outbox.messages().iter().map(|message| (0, message.clone()));
    store.store(&Intake::new(messages)).await.unwrap();
    (folder, keys)
}

async fn open(folder: &Path) -> Database {
    Database::Sqlite(Sqlite::open(folder.join("data/tonghui.db"), Access::ReadWrite).await.unwrap())
}

fn tonghui(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tonghui"));
    command.args(["--format", "json", "--config"]).arg(folder).args(arguments);
    command.env("HOTLINE_DATABASE_URL", "sqlite:nowhere").env("USER", "tester").output().unwrap()
}

fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    let output = tonghui(folder, arguments);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_labels_come_back_as_rows_of_a_table() {
    let (folder, _keys) = city().await;
    let folder = folder.path();
    let missing = json_of(folder, &["codes", "missing"]);
    assert_eq!(missing.as_array().unwrap().len(), 1, "{missing}");
    assert_eq!(missing[0]["table"], "hotline/kind");
    assert_eq!(missing[0]["raw"], "求决类");
    assert_eq!(missing[0]["demands"], 2);
    assert_eq!(missing[0]["nearest"], json!(["求决", "help"]));
    assert_eq!(json_of(folder, &["status", "--quality"])[0]["flag"], "unknown_code");

    let sheet = folder.join("missing.xlsx");
    let written = tonghui(folder, &["codes", "missing", "--xlsx", sheet.to_str().unwrap()]);
    assert!(written.status.success());
    // Nothing is filled in, so nothing changes.
    assert!(tonghui(folder, &["codes", "import", sheet.to_str().unwrap()]).status.success());
    assert_eq!(json_of(folder, &["codes", "diff"]), json!([]));

    let mut book = rust_xlsxwriter::Workbook::new();
    let page = book.add_worksheet();
    for (row, cells) in
        [["table", "raw", "code"], ["hotline/kind", "求决类", "help"]].iter().enumerate()
    {
        for (column, cell) in cells.iter().enumerate() {
            let (row, column) = (u32::try_from(row).unwrap(), u16::try_from(column).unwrap());
            page.write_string(row, column, *cell).unwrap();
        }
    }
    book.save(&sheet).unwrap();
    assert!(tonghui(folder, &["codes", "import", sheet.to_str().unwrap()]).status.success());
    let diff = json_of(folder, &["codes", "diff"]);
    assert_eq!(
        diff,
        json!([{"table": "hotline/kind", "raw": "求决类", "shipped": null, "here": "help"}])
    );

    // Two orders would get a kind, and nothing else would change.
    let what_if = json_of(folder, &["check", "--against", "3650d"]);
    assert_eq!(
        (&what_if["demands"], &what_if["changed"], &what_if["rejected"]),
        (&json!(3), &json!(2), &json!(0))
    );
    let fields: Vec<_> = what_if["fields"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["kind", "quality"]);
    assert!(!what_if.to_string().contains("13800001234"), "{what_if}");

    // Whether a copy of a store opens is proved by this command.
    std::fs::remove_file(folder.join("data/keys.json")).unwrap();
    keys::make(&folder.join("data/keys.json"), Suite::Aes).unwrap();
    let output = tonghui(folder, &["check", "--against", "3650d"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let why = "no key at hand opens the records of 3 demands";
    assert!(output.status.code() == Some(1) && said.contains(why), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_worksheet_changes_nothing() {
    let (folder, _keys) = city().await;
    let folder = folder.path();
    let sheet = folder.join("wrong.xlsx");
    let mut book = rust_xlsxwriter::Workbook::new();
    let page = book.add_worksheet();
    for (column, cell) in ["table", "raw", "code"].iter().enumerate() {
        page.write_string(0, u16::try_from(column).unwrap(), *cell).unwrap();
    }
    for (column, cell) in ["hotline/kind", "求决类", "no_such_kind"].iter().enumerate() {
        page.write_string(1, u16::try_from(column).unwrap(), *cell).unwrap();
    }
    book.save(&sheet).unwrap();
    let before = std::fs::read(folder.join("codes/hotline/kind.csv")).unwrap();
    let output = tonghui(folder, &["codes", "import", sheet.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no_such_kind"));
    assert_eq!(std::fs::read(folder.join("codes/hotline/kind.csv")).unwrap(), before);
    // One row more than are read: none of them is left out silently.
    let mut book = rust_xlsxwriter::Workbook::new();
    let page = book.add_worksheet();
    for (column, cell) in ["table", "raw", "code"].iter().enumerate() {
        page.write_string(0, u16::try_from(column).unwrap(), *cell).unwrap();
    }
    page.write_string(100_001, 1, "求决类").unwrap();
    book.save(&sheet).unwrap();
    let output = tonghui(folder, &["codes", "import", sheet.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("more than 100000 rows"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_a_person_is_forgotten_under_either_token() {
    let (folder, old) = city().await;
    let folder = folder.path();
    let person = normalizer::Personal::phone("13800001234");
    let token = Sealer::new(&old).tokens(&person).remove(0);
    let output = tonghui(folder, &["key", "rotate"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("resealed: 3 demands, 3 records"), "{said}");
    assert!(tonghui(folder, &["key", "rotate", "--resume"]).status.success());
    let copy = folder.join("copy.json");
    assert!(tonghui(folder, &["key", "backup", copy.to_str().unwrap()]).status.success());
    let text = std::fs::read_to_string(&copy).unwrap();
    assert_eq!(text, std::fs::read_to_string(folder.join("data/keys.json")).unwrap());

    std::fs::write(folder.join("data/tonghui.db.before-20261010T000000000Z"), "").unwrap();
    let erased = json_of(folder, &["erase", "--token", &token, "--reason", "request 7"]);
    let counts = ["demands", "texts", "raws", "quarantined"].map(|name| erased[name].clone());
    assert_eq!(counts, [2, 0, 2, 0].map(|n| json!(n)));
    assert_eq!(erased["unopened"], json!([]));
    let remains: Vec<_> =
        erased["remains"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
    assert!(remains[0].starts_with("in the sources: "));
    assert!(remains.iter().any(|each| each.contains(".before-20261010")));
    let store = open(folder).await;
    let demand = |key: &str| DemandId::of(&"hotline".parse().unwrap(), &RecordKey::new(key));
    for (key, is_there) in [("a", false), ("b", true), ("c", false)] {
        let row = store.demand(&demand(key)).await.unwrap().unwrap().demand;
        assert_eq!(row.body.people[0].phone.is_some(), is_there, "{key}");
        assert_eq!(row.body.unmasked.is_some(), is_there, "{key}");
        assert_eq!(!row.raw.0.is_empty(), is_there, "{key}");
        assert_eq!(row.body.title.as_deref(), Some("路灯不亮"));
    }
    // All three have one name. Only the one who was not erased is still found by it, by the token of either key.
    let keys = Keys::from_json(&text).unwrap();
    let name = Sealer::new(&keys).tokens(&normalizer::Personal::name("张三丰"));
    assert_eq!(name.len(), 2);
    for token in &name {
        let rows = store.sealed_rows_of(token).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [demand("b")], "{token}");
    }
    let audit = json_of(folder, &["audit"]);
    let actions: Vec<_> =
        audit.as_array().unwrap().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["erase", "copy keys", "rotate", "rotate", "rotate", "rotate"]);
    assert_eq!((&audit[0]["subject"], &audit[0]["detail"]), (&json!(token), &json!("request 7")));
    // The environment says that it is another one.
    let who = audit[0]["who"].as_str().unwrap();
    assert!(who.contains("uid ") && !who.contains("tester"), "{who}");
    let whole = json_of(folder, &["audit", "verify"]);
    assert_eq!((&whole["rows"], &whole["flaw"]), (&json!(6), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_key_opens_is_listed_once_and_erased_only_if_that_is_asked_for() {
    let lost = Keys::generate(Suite::Sm).unwrap();
    let (folder, _keys) = city_sealed_with(Some(&lost)).await;
    let token = Sealer::new(&lost).tokens(&normalizer::Personal::phone("13900004321")).remove(0);
    let erase = ["erase", "--token", &token, "--unreadable"];
    // The order that has the token is erased unopened. Of each other one, its texts before masking and its record.
    for (arguments, code, n_unopened, n_raws) in
        [(&erase[..3], 1, 4, 1), (&erase[..], 0, 4, 2), (&erase[..3], 0, 0, 0)]
    {
        let output = tonghui(folder.path(), arguments);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{report}");
        assert_eq!(report["unopened"].as_array().unwrap().len(), n_unopened, "{report}");
        assert_eq!(report["raws"], json!(n_raws), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_nobody_has_or_that_was_cut_erases_nothing_and_says_so() {
    let (folder, keys) = city().await;
    let folder = folder.path();
    let token = Sealer::new(&keys).tokens(&normalizer::Personal::phone("13800001234")).remove(0);
    // One token in 64 begins with a hyphen.
    for wrong in ["nobody", "-nobody", &token[..token.len() - 1]] {
        for arguments in
            [&["erase", "--token", wrong][..], &["erase", "--token", wrong, "--unreadable"]]
        {
            let output = tonghui(folder, arguments);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("no demand has this token"), "{said}");
        }
    }
    assert_eq!(json_of(folder, &["audit"]), json!([]));
    assert!(tonghui(folder, &["id", "hotline", "-7"]).status.success());
    // It may be repeated, because something may have been in flight.
    for n_demands in [2, 0] {
        assert_eq!(json_of(folder, &["erase", "--token", &token])["demands"], json!(n_demands));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_key_file_is_not_rotated_and_the_right_one_is() {
    let (folder, _keys) = city().await;
    let folder = folder.path();
    let file = folder.join("data/keys.json");
    let first = std::fs::read(&file).unwrap();
    assert!(tonghui(folder, &["key", "rotate"]).status.success());
    let second = std::fs::read(&file).unwrap();
    std::fs::write(&file, &first).unwrap();
    let output = tonghui(folder, &["key", "rotate"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("restore the key file of key 2"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), first, "a rival of key 2 was made");
    std::fs::write(&file, second).unwrap();
    assert!(tonghui(folder, &["key", "rotate"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_says_that_a_command_has_failed() {
    let (folder, _keys) = city().await;
    let folder = folder.path();
    let copy = folder.join("copy.json");
    let backup = ["key", "backup", copy.to_str().unwrap()];
    assert!(tonghui(folder, &backup).status.success());
    let id = DemandId::of(&"hotline".parse().unwrap(), &RecordKey::new("nobody")).to_string();
    assert!(!tonghui(folder, &["quarantine", "show", &id, "--reveal"]).status.success());
    for failing in [&["accept", "nowhere"][..], &backup] {
        assert!(!tonghui(folder, failing).status.success(), "{failing:?}");
        let audit = json_of(folder, &["audit"]);
        let detail = audit[0]["detail"].as_str().unwrap();
        assert!(detail.starts_with("failed"), "{audit}");
        assert_eq!((&audit[0]["subject"], &audit[1]["detail"]), (&audit[1]["subject"], &json!("")));
    }
    assert_eq!(json_of(folder, &["audit"]).as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_leaves_something_unopened_has_another_exit_code() {
    let lost = Keys::generate(Suite::Sm).unwrap();
    let (folder, _keys) = city_sealed_with(Some(&lost)).await;
    for arguments in [&["key", "rotate"][..], &["key", "rotate", "--resume"]] {
        let output = tonghui(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("no key in the file opens these"), "{said}");
        assert!(said.contains("resealed: 0 demands, 0 records"), "{said}");
    }
    let audit = json_of(folder.path(), &["audit"]);
    assert_eq!(audit[0]["detail"], json!("resealed: 0 demands, 0 records; 6 were not opened"));
}

#[tokio::test(flavor = "multi_thread")]
async fn viewing_personal_values_is_recorded_before_they_are_shown() {
    let (folder, _keys) = city().await;
    let folder = folder.path();
    let page = folder.join("channels/hotline/fixtures/rows.json");
    let page = page.to_str().unwrap();
    let text = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tonghui"));
        let command = command.arg("--config").arg(folder).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let masked = text(&["explain", "hotline", page]);
    assert!(masked.contains("138****1234") && !masked.contains("13800001234"), "{masked}");
    assert!(!masked.contains('\u{1b}'), "colours without a terminal");
    assert_eq!(json_of(folder, &["audit"]), json!([]));
    let shown = text(&["explain", "hotline", page, "--reveal"]);
    assert!(shown.contains("13800001234"), "{shown}");
    let audit = json_of(folder, &["audit"]);
    assert_eq!((&audit[0]["action"], &audit[0]["detail"]), (&json!("reveal"), &json!("explain")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_copied_before_a_command_goes_on() {
    let (folder, _keys) = city().await;
    let folder = folder.path();
    let configuration = folder.join("gateway.toml");
    let text = std::fs::read_to_string(&configuration).unwrap();
    let copy_to = |file: &str| {
        let text = format!("{text}\n[audit]\ncopy = \"{file}\"\n");
        std::fs::write(&configuration, text).unwrap();
    };
    let page = folder.join("channels/hotline/fixtures/rows.json");
    let reveal = ["explain", "hotline", page.to_str().unwrap(), "--reveal"];
    copy_to("copy.jsonl");
    assert!(tonghui(folder, &reveal).status.success());
    assert!(tonghui(folder, &["key", "rotate"]).status.success());
    let copy = std::fs::read_to_string(folder.join("copy.jsonl")).unwrap();
    let action = |line: &str| serde_json::from_str::<Value>(line).unwrap()["action"].clone();
    let actions: Vec<_> = copy.lines().map(action).collect();
    assert_eq!(actions, ["reveal", "rotate", "rotate"]);
    let whole = json_of(folder, &["audit", "verify"]);
    assert_eq!((&whole["rows"], &whole["flaw"]), (&json!(3), &json!(null)));
    assert!(whole["copy"].as_str().unwrap().ends_with("copy.jsonl"), "{whole}");

    copy_to("nowhere/copy.jsonl");
    let output = tonghui(folder, &reveal);
    let (shown, said) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && shown.is_empty(), "{shown}");
    assert!(said.contains("cannot write the copy of the audit log"), "{said}");
}

fn explained(reveal: bool) -> Vec<Outcome> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let settings = assemble::settings_without_secrets(&config).unwrap();
    let hotline = offline::channel(&settings, &"hotline".parse().unwrap()).unwrap();
    let page = hotline.spec.folder.join("fixtures/rows.json");
    hotline.page_outcomes(&page, reveal).unwrap()
}

#[test]
fn persons_are_masked_unless_they_are_revealed() {
    let shown = |reveal: bool| {
        let outcomes = explained(reveal);
        outcomes
            .iter()
            .flat_map(|each| &each.trace)
            .map(|traced| format!("{traced:?}\n"))
            .collect::<String>()
    };
    let (masked, revealed) = (shown(false), shown(true));
    for value in ["张䶮", "13800001234", "0553-3800000", "交口12号", "坐席 0821"] {
        assert!(!masked.contains(value), "{value} is shown:\n{masked}");
        assert!(revealed.contains(value), "{value} is not shown:\n{revealed}");
    }
    for value in ["反映夜间施工噪音扰民", "张**", "138****1234", "340202000000"] {
        assert!(masked.contains(value), "{value} is not shown:\n{masked}");
    }
}

#[test]
fn every_field_shows_what_it_became_and_how_its_bytes_were_decoded() {
    let outcomes = explained(false);
    let of =
        |column: &str| outcomes[0].trace.iter().find(|traced| traced.column == column).unwrap();
    assert_eq!(of("RQSTPERSON").fields, ["people.name"]);
    assert_eq!(of("AREACODE").fields, ["region"]);
    assert_eq!(of("REGISTERNAME").fields, Vec::<&str>::new());
    let content = of("RQSTCONTENT");
    assert!(content.raw.contains("&nbsp;") && !content.decoded.contains("&nbsp;"), "{content:?}");
    let decoding = outcomes[0].decoding.as_deref().unwrap();
    assert!(decoding.starts_with("GB18030, which the channel declares"), "{decoding}");
}
