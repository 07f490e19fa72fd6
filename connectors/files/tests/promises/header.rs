//! Headers drift: what is known under another name is read, what is not known is put aside.

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
async fn a_column_is_known_under_its_other_names_and_in_any_place() {
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
async fn a_header_that_is_not_recognised_puts_the_file_aside_and_never_passes_it_over() {
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
                assert!(!bytes.is_empty(), "the evidence is kept");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(folder.names("error").len(), 2);
        assert!(folder.names("archive").is_empty());
    }
}
