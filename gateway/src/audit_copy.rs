//! A copy of the audit log in a file, for the case that somebody who may write to the store changes the log there.
//!
//! Each row is a line of JSON, with its number and its hash. A command copies what it has written before it goes on, and
//! a running service copies what others have written. What could not be copied at once is copied later, because the last
//! line says how far the copy goes.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use contract::Fault;
use sink::store::{AuditRow, Database};
use tokio::time::sleep;
use tracing::error;

use crate::keys::file_fault;

/// How often a service looks for rows that are not copied.
const INTERVAL: Duration = Duration::from_secs(30);
/// How much of the end of the file is read to find the last row, in bytes. A row is far shorter.
const MAX_TAIL: u64 = 1 << 20;

/// Appends to the copy the rows that it lacks.
///
/// # Errors
/// The store cannot be read, or the file not written; or the last row of the copy is not in the store as it was copied.
pub async fn bring_up_to_date(path: &Path, store: &Database) -> Result<(), Fault> {
    let failed = |error| {
        file_fault("cannot write the copy of the audit log", path, error).remedy(
            "make it possible to write this file; the audit log has more rows than its copy",
        )
    };
    let (mut file, end) = open(path).map_err(failed)?;
    let copied_to = end.last.as_ref().map_or(0, |row| row.seq);
    // The last row that was copied is read again, to be compared.
    let rows = store.audit_rows(copied_to - 1).await?;
    if end.last.is_some() && rows.first() != end.last.as_ref() {
        return Err(Fault::stopped(format!(
            "row {copied_to} of the audit log is not as it was copied, or is missing"
        ))
        .at(path.display().to_string())
        .remedy(
            "find out who changed the audit log: `tonghui audit verify` compares it with the copy; to begin a new copy, \
             move this one away",
        ));
    }
    append(&mut file, &rows).map_err(failed)
}

/// Copies the audit log for as long as the service runs; does nothing without a file.
pub async fn serve(path: Option<&Path>, store: &Database) -> Infallible {
    let Some(path) = path else { return std::future::pending().await };
    loop {
        if let Err(fault) = Box::pin(bring_up_to_date(path, store)).await {
            let (kind, wait_ms) = (fault.kind().name(), INTERVAL.as_millis());
            error!(kind, wait_ms, "the audit log is not copied: {fault}");
        }
        sleep(INTERVAL).await;
    }
}

/// What a copy and the audit log do not agree on; `None` if the log has every row of the copy, and no other one before
/// the last of them.
pub fn difference(copy: &[u8], rows: &[AuditRow]) -> Option<String> {
    let mut stored: BTreeMap<_, _> = rows.iter().map(|row| (row.seq, row)).collect();
    let lines: Vec<_> = copy.split(|byte| *byte == b'\n').collect();
    let mut copied_to = 0;
    for (index, line) in lines.iter().enumerate() {
        let Ok(row) = serde_json::from_slice::<AuditRow>(line) else {
            // Writing was interrupted, and the same row follows.
            if lines.get(index + 1).is_none_or(|next| next.starts_with(line)) {
                continue;
            }
            return Some(format!("line {} of the copy is not a row", index + 1));
        };
        if stored.remove(&row.seq) != Some(&row) {
            return Some(format!("row {} is not as it was copied, or is missing", row.seq));
        }
        copied_to = row.seq;
    }
    let (first, _) = stored.first_key_value()?;
    (*first < copied_to).then(|| format!("row {first} is not in the copy, but later ones are"))
}

/// The end of a copy.
#[derive(Default)]
struct End {
    last: Option<AuditRow>,
    /// Whether writing its last line was interrupted.
    is_cut: bool,
}

/// Opens a copy, and makes the file if there is none.
fn open(path: &Path) -> io::Result<(File, End)> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
    let end = read_end(&mut file)?;
    Ok((file, end))
}

fn read_end(file: &mut File) -> io::Result<End> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(last_byte) = tail.last() else { return Ok(End::default()) };
    let is_cut = *last_byte != b'\n';
    let mut lines = tail.rsplit(|byte| *byte == b'\n');
    let last = lines.find_map(|line| serde_json::from_slice(line).ok());
    // A first line that was cut off is all there is.
    if last.is_none() && tail.contains(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a copy of an audit log"));
    }
    Ok(End { last, is_cut })
}

