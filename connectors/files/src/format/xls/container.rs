//! Checks an .xls before calamine reads it, which trusts the file: it follows chains of sectors that loop,
//! reserves memory for every cell between the first and the last one, also where the file only says so, and
//! copies a shared text into every cell that refers to it.
//!
//! The file is a container ([MS-CFB]) of streams. A table (FAT) says for each sector of a stream which one
//! comes next; streams of less than 4,096 bytes are cut into smaller sectors, within a stream of their own.
//! Only the stream with the workbook is taken out of it. calamine gets that stream in a new container: so it
//! reads what was checked here, and never the damaged parts of the file.

use crate::format::cell::NumberFormat;

/// What was found in a workbook.
#[derive(Default)]
pub(super) struct WorkbookSummary {
    /// Whether it has a number format with leading zeros, like `000000`.
    pub(super) has_padded_format: bool,
    /// The number of cells between the first and the last one of each sheet, of all sheets.
    pub(super) n_cells: u64,
    /// The number of characters in all cells that refer to a shared text.
    pub(super) n_shared_chars: u64,
}

/// From this number on, an entry of the table is no sector.
const MIN_SPECIAL: u32 = 0xFFFF_FFFA;
/// Entries of the table: a sector of the table itself, the last sector of a chain, and one that is not used.
const TABLE: u32 = 0xFFFF_FFFD;
const END: u32 = 0xFFFF_FFFE;
const FREE: u32 = 0xFFFF_FFFF;
/// Streams with fewer bytes are in the stream of small sectors.
const MIN_LARGE: usize = 4_096;
const SMALL_SECTOR: usize = 64;
/// The maximum number of rows and of columns of a sheet.
const MAX_ROWS: u32 = 65_536;
const MAX_COLUMNS: u32 = 256;

/// The stream of the workbook in a file; `None` if the container is damaged.
pub(super) fn workbook(file: &[u8]) -> Option<Vec<u8>> {
    Container::open(file)?.workbook()
}

/// A container with this stream of a workbook alone.
pub(super) fn packed(stream: &[u8]) -> Vec<u8> {
    const SECTOR: usize = 4_096;
    const IN_TABLE: usize = SECTOR / 4;
    // A shorter stream would have to be cut into small sectors. After its last record, zeros say nothing.
    let len = stream.len().max(MIN_LARGE);
    let n_sectors = len.div_ceil(SECTOR);
    let n_tables = (n_sectors + 1).div_ceil(IN_TABLE - 1);
    let number = |n: usize| u32::try_from(n).unwrap_or(FREE).to_le_bytes();
    let mut file = Vec::with_capacity((2 + n_sectors + n_tables) * SECTOR);
    // The header: the signature, the version, the sizes of sectors, and where table and directory are.
    file.extend([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]);
    file.resize(24, 0);
    file.extend([0x3E, 0, 3, 0, 0xFE, 0xFF, 12, 0, 6, 0]);
    file.resize(44, 0);
    file.extend(number(n_tables));
    file.extend(number(n_sectors));
    file.resize(56, 0);
    file.extend(number(MIN_LARGE));
    file.extend(END.to_le_bytes());
    file.extend([0; 4]);
    file.extend(END.to_le_bytes());
    file.extend([0; 4]);
    (0..n_tables).for_each(|n| file.extend(number(n_sectors + 1 + n)));
    file.resize(512, 0xFF);
    file.resize(SECTOR, 0);
    // The stream, and the directory: its root and the stream.
    file.extend(stream);
    file.resize((1 + n_sectors) * SECTOR, 0);
    for (name, kind, first, len) in [("Root Entry", 5_u8, END, 0), ("Workbook", 2, 0, len)] {
        let at = file.len();
        file.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        file.resize(at + 66, 0);
        file[at + 64] = u8::try_from(2 * name.len() + 2).unwrap_or(0);
        file.extend([kind, 1]);
        // It has no neighbours. The child of the root is the second entry.
        file.extend([0xFF; 8]);
        file.extend(if kind == 5 { [1, 0, 0, 0] } else { [0xFF; 4] });
        file.resize(at + 116, 0);
        file.extend(first.to_le_bytes());
        file.extend(number(len));
        file.resize(at + 128, 0);
    }
    file.resize((2 + n_sectors) * SECTOR, 0);
    // The table: one chain for the stream, one for the directory, and itself.
    (1..n_sectors).for_each(|next| file.extend(number(next)));
    file.extend([END, END].into_iter().flat_map(u32::to_le_bytes));
    (0..n_tables).for_each(|_| file.extend(TABLE.to_le_bytes()));
    file.resize((2 + n_sectors + n_tables) * SECTOR, 0xFF);
    file
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
        container.directory = container.stream(u32_at(header, 48)?)?;
        container.small_table = numbers(&container.stream(u32_at(header, 60)?)?);
        (!has_loop(&container.small_table)).then_some(container)
    }

    /// The bytes of the stream that begins in this sector.
    fn stream(&self, first: u32) -> Option<Vec<u8>> {
        read_chain(self.sectors, self.sector_len, &self.table, first)
    }

    /// The stream that contains the workbook. A file for two versions of Excel has both.
    fn workbook(&self) -> Option<Vec<u8>> {
        let entries = || self.directory.chunks_exact(128);
        let named = |name: &str| {
            let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let is_named = |entry: &&[u8]| {
                let (start, end) = entry.split_at(name.len());
                start.eq_ignore_ascii_case(&name) && end.starts_with(&[0, 0])
            };
            entries().find(is_named)
        };
        let found = named("Workbook").or_else(|| named("Book"))?;
        let (first, len) = (u32_at(found, 116)?, u32_at(found, 120)? as usize);
        let mut bytes = match len < MIN_LARGE {
            false => self.stream(first)?,
            true => {
                let small_sectors = self.stream(u32_at(entries().next()?, 116)?)?;
                read_chain(&small_sectors, SMALL_SECTOR, &self.small_table, first)?
            }
        };
        bytes.truncate(len);
        Some(bytes)
    }
}

