//! Keys of several columns, and keys that come twice in one file.

use connector_files::Files;
use contract::{ConnectorContext, DropReason, PassEnd};

use super::*;

const NAME: &str = "F_20261009103000.csv";

/// Reads the folder to its end, in batches of `max`, each by a new process if `restarts`.
async fn read(folder: &Folder, max: usize, restarts: bool) -> (Vec<Entry>, PassEnd) {
    let (mut files, mut entries, mut at) = (folder.files(), Vec::new(), None);
    loop {
        let batch = files.read(at.as_ref(), max).await.unwrap();
        entries.extend(batch.entries);
        if let Some(end) = batch.end {
            return (entries, end);
        }
        at = Some(batch.upto);
        if restarts {
            files = folder.files();
        }
    }
}

fn folder(settings: Value) -> Folder {
    let revision = json!({ "revision": { "at": "$.no" }, "match": ["F*"] });
    Folder::new().without_manifests().with(revision).with(settings)
}

#[tokio::test]
async fn a_key_has_several_columns_and_blanks_around_them_do_not_belong_to_it() {
    let folder = folder(json!({ "key": ["$.year", "$.id"] }));
    folder.put(NAME, "id,year,no\n1,2025,1\n1,2026,1\n 2 ,2026 ,1\n,2026,1\nNULL,2026,1\n");
    let (entries, _) = read(&folder, 10, false).await;
    let expected = ["[\"2025\",\"1\"]", "[\"2026\",\"1\"]", "[\"2026\",\"2\"]"];
    assert_eq!(keys(&entries)[..3], expected);
    let [.., Entry::Unreadable { reason, place, .. }, _] = &entries[..] else { panic!() };
    assert_eq!((reason.code.as_ref(), &place.key), ("missing_key", &None));
    assert_eq!(reason.detail, "the value at $.id is empty");
    assert_eq!(refusals(&entries).len(), 2);
    // A header must have all columns of the key.
    folder.put("F_3.csv", "id,no\n1,1\n");
    let (entries, _) = read(&folder, 10, false).await;
    assert_eq!(refusals(&entries)[2], ("F_3.csv".to_owned(), "unknown_header".to_owned()));
}

#[tokio::test]
async fn a_row_within_quotes_is_known_by_the_first_column_of_its_key() {
    let folder = folder(json!({ "key": ["$.no", "$.id"] }));
    folder.put(NAME, "id,text,no\nA1,\"x,1\nA2,y\",2\n");
    let (entries, _) = read(&folder, 10, false).await;
    let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["stray_quote", "stray_quote"]);
}

#[tokio::test]
async fn two_rows_that_have_different_contents_are_named() {
    let folder = folder(json!({ "duplicates": "stop" }));
    folder.put(NAME, "id,title,no\nb,x,1\nb,x,1\nb,y,1\n");
    let (entries, _) = read(&folder, 10, false).await;
    let [Entry::Unreadable { reason, .. }] = &entries[..] else { panic!("{entries:?}") };
    assert!(reason.detail.contains("line 3 and"), "{}", reason.detail);
    assert!(reason.detail.contains("line 4 have the same key"), "{}", reason.detail);
}

const TWICE: &str = "id,title,no\na,x,1\na,x,1\nb,x,1\nb,y,1\nb,y,1\nc,x,1\nc,y,2\n";

#[tokio::test]
async fn two_contents_under_one_key_and_revision_are_no_states_and_none_is_lost() {
    for (rule, expected, n_repeated) in [
        (
            json!({}),
            &["a", "F_20261009103000.csv, line 4", "F_20261009103000.csv, line 6", "c", "c"][..],
            2,
        ),
        (json!({ "duplicates": "last" }), &["a", "b", "c", "c"], 3),
        (json!({ "duplicates": "stop" }), &[NAME], 0),
    ] {
        for (max, restarts) in [(10, false), (1, false), (1, true)] {
            let folder = folder(rule.clone());
            folder.put(NAME, TWICE);
            let (entries, end) = read(&folder, max, restarts).await;
            assert_eq!(keys(&entries), expected, "{rule}");
            let refused = refusals(&entries);
            assert!(refused.iter().all(|(_, code)| code == "duplicate_key"), "{refused:?}");
            if !restarts && n_repeated > 0 {
                assert_eq!(end.dropped[&DropReason::Repeated], n_repeated);
                assert_eq!(end.given, 7);
            }
        }
    }
    let folder = folder(json!({ "duplicates": "stop" }));
    folder.put(NAME, TWICE);
    let (entries, _) = read(&folder, 10, false).await;
    let [Entry::Unreadable { reason, .. }] = &entries[..] else { panic!("{entries:?}") };
    assert!(reason.detail.contains("line 4 and F_20261009103000.csv, line 5"), "{}", reason.detail);
    assert!(reason.detail.contains("`key`"), "{}", reason.detail);
}

