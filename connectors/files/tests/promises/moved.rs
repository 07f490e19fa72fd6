//! When files are moved, and where.

use super::*;

const NAME: &str = "F_20261009103000.csv";
const TEXT: &str = "id,title\na,1\n";

#[tokio::test]
async fn no_file_is_moved_before_it_is_stored() {
    let folder = Folder::new();
    folder.announce(NAME, TEXT, 1);
    let mut files = folder.files();
    let batch = files.read(None, 10).await.unwrap();
    assert_eq!(folder.names("").len(), 2);
    let stored = Cursor::encode(&batch.upto).unwrap();
    // After a crash the cursor still names the file to move. Settling twice is harmless.
    for _ in 0..2 {
        folder.files().settled(&stored.decode().unwrap()).await.unwrap();
        assert!(folder.names("").is_empty());
        assert_eq!(folder.names("archive"), [NAME.to_owned(), format!("{NAME}.ok")]);
    }
}

#[tokio::test]
async fn a_crash_between_the_two_renames_is_repaired() {
    let folder = Folder::new();
    folder.announce(NAME, TEXT, 1);
    let batch = folder.files().read(None, 10).await.unwrap();
    fs::rename(folder.path.join(NAME), folder.path.join("archive").join(NAME)).unwrap();
    folder.files().settled(&batch.upto).await.unwrap();
    assert!(folder.names("").is_empty());
    assert_eq!(folder.names("archive").len(), 2);
}

#[tokio::test]
async fn a_file_that_replaced_one_that_was_read_is_read_before_it_is_moved() {
    let folder = Folder::new();
    folder.announce(NAME, TEXT, 1);
    let mut files = folder.files();
    let batch = files.read(None, 10).await.unwrap();
    folder.announce(NAME, "id,title\na,22\n", 1);
    files.settled(&batch.upto).await.unwrap();
    assert_eq!(folder.names("").len(), 2, "it was moved before it was read");
    let batch = files.read(Some(&batch.upto), 10).await.unwrap();
    assert_eq!(body(&batch.entries[0])["title"], "22");
}

#[tokio::test]
async fn a_replaced_file_is_read_again_and_kept_beside_the_first() {
    let folder = Folder::new();
    folder.announce(NAME, TEXT, 1);
    let (first, at) = folder.entries(None, 10).await;
    folder.announce(NAME, "id,title\na,2\n", 1);
    let (second, _) = folder.entries(Some(at), 10).await;
    assert_eq!((first.len(), body(&second[0])["title"].as_str()), (1, Some("2")));
    assert_eq!(folder.names("archive").len(), 4);
}

#[tokio::test]
async fn a_file_that_is_not_moved_is_read_once_until_it_changes() {
    let folder = Folder::new().without_manifests();
    folder.put(NAME, TEXT);
    let (_, at) = folder.entries(None, 10).await;
    folder.put(NAME, TEXT);
    let (again, at) = folder.entries(Some(at), 10).await;
    assert!(again.is_empty(), "the same content is not read again");
    folder.put(NAME, "id,title\na,2\n");
    let (replaced, at) = folder.entries(Some(at), 10).await;
    assert_eq!(keys(&replaced), ["a"]);
    fs::remove_file(folder.path.join(NAME)).unwrap();
    let (_, at) = folder.entries(Some(at), 10).await;
    let at: Value = at.decode().unwrap();
    assert_eq!(at["done"], json!({}), "a file that is gone is forgotten");
}

