//! A file is read when it is complete, and not before.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use super::*;

const NAME: &str = "F_20261009103000.csv";
const TEXT: &str = "id,title\na,1\nb,2\n";

#[tokio::test]
async fn a_file_without_a_manifest_is_ignored() {
    let folder = Folder::new();
    folder.put(NAME, TEXT);
    let (entries, at) = folder.entries(None, 10).await;
    assert!(entries.is_empty());
    assert_eq!(folder.names(""), [NAME]);
    folder.put(&format!("{NAME}.ok"), manifest(NAME, TEXT.as_bytes(), 2));
    let (entries, _) = folder.entries(Some(at), 10).await;
    assert_eq!(keys(&entries), ["a", "b"]);
}

#[tokio::test]
async fn a_file_that_differs_from_its_manifest_goes_to_quarantine() {
    let good = manifest(NAME, TEXT.as_bytes(), 2);
    let other_md5 = good.replace(&good[good.len() - 9..good.len() - 1], "00000000");
    for (text, announced, reason) in [
        (TEXT, manifest(NAME, TEXT.as_bytes(), 3), "manifest_rows"),
        (TEXT, manifest(NAME, TEXT.as_bytes(), 0), "manifest_rows"),
        (TEXT, other_md5, "manifest_md5"),
        (&TEXT[..12], good.clone(), "manifest_bytes"),
        ("", good.clone(), "manifest_bytes"),
        ("", manifest(NAME, b"", 1), "manifest_rows"),
        (TEXT, manifest("F_other.csv", TEXT.as_bytes(), 2), "manifest_name"),
        (TEXT, "F_20261009103000.csv|2|".to_owned(), "bad_manifest"),
    ] {
        let folder = Folder::new();
        folder.put(NAME, text);
        folder.put(&format!("{NAME}.ok"), &announced);
        folder.announce("F_20261009110000.csv", "id,title\nc,3\n", 1);
        let (entries, _) = folder.entries(None, 10).await;
        assert_eq!(refusals(&entries), [(NAME.to_owned(), reason.to_owned())]);
        // No part of the file is read, and other files are not blocked.
        assert_eq!(keys(&entries), [NAME, "c"], "{reason}");
        assert_eq!(folder.names("error"), [NAME.to_owned(), format!("{NAME}.ok")], "{reason}");
        assert!(folder.names("").is_empty(), "{reason}");
    }
}

#[tokio::test]
async fn a_pass_with_a_refused_file_is_not_complete() {
    let folder = Folder::new();
    folder.put(NAME, TEXT);
    folder.put(&format!("{NAME}.ok"), manifest(NAME, TEXT.as_bytes(), 3));
    folder.announce("F_20261009110000.csv", "id,title\nc,3\n", 1);
    let (_, _, end) = folder.pass(None, 10).await;
    assert_eq!(end.to_string(), format!("no, {NAME} was refused: manifest_rows"));
}

#[tokio::test]
async fn every_pass_is_incomplete_while_a_refused_file_is_in_the_folder() {
    let folder = Folder::new().with(json!({ "archive": null, "error": null }));
    folder.announce(NAME, TEXT, 3);
    folder.announce("F_20261009110000.csv", "id,title\nc,3\n", 1);
    let (_, mut at, _) = folder.pass(None, 10).await;
    for _ in 0..2 {
        let (entries, after, end) = folder.pass(Some(at), 10).await;
        assert!(entries.is_empty());
        assert!(end.to_string().starts_with(&format!("no, {NAME} was refused")), "{end}");
        assert!(end.to_string().contains("is still in the folder"), "{end}");
        at = after;
    }
    fs::remove_file(folder.path.join(NAME)).unwrap();
    fs::remove_file(folder.path.join(format!("{NAME}.ok"))).unwrap();
    let (_, _, end) = folder.pass(Some(at), 10).await;
    assert_eq!(end.to_string(), "yes, 0 of 0");
}

