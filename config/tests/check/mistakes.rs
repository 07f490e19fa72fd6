//! Tests of the reports: the exact text for each mistake, suggestions that fix it, many mistakes in one run,
//! and no secrets.

use config::Suggestion;

use crate::folder::{Folder, golden};

const GATEWAY: &str = "gateway.toml";
const HOTLINE: &str = "channels/hotline/channel.toml";

/// Name, file, correct text, mistake.
const MISTAKES: [(&str, &str, &str, &str); 75] = [
    ("typo_in_a_key", HOTLINE, "table   = \"CNS_CINFO\"", "tabel   = \"CNS_CINFO\""),
    ("typo_in_an_optional_key", HOTLINE, "timeout = ", "timout = "),
    ("typo_in_a_table_name", HOTLINE, "[table.changes]", "[table.chnages]"),
    ("typo_in_an_inline_table", HOTLINE, "clean = \"html\"", "claen = \"html\""),
    ("unknown_key_like_no_other", HOTLINE, "page    = 500", "colour  = 500"),
    ("wrong_nesting", HOTLINE, "overlap = \"5m\"", "overlap = \"5m\"\nwidths = { A = 1 }"),
    ("key_above_its_table", HOTLINE, "connector =", "every = \"5s\"\nconnector ="),
    ("text_for_a_number", HOTLINE, "page    = 500", "page    = \"500\""),
    ("text_for_a_truth_value", HOTLINE, "page    = 500", "readonly = \"true\""),
    ("number_for_a_period", HOTLINE, "every = \"15s\"", "every = 30"),
    ("number_for_a_text", HOTLINE, "name      = \"12345政务服务便民热线\"", "name = 12345"),
    ("text_for_a_list", HOTLINE, "page    = 500", "columns = \"ROWGUID\""),
    ("list_for_a_text", HOTLINE, "key     = \"ROWGUID\"", "key     = [\"ROWGUID\"]"),
    ("table_for_a_list_of_tables", HOTLINE, "[[example]]", "[example]"),
    ("text_for_a_table", HOTLINE, "{ RQSTCONTENT = 4000 }", "\"4000\""),
    ("number_for_a_path", HOTLINE, "title        = { at = \"$.RQSTTITLE\"", "title = { at = 7"),
    ("bad_period", HOTLINE, "timeout = \"30s\"", "timeout = \"30 秒\""),
    ("bad_size", GATEWAY, "\"256MiB\"", "\"256MB\""),
    ("too_little_memory", GATEWAY, "\"256MiB\"", "\"8MiB\""),
    ("grace_too_long", GATEWAY, "\"20s\"", "\"2h\""),
    ("bad_rate", HOTLINE, "concurrent = 2", "rate = \"5 per second\""),
    ("rate_of_nothing", HOTLINE, "concurrent = 2", "rate = \"0/s\""),
    ("burst_without_rate", HOTLINE, "concurrent = 2", "burst = 10"),
    ("bad_window", HOTLINE, "concurrent = 2", "window = \"6:00 – 23:00\""),
    ("window_without_length", HOTLINE, "concurrent = 2", "window = \"06:00-06:00\""),
    ("no_request_a_day", HOTLINE, "concurrent = 2", "per_day = 0"),
    ("bad_upstream", HOTLINE, "concurrent = 2", "upstream = \"国务院\""),
    ("bad_zone", GATEWAY, "Asia/Shanghai", "Asia/Shangai"),
    ("zone_of_beijing", GATEWAY, "Asia/Shanghai", "北京时间"),
    ("path_without_root", HOTLINE, "\"$.ACCORDTYPE\"", "\"ACCORDTYPE\""),
    ("path_with_a_hyphen", HOTLINE, "\"$.ACCORDTYPE\"", "\"$.ACCORD-TYPE\""),
    ("path_with_one_equals_sign", HOTLINE, "@.FLAG == 2", "@.FLAG = 2"),
    ("path_behind_chinese", HOTLINE, "$.pressing[?@.FLAG == 2]", "$.催办[?@.标志 = 2]"),
    ("path_that_ends_early", HOTLINE, "\"$.ACCORDTYPE\"", "\"$.ACCORDTYPE[\""),
    ("unknown_code_table", HOTLINE, "hotline/kind", "hotline/kinds"),
    ("code_table_like_no_other", HOTLINE, "hotline/kind", "street/region"),
    ("unknown_charset", HOTLINE, "\"gbk\"", "\"gkb\""),
    ("enum_value_like_no_other", HOTLINE, "as = \"region\"", "as = \"district\""),
    ("missing_key", HOTLINE, "key     = \"ROWGUID\"\n", ""),
    ("missing_top_key", HOTLINE, "connector = \"table\"\n", ""),
    ("negative_number", HOTLINE, "RQSTCONTENT = 4000", "RQSTCONTENT = -1"),
    ("number_too_large", HOTLINE, "page    = 500", "page    = 100000"),
    ("impossible_schedule", HOTLINE, "every = \"15s\"", "every = \"0s\""),
    (
        "pause_and_clock_times",
        HOTLINE,
        "every = \"15s\"",
        "every = \"15s\"\ncron = \"*/5 * * * *\"",
    ),
    ("no_time_to_look", HOTLINE, "every = \"15s\"", "jitter = \"5s\""),
    ("impossible_clock_time", HOTLINE, "every = \"15s\"", "cron = \"61 * * * *\""),
    ("day_that_no_month_has", HOTLINE, "every = \"15s\"", "cron = \"0 0 31 2 *\""),
    ("clock_times_with_seconds", HOTLINE, "every = \"15s\"", "cron = \"0 */5 * * * *\""),
    (
        "hours_without_zeros",
        HOTLINE,
        "every = \"15s\"",
        "every = \"15s\"\nwindow = \"6:00 - 23:00\"",
    ),
    ("misfire_like_no_other", HOTLINE, "every = \"15s\"", "every = \"15s\"\nmisfire = \"twice\""),
    ("unknown_connector", HOTLINE, "connector = \"table\"", "connector = \"tables\""),
    ("section_of_another_kind", HOTLINE, "[budget]", "[files]\nfolder = \"in\"\n\n[budget]"),
    ("missing_section", HOTLINE, "connector = \"table\"", "connector = \"files\""),
    ("missing_secret", HOTLINE, "HOTLINE_DATABASE_URL", "HOTLINE_DB_URL"),
    ("empty_secret", HOTLINE, "HOTLINE_DATABASE_URL", "EMPTY"),
    ("unreadable_secret_file", HOTLINE, "env = \"HOTLINE_DATABASE_URL\"", "file = \"secrets/url\""),
    ("two_sources_of_keys", GATEWAY, "[keys]", "[keys]\nenv = \"HOTLINE_DATABASE_URL\""),
    ("two_stores", GATEWAY, "[store]", "[store]\npostgres = { env = \"STORE\" }"),
    (
        "url_of_a_store_in_plain",
        GATEWAY,
        "sqlite = \"data/tonghui.db\"",
        "postgres = \"postgres://a:hunter2@b/c\"",
    ),
    ("bad_address", GATEWAY, "[keys]", "[intake]\nlisten = \"8421\"\n[keys]"),
    (
        "bad_topology",
        GATEWAY,
        "[keys]",
        "[bus]\namqp = { env = \"BROKER\" }\ntopology = \"declared\"\n[keys]",
    ),
    (
        "queue_too_small",
        GATEWAY,
        "[keys]",
        "[bus]\namqp = { env = \"BROKER\" }\nqueue = \"1MiB\"\n[keys]",
    ),
    ("missing_example", HOTLINE, "\"fixtures/rows.json\"", "\"fixtures/row.json\""),
    ("value_without_quotes", HOTLINE, "charset = \"gbk\"", "charset = gbk"),
    ("page_out_of_range", HOTLINE, "page    = 500", "page    = 0"),
    ("wide_equals_sign", HOTLINE, "page    = 500", "page    ＝ 500"),
    ("wide_quotes", HOTLINE, "charset = \"gbk\"", "charset = “gbk”"),
    ("wide_colon", HOTLINE, "page    = 500", "page：500"),
    ("wide_colon_and_quotes", HOTLINE, "charset = \"gbk\"", "charset：“gbk”"),
    ("quote_closed_in_another_form", HOTLINE, "charset = \"gbk\"", "charset = \"gbk”"),
    ("colon", HOTLINE, "page    = 500", "page: 500"),
    ("text_like_a_truth_value", HOTLINE, "connector = \"table\"", "connector = table"),
    ("wide_space", HOTLINE, "page    = 500", "page\u{3000}= 500"),
    ("wide_path", HOTLINE, "\"$.ACCORDTYPE\"", "\"＄．ACCORDTYPE\""),
    ("key_given_twice", HOTLINE, "page    = 500", "page    = 500\npage    = 600"),
];

