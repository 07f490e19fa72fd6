//! Links, hidden files and invalid names.

use std::os::unix::fs::symlink;

use super::*;

#[tokio::test]
async fn a_symbolic_link_is_not_followed_and_is_reported() {
    let (folder, outside) = (Folder::new().without_manifests(), tempfile::tempdir().unwrap());
    let secret = outside.path().join("secret.csv");
    fs::write(&secret, "id,title\nstolen,1\n").unwrap();
    symlink(&secret, folder.path.join("F_20261009103000.csv")).unwrap();
    symlink(outside.path(), folder.path.join("F_20261009103001.csv")).unwrap();
    folder.put("F_20261009110000.csv", "id,title\na,1\n");
    let batch = folder.files().read(None, 10).await.unwrap();
    assert_eq!(keys(&batch.entries), ["a"]);
    assert_eq!(batch.trouble.len(), 2);
    let names: Vec<_> = batch.trouble.iter().map(|(part, _)| part.0.as_str()).collect();
    assert_eq!(names, ["F_20261009103000.csv", "F_20261009103001.csv"]);
    assert_eq!(batch.trouble[0].1.kind(), FaultKind::Stopped);
}

#[tokio::test]
async fn a_manifest_that_is_a_link_is_ignored() {
    let (folder, outside) = (Folder::new(), tempfile::tempdir().unwrap());
    let text = "id,title\na,1\n";
    folder.put("F_20261009103000.csv", text);
    let manifest = outside.path().join("ok");
    fs::write(&manifest, drop::manifest("F_20261009103000.csv", text.as_bytes(), 1)).unwrap();
    symlink(manifest, folder.path.join("F_20261009103000.csv.ok")).unwrap();
    let (entries, _) = folder.entries(None, 10).await;
    assert!(entries.is_empty());
}

#[tokio::test]
async fn hidden_files_folders_and_other_names_are_ignored() {
    let folder = Folder::new().without_manifests();
    folder.put(".F_20261009103000.csv", "id,title\nx,1\n");
    folder.put("README", "x");
    fs::create_dir(folder.path.join("F_20261009103000")).unwrap();
    let batch = folder.files().read(None, 10).await.unwrap();
    assert!(batch.entries.is_empty() && batch.trouble.is_empty(), "{:?}", batch.trouble);
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_reported_and_blocks_no_file() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = Folder::new().without_manifests();
    let name = std::ffi::OsStr::from_bytes(b"F_\xc6\xf3\xd2\xb5_20261009103000.csv");
    fs::write(folder.path.join(name), "id,title\nx,1\n").unwrap();
    folder.put("F_20261009110000.csv", "id,title\na,1\n");
    let batch = folder.files().read(None, 10).await.unwrap();
    assert_eq!(keys(&batch.entries), ["a"]);
    assert!(batch.trouble[0].1.to_string().contains("is not UTF-8"), "{}", batch.trouble[0].1);
}

#[tokio::test]
async fn a_name_with_a_line_break_is_reported() {
    let folder = Folder::new().without_manifests();
    folder.put("F_1\n.csv", "id,title\nx,1\n");
    let batch = folder.files().read(None, 10).await.unwrap();
    assert_eq!(batch.trouble[0].0.0, "F_1\\n.csv");
}
