//! What Excel makes of ids, dates and formulas, and rows that are no records.

use super::{
    formats::{TIME, workbook, workbook_with_texts},
    *,
};

/// A row of cells that are written as `1.5` (a number), `t=e #N/A` (with a type) or `text`.
fn typed_row(cells: &[&str]) -> String {
    let cell = |cell: &&str| match cell.strip_prefix("t=").and_then(|cell| cell.split_once(' ')) {
        Some((kind, value)) => format!("<c t=\"{kind}\"><v>{value}</v></c>"),
        None if cell.parse::<f64>().is_ok() => format!("<c><v>{cell}</v></c>"),
        None => format!("<c t=\"str\"><v>{cell}</v></c>"),
    };
    format!("<row>{}</row>", cells.iter().map(cell).collect::<String>())
}

async fn read(rows: &[&[&str]], settings: Value) -> Vec<Entry> {
    let rows: String = rows.iter().map(|cells| typed_row(cells)).collect();
    let folder = Folder::new().without_manifests().with(settings);
    folder.put(&format!("F_{TIME}.xlsx"), workbook(&rows));
    folder.entries(None, 100).await.0
}

#[tokio::test]
async fn a_key_that_is_not_exact_goes_to_quarantine_and_merges_nothing() {
    let keys = [
        "2.0261009000131101E+17",
        "202610090001310000",
        "1234567890123456",
        "7.5",
        "t=e #N/A",
        "t=b 1",
        "1.23457E+17x",
    ];
    let rows: Vec<[&str; 2]> = keys.into_iter().map(|key| [key, "题"]).collect();
    let rows: Vec<&[&str]> =
        [&["id", "title"][..]].into_iter().chain(rows.iter().map(|row| &row[..])).collect();
    let entries = read(&rows, json!({})).await;
    let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["missing_key"; 6]);
    assert_eq!(entries.len(), keys.len());
    for entry in &entries[..6] {
        let Entry::Unreadable { place, bytes, reason } = entry else { panic!("{entry:?}") };
        assert!(place.key.is_none() && reason.code == "missing_key");
        assert!(
            String::from_utf8_lossy(bytes).contains("\"id\":\""),
            "the cell is kept: {bytes:?}"
        );
    }
    // A text that Excel rounded before it was saved as CSV.
    let folder = Folder::new().without_manifests();
    folder.put(&format!("F_{TIME}.csv"), "id,title\n1.23457E+17,a\n2.02610E+17,b\n1E5,c\n");
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(refusals(&entries).len(), 2);
    assert_eq!(super::keys(&entries[2..]), ["1E5"]);
}

#[tokio::test]
async fn a_value_that_was_lost_is_absent_and_flagged() {
    let entries = read(
        &[&["id", "title", "person", "area"], &["W1", "t=e #REF!", "340202199003071000", "#N/A"]],
        json!({}),
    )
    .await;
    let expected = json!({ "id": "W1", "title": null, "person": null, "area": "#N/A" });
    assert_eq!(body(&entries[0]), &expected);
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    let flagged: Vec<_> = record.text.flags.iter().map(|flag| flag.field.as_str()).collect();
    assert_eq!(flagged, ["title", "person"]);
}

#[tokio::test]
async fn a_date_cell_is_a_revision_whatever_the_format_of_the_channel() {
    let revision = json!({ "revision": { "at": "$.at", "format": "%Y/%m/%d %H:%M" } });
    let entries = read(
        &[
            &["id", "at"],
            &["text", "2026/10/9 10:30"],
            &["iso", "t=d 2026-10-09T10:30:00"],
            &["days", "46304.4375"],
            &["none", "t=e #N/A"],
            &["small", "12"],
        ],
        revision,
    )
    .await;
    let expected = Revision::time("2026-10-09T02:30:00Z".parse().unwrap());
    for entry in &entries[..3] {
        let Entry::Record(record) = entry else { panic!("{entry:?}") };
        assert_eq!(record.revision, expected, "{entry:?}");
    }
    let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["no_revision", "no_revision"]);
}