#[tokio::test]
async fn a_file_with_the_size_and_time_of_the_one_that_was_read_is_read() {
    let folder = Folder::new().without_manifests();
    let put = |text: &str| {
        fs::write(folder.path.join(NAME), text).unwrap();
        let file = fs::File::options().write(true).open(folder.path.join(NAME)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    };
    put("id,title\na,1\n");
    let (_, at) = folder.entries(None, 10).await;
    put("id,title\na,2\n");
    let (entries, _) = folder.entries(Some(at), 10).await;
    assert_eq!(body(&entries[0])["title"], "2");
}

#[tokio::test]
async fn a_file_that_is_overwritten_while_it_is_read_gives_no_parts_of_rows() {
    let folder = Folder::new().without_manifests();
    let text = |title: &str, n: usize| {
        let rows: String = (1..=n).map(|n| format!("{n},{title}\n")).collect();
        format!("id,title\n{rows}")
    };
    folder.put(NAME, text("old", 30_000));
    let mut files = folder.files();
    let first = files.read(None, 10).await.unwrap();
    fs::write(folder.path.join(NAME), text("the new one", 30_000)).unwrap();
    let (mut at, mut entries) = (Some(first.upto), Vec::new());
    loop {
        let batch = files.read(at.as_ref(), 100_000).await.unwrap();
        entries.extend(batch.entries);
        at = Some(batch.upto);
        if batch.end.is_some() {
            break;
        }
    }
    assert_eq!(entries.len(), 30_000);
    assert!(entries.iter().all(|entry| body(entry)["title"] == "the new one"));
}

/// Reads up to the end of a pass, and returns its account.
async fn end_of_pass(
    files: &mut connector_files::Files,
    mut at: Option<Position>,
) -> (Position, contract::PassEnd) {
    loop {
        let batch = files.read(at.as_ref(), 100_000).await.unwrap();
        files.settled(&batch.upto).await.unwrap();
        if let Some(end) = batch.end {
            return (batch.upto, end);
        }
        at = Some(batch.upto);
    }
}

#[tokio::test]
async fn a_file_that_is_emptied_while_it_is_read_is_read_again_when_it_is_whole() {
    use std::io::Write as _;
    let folder = Folder::new().with(json!({ "manifest": null }));
    let text = |n: usize| {
        let rows: String = (1..=n).map(|n| format!("{n},x\n")).collect();
        format!("id,title\n{rows}")
    };
    folder.put(NAME, text(30_000));
    let mut files = folder.files();
    let first = files.read(None, 10).await.unwrap();
    assert_eq!(first.entries.len(), 10);
    // A program overwrites it in place, and pauses.
    let mut file = fs::File::create(folder.path.join(NAME)).unwrap();
    let (mut at, end) = end_of_pass(&mut files, Some(first.upto)).await;
    assert!(end.to_string().starts_with(&format!("no, {NAME} was overwritten")), "{end}");
    assert_eq!((folder.names("archive").len(), folder.names("error")), (0, vec![NAME.to_owned()]));
    // It pauses for several passes of new processes.
    for _ in 0..2 {
        (at, _) = end_of_pass(&mut folder.files(), Some(at)).await;
    }
    file.write_all(text(2_000).as_bytes()).unwrap();
    drop(file);
    let mut files = folder.files();
    let batch = files.read(Some(&at), 100_000).await.unwrap();
    files.settled(&batch.upto).await.unwrap();
    assert_eq!((batch.entries.len(), folder.names("archive")), (2_000, vec![NAME.to_owned()]));
}

#[tokio::test]
async fn a_file_that_grows_after_several_passes_is_put_back() {
    let folder = Folder::new().with(json!({ "manifest": null }));
    folder.put(NAME, "");
    let (_, mut at) = folder.entries(None, 10).await;
    for _ in 0..3 {
        (_, at) = folder.entries(Some(at), 10).await;
        assert_eq!(folder.names("archive"), [NAME]);
    }
    fs::write(folder.path.join("archive").join(NAME), TEXT).unwrap();
    let (entries, _) = folder.entries(Some(at), 10).await;
    assert_eq!(
        (keys(&entries), folder.names("archive")),
        (vec!["a".into()], vec![NAME.to_owned()])
    );
}

#[tokio::test]
async fn what_came_of_a_file_before_it_was_overwritten_does_not_count_as_complete() {
    let folder = Folder::new();
    let text = |title: &str, n: usize| {
        let rows: String = (1..=n).map(|n| format!("{n},{title}\n")).collect();
        format!("id,title\n{rows}")
    };
    folder.announce(NAME, text("old", 3_000), 3_000);
    let mut files = folder.files();
    let first = files.read(None, 10).await.unwrap();
    assert_eq!(first.entries.len(), 10);
    let new = text("the new one", 3_000);
    fs::write(folder.path.join(NAME), &new).unwrap();
    folder.put(&format!("{NAME}.ok"), manifest(NAME, new.as_bytes(), 3_000));
    let mut at = Some(first.upto);
    let end = loop {
        let batch = files.read(at.as_ref(), 100_000).await.unwrap();
        at = Some(batch.upto);
        if let Some(end) = batch.end {
            break end;
        }
    };
    assert_eq!((end.given, end.listed, end.distinct), (3_010, None, None));
}

#[tokio::test]
async fn a_file_that_was_refused_is_read_with_a_corrected_manifest() {
    let folder = Folder::new().with(json!({ "archive": null, "error": null }));
    folder.announce(NAME, TEXT, 2);
    let (entries, at) = folder.entries(None, 10).await;
    assert_eq!(refusals(&entries)[0].1, "manifest_rows");
    folder.put(&format!("{NAME}.ok"), manifest(NAME, TEXT.as_bytes(), 1));
    let (entries, _) = folder.entries(Some(at), 10).await;
    assert_eq!(keys(&entries), ["a"]);
}

#[tokio::test]
async fn a_missing_archive_stops_with_a_remedy_and_loses_nothing() {
    let folder = Folder::new().with(json!({ "archive": "nowhere" }));
    folder.announce(NAME, TEXT, 1);
    let mut files = folder.files();
    let batch = files.read(None, 10).await.unwrap();
    let fault = files.settled(&batch.upto).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("nowhere"), "{fault}");
    assert!(fault.to_string().contains("`archive`"), "{fault}");
    fs::create_dir(folder.path.join("nowhere")).unwrap();
    files.settled(&batch.upto).await.unwrap();
    assert_eq!(folder.names("nowhere").len(), 2);
}

