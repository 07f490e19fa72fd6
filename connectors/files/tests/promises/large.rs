//! Reads one file in many batches.

use super::*;

const NAME: &str = "F_20261009103000.csv";

fn text(n_rows: usize, title: &str) -> String {
    let rows = (0..n_rows).map(|n| format!("k{n},{title}\n"));
    format!("id,title\n{}", rows.collect::<String>())
}

#[tokio::test]
async fn the_position_in_a_file_is_in_the_cursor() {
    let folder = Folder::new();
    folder.announce(NAME, text(23, "x"), 23);
    let mut at: Option<Position> = None;
    let mut seen = Vec::new();
    loop {
        // Every batch is read by a new connector, which knows only the cursor.
        let batch = folder.files().read(at.as_ref(), 5).await.unwrap();
        assert!(batch.entries.len() <= 5);
        seen.extend(keys(&batch.entries));
        if batch.end.is_some() {
            break;
        }
        let text = Cursor::encode(&batch.upto).unwrap();
        at = Some(text.decode().unwrap());
    }
    assert_eq!(seen, (0..23).map(|n| format!("k{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_read_is_read_from_its_beginning() {
    let folder = Folder::new();
    folder.announce(NAME, text(9, "old"), 9);
    let mut files = folder.files();
    let batch = files.read(None, 5).await.unwrap();
    folder.announce(NAME, text(10, "newer"), 10);
    // The open file is still the old one.
    let again = folder.files().read(Some(&batch.upto), 20).await.unwrap();
    assert_eq!(again.entries.len(), 10);
    assert!(again.entries.iter().all(|entry| body(entry)["title"] == "newer"));
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_read_is_reported_and_others_are_read() {
    let folder = Folder::new();
    folder.announce(NAME, text(9, "x"), 9);
    folder.announce("F_20261009110000.csv", "id,title\nz,1\n", 1);
    let batch = folder.files().read(None, 5).await.unwrap();
    fs::remove_file(folder.path.join(NAME)).unwrap();
    let batch = folder.files().read(Some(&batch.upto), 5).await.unwrap();
    assert_eq!(keys(&batch.entries), ["z"]);
    assert_eq!(batch.trouble[0].0.0, NAME);
}

#[tokio::test]
async fn a_key_that_comes_twice_in_a_file_comes_in_two_batches_in_its_order() {
    let folder = Folder::new().with(json!({ "revision": { "at": "$.no" } }));
    folder.announce(NAME, "id,no\na,1\nb,1\na,2\na,3\nc,1\n", 5);
    let (mut files, mut at, mut batches) = (folder.files(), None, Vec::new());
    loop {
        let batch = files.read(at.as_ref(), 100).await.unwrap();
        if batch.end.is_some() {
            break;
        }
        batches.push(keys(&batch.entries).concat());
        at = Some(batch.upto);
    }
    assert_eq!(batches, ["ab", "a", "ac"]);
}

#[tokio::test]
async fn a_bad_row_does_not_affect_the_others() {
    let folder = Folder::new();
    let bytes = b"id,title\na,1\nb,\xff\xff\nc,3,4\n,5\nd,6\n";
    folder.announce(NAME, bytes, 5);
    let (entries, _) = folder.entries(None, 100).await;
    // A row with a wrong number of cells has no key: another value may be in the key's place.
    assert_eq!(keys(&entries)[..3], ["a".to_owned(), "b".to_owned(), format!("{NAME}, line 4")]);
    let expected = [
        (format!("{NAME}, line 3"), "malformed_bytes".to_owned()),
        (format!("{NAME}, line 4"), "row_shape".to_owned()),
        (format!("{NAME}, line 5"), "missing_key".to_owned()),
    ];
    assert_eq!(refusals(&entries), expected);
    match &entries[1] {
        Entry::Unreadable { bytes, .. } => assert_eq!(&bytes[..], b"b,\xff\xff\n"),
        Entry::Record(_) => panic!("accepted"),
    }
    assert_eq!(folder.names("archive").len(), 2, "a bad row does not make its file bad");

    let folder = Folder::new().with(json!({ "malformed": "accept" }));
    folder.announce(NAME, b"id,title\nb,\xff\xff\n", 1);
    let (entries, _) = folder.entries(None, 100).await;
    let Entry::Record(record) = &entries[0] else { panic!("refused") };
    assert_eq!(record.text.flags[0].field, "title");
}

#[tokio::test]
async fn damage_in_the_middle_of_a_file_is_reported_once() {
    let folder = Folder::new().without_manifests();
    folder.put(NAME, "id,title\na,1\nb,\"2\nc,3\n");
    let (entries, at) = folder.entries(None, 10).await;
    assert_eq!(keys(&entries), ["a".to_owned(), format!("{NAME}, line 3"), "c".to_owned()]);
    assert_eq!(refusals(&entries)[0].1, "stray_quote");
    let (entries, _) = folder.entries(Some(at), 10).await;
    assert!(entries.is_empty());
}
