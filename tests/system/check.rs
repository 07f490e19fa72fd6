//! Runs `tonghui check` on the shipped folder with mistakes of every kind at once.

use std::{fs, path::Path, process::Output};

use sandbox::{Clock, Settings};
use serde_json::Value;
use system_tests::{gateway_process::command, world::World};

const GATEWAY: &str = "gateway.toml";
const HOTLINE: &str = "channels/hotline/channel.toml";
const SECOND: &str = "channels/second/channel.toml";

/// The file, the correct text, the wrong text, and the place of the report.
const MISTAKES: [(&str, &str, &str, &str); 20] = [
    (GATEWAY, "\"Asia/Shanghai\"", "\"Asia/Shangai\"", "5:8"),
    (GATEWAY, "sqlite =", "sqlte =", "8:1"),
    (GATEWAY, "grace  = \"20s\"", "grace  = \"20\"", "17:10"),
    (HOTLINE, "every = \"15s\"", "evry = \"15s\"", "9:1"),
    (HOTLINE, "HOTLINE_DATABASE_URL", "HOTLINE_DB", "17:19"),
    (HOTLINE, "charset =", "charest =", "20:1"),
    (HOTLINE, "= 1000 ", "= \"1000\" ", "21:11"),
    (HOTLINE, "timeout = \"30s\"", "timeout = \"30\"", "22:11"),
    (HOTLINE, "[table.changes]", "[table.chnages]", "27:8"),
    (HOTLINE, "from = 0, below", "form = 0, below", "39:13"),
    (HOTLINE, "\"$.SERIALNUM\"", "\"SERIALNUM\"", "75:17"),
    (HOTLINE, "clean = \"html\" }\ncontent", "clean = \"htlm\" }\ncontent", "76:47"),
    (HOTLINE, "\"hotline/kind\"", "\"hotline/kid\"", "78:46"),
    (HOTLINE, "as = \"bool\"", "as = \"boole\"", "93:43"),
    (HOTLINE, "role = \"main\"", "role = \"mayn\"", "97:27"),
    (HOTLINE, "[?@.FLAG == 2]", "[?@.FLAG = 2]", "103:39"),
    (HOTLINE, "'pressing'][*]\"", "'pressing'][*\"", "131:8"),
    (HOTLINE, "fixtures/rows.expected.json", "fixtures/rows.expectd.json", "139:12"),
    (SECOND, "connector = \"table\"", "connector = \"tabel\"", "6:13"),
    (SECOND, "第二热线", "12345政务服务便民热线", "5:13"),
];

fn check(folder: &Path) -> (Output, Value) {
    let mut check = command().unwrap();
    check.args(["check", "--format", "json", "--config"]).arg(folder);
    check.env("HOTLINE_DATABASE_URL", "sqlite:hotline.db").env_remove("HOTLINE_DB");
    let output = check.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output, report)
}

/// The shipped folder with a second channel that differs in name and table.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    gateway::shipped::write(folder.path(), &["hotline"]).unwrap();
    let text = fs::read_to_string(folder.path().join(HOTLINE)).unwrap();
    let text = text.replace("12345政务服务便民热线", "第二热线").replace("CNS_CINFO", "OTHER");
    let text = text.split("[[example]]").next().unwrap();
    fs::create_dir(folder.path().join("channels/second")).unwrap();
    fs::write(folder.path().join(SECOND), text).unwrap();
    folder
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn twenty_mistakes_are_reported_at_once_and_put_right_as_suggested() {
    let folder = folder();
    let (output, report) = check(folder.path());
    assert_eq!((output.status.code(), report), (Some(0), Value::Array(Vec::new())));

    for (file, from, to, _) in MISTAKES {
        edit(&folder.path().join(file), |text| {
            assert!(text.contains(from), "{file} does not contain {from}");
            text.replacen(from, to, 1)
        });
    }
    let (output, report) = check(folder.path());
    assert_eq!(output.status.code(), Some(2));
    let problems = report["problems"].as_array().unwrap();
    let places: Vec<String> = problems
        .iter()
        .map(|at| format!("{}:{}:{}", at["file"].as_str().unwrap(), at["line"], at["column"]))
        .collect();
    for (file, _, to, place) in MISTAKES {
        assert!(places.contains(&format!("{file}:{place}")), "{to}: not at {place}: {places:#?}");
    }
    assert_eq!(problems.len(), MISTAKES.len(), "{report:#}");

    // From the end, so that the places of the other suggestions stay valid.
    let mut replaced = 0;
    for problem in problems.iter().rev() {
        let suggestion = &problem["suggestion"];
        let byte = |key: &str| usize::try_from(suggestion[key].as_u64()?).ok();
        if let (Some(start), Some(end)) = (byte("start"), byte("end")) {
            edit(&folder.path().join(problem["file"].as_str().unwrap()), |mut file| {
                file.replace_range(start..end, suggestion["text"].as_str().unwrap());
                file
            });
            replaced += 1;
        }
    }
    assert_eq!(replaced, MISTAKES.len() - 2, "{report:#}");
    // For a name and a secret, `check` suggests nothing: a person has to decide.
    let (_, report) = check(folder.path());
    let left: Vec<_> = report["problems"].as_array().unwrap().iter().map(|p| &p["line"]).collect();
    assert_eq!(left, [17, 5], "{report:#}");
    edit(&folder.path().join(HOTLINE), |text| {
        text.replace("HOTLINE_DB\"", "HOTLINE_DATABASE_URL\"")
    });
    edit(&folder.path().join(SECOND), |text| text.replace("12345政务服务便民热线", "第二热线"));
    let (output, report) = check(folder.path());
    assert_eq!((output.status.code(), report), (Some(0), Value::Array(Vec::new())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_source_checks_its_channel_first_and_changes_nothing() {
    let world = World::open(Settings::new(5, Clock::machine())).await.unwrap();
    world.hotline.file(30).await.unwrap();
    let online = |arguments: &[&str]| {
        let mut check = command().unwrap();
        check.args(["check", "--online"]).args(arguments).arg("--config").arg(world.config());
        let output = check.envs(world.environment()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    for arguments in [&[][..], &["hotline"]] {
        let (code, said) = online(arguments);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("hotline: read 30 records: 30 accepted"), "{said}");
        assert!(said.contains("no problems"), "{said}");
    }
    assert!(!world.config().join("data/tonghui.db").exists(), "the store was made");
    let pending = world.hotline.counters().await.unwrap();

    // An example that gives something else, and another channel whose file has a mistake.
    let expected = world.config().join("channels/hotline/fixtures/rows.expected.json");
    let right = fs::read_to_string(&expected).unwrap();
    fs::write(&expected, "[]").unwrap();
    let second = world.config().join("channels/second");
    fs::create_dir(&second).unwrap();
    fs::write(second.join("channel.toml"), "name = 3").unwrap();
    let (code, said) = online(&["hotline"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("differs from the expected one") && !said.contains("second"), "{said}");
    fs::write(&expected, right).unwrap();
    assert_eq!(online(&["hotline"]).0, Some(0), "the mistake is in another channel");
    for arguments in [&[][..], &["second"], &["nowhere"]] {
        let (code, said) = online(arguments);
        assert_eq!(code, Some(2), "{said}");
    }

    edit(&world.config().join(HOTLINE), |text| {
        let without_example = text.split("[[example]]").next().unwrap();
        without_example.replace("\"CNS_CINFO\"", "\"CNS_CINFOX\"")
    });
    let (code, said) = online(&["hotline"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("CNS_CINFOX"), "{said}");
    assert_eq!(world.hotline.counters().await.unwrap(), pending, "a row was marked");
}
