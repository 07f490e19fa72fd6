//! Checks an .xls before calamine reads it, which trusts the file: it follows chains of sectors that loop,
//! and reserves memory for every cell between the first and the last one, also where the file only says so.
//!
//! The file is a container ([MS-CFB]) of streams. A table (FAT) says for each sector of a stream which one
//! comes next; streams of less than 4,096 bytes are cut into smaller sectors, within a stream of their own.

use crate::format::cell::NumberFormat;

/// What was found in a workbook.
pub(super) struct Facts {
    /// Whether it has a number format with leading zeros, like `000000`.
    pub(super) has_padded_format: bool,
    /// The number of cells between the first and the last one of each sheet, of all sheets.
    pub(super) n_cells: u64,
}

/// From this number on, an entry of the table is no sector.
const MIN_SPECIAL: u32 = 0xFFFF_FFFA;
/// Streams with fewer bytes are in the stream of small sectors.
const MIN_LARGE: usize = 4_096;
const SMALL_SECTOR: usize = 64;
/// The maximum number of rows and of columns of a sheet.
const MAX_ROWS: u32 = 65_536;
const MAX_COLUMNS: u32 = 256;

/// Reads the workbook in a container; `None` if the container or a size that it states is damaged.
pub(super) fn facts(file: &[u8]) -> Option<Facts> {
    Facts::of(&Container::open(file)?.workbook()?)
}

struct Container<'a> {
    /// The file after its header.
    sectors: &'a [u8],
    sector_len: usize,
    table: Vec<u32>,
    small_table: Vec<u32>,
    directory: Vec<u8>,
}

impl<'a> Container<'a> {
    fn open(file: &'a [u8]) -> Option<Self> {
        let header = file.get(..512)?;
        let sector_len = 1_usize.checked_shl(u16_at(header, 30)?.into())?;
        if !matches!(sector_len, 512 | 4_096) {
            return None;
        }
        let sectors = file.get(sector_len..)?;
        let n_sectors = sectors.len().div_ceil(sector_len);
        // The sectors of the table are listed in the header, and then in a chain of their own.
        let mut listed = numbers(header.get(76..512)?);
        let mut next = u32_at(header, 68)?;
        for _ in 0..=n_sectors {
            if next >= MIN_SPECIAL {
                break;
            }
            let mut more = numbers(sector(sectors, sector_len, next)?);
            next = more.pop()?;
            listed.extend(more);
        }
        let mut table = Vec::new();
        for number in listed.into_iter().filter(|number| *number < MIN_SPECIAL).take(n_sectors) {
            table.extend(numbers(sector(sectors, sector_len, number)?));
        }
        if next < MIN_SPECIAL || has_loop(&table) {
            return None;
        }
        let (small_table, directory) = (Vec::new(), Vec::new());
        let mut container = Self { sectors, sector_len, table, small_table, directory };
        container.directory = container.chain(u32_at(header, 48)?)?;
        container.small_table = numbers(&container.chain(u32_at(header, 60)?)?);
        (!has_loop(&container.small_table)).then_some(container)
    }

    /// The sectors of a chain. The table has no loops, so it ends.
    fn chain(&self, first: u32) -> Option<Vec<u8>> {
        let (mut bytes, mut next) = (Vec::new(), first);
        while next < MIN_SPECIAL {
            bytes.extend_from_slice(sector(self.sectors, self.sector_len, next)?);
            next = *self.table.get(next as usize)?;
        }
        Some(bytes)
    }

    /// The stream that contains the workbook.
    fn workbook(&self) -> Option<Vec<u8>> {
        let entries = || self.directory.chunks_exact(128);
        let is_named = |entry: &&[u8], name: &str| {
            let wanted: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            entry.starts_with(&wanted) && entry.get(wanted.len()..wanted.len() + 2) == Some(&[0, 0])
        };
        let found =
            entries().find(|entry| is_named(entry, "Workbook") || is_named(entry, "Book"))?;
        let (first, len) = (u32_at(found, 116)?, u32_at(found, 120)? as usize);
        if len >= MIN_LARGE {
            return self.chain(first);
        }
        let small = self.chain(u32_at(entries().next()?, 116)?)?;
        let (mut bytes, mut next) = (Vec::new(), first);
        while next < MIN_SPECIAL {
            bytes.extend_from_slice(sector(&small, SMALL_SECTOR, next)?);
            next = *self.small_table.get(next as usize)?;
        }
        Some(bytes)
    }
}