#[tokio::test]
async fn rows_above_and_below_a_table_are_no_records() {
    let rows: [&[&str]; 6] = [
        &["市民诉求月报"],
        &["id", "title"],
        &["W1", "题"],
        &["W2", "合计"],
        &["合计", "2件"],
        &["制表人：某", ""],
    ];
    let columns = json!({ "columns": { "id": [], "title": [] } });
    let places = ["row 5", "row 6"].map(|row| format!("F_{TIME}.xlsx, {row}"));
    let all = ["W1", "W2", &places[0], &places[1]];
    let with = |name: &str, value: Value| {
        let mut settings = columns.clone();
        settings[name] = value;
        settings
    };
    for (settings, expected) in [
        (columns.clone(), &all[..]),
        (with("skip", json!({ "id": ["合计", "制表人*"] })), &["W1", "W2"]),
        (with("skip", json!({ "title": [""], "id": ["合计"] })), &["W1", "W2"]),
        (with("only", json!({ "id": ["W*"] })), &["W1", "W2"]),
        (with("only", json!({ "id": ["W*"], "title": ["题"] })), &["W1"]),
        (with("skip", json!({ "no": [""] })), &[]),
        (with("skip", json!({ "no": ["x"] })), &all),
    ] {
        let entries = read(&rows, settings.clone()).await;
        assert_eq!(keys(&entries), expected, "{settings}");
    }
    let lost: [&[&str]; 2] = [&["id", "title"], &["W1", "t=e #REF!"]];
    let entries = read(&lost, with("only", json!({ "title": ["题"] }))).await;
    assert_eq!(keys(&entries), ["W1"], "what the cell said is not known");
    // All forms of files have the same conditions.
    let folder = Folder::new().without_manifests().with(json!({ "skip": { "id": ["合计"] } }));
    folder.put(&format!("F_{TIME}.csv"), "id,title\n\u{5408}\u{8BA1},2\nW1,x\n");
    folder.put("F_20261009103001.json", "[{\"id\":\"合计\"},{\"id\":\"W2\"}]");
    let (entries, _) = folder.entries(None, 1).await;
    assert_eq!(keys(&entries), ["W1", "W2"]);
}

#[tokio::test]
async fn a_row_that_fills_hardly_more_than_its_key_is_no_record() {
    let columns = json!({ "columns": {
        "id": [], "title": [], "text": [], "kind": [], "at": [], "a": [], "b": [], "c": [], "d": [],
    } });
    let header: &[&str] = &["id", "title", "text", "kind", "at", "a", "b", "c", "d", "phone"];
    let rows: [&[&str]; 8] = [
        header,
        &["W1", "题", "x", "y", "2026-11-20"],
        &["W2", "题", "x", "y"],
        &["W3", "题", "", "", "", "", "", "", "", "13987654321"],
        &["合 计", "30"],
        &["制表人：某", "", "", "", "2026-11-20"],
        &["审核人：某", "", "", "", "2026-11-20"],
        &["注：重点件已标红"],
    ];
    let entries = read(&rows, columns).await;
    assert_eq!(keys(&entries)[..3], ["W1", "W2", "W3"]);
    let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["missing_key", "only_key", "only_key", "only_key"]);
    for entry in &entries[3..] {
        let Entry::Unreadable { place, reason, .. } = entry else { panic!("{entry:?}") };
        assert!(place.key.is_none() && !reason.detail.contains("某"), "{reason:?}");
    }
    // A channel that requires few columns.
    let columns = json!({ "columns": { "id": [], "title": [], "text": [], "kind": [], "at": [] } });
    let rows: [&[&str]; 2] = [&["id", "title", "text", "kind", "at"], &["W1", "题"]];
    assert_eq!(keys(&read(&rows, columns).await), ["W1"]);
    // A channel that requires no columns.
    let rows: [&[&str]; 3] = [&["id", "title"], &["W1", "题"], &["注：重点件已标红", " "]];
    let entries = read(&rows, json!({})).await;
    assert_eq!(refusals(&entries)[0].1, "only_key");
    assert_eq!(read(&[&["id"], &["W1"]], json!({})).await.len(), 1);
}

#[tokio::test]
async fn cells_without_a_column_are_told_and_columns_of_one_name_contradict_nothing() {
    let columns = json!({ "columns": { "id": [] } });
    let rows: [&[&str]; 5] = [
        &["id", "note", "note", ""],
        &["W1", "a"],
        &["W2", "", "b", "", "margin"],
        &["W3", "a", "b"],
        &["W4", "a", "a", "x"],
    ];
    let entries = read(&rows, columns).await;
    assert_eq!(body(&entries[0]), &json!({ "id": "W1", "note": "a" }));
    assert_eq!(body(&entries[1]), &json!({ "id": "W2", "note": "b" }));
    let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["repeated_column"]);
    for n in [1, 3] {
        let Entry::Record(record) = &entries[n] else { panic!("{entries:?}") };
        let unnamed = record.text.flags.iter().any(|flag| flag.detail.contains("without a name"));
        assert!(unnamed, "{record:?}");
    }
}