#[tokio::test]
async fn a_pass_with_a_file_that_waits_for_its_manifest_is_not_known_to_be_complete() {
    let folder = Folder::new();
    folder.announce(NAME, TEXT, 2);
    folder.put("F_20261009110000.csv", "id,title\nc,3\n");
    let (_, at, end) = folder.pass(None, 10).await;
    let waits = "unknown, 1 file waits for its manifest: F_20261009110000.csv";
    assert_eq!(end.to_string(), waits);
    folder.put("F_20261009120000.csv", TEXT);
    let (_, at, end) = folder.pass(Some(at), 10).await;
    let wait = "unknown, 2 files wait for their manifests: F_20261009110000.csv and 1 more";
    assert_eq!(end.to_string(), wait);
    // The case of the suffix does not matter.
    let other = "F_20261009110000.csv";
    folder.put(&format!("{other}.OK"), manifest(other, b"id,title\nc,3\n", 1));
    fs::remove_file(folder.path.join("F_20261009120000.csv")).unwrap();
    let (entries, _, end) = folder.pass(Some(at), 10).await;
    assert_eq!((keys(&entries), end.to_string()), (vec!["c".into()], "yes, 1 of 1".into()));
    assert!(folder.names("archive").contains(&format!("{other}.OK")));
    assert!(folder.names("").is_empty());
}

#[tokio::test]
async fn a_pass_with_a_file_that_is_not_read_to_its_end_is_not_complete() {
    for (name, text) in [
        ("F_20261009103000.json", "[{\"id\":\"a\"},{\"id\""),
        ("F_20261009103000.csv", "no,header\n1,2\n"),
    ] {
        let folder = Folder::new().without_manifests();
        folder.put(name, text);
        let (_, _, end) = folder.pass(None, 10).await;
        assert!(end.to_string().starts_with(&format!("no, {name} was refused: ")), "{end}");
    }
}

#[tokio::test]
async fn a_pass_with_a_file_or_a_part_of_one_that_gives_no_record_is_not_complete() {
    let pack = |members: &[(&str, &str)]| {
        let mut packed = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in members {
            packed.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        }
        packed.finish().unwrap().into_inner()
    };
    let good = ("a.csv", "id,title\na,1\n");
    let wrapped = "{\"code\":0,\"data\":[{\"id\":\"a\",\"title\":\"1\"}]}";
    for (extension, bytes, refused) in [
        (".json", wrapped.as_bytes().to_vec(), ""),
        (".json", b"// export\n[{\"id\":\"a\"},{\"id\":\"b\"}]".to_vec(), ""),
        (".json", b"\"[{\\\"id\\\":\\\"a\\\"}]\"".to_vec(), ""),
        (".json", b"<html>\n<body>502</body>\n</html>".to_vec(), ""),
        (".zip", pack(&[good, ("b.csv", "no,header\n1,2\n")]), ", b.csv"),
        (".zip", pack(&[("b.json", wrapped), good]), ", b.json"),
    ] {
        let folder = Folder::new().with(json!({ "manifest": null }));
        let name = format!("F_20261009103000{extension}");
        folder.put(&name, &bytes);
        let (_, _, end) = folder.pass(None, 10).await;
        let expected = format!("no, {name}{refused} was refused: ");
        assert!(end.to_string().starts_with(&expected), "{end}");
        assert_eq!(folder.names("error"), [name]);
    }
}

#[tokio::test]
async fn two_refused_files_of_one_name_are_two_entries_of_the_quarantine() {
    let folder = Folder::new().with(json!({ "manifest": null }));
    let (mut at, mut found) = (None, Vec::new());
    for text in ["no,header\n1,2\n", "no,header\n3,4\n", "no,header\n1,2\n"] {
        folder.put(NAME, text);
        let (entries, after) = folder.entries(at, 10).await;
        assert_eq!(refusals(&entries)[0].0, NAME);
        found.extend(entries[0].key().cloned());
        at = Some(after);
    }
    assert_eq!(found.len(), 3);
    assert!(found[0] != found[1] && found[0] == found[2], "{found:?}");
}