/// Appends the rows that the file does not have yet: another process may have appended some in the meantime.
fn append(file: &mut File, rows: &[AuditRow]) -> io::Result<()> {
    file.lock()?;
    let End { last, is_cut } = read_end(file)?;
    let copied_to = last.map_or(0, |row| row.seq);
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.seq > copied_to) {
        text.push_str(&serde_json::to_string(row)?);
        text.push('\n');
    }
    if text.is_empty() {
        return Ok(());
    }
    if is_cut {
        text.insert(0, '\n');
    }
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use contract::Timestamp;
    use sink::store::{Access, AuditEntry, Sqlite};
    use tempfile::TempDir;

    use super::*;

    async fn store() -> (TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path().join("t.db"), Access::ReadWrite).await.unwrap();
        (folder, Database::Sqlite(store))
    }

    async fn write(store: &Database, subject: &str) {
        let [who, action, detail] = ["li (uid 7)", "reveal", "工单 \"7\"\n"].map(str::to_owned);
        let entry = AuditEntry {
            at: Timestamp::UNIX_EPOCH,
            who,
            action,
            subject: subject.to_owned(),
            detail,
        };
        store.write_audit(&entry).await.unwrap();
    }

    async fn found(store: &Database, file: &Path) -> Option<String> {
        difference(&fs::read(file).unwrap(), &store.audit_rows(0).await.unwrap())
    }

    #[tokio::test]
    async fn every_row_is_copied_once_also_after_an_interruption() {
        let (folder, store) = store().await;
        let file = folder.path().join("copy.jsonl");
        bring_up_to_date(&file, &store).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        for n in 0..3 {
            write(&store, &n.to_string()).await;
        }
        for _ in 0..2 {
            bring_up_to_date(&file, &store).await.unwrap();
        }
        let whole = fs::read_to_string(&file).unwrap();
        assert_eq!(whole.lines().count(), 3, "{whole}");
        let rows: Vec<AuditRow> =
            whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows, store.audit_rows(0).await.unwrap());
        assert!(rows.iter().all(|row| row.hash.as_ref().is_some_and(|hash| hash.len() == 64)));
        // Wherever writing was interrupted, the copy ends with the same rows.
        for end in (0..whole.len()).step_by(7) {
            fs::write(&file, &whole.as_bytes()[..end]).unwrap();
            assert_eq!(found(&store, &file).await, None, "at {end}");
            bring_up_to_date(&file, &store).await.unwrap();
            assert_eq!(found(&store, &file).await, None, "at {end}");
            let copied = fs::read(&file).unwrap();
            let is_row = |line: &&[u8]| serde_json::from_slice::<AuditRow>(line).is_ok();
            let n_rows = copied.split(|byte| *byte == b'\n').filter(is_row).count();
            assert_eq!(n_rows, 3, "at {end}: {}", String::from_utf8_lossy(&copied));
        }
    }

    #[tokio::test]
    async fn a_log_that_was_made_anew_differs_from_its_copy() {
        let (folder, first) = store().await;
        let (_other, second) = store().await;
        let file = folder.path().join("copy.jsonl");
        for n in ["a", "b", "c"] {
            write(&first, n).await;
        }
        bring_up_to_date(&file, &first).await.unwrap();
        // Rows that are not copied yet are no difference.
        write(&first, "d").await;
        assert_eq!(found(&first, &file).await, None);
        // Both logs are whole by themselves.
        for n in ["a", "c"] {
            write(&second, n).await;
        }
        assert_eq!(second.check_audit(None).await.unwrap().flaw, None);
        let what = found(&second, &file).await.unwrap();
        assert!(what.contains("row 2 is not as it was copied"), "{what}");
        let fault = bring_up_to_date(&file, &second).await.unwrap_err();
        assert!(fault.is_stopped() && fault.to_string().contains("row 3"), "{fault}");

        let rows = first.audit_rows(0).await.unwrap();
        let whole = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = whole.lines().collect();
        let what = difference([lines[0], lines[2]].join("\n").as_bytes(), &rows).unwrap();
        assert!(what.contains("row 2 is not in the copy"), "{what}");
        let what = difference([lines[0], "x", lines[1]].join("\n").as_bytes(), &rows).unwrap();
        assert!(what.contains("line 2"), "{what}");
    }

    #[tokio::test]
    async fn a_copy_that_cannot_be_written_is_a_fault_that_names_it() {
        let (folder, store) = store().await;
        let other = folder.path().join("notes.txt");
        fs::write(&other, "something else\n").unwrap();
        for file in [folder.path().join("nowhere/copy.jsonl"), other.clone()] {
            let fault = bring_up_to_date(&file, &store).await.unwrap_err().to_string();
            assert!(fault.contains(&file.display().to_string()), "{fault}");
        }
        assert_eq!(fs::read_to_string(other).unwrap(), "something else\n");
    }
}