/// The records of a stream: each has an id, the length of its content, and the content.
#[derive(Clone)]
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, len) = (u16_at(self.0, 0)?, u16_at(self.0, 2)?);
        let (content, rest) = self.0.get(4..)?.split_at_checked(len.into())?;
        self.0 = rest;
        Some((id, content))
    }
}

impl WorkbookSummary {
    /// Reads the records of a workbook as calamine does: first those of the book, which say where each sheet
    /// begins, then those of each sheet. `None` if they contradict themselves.
    pub(super) fn of(stream: &[u8]) -> Option<Self> {
        let mut summary = Self::default();
        let (mut sheets, mut text_lens) = (Vec::new(), Vec::new());
        let mut records = Records(stream);
        while let Some((id, content)) = records.next() {
            match id {
                0x000A => break,
                // The rest has a password: calamine says so.
                0x002F if u16_at(content, 0) != Some(0) => return Some(summary),
                0x0085 => sheets.push(u32_at(content, 0)? as usize),
                0x00FC => text_lens = shared_text_lens(content, records.clone())?,
                0x041E => summary.has_padded_format |= is_padded(content),
                _ => {}
            }
        }
        // Sheets do not overlap. Else a small file could state millions of them, each as long as the file.
        let mut n_left = stream.len();
        for at in sheets {
            let sheet = stream.get(at..)?;
            n_left = n_left.checked_sub(summary.add_sheet(sheet, &text_lens)?)?;
        }
        Some(summary)
    }

