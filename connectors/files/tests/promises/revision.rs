//! What orders the states of a record.

use super::*;

fn revision(entry: &Entry) -> Revision {
    match entry {
        Entry::Record(record) => record.revision,
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}

#[tokio::test]
async fn the_state_of_the_newest_file_is_the_newest_however_late_another_comes() {
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
async fn a_replaced_file_has_the_revision_of_the_first_so_that_its_later_read_wins() {
    let folder = Folder::new();
    folder.announce("F_20261009110000.csv", "id,title\nx,1\na,old\n", 2);
    let (old, at) = folder.entries(None, 10).await;
    folder.announce("F_20261009110000.csv", "id,title\na,new\n", 1);
    let (new, _) = folder.entries(Some(at), 10).await;
    assert_eq!(revision(&old[1]), revision(&new[0]));
}

#[tokio::test]
async fn a_name_without_a_time_puts_the_file_aside() {
    let folder = Folder::new();
    folder.announce("F_20261099110000.csv", "id,title\na,1\n", 1);
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(refusals(&entries)[0].1, "no_revision");
    assert_eq!(folder.names("error").len(), 2);
}

#[tokio::test]
async fn a_column_may_say_the_revision_and_one_that_does_not_rejects_its_row() {
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