#[tokio::test]
async fn a_conflicting_record_is_kept_by_its_bytes_and_its_reason_names_the_key() {
    let folder = folder(json!({}));
    folder.put(NAME, TWICE);
    let (entries, _) = read(&folder, 10, false).await;
    for (entry, title) in [(&entries[1], "x"), (&entries[2], "y")] {
        let Entry::Unreadable { place, bytes, reason } = entry else { panic!("{entry:?}") };
        assert_eq!(place.key, None);
        assert!(reason.detail.contains("the key `b`"), "{}", reason.detail);
        let tree: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(tree["title"], title);
    }
}

#[tokio::test]
async fn a_row_that_is_repeated_is_one_key_and_its_manifest_is_fulfilled() {
    let folder = Folder::new();
    folder.announce(NAME, "id,title\na,x\na,x\nb,y\n", 3);
    let (entries, end) = read(&folder, 10, false).await;
    assert_eq!(keys(&entries), ["a", "b"]);
    assert_eq!((end.listed, end.given, end.distinct), (Some(2), 3, Some(2)));
    assert_eq!(end.to_string(), "yes, 2 of 2");
}

#[tokio::test]
async fn a_title_above_the_header_is_no_record_of_the_account() {
    for (max, restarts) in [(10, false), (1, false), (1, true)] {
        let folder = Folder::new();
        folder.announce(NAME, "report\n\nid,title\na,x\nb,y\n", 2);
        let (entries, end) = read(&folder, max, restarts).await;
        assert_eq!(keys(&entries), ["a", "b"]);
        if !restarts {
            assert_eq!((end.listed, end.given, end.distinct), (Some(2), 2, Some(2)));
            assert_eq!(end.dropped, [(DropReason::Title, 1)].into());
        }
    }
}

#[tokio::test]
async fn a_number_and_its_text_are_one_content() {
    let folder = folder(json!({}));
    let rows = ["{\"id\":\"a\",\"no\":1,\"n\":7}", "{\"no\":1,\"id\":\"a\",\"n\":\"7\"}"];
    folder.put("F_20261009103000.jsonl", rows.join("\n"));
    let (entries, end) = read(&folder, 10, false).await;
    assert_eq!((keys(&entries), refusals(&entries).len()), (vec!["a".to_owned()], 0));
    assert_eq!(end.dropped[&DropReason::Repeated], 1);
}

const LATER: &str = "F_20261009103001.csv";

#[tokio::test]
async fn a_record_with_the_key_and_the_revision_of_one_in_another_file_is_not_its_state() {
    let (first, second) =
        ("id,title,no\n1,a,1\n2,b,1\n3,c,1\n", "id,title,no\n1,a,1\n2,x,1\n3,y,1\n4,d,1\n");
    for (rule, expected, n_refused) in [
        (json!({}), &["1", "2", "3", "1", LATER, LATER, "4"][..], 2),
        (json!({ "duplicates": "last" }), &["1", "2", "3", "1", "2", "3", "4"], 0),
        (json!({ "duplicates": "stop" }), &["1", "2", "3", "1", LATER], 1),
    ] {
        for max in [1, 10] {
            let folder = folder(rule.clone());
            folder.put(NAME, first);
            folder.put(LATER, second);
            let (entries, end) = read(&folder, max, false).await;
            assert_eq!(keys(&entries), expected, "{rule}");
            let refused = refusals(&entries);
            assert_eq!(refused.len(), n_refused);
            assert!(refused.iter().all(|(_, code)| code == "duplicate_key"), "{refused:?}");
            assert_eq!(end.gap.is_some(), rule["duplicates"] == "stop", "{end:?}");
        }
    }
    // Where the name of the file is the revision, and both have one.
    let names = ["F_20261009103000_a.csv", "F_20261009103000_b.csv"];
    let folder = Folder::new().without_manifests();
    for name in names {
        folder.put(name, format!("id,title\n1,{name}\n"));
    }
    let (entries, _) = read(&folder, 10, false).await;
    let [Entry::Record(_), Entry::Unreadable { place, reason, bytes }] = &entries[..] else {
        panic!("{entries:?}")
    };
    assert_eq!((place.at.as_str(), &place.key), (names[1], &None));
    assert!(reason.detail.contains(names[0]) && reason.detail.contains("`1`"), "{reason:?}");
    assert!(String::from_utf8_lossy(bytes).contains(names[1]));
}

