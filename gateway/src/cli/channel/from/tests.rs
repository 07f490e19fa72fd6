//! What is guessed from answers, and what of commands.

mod answers;
mod commands;
mod pages;
mod secrets;
mod whole;

use document::encode;
use normalizer_text::Charset;
use toml::Value;

use self::answers::{SAMPLES, Sample};
use super::{What, answer::Answer, curl, draft::Proposal, propose, request::Request, tables};

/// A request, and what is found in the answer to it.
fn from_command(command: &str, answer: &str) -> anyhow::Result<(Request, Proposal, Value)> {
    let (name, answer) = ("new".parse()?, Answer::read(answer.as_bytes(), None, "")?);
    let mut request = Request::new(curl::parse(command)?, &name)?;
    let found = propose::http(&mut request, &answer, None, &tables()?)?;
    let text = found.http(&name, &request, &answer);
    let settings =
        Value::Table(toml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")));
    Ok((request, found, settings))
}

/// The settings that are proposed for a sample.
fn settings(sample: &Sample) -> anyhow::Result<Value> {
    if curl::is_command(sample.from) {
        if sample.is_gbk {
            let bytes = encode(sample.answer, Charset::Gb18030).unwrap();
            let answer = Answer::read(&bytes, None, "")?;
            let name = "new".parse()?;
            let mut request = Request::new(curl::parse(sample.from)?, &name)?;
            let found = propose::http(&mut request, &answer, None, &tables()?)?;
            return Ok(Value::Table(toml::from_str(&found.http(&name, &request, &answer))?));
        }
        return from_command(sample.from, sample.answer).map(|(_, _, settings)| settings);
    }
    let charset = if sample.is_gbk { Charset::Gb18030 } else { Charset::Utf8 };
    let answer = Answer::read(&encode(sample.answer, charset).unwrap(), None, sample.from)?;
    let found = propose::files(sample.from, &answer, None, &tables()?)?;
    let extension = sample.from.rsplit('.').next().unwrap();
    Ok(Value::Table(toml::from_str(&found.files(&"new".parse()?, extension, &answer))?))
}

fn text<'a>(settings: &'a Value, path: &[&str]) -> &'a str {
    let found = path.iter().try_fold(settings, |value, key| value.get(key));
    found.and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn the_records_and_fields_of_answers_of_many_kinds_are_found() {
    let mut wrong = Vec::new();
    for sample in &SAMPLES {
        let settings =
            settings(sample).unwrap_or_else(|error| panic!("{}: {error:#}", sample.name));
        let section = if curl::is_command(sample.from) { "http" } else { "files" };
        let records = text(&settings, &[section, "records"]);
        let records =
            if records.is_empty() { text(&settings, &[section, "element"]) } else { records };
        let (setting, path, conversion) = sample.time;
        for (what, expected, found) in [
            ("records", sample.records, records),
            ("key", sample.key, text(&settings, &[section, "key"])),
            ("title", sample.title, text(&settings, &["demand", "title", "at"])),
            ("content", sample.content, text(&settings, &["demand", "content", "at"])),
            (setting, path, text(&settings, &["demand", setting, "at"])),
            ("conversion", conversion, text(&settings, &["demand", setting, "as"])),
        ] {
            if expected != found {
                wrong.push(format!("{}: {what} is {found}, not {expected}", sample.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A row of an answer, with more fields.
fn rows(more: [&str; 2]) -> String {
    let row = |id: usize, more: &str| {
        format!(
            r#"{{"id":"{id}","title":"Lamp","content":"It is dark","createTime":"2026-10-09 08:0{id}:00",{more}}}"#
        )
    };
    format!(
        r#"{{"code":0,"data":{{"total":40,"rows":[{},{}]}}}}"#,
        row(1, more[0]),
        row(2, more[1])
    )
}

#[test]
fn other_fields_are_found_by_names_and_values() {
    let answer = rows([
        r#""lxdh":"13800001234","xm":"张三","sfzh":"110101199003070038","status":4,"statusName":"已办结","orderNo":"GD1","dz":"中山路1号","lng":118.3,"lat":31.3,"areaCode":"340202","hidden":"x","imgs":["a.jpg"],"cbdw":"城管局","updateTime":1791513000000"#,
        r#""lxdh":"13800001235","xm":"李四","sfzh":"110101199003070046","status":3,"statusName":"处理中","orderNo":"GD2","dz":"中山路2号","lng":118.4,"lat":31.4,"areaCode":"340203","hidden":"y","imgs":[],"cbdw":"城管局","updateTime":1791513000001"#,
    ]);
    let (_, found, settings) = from_command("curl https://a.example/l", &answer).unwrap();
    let demand = &settings["demand"];
    assert_eq!(text(demand, &["updated_at", "as"]), "epoch_ms");
    assert_eq!(text(&settings, &["http", "key"]), "$.id");
    assert_eq!(text(demand, &["source_no"]), "$.orderNo");
    assert_eq!(text(demand, &["status", "at"]), "$.statusName");
    assert_eq!(text(demand, &["status", "codes"]).rsplit('/').next(), Some("status"));
    assert_eq!(text(demand, &["address", "as"]), "address");
    assert_eq!(text(demand, &["region", "at"]), "$.areaCode");
    assert_eq!(text(demand, &["org_raw"]), "$.cbdw");
    assert_eq!(text(demand, &["attachments", "each"]), "$.imgs[*]");
    let person = &demand["people"][0];
    let of_person = ["name", "phone", "id_no"].map(|field| text(person, &[field]));
    assert_eq!(of_person, ["$.xm", "$.lxdh", "$.sfzh"]);
    assert_eq!(settings["http"]["success"].to_string(), "{ at = \"$.code\", equals = 0 }");
    assert_eq!(text(&settings, &["http", "total"]), "$.data.total");
    // Which system coordinates are in is not guessed.
    assert!(demand.get("location").is_none());
    assert!(found.fields.demand.iter().any(|g| g.setting == "location" && g.value.is_none()));
}

#[test]
fn of_equally_good_candidates_both_are_named_and_none_is_taken() {
    for (more, setting, both) in [
        (
            [
                r#""联系电话":"13800001234","手机号":"13900001234""#,
                r#""联系电话":"13800001235","手机号":"13900001235""#,
            ],
            "phone",
            ["$.联系电话", "$.手机号"],
        ),
        (
            [
                r#""登记时间":"2026-10-01","created":"2026-10-02""#,
                r#""登记时间":"2026-10-03","created":"2026-10-04""#,
            ],
            "received_at",
            ["$.登记时间", "$.created"],
        ),
    ] {
        let (_, found, _) = from_command("curl https://a.example/l", &rows(more)).unwrap();
        let mut all = found.fields.demand.iter().chain(&found.fields.person);
        let guess = all.find(|guess| guess.setting == setting).unwrap();
        assert!(
            guess.value.is_none() && both.iter().all(|path| guess.why.contains(path)),
            "{guess:?}"
        );
    }
    let two = r#"[{"id":"1","bh":"A","x":"Lamp"},{"id":"2","bh":"B","x":"Tree"}]"#;
    let (_, found, _) =
        from_command("curl https://a.example/l", &two.replace("bh", "guid")).unwrap();
    assert!(found.key.why.contains("TODO: $.guid"), "{:?}", found.key);
    let lists = r#"{"a":[{"id":1,"title":"x"},{"id":2,"title":"y"}],"b":[{"id":1,"title":"x"},{"id":2,"title":"y"}]}"#;
    let error = from_command("curl https://a.example/l", lists).err().unwrap().to_string();
    assert!(error.contains("$.a[*] and $.b[*]") && error.contains("--records"), "{error}");
}

#[test]
fn names_without_the_values_for_them_are_not_taken() {
    let more =
        r#""phone":"yes","address":1,"updated":"soon","status":true,"name":"A-17/3","idcard":"12""#;
    let (_, found, settings) =
        from_command("curl https://a.example/l", &rows([more, more])).unwrap();
    for field in ["address", "updated_at", "status", "people"] {
        assert!(settings["demand"].get(field).is_none(), "{field}");
    }
    let missing = found.fields.person.iter().filter(|guess| guess.value.is_none());
    assert_eq!(missing.count(), 2, "{:?}", found.fields.person);
}

/// Importers of tables took such values for numbers, and lost zeros and signs.
#[test]
fn numbers_that_name_something_are_no_numbers() {
    let csv = "no,title,content,mobile,created\n007,Lamp,It is dark,+8613800001234,2026-10-09\n\
               08,Tree,It fell down,0086 13900001234,2026-10-10 08:00:00\n";
    let answer = Answer::read(csv.as_bytes(), None, "a.csv").unwrap();
    let found = propose::files("a.csv", &answer, None, &tables().unwrap()).unwrap();
    assert_eq!(found.key.value.as_deref(), Some("\"$.no\""));
    let phone = found.fields.person.iter().find(|guess| guess.setting == "phone").unwrap();
    assert_eq!(phone.value.as_deref(), Some("\"$.mobile\""));
    let number = rows([r#""tel":13800001234"#, r#""tel":13800001235"#]);
    let (.., settings) = from_command("curl https://a.example/l", &number).unwrap();
    assert_eq!(text(&settings["demand"]["people"][0], &["phone"]), "$.tel");
}

#[test]
fn what_has_no_records_is_refused() {
    for (answer, why) in [
        ("", "empty"),
        ("<!DOCTYPE html><html><body>login</body></html>", "HTML"),
        (r#"{"code":401,"msg":"token expired","data":null}"#, "token expired"),
        (
            r#"{"errors":[{"code":1,"message":"no"},{"code":2,"message":"no"}]}"#,
            "no list of records",
        ),
        (r#"{"data":{"rows":[]}}"#, "no list of records"),
        ("[1,2,3]", "no list of records"),
        ("{\"a\":", "not JSON"),
        ("nothing here", "neither JSON nor XML nor a table"),
    ] {
        let error = from_command("curl https://a.example/l", answer).err();
        let said = error.map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(said.contains(why), "{answer}: {said}");
    }
}

#[test]
fn the_records_are_where_somebody_says_they_are() {
    let answer = r#"{"a":[{"id":1,"title":"x"},{"id":2,"title":"y"}],"b":[{"id":3,"title":"x"},{"id":4,"title":"y"}]}"#;
    let answer = Answer::read(answer.as_bytes(), None, "").unwrap();
    let find = |wanted| {
        let mut request = Request::new(curl::parse("curl https://a.example/l")?, &"new".parse()?)?;
        propose::http(&mut request, &answer, Some(wanted), &tables()?)
    };
    for wanted in ["$.b[*]", "$.*[?@.id > 2]"] {
        let found = find(wanted).unwrap_or_else(|error| panic!("{wanted}: {error:#}"));
        let ids: Vec<_> = found.records.records.iter().map(|record| record["id"].clone()).collect();
        assert_eq!((found.records.path.as_str(), ids), (wanted, vec![3.into(), 4.into()]));
    }
    for (wanted, why) in [("$.c[*]", "no record at $.c[*]"), ("b", "not a JSONPath")] {
        let error = find(wanted).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(why), "{wanted}: {error}");
    }
    let inner = r#"{"data":"[{\"id\":1,\"title\":\"x\"},{\"id\":2,\"title\":\"y\"}]"}"#;
    let inner = Answer::read(inner.as_bytes(), None, "a.json").unwrap();
    let error = propose::files("a.json", &inner, None, &tables().unwrap()).err().unwrap();
    assert!(error.to_string().contains("a text within it"), "{error}");
}

#[test]
fn names_of_a_source_write_no_settings() {
    let answer = r#"[{"id":"1","a\nkey = \"$.x\"\n[http]\ntitle":"Lamp","b'\\content":"It is dark"},{"id":"2","a\nkey = \"$.x\"\n[http]\ntitle":"Tree","b'\\content":"It fell"}]"#;
    let (_, found, settings) = from_command("curl https://a.example/l", answer).unwrap();
    assert_eq!(text(&settings, &["http", "key"]), "$.id");
    let title = found.fields.demand.iter().find(|guess| guess.setting == "title").unwrap();
    assert!(title.value.is_some(), "{title:?}");
    assert!(document::Path::parse(text(&settings, &["demand", "title", "at"])).is_ok());
    assert!(document::Path::parse(text(&settings, &["demand", "content", "at"])).is_ok());
}

#[test]
fn what_is_neither_a_command_nor_a_file_is_not_repeated() {
    let error = super::what("-H 'Authorization: Bearer s3cret' https://a.example").err().unwrap();
    assert!(!format!("{error:#}").contains("s3cret"), "{error:#}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("command.txt");
    std::fs::write(&file, "\u{feff}curl https://a.example/l \\\n  -d 'a=1'\n").unwrap();
    assert!(matches!(super::what(file.to_str().unwrap()), Ok(What::Command(_))));
}
