//! No report ever shows a secret, wherever somebody wrote it.

use crate::folder::Folder;

const URL: &str = "url     = { env = \"HOTLINE_DATABASE_URL\" }";

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    for written in [
        "url = \"hunter2\"",
        "url = 'mysql://reader:hunter2@db/hotline'",
        "url = \"hunter2",
        "url = hunter2",
        "url = \"\"\"\nhunter2\"\"\"",
        "url = [\"hunter2\"]",
        "url = { env = \"hunter2!\" }",
        "url = { value = \"hunter2\" }",
        "url = { env = \"HOTLINE_DATABASE_URL\", password = \"hunter2\" }",
        "url = { env = \"HOTLINE_DATABASE_URL\" }\nurl = \"hunter2\"",
        "ulr = \"hunter2\"",
        "password = \"hunter2\"",
        "db_password = { plain = \"hunter2\" }",
        "url = { env = \"HOTLINE_DATABASE_URL\" }\npwd = 'hunter2",
        "table = 'postgres://reader:hunter2@db/hotline'",
    ] {
        let folder = Folder::new();
        folder.edit("channels/hotline/channel.toml", URL, written);
        let problems = folder.resolve().unwrap_err();
        let json = serde_json::to_string(&problems).unwrap();
        for shown in [problems.to_string(), json, format!("{problems:?}")] {
            assert!(!shown.contains("hunter2"), "{written} gives\n{shown}");
        }
    }
}

#[test]
fn a_url_above_its_table_is_not_shown() {
    let folder = Folder::new();
    folder.edit("channels/hotline/channel.toml", "[schedule]", "url = \"hunter2\"\n[schedule]");
    let report = folder.report();
    assert!(report.contains("it belongs in `[table]`") && !report.contains("hunter2"), "{report}");
}

#[test]
fn settings_do_not_show_their_secrets() {
    let settings = Folder::new().resolve().unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let error = settings.channels[0].section.parse::<Vec<String>>().unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");

    #[derive(Debug, serde::Deserialize)]
    struct Misread {
        #[serde(rename = "url")]
        _url: u32,
    }
    let error = settings.channels[0].section.parse::<Misread>().unwrap_err();
    assert!(error.contains("invalid type") && !error.contains("hunter2"), "{error}");
}