#[tokio::test]
async fn what_the_mapping_does_not_read_may_differ_between_files() {
    for (mapped, n_refused) in [("$.title", 1), ("$.*", 2)] {
        let folder = folder(json!({}));
        folder.put(NAME, "id,title,no,row\n1,a,1,1\n2,b,1,2\n");
        folder.put(LATER, "id,title,no,row\n1,a,1,7\n2,x,1,8\n");
        let mut context = ConnectorContext::new("drop".parse().unwrap(), chrono_tz::UTC);
        context.mapped = Some(mapped.into());
        let config = serde_json::from_value(folder.settings.clone()).unwrap();
        let mut files = Files::build(config, context).unwrap();
        let (mut at, mut entries) = (None, Vec::new());
        loop {
            let batch = files.read(at.as_ref(), 10).await.unwrap();
            entries.extend(batch.entries);
            if batch.end.is_some() {
                break;
            }
            at = Some(batch.upto);
        }
        assert_eq!((entries.len(), refusals(&entries).len()), (4, n_refused), "{mapped}");
    }
}

#[tokio::test]
async fn a_later_state_in_another_file_is_read_and_counts_as_one_key() {
    for settings in [json!({}), json!({ "revision": { "at": "$.no" } })] {
        let folder = Folder::new().with(settings);
        folder.announce(NAME, "id,title,no\na,x,1\nb,x,1\n", 2);
        folder.announce(LATER, "id,title,no\na,y,2\nb,x,2\nc,x,1\n", 3);
        let (entries, end) = read(&folder, 2, false).await;
        assert_eq!(keys(&entries), ["a", "b", "a", "b", "c"]);
        assert_eq!((end.listed, end.given, end.distinct), (Some(3), 5, Some(3)));
        assert_eq!(end.to_string(), "yes, 3 of 3");
    }
    // A file that comes again under its name replaces itself.
    let folder = folder(json!({ "archive": "archive" }));
    let (mut files, mut at, mut entries) = (folder.files(), None, Vec::new());
    for title in ["x", "y"] {
        folder.put(NAME, format!("id,title,no\na,{title},1\n"));
        let batch = files.read(at.as_ref(), 10).await.unwrap();
        files.settled(&batch.upto).await.unwrap();
        entries.extend(batch.entries);
        at = Some(batch.upto);
    }
    assert_eq!((keys(&entries), refusals(&entries).len()), (vec!["a".to_owned(); 2], 0));
}

#[tokio::test]
async fn numbers_that_restart_within_a_file_are_told_by_the_account() {
    for announced in [true, false] {
        let folder = match announced {
            true => Folder::new().with(json!({ "revision": { "at": "$.no" } })),
            false => folder(json!({})),
        };
        folder.announce(NAME, "id,title,no\n1,a,1\n2,b,2\n1,c,3\n2,d,4\n", 4);
        let (entries, end) = read(&folder, 10, false).await;
        assert_eq!(keys(&entries), ["1", "2", "1", "2"]);
        assert_eq!((end.given, end.distinct), (4, announced.then_some(2)));
        assert!(end.to_string().starts_with("unknown, 2 records have the key of another"), "{end}");
    }
}

#[tokio::test]
async fn long_numbers_that_excel_has_rounded_are_no_keys() {
    for (ids, n_refused) in [
        (&["202611091000000000", "202611091001000000", "202611091002000123"][..], 2),
        (&["202611091000000000", "202611091001000001", "202611091002000123"], 0),
        (&["202611091000000000", "A-202611091000000000"], 0),
        (&["2026110910000000", "2026110910000010"], 0),
        (&["202611091000000", "202611092000000"], 0),
    ] {
        let folder = folder(json!({}));
        let rows: String = ids.iter().map(|id| format!("{id},x,1\n")).collect();
        folder.put(NAME, format!("id,title,no\n{rows}"));
        let (entries, end) = read(&folder, 10, false).await;
        let refused = refusals(&entries);
        assert_eq!((entries.len(), refused.len()), (ids.len(), n_refused), "{ids:?}");
        assert!(refused.iter().all(|(_, code)| code == "missing_key"));
        assert_eq!(end.gap.is_some(), n_refused > 0);
    }
}

#[tokio::test]
async fn characters_that_nobody_sees_do_not_belong_to_a_key() {
    let folder = folder(json!({ "force": "utf-8" }));
    folder.put(NAME, "id,title,no\nA-1,x,1\n\u{200B}A-\u{AD}1\u{200E} ,x,2\n\u{2060},x,1\n0,x,1\n");
    let (entries, _) = read(&folder, 10, false).await;
    assert_eq!(keys(&entries)[..2], ["A-1", "A-1"]);
    let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["missing_key", "missing_key"]);
}
