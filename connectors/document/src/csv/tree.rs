//! Reads a whole CSV text as a tree: the list of its rows. Damage of a row is marked in it, as in other formats.

use contract::Reason;
use serde_json::Value;

use super::{
    DELIMITERS,
    layout::Layout,
    lines::{FileError, lines_of},
    open,
};
use crate::{
    Defects,
    findings::{Findings, Problem},
    header::TableRow,
    scan::cell_bytes,
    tree::MAX_NODES,
};

/// Parses a CSV text into the list of its rows, which are objects of texts. A marker replaces a damaged row. A text
/// in which nobody sees anything has no rows.
///
/// # Errors
/// The text has no header, or is too large.
pub(crate) fn parse(text: &str, layout: &Layout, findings: &mut Findings) -> Result<Value, String> {
    let error = |error| match error {
        FileError::Content(reason) => reason.detail,
        FileError::Disk(error) => error.to_string(),
    };
    findings.choose_marker(text, None);
    let mut values = Vec::new();
    if text.trim().is_empty() {
        return Ok(Value::Array(values));
    }
    let mut rows = open(|| lines_of(text), "", layout).map_err(error)?;
    let mut n_nodes = 0;
    while let Some(row) = rows.next_row().map_err(error)? {
        n_nodes += 1 + rows.n_columns();
        if n_nodes > MAX_NODES {
            return Err(format!("it has over {MAX_NODES} cells: request smaller pages"));
        }
        if !row.is_title {
            values.push(marked(row, findings));
        }
    }
    Ok(Value::Array(values))
}

/// About how much memory the tree of a CSV text takes; this is known before it is parsed.
pub fn table_bytes(text: &str, layout: &Layout) -> usize {
    let own = layout.csv.delimiter.as_bytes().first().copied();
    let ends_cell = |byte: u8| {
        matches!(byte, b'\n' | b'\r') || Some(byte) == own || {
            DELIMITERS.iter().any(|delimiter| delimiter.as_bytes() == [byte])
        }
    };
    cell_bytes(text, ends_cell)
}

/// The tree of a row with markers for what is wrong with it. What is wrong with no certain cell is marked in the
/// last one.
fn marked(row: TableRow, findings: &mut Findings) -> Value {
    let TableRow { at, mut tree, bytes, defects: Defects { flags, damage }, .. } = row;
    if let Some(Reason { code, detail }) = damage {
        let (detail, mut marker) = (format!("{at}: {detail}").into(), String::new());
        let problem = Problem::Damage { code, detail, at: None };
        findings.add(problem, bytes.unwrap_or_default(), &mut marker);
        return Value::String(marker);
    }
    let Some(cells) = tree.as_object_mut() else { return tree };
    for flag in flags {
        let name = cells.contains_key(&flag.field).then_some(flag.field);
        let name = name.or_else(|| cells.keys().next_back().cloned()).unwrap_or_default();
        if let Some(Value::String(cell)) = cells.get_mut(&name) {
            let detail = flag.detail.into();
            let problem = Problem::Irregularity { flag: flag.flag, detail, meaning: None };
            findings.add(problem, "", cell);
        }
    }
    tree
}

#[cfg(test)]
mod tests;