#[tokio::test]
async fn a_workbook_with_a_password_is_refused_by_this_name() {
    // A container whose directory, in the second sector, has the streams of an encrypted package.
    let mut file = vec![0_u8; 512 + 200 * 512];
    file[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
    (file[30], file[48]) = (9, 150);
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = 512 * 151 + 256;
    file[at..at + name.len()].copy_from_slice(&name);
    for (cut, expected) in
        [(file.len(), "encrypted_workbook"), (512 * 151, "bad_workbook"), (40, "bad_workbook")]
    {
        let folder = Folder::new().without_manifests();
        folder.put(&format!("F_{TIME}.xlsx"), &file[..cut]);
        let (entries, _) = folder.entries(None, 10).await;
        assert_eq!(refusals(&entries)[0].1, expected);
    }
}

#[tokio::test]
async fn a_number_of_an_old_workbook_that_may_have_leading_zeros_is_no_key() {
    let folder = Folder::new().without_manifests();
    folder.put(&format!("F_{TIME}.xls"), include_bytes!("../fixtures/padded-number.xls"));
    let (entries, _) = folder.entries(None, 10).await;
    let Entry::Unreadable { reason, .. } = &entries[0] else { panic!("{entries:?}") };
    assert!(reason.detail.contains("leading zeros"), "{}", reason.detail);
    assert_eq!(keys(&entries[1..]), ["000124", "W3", "W4"]);
    assert_eq!(body(&entries[3])["title"], "合并", "merged cells have their value in each row");
}

#[tokio::test]
async fn a_small_workbook_whose_cells_share_one_large_text_is_refused_as_a_whole() {
    let text = format!("<si><t>{}</t></si>", "x".repeat(60_000));
    let rows: String = (0..100)
        .map(|n| format!("<row><c t=\"str\"><v>W{n}</v></c><c t=\"s\"><v>0</v></c></row>"))
        .collect();
    let book = workbook_with_texts(&text, &(typed_row(&["id", "title"]) + &rows));
    for (total, n_entries, refused) in [(8, 100, &[][..]), (1, 1, &["too_large"])] {
        let limits = json!({ "limits": { "total": total } });
        let folder = Folder::new().without_manifests().with(limits);
        folder.put(&format!("F_{TIME}.xlsx"), &book);
        let (entries, _) = folder.entries(None, 10).await;
        let codes: Vec<_> = refusals(&entries).into_iter().map(|(_, code)| code).collect();
        assert_eq!(entries.len(), n_entries, "{total}");
        assert_eq!(codes, refused);
    }
}

#[tokio::test]
async fn an_old_workbook_that_would_loop_or_fill_the_memory_is_refused() {
    let whole = include_bytes!("../fixtures/two-columns.xls");
    let u32_at = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    // The entry of the directory's first sector in the table names this sector again.
    let table = 512 * (u32_at(76) as usize + 1);
    let mut looping = whole.to_vec();
    let directory = u32_at(48);
    looping[table + 4 * directory as usize..][..4].copy_from_slice(&directory.to_le_bytes());
    // The last cell of the sheet stands in the last row and column.
    let mut wide = whole.to_vec();
    let cell = [0xFD, 0x00, 0x0A, 0x00];
    let last = wide.windows(4).rposition(|window| window == cell).unwrap();
    wide[last + 4..last + 8].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x00]);
    // The sheet states more rows than a sheet can have: up to the last one, or down from it.
    let size = whole.windows(4).position(|window| window == [0x00, 0x02, 0x0E, 0x00]).unwrap() + 4;
    let mut tall = whole.to_vec();
    tall[size + 4..size + 8].copy_from_slice(&[0xFF; 4]);
    let mut reversed = whole.to_vec();
    reversed[size..size + 4].copy_from_slice(&[0xFF; 4]);
    // The sheet begins behind the end of the workbook, or has another sheet before its second row.
    let sheet = whole.windows(4).position(|window| window == [0x85, 0x00, 0x0A, 0x00]).unwrap() + 4;
    let mut outside = whole.to_vec();
    outside[sheet..sheet + 4].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x00]);
    let row = whole.windows(4).rposition(|window| window == [0x08, 0x02, 0x10, 0x00]).unwrap();
    let mut nested = whole.to_vec();
    nested[row..row + 8].copy_from_slice(&[0x09, 0x08, 0x10, 0x00, 0x00, 0x06, 0x10, 0x00]);
    for (bytes, expected) in [
        (looping, "bad_workbook"),
        (outside, "bad_workbook"),
        (nested, "bad_workbook"),
        (wide, "too_large"),
        (tall, "bad_workbook"),
        (reversed, "bad_workbook"),
    ] {
        let folder = Folder::new().without_manifests();
        folder.put(&format!("F_{TIME}.xls"), bytes);
        let (entries, _) = folder.entries(None, 10).await;
        assert_eq!(refusals(&entries)[0].1, expected);
    }
}

#[tokio::test]
async fn a_damaged_old_workbook_never_ends_the_program() {
    let whole = include_bytes!("../fixtures/two-columns.xls");
    let folder = Folder::new().without_manifests();
    for (n, at) in (0..whole.len()).step_by(97).enumerate() {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 0x5A;
        folder.put(&format!("F_{:014}.xls", 20_261_009_103_000 + n % 60), &damaged);
        folder.entries(None, 10).await;
    }
}
