//! Fixtures are read like files in the folder, with or without a file name.

use std::io::Write as _;

use super::{
    formats::{TIME, row, workbook},
    *,
};

#[tokio::test]
async fn a_fixture_is_read_without_a_name() {
    let files = Folder::new().files();
    let book = workbook(&format!("{}{}", row(&["id", "title"]), row(&["W1", "题"])));
    for page in [
        &b"id,title\nW1,\xcc\xe2\n"[..],
        "\u{FEFF}{\"id\":\"W1\",\"title\":\"题\"}".as_bytes(),
        "[{\"id\":\"W1\",\"title\":\"题\"}]".as_bytes(),
        &book,
    ] {
        let entries = files.sample("fixture", page).unwrap();
        assert_eq!(body(&entries[0])["title"], "题");
        assert_eq!(key(&entries[0]), "W1");
    }
    assert!(files.sample("fixture", b"").unwrap().is_empty());
}

#[tokio::test]
async fn a_fixture_and_a_file_of_the_folder_give_the_same_entries() {
    let csv = "id,title\nW1,题\nW1,题目\n,x\nW3\nW4,\u{FFFD}\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(csv.as_bytes()).unwrap();
    let book = workbook(&format!("{}{}", row(&["id", "title"]), row(&["W1", "题"])));
    let damaged = [csv.as_bytes(), b"W5,\xe9\xa2\nW6,x\n"].concat();
    for (extension, bytes) in [
        (".csv", csv.as_bytes().to_vec()),
        (".CSV", damaged.clone()),
        (".csv", [&damaged[..], b"\"W7,never closed\n"].concat()),
        (".csv.gz", packed.finish().unwrap()),
        (".xls", book.clone()),
        (".xlsx", book[..book.len() / 2].to_vec()),
        (".xlsx", csv.as_bytes().to_vec()),
        (".json", b"[{\"id\":\"W1\",\"title\":\"x\"},{\"id\"".to_vec()),
        (".xml", b"<a><r><id>W1</id></r><r>".to_vec()),
        (".pdf", b"%PDF".to_vec()),
    ] {
        let name = format!("F_{TIME}{extension}");
        let folder = Folder::new().without_manifests().with(json!({ "match": ["F_*"] }));
        folder.put(&name, &bytes);
        let sample = folder.files().sample(&name, &bytes).unwrap();
        let (read, _) = folder.entries(None, 100).await;
        assert_eq!(format!("{sample:?}"), format!("{read:?}"), "{name}");
        assert!(!read.is_empty());
    }
}