#[tokio::test]
async fn an_export_without_records_is_done_and_no_error() {
    for (extension, text) in
        [(".csv", ""), (".csv", "id,title\n"), (".json", "[]"), (".xml", "<a/>")]
    {
        let folder = Folder::new();
        let name = format!("F_20261009103000{extension}");
        folder.announce(&name, text, 0);
        let (entries, _) = folder.entries(None, 10).await;
        assert!(entries.is_empty(), "{name}: {entries:?}");
        assert_eq!(folder.names("archive"), [name.clone(), format!("{name}.ok")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_still_written_after_its_manifest_is_waited_for() {
    let folder = Folder::new().with(json!({ "stable": "60s" }));
    let mut files = folder.files();
    folder.put(&format!("{NAME}.ok"), manifest(NAME, TEXT.as_bytes(), 2));
    let mut at = None;
    for written in [0, 5, 13, 13] {
        folder.put(NAME, &TEXT[..written]);
        let batch = files.read(at.as_ref(), 10).await.unwrap();
        assert!(batch.entries.is_empty() && !batch.caught_up(), "{written} bytes were accepted");
        at = Some(batch.upto);
        tokio::time::advance(Duration::from_secs(40)).await;
    }
    folder.put(NAME, TEXT);
    let batch = files.read(at.as_ref(), 10).await.unwrap();
    assert_eq!(keys(&batch.entries), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_stays_incomplete_goes_to_quarantine() {
    let folder = Folder::new().with(json!({ "stable": "60s" }));
    let mut files = folder.files();
    folder.put(&format!("{NAME}.ok"), manifest(NAME, TEXT.as_bytes(), 2));
    folder.put(NAME, &TEXT[..12]);
    let batch = files.read(None, 10).await.unwrap();
    assert!(batch.entries.is_empty());
    tokio::time::advance(Duration::from_secs(60)).await;
    let batch = files.read(Some(&batch.upto), 10).await.unwrap();
    assert_eq!(refusals(&batch.entries), [(NAME.to_owned(), "manifest_bytes".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn without_manifests_a_file_is_read_when_it_is_unchanged() {
    let folder = Folder::new().without_manifests().with(json!({ "stable": "30s" }));
    let mut files = folder.files();
    folder.put(NAME, TEXT);
    for more in ["", "c,3\n", "d,4\n"] {
        fs::write(folder.path.join(NAME), format!("{TEXT}{more}")).unwrap();
        let batch = files.read(None, 10).await.unwrap();
        assert!(batch.entries.is_empty() && !batch.caught_up());
        tokio::time::advance(Duration::from_secs(24)).await;
    }
    // A caller that reads until the connector has caught up has to wait.
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(keys(&entries), ["a", "b", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_rights_change_again_and_again_is_read_once() {
    let folder = Folder::new().without_manifests().with(json!({ "stable": "30s" }));
    folder.put(NAME, TEXT);
    let (mut files, mut at) = (folder.files(), None);
    let (mut found, mut n_ends) = (Vec::new(), 0);
    for n in 0..20 {
        let mode = if n % 2 == 0 { 0o600 } else { 0o640 };
        fs::set_permissions(folder.path.join(NAME), fs::Permissions::from_mode(mode)).unwrap();
        for _ in 0..2 {
            let batch = files.read(at.as_ref(), 10).await.unwrap();
            found.extend(keys(&batch.entries));
            n_ends += usize::from(batch.end.is_some());
            at = Some(batch.upto);
        }
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    assert_eq!(found, ["a", "b"]);
    assert!(n_ends > 0, "the pass never ends");
}

#[tokio::test]
async fn a_title_above_the_header_is_none_of_the_rows_of_the_manifest() {
    let folder = Folder::new();
    folder.announce(NAME, "report,2026\nid,title\na,1\n", 1);
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(refusals(&entries), [(format!("{NAME}, line 1"), "above_header".to_owned())]);
    assert_eq!(keys(&entries)[1..], ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_without_a_file_is_reported() {
    let folder = Folder::new().with(json!({ "stable": "60s" }));
    let mut files = folder.files();
    folder.put(&format!("{NAME}.ok"), manifest(NAME, TEXT.as_bytes(), 2));
    let batch = files.read(None, 10).await.unwrap();
    assert!(batch.trouble.is_empty());
    tokio::time::advance(Duration::from_secs(61)).await;
    let batch = files.read(Some(&batch.upto), 10).await.unwrap();
    assert_eq!(batch.trouble[0].0.0, NAME);
    assert!(batch.trouble[0].1.to_string().contains("manifest exists"), "{}", batch.trouble[0].1);
}
