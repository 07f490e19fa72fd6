//! Many mistakes at once: an admin corrects a folder in one go, not one error at a time.

use crate::folder::{Folder, golden};

/// File, what stands there, what somebody wrote instead, where it is reported.
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
fn a_program_gets_the_same_as_json() {
    let folder = Folder::new();
    folder.edit("channels/hotline/channel.toml", "charset =", "charest =");
    folder.channel("Bad", "");
    let problems = folder.resolve().unwrap_err();
    golden("json", &serde_json::to_string_pretty(&problems).unwrap()).unwrap();
}