#[tokio::test]
async fn more_files_than_one_listing_allows_are_read_because_read_files_are_moved() {
    let folder = Folder::new().with(json!({ "listing": 6 }));
    for n in 0..12 {
        let name = format!("F_202610091030{n:02}.csv");
        folder.announce(&name, format!("id,title\nk{n},1\n"), 1);
    }
    let (entries, _) = folder.entries(None, 10).await;
    let mut found = keys(&entries);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 12);
}

#[tokio::test]
async fn a_folder_with_too_many_files_is_reported() {
    let folder = Folder::new().without_manifests().with(json!({ "listing": 5 }));
    for n in 0..8 {
        folder.put(&format!("F_202610091030{n:02}.csv"), TEXT);
    }
    let (_, at) = folder.entries(None, 10).await;
    let at: Position = at.decode().unwrap();
    let batch = folder.files().read(Some(&at), 10).await.unwrap();
    let fault = &batch.trouble[0].1;
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("`archive`"), "{fault}");
}

#[tokio::test]
async fn a_file_that_grows_after_it_was_moved_is_put_back_and_read_again() {
    let settings = json!({ "manifest": null });
    let append = |path: &std::path::Path, text: &str| {
        let mut file = fs::File::options().append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    for is_known in [false, true] {
        let folder = Folder::new().with(settings.clone());
        if is_known {
            // Another file of this name was archived before.
            fs::write(folder.path.join("archive").join(NAME), "id,title\nold,1\n").unwrap();
        }
        folder.put(NAME, TEXT);
        let (entries, at) = folder.entries(None, 10).await;
        assert_eq!(keys(&entries), ["a"]);
        let archived = folder.names("archive").pop().unwrap();
        append(&folder.path.join("archive").join(archived), "b,2\n");
        // Each pass is that of a new process.
        let (entries, at) = folder.entries(Some(at), 10).await;
        assert_eq!(keys(&entries), ["a", "b"], "{is_known}");
        assert!(folder.names("").is_empty());
        assert_eq!(folder.names("archive").len(), 1 + usize::from(is_known));
        let (entries, _) = folder.entries(Some(at), 10).await;
        assert!(entries.is_empty());
    }
    let folder = Folder::new().with(settings);
    folder.put(NAME, TEXT);
    let (_, at) = folder.entries(None, 10).await;
    append(&folder.path.join("archive").join(NAME), "b,2\n");
    folder.put(NAME, "id,title\nc,3\n");
    let batch = folder.files().read(Some(&at.decode().unwrap()), 10).await.unwrap();
    assert_eq!(keys(&batch.entries), ["c"]);
    assert!(batch.trouble[0].1.to_string().contains("another one of its name"));
    // It is put back when its name is free.
    fs::remove_file(folder.path.join(NAME)).unwrap();
    let batch = folder.files().read(Some(&batch.upto), 10).await.unwrap();
    assert_eq!((keys(&batch.entries), batch.trouble.len()), (vec!["a".into(), "b".into()], 0));
}