    /// Adds a sheet, which begins at the start of `stream`. Returns the number of its bytes.
    fn add_sheet(&mut self, stream: &[u8], text_lens: &[u16]) -> Option<usize> {
        // The first and the last row and column.
        let mut area: Option<[u64; 4]> = None;
        let mut add = |row: u16, first: u16, last: u16| {
            let (row, first, last) = (u64::from(row), u64::from(first), u64::from(last));
            let [top, bottom, left, right] = area.unwrap_or([row, row, first, last]);
            area = Some([top.min(row), bottom.max(row), left.min(first), right.max(last)]);
        };
        let (mut records, mut depth, mut formula) = (Records(stream), 0_u32, (0, 0));
        let mut has_end = false;
        for (id, content) in records.by_ref() {
            match id {
                // A part begins, and below ends: first this sheet. calamine would pass over the rows of a
                // sheet within it.
                0x0809 if depth > 0 && u16_at(content, 2) == Some(0x0010) => return None,
                0x0809 => depth += 1,
                0x000A if depth <= 1 => {
                    has_end = true;
                    break;
                }
                0x000A => depth -= 1,
                // A chart within the sheet has cells of its own.
                _ if depth > 1 => {}
                0x0200 if !is_possible_size(content) => return None,
                // The text that the last formula gives.
                0x0207 => add(formula.0, formula.1, formula.1),
                // Cells: formulas, numbers, texts, values of other types, and several in one record.
                0x0006 | 0x0203 | 0x027E | 0x00FD | 0x0204 | 0x00D6 | 0x0205 | 0x00BD => {
                    let (row, column) = (u16_at(content, 0)?, u16_at(content, 2)?);
                    let last =
                        if id == 0x00BD { u16_at(content, content.len() - 2)? } else { column };
                    add(row, column, last.max(column));
                    if id == 0x0006 {
                        formula = (row, column);
                    }
                    if id == 0x00FD {
                        let len = text_lens.get(u32_at(content, 6)? as usize)?;
                        self.n_shared_chars += u64::from(*len);
                    }
                }
                _ => {}
            }
        }
        // Rows may be missing, or be taken for a part within the sheet.
        if !has_end {
            return None;
        }
        self.n_cells += area.map_or(0, size);
        Some(stream.len() - records.0.len())
    }
}

/// The number of characters of each shared text. A text may go on in the `records` after its own.
fn shared_text_lens<'a>(content: &'a [u8], records: Records<'a>) -> Option<Vec<u16>> {
    let mut parts = records.take_while(|(id, _)| *id == 0x003C).map(|(_, content)| content);
    let (mut rest, mut lens) = (content.get(8..)?, Vec::new());
    loop {
        if rest.is_empty() {
            let Some(part) = parts.next() else { return Some(lens) };
            rest = part;
        }
        lens.push(skip_text(&mut rest, &mut parts)?);
    }
}

/// Passes over a shared text, and returns the number of its characters. The text is in `rest`, and goes on in
/// the next `parts`. Behind its characters are those of its fonts and of its pronunciation.
fn skip_text<'a>(rest: &mut &'a [u8], parts: &mut impl Iterator<Item = &'a [u8]>) -> Option<u16> {
    if rest.is_empty() {
        return Some(0);
    }
    let (n_chars, flags) = (u16_at(rest, 0)?, *rest.get(2)?);
    let (has_fonts, has_more) = (flags & 8 != 0, flags & 4 != 0);
    let mut at = 3;
    let mut n_behind = 0;
    if has_fonts {
        n_behind += 4 * usize::from(u16_at(rest, at)?);
        at += 2;
    }
    if has_more {
        n_behind += u32_at(rest, at)? as usize;
        at += 4;
    }
    *rest = rest.get(at..)?;
    let (mut n_left, mut char_len) = (usize::from(n_chars), 1 + usize::from(flags & 1));
    loop {
        let n_here = n_left.min(rest.len() / char_len);
        *rest = rest.get(n_here * char_len..)?;
        n_left -= n_here;
        if n_left == 0 {
            break;
        }
        // Each further part says again how long a character is.
        let (flags, text) = parts.next()?.split_first()?;
        (*rest, char_len) = (text, 1 + usize::from(flags & 1));
    }
    while n_behind > 0 {
        if rest.is_empty() {
            *rest = parts.next()?;
        }
        let n_here = n_behind.min(rest.len());
        *rest = rest.get(n_here..)?;
        n_behind -= n_here;
    }
    Some(n_chars)
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

/// The bytes of the sectors in a chain: from `first` on, each sector's entry in the table is the number of the
/// next one. The table has no loops, so the chain ends.
fn read_chain(sectors: &[u8], sector_len: usize, table: &[u32], first: u32) -> Option<Vec<u8>> {
    let (mut bytes, mut next) = (Vec::new(), first);
    while next < MIN_SPECIAL {
        bytes.extend_from_slice(sector(sectors, sector_len, next)?);
        next = *table.get(next as usize)?;
    }
    Some(bytes)
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

#[cfg(test)]
mod tests;
