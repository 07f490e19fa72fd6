//! Which `[demand]` tables and code tables are valid, and the messages about invalid ones.

use contract::Normalizer;
use normalizer::{CodeTables, Mapping, MappingConfig};
use serde_json::json;

use crate::support::{DEMAND, accept, build, channel, codes, record, reference, sealer};

#[test]
fn every_problem_is_reported_at_once() {
    let problems = build(
        r#"
        title       = "RQSTTITLE"
        content     = { at = "$.a", as = "datetime" }
        kind        = { at = "$.b", codes = "hotline/duty" }
        status      = { at = "$.c", codes = "nowhere" }
        received_at = { at = "$.d", formats = ["%Q"] }
        urgency     = { const = "very" }
        region      = { at = "$.e", clean = "html" }
        reply       = {}
        source_no   = { at = "$.f", const = "x" }
        updated_at  = { at = "$.g", as = "epoch", zone = "Asia/Shanghai" }
        trail       = { each = "pressing", note = "$.x" }
        org         = { at = "$.h", as = "codes" }
        due_at      = { at = "$.i", as = "int" }
        "#,
    )
    .unwrap_err();
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for expected in [
        "demand.title: `RQSTTITLE` is not a path: begin it with `$.`",
        "demand.content: this field cannot have this `as`; write text or codes or decimal",
        "duty.csv:2: write one of consult, help, ",
        "duty.csv:3: write one of consult, help, ",
        "demand.status: there is no code table `nowhere`; add it, or use one of ",
        "demand.received_at: write a strftime format instead of `%Q`",
        "demand.urgency: `very` is neither in `codes` nor one of normal, urgent, critical",
        "demand.region: `clean` has no effect here; remove it",
        "demand.reply: set exactly one of `at`, `const` and `expr`",
        "demand.source_no: set exactly one of `at`, `const` and `expr`",
        "demand.updated_at: `zone` has no effect here; remove it",
        "demand.trail: `pressing` is not a path",
        "demand.org: set `codes` to the name of a code table",
        "demand.due_at: this field cannot have this `as`; write datetime or epoch",
    ] {
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}\n{found:#?}");
    }
    assert_eq!(problems.len(), 14, "{found:#?}");
}