#[test]
fn every_mistake_is_reported_as_in_the_golden_file() {
    let wrong: Vec<String> = MISTAKES
        .iter()
        .filter_map(|(name, file, from, to)| {
            let folder = Folder::new();
            folder.edit(file, from, to);
            golden(name, &folder.report()).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn the_suggested_replacement_fixes_the_mistake() {
    let mut n_replaced = 0;
    for (name, file, from, to) in MISTAKES {
        let folder = Folder::new();
        folder.edit(file, from, to);
        let Err(problems) = folder.resolve() else { panic!("{name} is not a mistake") };
        let mut replacements = Vec::new();
        for problem in problems {
            if let Some(Suggestion::Replace { start, end, text }) = problem.suggestion {
                replacements.push((start, end, text));
            } else {
                replacements.clear();
                break;
            }
        }
        replacements.sort();
        for (start, end, text) in replacements.iter().rev() {
            let mut content = folder.read(file);
            content.replace_range(start..end, text);
            folder.write(file, content);
        }
        if !replacements.is_empty() {
            n_replaced += 1;
            assert_eq!(folder.report(), "", "{name}");
        }
    }
    assert!(n_replaced >= 20, "only {n_replaced} mistakes came with a replacement");
}

#[test]
fn problems_of_whole_files_and_folders_are_reported() {
    type Spoil = dyn Fn(&Folder);
    let cases: [(&str, &Spoil); 9] = [
        ("no_gateway_file", &|folder| {
            std::fs::remove_file(folder.path().join(GATEWAY)).unwrap();
        }),
        ("no_channel", &|folder| {
            std::fs::remove_dir_all(folder.path().join("channels")).unwrap();
        }),
        ("folder_without_channel_file", &|folder| {
            folder.write("channels/letters/notes.txt", "");
        }),
        ("bad_folder_name", &|folder| {
            let other = folder.read(HOTLINE).replace("12345政务", "12346").replace("CNS_", "X");
            folder.channel("热线", &other);
        }),
        ("same_name_twice", &|folder| {
            folder.channel("second", &folder.read(HOTLINE).replace("CNS_CINFO", "OTHER"));
        }),
        ("copy_of_a_channel", &|folder| {
            folder.channel("second", &folder.read(HOTLINE).replace("12345", "12346"));
        }),
        ("two_budgets_of_one_upstream", &|folder| {
            let other = folder.read(HOTLINE).replace("12345", "12346").replace("CNS_", "X");
            let shared = "concurrent = 3\nupstream = \"hotline\"";
            folder.channel("second", &other.replace("concurrent = 2", shared));
        }),
        ("in_no_charset", &|folder| {
            folder.write(HOTLINE, b"# ok\nname = \"\xff\xc8\xcf\xdf\"\n");
        }),
        ("unclosed_header", &|folder| folder.edit(HOTLINE, "[budget]", "[budget")),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, spoil)| {
            let folder = Folder::new();
            spoil(&folder);
            golden(name, &folder.report()).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// File, correct text, mistake, reported place.
const EDITS: [(&str, &str, &str, &str); 22] = [
    ("gateway.toml", "Asia/Shanghai", "Asia/Shangai", "1:8"),
    ("gateway.toml", "sqlite =", "sqlte  =", "4:1"),
    ("gateway.toml", "\"256MiB\"", "256", "10:10"),
    ("gateway.toml", "\"20s\"", "\"20\"", "11:10"),
    ("channel", "every = \"15s\"", "every = \"0s\"", "5:9"),
    ("channel", "concurrent = 2", "concurrent = 0", "8:14"),
    ("channel", "HOTLINE_DATABASE_URL", "HOTLINE_DB", "11:19"),
    ("channel", "key     =", "kye     =", "13:1"),
    ("channel", "\"gbk\"", "\"gkb\"", "14:11"),
    ("channel", "page    = 500", "page    = \"500\"", "15:11"),
    ("channel", "timeout = \"30s\"", "timeout = true", "16:11"),
    ("channel", "= 4000 }", "= -4000 }", "17:27"),
    ("channel", "column  = \"LAST", "colum   = \"LAST", "20:1"),
    ("channel", "pending = 0", "pending = [0]", "26:11"),
    ("channel", "below = 5", "belwo = 5", "31:23"),
    ("channel", "days  = 60", "days  = 0", "35:9"),
    ("channel", "hotline/kind", "hotline/kid", "54:45"),
    ("channel", "\"$.ACCORDTYPE\"", "\"ACCORDTYPE\"", "55:16"),
    ("channel", "as = \"bool\"", "as = \"boole\"", "62:42"),
    ("channel", "role = \"main\"", "role = \"mayn\"", "65:26"),
    ("channel", "each = \"$.pressing[*]\"", "each = \"$.pressing[*\"", "69:8"),
    ("channel", "rows.expected.json", "rows.expectd.json", "76:12"),
];

#[test]
fn all_mistakes_of_all_files_are_reported_in_one_run() {
    let folder = Folder::new();
    let mut expected = Vec::new();
    for (file, from, to, place) in EDITS {
        let file = if file == "channel" { "channels/hotline/channel.toml" } else { file };
        folder.edit(file, from, to);
        expected.push(format!("{file}:{place}: "));
    }
    let report = folder.report();
    let count = format!("\n{} problems in 2 files\n", EDITS.len());
    assert!(report.ends_with(&count), "{report}");
    for place in &expected {
        assert!(report.contains(place.as_str()), "{place} is not in\n{report}");
    }
    golden("many", &report).unwrap();
}

#[test]
fn problems_can_be_serialised_as_json() {
    let folder = Folder::new();
    folder.edit("channels/hotline/channel.toml", "charset =", "charest =");
    folder.channel("Bad", "");
    let problems = folder.resolve().unwrap_err();
    golden("json", &serde_json::to_string_pretty(&problems).unwrap()).unwrap();
}

const URL: &str = "url     = { env = \"HOTLINE_DATABASE_URL\" }";

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    for written in [
        "url = \"hunter2\"",
        "url = 'mysql://reader:hunter2@db/hotline'",
        "url = \"hunter2",
        "url = hunter2",
        "url ＝ \"hunter2\"",
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
    assert!(
        report.contains("move this key to `[table]`") && !report.contains("hunter2"),
        "{report}"
    );
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

#[test]
fn a_mistake_in_the_file_of_a_channel_leaves_out_that_channel_only() {
    let folder = Folder::new();
    let second = crate::folder::HOTLINE
        .replace("12345政务服务便民热线", "第二热线")
        .replace("page    = 500", "page    = \"500\"");
    folder.channel("second", &second);
    let settings = folder.resolve_usable().unwrap();
    let usable: Vec<_> = settings.channels.iter().map(|channel| channel.id.to_string()).collect();
    assert_eq!(usable, ["hotline"]);
    let (id, problems) = settings.broken.iter().next().unwrap();
    assert_eq!(id.as_str(), "second");
    let place = problems.as_slice()[0].place.as_ref().unwrap();
    assert!(place.line > 1 && place.column > 1, "{problems}");
    let all: Vec<_> = settings.channel_ids().iter().map(ToString::to_string).collect();
    assert_eq!(all, ["hotline", "second"]);
    assert_eq!(folder.resolve().unwrap_err(), *problems);

    // A channel with the name of another one, and a folder without a file.
    folder.channel("second", crate::folder::HOTLINE);
    assert!(folder.resolve_usable().unwrap().broken.len() == 1);
    std::fs::remove_file(folder.path().join("channels/second/channel.toml")).unwrap();
    assert!(folder.resolve_usable().unwrap().broken.len() == 1);

    // What all channels stand on.
    folder.edit("gateway.toml", "Asia/Shanghai", "Asia/Shangai");
    let problems = folder.resolve_usable().unwrap_err();
    assert_eq!(problems.as_slice().len(), 2, "{problems}");
}

#[test]
fn another_city_is_not_taken_for_a_typo() {
    for (zone, suggested) in [
        ("Asia/Wuhu", None),
        ("Asia/Hefei", None),
        ("Shanghai", Some("Asia/Shanghai")),
        ("Asai/Shanghai", Some("Asia/Shanghai")),
        ("Asia/Urumchi", Some("Asia/Urumqi")),
    ] {
        let folder = Folder::new();
        folder.edit("gateway.toml", "Asia/Shanghai", zone);
        let report = folder.report();
        let suggestion = suggested.map(|zone| format!("did you mean `\"{zone}\"`"));
        match suggestion {
            Some(suggestion) => assert!(report.contains(&suggestion), "{report}"),
            None => assert!(
                !report.contains("did you mean") && report.contains("all of China"),
                "{report}"
            ),
        }
    }
}