impl Facts {
    /// Reads the records of a workbook: each has an id, the length of its content, and the content.
    /// `None` if a sheet states a size that no sheet can have.
    fn of(mut records: &[u8]) -> Option<Self> {
        let mut facts = Self { has_padded_format: false, n_cells: 0 };
        // The first and the last row and column of the sheet.
        let mut area: Option<[u64; 4]> = None;
        while let (Some(id), Some(len)) = (u16_at(records, 0), u16_at(records, 2)) {
            let end = (4 + usize::from(len)).min(records.len());
            let content = &records[4..end];
            records = &records[end..];
            match id {
                // The beginning of a sheet.
                0x0809 => area = None,
                0x0200 if !is_possible_size(content) => return None,
                0x041E => facts.has_padded_format |= is_padded(content),
                // Cells: formulas, numbers, texts, values of other types, and several in one record.
                0x0006 | 0x0203 | 0x027E | 0x00FD | 0x0204 | 0x00D6 | 0x0205 | 0x00BD => {
                    let (Some(row), Some(column)) = (u16_at(content, 0), u16_at(content, 2)) else {
                        continue;
                    };
                    let last = if id == 0x00BD { u16_at(content, content.len() - 2) } else { None };
                    let (row, column) = (u64::from(row), u64::from(column));
                    let last = last.map_or(column, u64::from).max(column);
                    let [top, bottom, left, right] = area.unwrap_or([row, row, column, last]);
                    let before = area.map_or(0, size);
                    let now = [top.min(row), bottom.max(row), left.min(column), right.max(last)];
                    facts.n_cells += size(now) - before;
                    area = Some(now);
                }
                _ => {}
            }
        }
        Some(facts)
    }
}

/// Whether a record that states the size of a sheet gives one that a sheet can have: calamine reserves memory
/// for all its cells. The record has the first row, the row after the last one, and the same of columns.
fn is_possible_size(content: &[u8]) -> bool {
    let numbers = match content.len() {
        10 => [0, 2, 4, 6].map(|at| u16_at(content, at).map(u32::from)),
        14 | 16 => {
            let [left, right] = [8, 10].map(|at| u16_at(content, at).map(u32::from));
            [u32_at(content, 0), u32_at(content, 4), left, right]
        }
        // calamine refuses other lengths.
        _ => return true,
    };
    let [Some(top), Some(bottom), Some(left), Some(right)] = numbers else { return true };
    // calamine begins with the first column where the file states an impossible one.
    let left = if left >= MAX_COLUMNS || left > right { 0 } else { left };
    let is_empty = bottom == 0 || right == 0;
    let has_rows = top <= bottom && bottom - top <= MAX_ROWS;
    is_empty || (has_rows && right - left <= MAX_COLUMNS)
}

fn size([top, bottom, left, right]: [u64; 4]) -> u64 {
    (bottom - top + 1) * (right - left + 1)
}

/// Whether the record of a number format has a code like `000000`: a number, the length of the code, whether
/// it is UTF-16, and the code.
fn is_padded(content: &[u8]) -> bool {
    let (Some(n_chars), Some(code)) = (u16_at(content, 2), content.get(5..)) else { return false };
    let units: Vec<u16> = match content[4] & 1 {
        1 => code.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect(),
        _ => code.iter().copied().map(u16::from).collect(),
    };
    let code: String = String::from_utf16_lossy(&units).chars().take(n_chars.into()).collect();
    matches!(NumberFormat::of_code(&code), NumberFormat::Padded { .. })
}

/// Whether a chain in a table comes back to one of its sectors.
fn has_loop(table: &[u32]) -> bool {
    // The number of the walk in which each sector was seen first.
    let mut seen_in = vec![0_usize; table.len()];
    (0..table.len()).any(|first| {
        let (walk, mut at) = (first + 1, first);
        loop {
            match seen_in.get(at) {
                Some(0) => seen_in[at] = walk,
                Some(earlier) => return *earlier == walk,
                None => return false,
            }
            at = table[at] as usize;
        }
    })
}

fn sector(sectors: &[u8], len: usize, number: u32) -> Option<&[u8]> {
    let from = (number as usize).checked_mul(len)?;
    let rest = sectors.get(from..).filter(|rest| !rest.is_empty())?;
    Some(&rest[..len.min(rest.len())])
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|chunk| u32_at(chunk, 0)).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