#[test]
fn a_syntax_error_names_the_word() {
    for (demand, message) in [
        ("titel = '$.a'", "unknown field `titel`"),
        ("title = { from = '$.a' }", "unknown field `from`"),
        ("title = { at = '$.a', as = 'txt' }", "unknown variant `txt`"),
        ("title = 7", "a path, a list of paths, or a table"),
        ("title = { at = 7 }", "a path or a list of paths"),
        ("people = [{ nme = '$.a' }]", "unknown field `nme`"),
        ("people = [{ role = 'boss' }]", "unknown variant `boss`"),
        ("received_at = { at = '$.a', zone = 'Mars/North' }", "Mars/North"),
        ("expr = 'x'", "unknown field `expr`"),
    ] {
        let error = toml::from_str::<MappingConfig>(demand).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn the_schema_marks_paths_and_code_tables() {
    let schema = serde_json::to_string(&schemars::schema_for!(MappingConfig)).unwrap();
    assert!(schema.contains(r#""format":"jsonpath""#), "{schema}");
    assert!(schema.contains(r#""format":"codes""#), "{schema}");
    assert!(schema.contains(r#""additionalProperties":false"#), "{schema}");
}

#[test]
fn the_fingerprint_follows_what_decides_and_not_how_it_is_written() {
    let same = build(&format!("# a comment\n{}", DEMAND.replace("   =", " ="))).unwrap();
    assert_eq!(same.fingerprint(), reference().fingerprint());
    let other = build(&DEMAND.replace("clean = \"html\"", "clean = \"plain\"")).unwrap();
    assert_ne!(other.fingerprint(), reference().fingerprint());

    let config: MappingConfig = toml::from_str(DEMAND).unwrap();
    let zone = chrono_tz::Asia::Urumqi;
    let moved = Mapping::build(channel(), &config, &codes(), sealer(), zone).unwrap();
    assert_ne!(moved.fingerprint(), reference().fingerprint());

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("hotline")).unwrap();
    let fingerprint = |kind: &str| {
        std::fs::write(folder.path().join("hotline/kind.csv"), kind).unwrap();
        let codes = CodeTables::default().overridden_by(folder.path()).unwrap();
        let config = toml::from_str("kind = { at = '$.a', codes = 'hotline/kind' }").unwrap();
        let zone = chrono_tz::Asia::Shanghai;
        Mapping::build(channel(), &config, &codes, sealer(), zone).unwrap().fingerprint()
    };
    assert_eq!(
        fingerprint("raw,code\n10,consult\n15,suggestion\n"),
        fingerprint("raw,code,label\n15,suggestion,建议\n10,consult,咨询\n")
    );
    assert_ne!(fingerprint("raw,code\n10,consult\n"), fingerprint("raw,code\n10,help\n"));
}

#[test]
fn wrong_code_tables_are_refused_with_file_and_line() {
    for (name, text, message) in [
        ("a.csv", "raw,code\nx,1\ny,2\nx,3\n", "a.csv:4: `x` is already on line 2"),
        ("a.csv", "raw;cod\n", "a.csv:1: column `code` is missing: the first line must name"),
        ("a.csv", "raw,code,who\n", "a.csv:1: column `who` is not known: the first line must"),
        ("a.csv", "raw,code,code\nx,1,2\n", "a.csv:1: column `code` occurs twice"),
        ("a.csv", "raw,code\n,x\n", "a.csv:2: raw must not be empty"),
        ("a.csv", "raw,code,aliases\nx,1,y|z\nz,2,\n", "a.csv:3: `z` is already on line 2"),
        ("a.csv", "raw,code,from\nx,1,soon\n", "a.csv:2: `soon` is not a date"),
        ("a.csv", "raw,code,from,until\nx,1,2020-02-01,2020-01-01\n", "`until` is before"),
        ("a.csv", "raw,code\n3.40E+11,x\n", "a.csv:2: a spreadsheet has changed `3.40E+11`"),
        (
            "a.csv",
            "raw,code\n0001,x\n2,y\n",
            "a.csv:3: a spreadsheet has changed `2` in column raw",
        ),
        ("a.csv", "raw,code\n1月2日,x\n", "a.csv:2: a spreadsheet has changed `1月2日`"),
        ("a.csv", "raw,code\nx\n", "a.csv:2: "),
        ("region.csv", "code,name,old_of\n34020,x,\n", "region.csv:2: a code has six digits"),
        ("region.csv", "code,name,old_of\n340203,x,340209\n", "region.csv:2: `old_of` is `340209`"),
        ("region.csv", "code,name,old_of\n340200,x,\n340200,x,\n", "region.csv:3: `340200`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let problems = CodeTables::default().overridden_by(folder.path()).unwrap_err();
        assert!(problems[0].to_string().contains(message), "{problems:?}");
    }
    assert!(CodeTables::default().overridden_by(std::path::Path::new("/nowhere/codes")).is_err());
}

#[test]
fn a_code_table_is_a_regular_file_below_its_folder() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.csv");
    std::fs::write(&secret, "hunter2,code\n").unwrap();
    let secret = secret.display().to_string();
    for (target, message) in [
        ("..data/kind.csv", ""),
        (&*secret, "it is a link to something else"),
        ("keys.json", "it is a link to something else"),
        ("/dev/zero", "it is a link to something else"),
        ("pipe.csv", "it is a device or a pipe"),
        ("nowhere.csv", "cannot be read"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("..data")).unwrap();
        std::fs::write(folder.path().join("..data/kind.csv"), "raw,code\nx,help\n").unwrap();
        std::fs::write(folder.path().join("keys.json"), "{\"hunter2\": 1}").unwrap();
        if target == "pipe.csv" {
            let pipe = folder.path().join(target);
            assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        std::os::unix::fs::symlink(target, folder.path().join("kind.csv")).unwrap();
        let found = CodeTables::default().overridden_by(folder.path());
        let report = found.err().map_or_else(String::new, |problems| format!("{problems:?}"));
        assert_eq!(report.is_empty(), message.is_empty(), "{target}: {report}");
        assert!(report.contains(message) && !report.contains("hunter2"), "{target}: {report}");
    }
}

#[test]
fn tables_of_spreadsheets_are_read_in_every_charset_and_labels_have_periods_and_aliases() {
    let folder = tempfile::tempdir().unwrap();
    let text = "raw;code;aliases;from;until\r\n咨询;consult;询问|问;;\r\n7;help;;;2019-12-31\r\n\
                7;complaint;;2020-01-01;\r\n";
    let utf16: Vec<u8> =
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("kind.csv"), utf16).unwrap();
    let codes = CodeTables::default().overridden_by(folder.path()).unwrap();
    let demand = "kind = { at = '$.k', codes = 'kind' }\nreceived_at = '$.t'";
    let config: MappingConfig = toml::from_str(demand).unwrap();
    let zone = chrono_tz::Asia::Shanghai;
    let mapping = Mapping::build(channel(), &config, &codes, sealer(), zone).unwrap();
    let kind = |label: &str, time: &str| {
        let body = accept(&mapping, &record(json!({"k": label, "t": time}))).body;
        body.kind.map(contract::demand::Kind::code)
    };
    assert_eq!(kind("问", "2026-10-09"), Some("consult"));
    assert_eq!(kind("7", "2019-10-09"), Some("help"));
    assert_eq!(kind("7", "2026-10-09"), Some("complaint"));
    assert_eq!(kind("7", ""), Some("complaint"));
    assert_eq!(kind("8", ""), None);
}

#[test]
fn a_folder_overrides_the_shipped_tables_row_by_row() {
    let shipped = [("kind.csv", "raw,code\n1,consult\n2,help\n"), ("other.csv", "raw,code\n1,x\n")];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kind.csv"), "raw,code\n2,complaint\n1,\n3,praise\n")
        .unwrap();
    let codes = CodeTables::shipped(shipped).unwrap().overridden_by(folder.path()).unwrap();
    let kind = codes.table("kind").unwrap();
    assert_eq!(
        [kind.get("1"), kind.get("2"), kind.get("3")],
        [None, Some("complaint"), Some("praise")]
    );
    assert_eq!(codes.table("other").unwrap().get("1"), Some("x"));
    let differences: Vec<_> = codes
        .differences()
        .iter()
        .map(|d| (d.raw.as_str(), d.shipped.as_deref(), d.here.as_str()))
        .collect();
    assert_eq!(
        differences,
        [("1", Some("consult"), ""), ("2", Some("help"), "complaint"), ("3", None, "praise")]
    );
    let demand = "org = { at = '$.c', codes = 'kind', prefix = true }";
    let config: MappingConfig = toml::from_str(demand).unwrap();
    let zone = chrono_tz::Asia::Shanghai;
    let mapping = Mapping::build(channel(), &config, &codes, sealer(), zone).unwrap();
    let org = accept(&mapping, &record(json!({ "c": "3 (new)" }))).body.org;
    assert_eq!(org.as_deref(), Some("praise"));
}

#[test]
fn settings_that_a_field_does_not_use_are_refused() {
    for (demand, message) in [
        ("title = { at = '$.a', prefix = true }", "demand.title: `prefix` has no effect here"),
        ("title = { at = '$.a', after = '$.b' }", "demand.title: `after` has no effect here"),
        ("due_at = { at = '$.a', as = 'duration' }", "demand.due_at: set `after`"),
        ("title = { const = 'x', required = true }", "demand.title: `required` has no effect"),
        (
            "title = { expr = 'record.' }",
            "demand.title: `expr` is not a valid expression: syntax error",
        ),
        ("title = { expr = 'rec.x' }", "demand.title: `rec` is not known here"),
        ("title = { expr = 'record.x', at = '$.x' }", "demand.title: set exactly one of"),
        ("kind = { at = '$.a', default = 'nothing' }", "demand.kind: `nothing` is neither"),
        ("region = { at = '$.a', within = '340221' }", "demand.region: `within` is `340221`"),
        ("related = { no = '$.a' }", "demand.related: set `each` with"),
        (
            "trail = { each = '$.a[*]', note = { expr = 'record.x' } }",
            "demand.trail.note: use `at`",
        ),
    ] {
        let problems = build(demand).unwrap_err();
        assert!(
            problems.iter().any(|p| p.to_string().starts_with(message)),
            "{demand} {problems:?}"
        );
    }
}

#[test]
fn fixed_values_lists_and_groups_are_mapped() {
    let mapping = build(
        r#"
        initiative = { const = "found" }
        tags       = "$.tags"
        flags      = "$.flags"
        org        = "$.org"
        org_joint  = "$.joint[*].name"
        people_count = "$.n"
        enterprise = { name = "$.firm", uscc = "$.code", type = "$.kind" }
        location   = { lon = "$.x", lat = "$.y", crs = "wgs84" }
        repeat     = { flag = "$.again", of = "$.earlier" }
        people     = [{ gender = "$.sex" }]
        related    = { each = "$.orders[*]", no = "$.no", relation = { const = "merged" } }
        attachments = { each = "$.files[*]", name = "$.name", url = "$.url", bytes = "$.size" }
        "#,
    )
    .unwrap();
    let accepted = accept(
        &mapping,
        &record(json!({
            "tags": ["夜间，施工", "噪音", "施工"], "flags": "supervised,odd", "org": "城管局",
            "joint": [{"name": "住建局"}, {"name": "公安局"}], "n": "12", "firm": "某公司",
            "code": "91340200MA8N0W1H52", "kind": null, "x": "118.38", "y": 31.33, "again": 1,
            "earlier": "DH1", "sex": "男", "orders": [{"no": "DH2"}, {}],
            "files": [{"name": "照片.jpg", "url": "https://files.example/1", "size": 2048}, {}],
        })),
    );
    assert_eq!(
        serde_json::to_value(&accepted.body).unwrap(),
        json!({
            "tags": ["夜间", "施工", "噪音"],
            "location": {"lon": 118.38, "lat": 31.33, "crs": "wgs84"},
            "people": [{"gender": "male"}],
            "people_count": 12,
            "enterprise": {"name": "某公司", "uscc": "91340200MA8N0W1H52"},
            "initiative": "found",
            "attachments": [
                {"name": "照片.jpg", "url": "https://files.example/1", "bytes": 2048},
            ],
            "repeat": {"flag": "1", "of": "DH1"},
            "org": "城管局",
            "org_joint": ["住建局", "公安局"],
            "flags": ["supervised"],
            "related": [{"no": "DH2", "relation": "merged"}],
            "quality": [
                {"field": "flags", "flag": "unknown_code"},
                {
                    "field": "enterprise.uscc", "flag": "bad_checksum",
                    "detail": "not a valid credit code",
                },
            ],
        })
    );
}

#[test]
fn a_rejected_record_is_sealed_and_opens_as_raw() {
    let id = contract::DemandId::of_bytes(&channel(), b"broken");
    let sealed = reference().seal(&id, b"broken \xff bytes");
    let channel = channel();
    let place = normalizer::Place { channel: &channel, id: &id };
    assert_eq!(normalizer::open_raw(&sealer(), place, &sealed).unwrap(), b"broken \xff bytes");
}
