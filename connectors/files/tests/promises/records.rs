//! Headers that change, and revisions, which order the states of a record.

use super::*;

fn folder() -> Folder {
    Folder::new().with(json!({
        "key": "$.诉求编号", "columns": { "诉求编号": ["编号", "工单号"], "诉求标题": [], "状态": [] },
    }))
}

async fn read(text: &str, n_rows: usize) -> (Folder, Vec<Entry>) {
    let folder = folder();
    let bytes = encoding_rs::GB18030.encode(text).0.into_owned();
    folder.announce("F_20261009103000.csv", bytes, n_rows);
    let (entries, _) = folder.entries(None, 10).await;
    (folder, entries)
}

#[tokio::test]
async fn a_column_is_found_by_any_of_its_names_and_in_any_place() {
    for text in [
        "诉求编号,诉求标题,状态\nW1,题,处理中\n",
        "编号,诉求标题,状态\nW1,题,处理中\n",
        "状态,更多,工单号,诉求标题\n处理中,x,W1,题\n",
    ] {
        let (_, entries) = read(text, 1).await;
        assert_eq!(keys(&entries), ["W1"]);
        assert_eq!(body(&entries[0])["诉求编号"], "W1");
        assert_eq!(body(&entries[0])["状态"], "处理中");
    }
}

#[tokio::test]
async fn a_file_with_an_unknown_header_goes_to_quarantine() {
    for (text, missing) in [
        ("诉求编码,诉求标题,状态\nW1,题,处理中\n", "诉求编号"),
        ("诉求编号,诉求标题\nW1,题\n", "状态"),
        ("W1,题,处理中\nW2,题,处理中\n", "诉求标题"),
    ] {
        let (folder, entries) = read(text, 1).await;
        match &entries[..] {
            [Entry::Unreadable { place, bytes, reason }] => {
                assert_eq!(place.at, "F_20261009103000.csv");
                assert_eq!(reason.code, "unknown_header");
                assert!(reason.detail.contains(missing), "{}", reason.detail);
                assert!(!bytes.is_empty(), "the first bytes are kept");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(folder.names("error").len(), 2);
        assert!(folder.names("archive").is_empty());
    }
}

fn revision(entry: &Entry) -> Revision {
    match entry {
        Entry::Record(record) => record.revision,
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}

#[tokio::test]
async fn the_state_in_the_newest_file_wins() {
    let folder = Folder::new();
    folder.announce("F_20261009110000.csv", "id,title\na,new\n", 1);
    let (new, at) = folder.entries(None, 10).await;
    folder.announce("F_20261009103000.csv", "id,title\na,late\n", 1);
    let (late, _) = folder.entries(Some(at), 10).await;
    assert!(revision(&new[0]) > revision(&late[0]));
    let expected = "2026-10-09T03:00:00Z".parse().unwrap();
    assert_eq!(revision(&new[0]), Revision::time(expected));
}

#[tokio::test]
async fn a_replaced_file_has_the_same_revision_so_that_the_later_read_wins() {
    let folder = Folder::new();
    folder.announce("F_20261009110000.csv", "id,title\nx,1\na,old\n", 2);
    let (old, at) = folder.entries(None, 10).await;
    folder.announce("F_20261009110000.csv", "id,title\na,new\n", 1);
    let (new, _) = folder.entries(Some(at), 10).await;
    assert_eq!(revision(&old[1]), revision(&new[0]));
}

#[tokio::test]
async fn a_file_whose_name_has_no_time_goes_to_quarantine() {
    let folder = Folder::new();
    folder.announce("F_20261099110000.csv", "id,title\na,1\n", 1);
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(refusals(&entries)[0].1, "no_revision");
    assert_eq!(folder.names("error").len(), 2);
}

#[tokio::test]
async fn a_row_whose_revision_cannot_be_read_is_rejected() {
    let format = json!({ "revision": { "at": "$.title", "format": "%Y/%m/%d %H:%M" } });
    let folder = Folder::new().with(format);
    folder.announce("F_1.csv", "id,title\na,2026/10/9 8:05\nb,明天\nc,\n", 3);
    let (entries, _) = folder.entries(None, 10).await;
    let expected = "2026-10-09T00:05:00Z".parse().unwrap();
    assert_eq!(revision(&entries[0]), Revision::time(expected));
    let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["no_revision", "no_revision"]);
    assert_eq!(keys(&entries), ["a", "b", "c"]);

    let folder = Folder::new().with(json!({ "revision": { "at": "$.title" } }));
    folder.announce("F_1.csv", "id,title\na,7\nb,7.5\n", 2);
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(revision(&entries[0]), Revision::number(7));
    assert_eq!(refusals(&entries)[0].1, "no_revision");
}

#[tokio::test]
async fn a_rejected_record_keeps_its_key_and_its_revision_if_they_can_be_read() {
    let time = Revision::time("2026-10-09T02:30:00Z".parse().unwrap());
    for (revision, expected) in [
        (json!({ "at": "$.no" }), [("a", Revision::number(7)), ("b", Revision::NONE)].as_slice()),
        (json!({ "name": "_%Y%m%d%H%M%S" }), &[("a", time)]),
    ] {
        let folder = Folder::new().without_manifests().with(json!({ "revision": revision }));
        folder.put("F_20261009103000.csv", b"id,title,no\na,\xff\xff,7\nb,x,?\nc,x,8\n");
        let (entries, _) = folder.entries(None, 10).await;
        let found = entries.iter().filter_map(|entry| match entry {
            Entry::Unreadable { place, .. } => Some((place.key.as_ref()?.as_str(), place.revision)),
            Entry::Record(_) => None,
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
