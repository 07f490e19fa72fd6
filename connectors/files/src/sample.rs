//! A file from the desk, read as one from the folder.

use std::{io::Write as _, sync::Arc};

use contract::{Entry, Fault, Revision};

use crate::{
    choose::disk,
    config::Format,
    form::{self, Broken},
    plan::{Plan, RevisionPlan},
    record,
    survey::survey,
    unpack::Document,
};

/// Entries of a fixture. It has no name that could say its form or its time: the form is told by its
/// first bytes, and the time is left out.
pub(crate) fn sample(plan: &Plan, page: &[u8]) -> Result<Vec<Entry>, Fault> {
    let mut file = tempfile::tempfile().map_err(disk)?;
    file.write_all(page).map_err(disk)?;
    let survey = survey(&file).map_err(disk)?;
    let format = plan.form.format.unwrap_or_else(|| format_of(page));
    let document = Document { inner: None, file: Arc::new(file), format, survey };
    let revision = match plan.record.revision {
        RevisionPlan::Name(_) => Some(Revision::NONE),
        RevisionPlan::Field(..) => None,
    };
    let (mut rows, report) = form::open(&document, &plan.form).map_err(fault)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        entries.push(record::entry("fixture", revision, row, &report, &plan.record));
    }
    Ok(entries)
}

fn format_of(page: &[u8]) -> Format {
    let first =
        page.iter().find(|byte| !matches!(byte, 0xEF | 0xBB | 0xBF) && !byte.is_ascii_whitespace());
    match first {
        _ if page.starts_with(b"PK\x03\x04") => Format::Xlsx,
        _ if page.starts_with(b"\xD0\xCF\x11\xE0") => Format::Xls,
        Some(b'<') => Format::Xml,
        Some(b'[') => Format::JsonArray,
        Some(b'{') => Format::JsonLines,
        _ => Format::Csv,
    }
}

fn fault(broken: Broken) -> Fault {
    match broken {
        Broken::Content(reason) => {
            Fault::stopped(format!("the fixture is no file of this channel: {}", reason.detail))
                .remedy("a page is a file as the source drops it: CSV, XML, JSON, .xlsx or .xls")
        }
        Broken::Disk(error) => disk(error),
    }
}
