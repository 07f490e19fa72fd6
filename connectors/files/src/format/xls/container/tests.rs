use super::*;

const BOOK: (u16, &[u8]) = (0x0809, &[0, 6, 5, 0]);
const SHEET: (u16, &[u8]) = (0x0809, &[0, 6, 0x10, 0]);
const CHART: (u16, &[u8]) = (0x0809, &[0, 6, 0x20, 0]);
const END: (u16, &[u8]) = (0x000A, &[]);
/// A cell in row 1 and column 2 with the first shared text, and one in row 2 and column 1 with the second.
const CELLS: [(u16, &[u8]); 2] =
    [(0x00FD, &[0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), (0x00FD, &[1, 0, 0, 0, 0, 0, 1, 0, 0, 0])];

fn stream(records: &[(u16, &[u8])]) -> Vec<u8> {
    let record = |(id, content): &(u16, &[u8])| {
        let len = u16::try_from(content.len()).unwrap();
        [&id.to_le_bytes()[..], &len.to_le_bytes()[..], *content].concat()
    };
    records.iter().flat_map(record).collect()
}

/// A workbook with these records of its sheets, which begin where `at` says, from the first sheet on. It has two
/// shared texts: the first goes on in another record, with other characters, and has a font behind it.
fn workbook_of(records: &[(u16, &[u8])], at: &[i32]) -> Vec<u8> {
    let texts: &[&[u8]] = &[
        &[2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 8, 1, 0, b'a', b'b'],
        &[1, 1, 1, 2, 2, 3, 3, 0, 0],
        &[9, 9, 3, 0, 0, b'x', b'y', b'z'],
    ];
    let mut book = vec![BOOK, (0x00FC, texts[0]), (0x003C, texts[1]), (0x003C, texts[2])];
    let len = stream(&book).len() + 12 * at.len() + 4;
    let positions: Vec<[u8; 8]> = at
        .iter()
        .map(|at| {
            let [a, b, c, d] = (i32::try_from(len).unwrap() + at).to_le_bytes();
            [a, b, c, d, 0, 0, 0, 0]
        })
        .collect();
    book.extend(positions.iter().map(|position| (0x0085, &position[..])));
    book.push(END);
    [stream(&book), stream(records)].concat()
}

#[test]
fn cells_and_the_characters_of_their_shared_texts_are_counted() {
    let sheet = [SHEET, CELLS[0], CELLS[1], END];
    let WorkbookSummary { n_cells, n_shared_chars, .. } =
        WorkbookSummary::of(&workbook_of(&sheet, &[0])).unwrap();
    assert_eq!((n_cells, n_shared_chars), (4, 5 + 3));
    // The cells of a chart within the sheet do not count.
    let chart = [SHEET, CELLS[0], CHART, CELLS[1], END, CELLS[0], END];
    let WorkbookSummary { n_cells, n_shared_chars, .. } =
        WorkbookSummary::of(&workbook_of(&chart, &[0])).unwrap();
    assert_eq!((n_cells, n_shared_chars), (1, 5 + 5));
    // The text of a formula without a formula would be in the first cell.
    let text: (u16, &[u8]) = (0x0207, &[]);
    let sheet = [SHEET, CELLS[1], text, END];
    assert_eq!(WorkbookSummary::of(&workbook_of(&sheet, &[0])).unwrap().n_cells, 2);
}

#[test]
fn sheets_that_hide_rows_or_are_read_again_and_again_are_refused() {
    let [one, two] = CELLS;
    let missing: (u16, &[u8]) = (0x00FD, &[0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    for (what, records, at) in [
        ("a sheet within a sheet", &[SHEET, one, SHEET, two, END, END][..], &[0][..]),
        ("a chart without an end", &[SHEET, one, CHART, two, END], &[0]),
        ("a sheet without an end", &[SHEET, one, two], &[0]),
        ("a text that the workbook lacks", &[SHEET, missing, END], &[0]),
        ("sheets that overlap", &[SHEET, one, two, END], &[0; 100]),
        ("a sheet behind the end", &[SHEET, one, two, END], &[1_000]),
        ("a sheet before the start", &[SHEET, one, two, END], &[-1_000]),
    ] {
        assert!(WorkbookSummary::of(&workbook_of(records, at)).is_none(), "{what}");
    }
}

#[test]
fn a_stream_that_is_packed_is_the_stream_of_the_container() {
    for len in [0, 100, 4_096, 5_000, 1_022 * 4_096, 1_023 * 4_096, 5 << 20] {
        let stream: Vec<u8> = (0_u8..251).cycle().take(len).collect();
        let found = workbook(&packed(&stream)).unwrap();
        assert!(found.starts_with(&stream) && found.len() == len.max(4_096), "{len}");
    }
}
