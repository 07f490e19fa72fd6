//! `tonghui audit`: who viewed or erased personal values, or changed something that matters.

use std::{fs, path::PathBuf};

use config::{Settings, StoreSettings};
use serde::Serialize;
use sink::store::{Access, AuditCheck, AuditEntry, Database};

use super::{Context, Exit, out};
use crate::{
    assemble, audit_copy, clock,
    keys::file_fault,
    store_mark::{self, StoreMark},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Maximum number of lines to print, the newest first.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check that no row was altered, removed or inserted, and print the hash of the last one. The rows are proved
    /// with the bus key, so this needs the key file.
    Verify {
        /// A hash that an earlier check printed: the log must still contain that row. Keep such hashes where nobody
        /// who may write to the store can change them: such a person could bring back an earlier state of the log.
        #[arg(long, value_name = "HASH")]
        noted: Option<String>,
        /// A copy of the log: the log must contain all of its rows. Without it, the copy in gateway.toml is compared.
        #[arg(long, value_name = "FILE")]
        copy: Option<PathBuf>,
    },
}

/// What a check has found.
#[derive(Serialize)]
struct Verified {
    #[serde(flatten)]
    check: AuditCheck,
    /// The copy that was compared.
    copy: Option<PathBuf>,
    /// Whether a hash outside of the store was compared.
    #[serde(skip)]
    is_compared: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |settings, store| {
        if let Some(Command::Verify { noted, copy }) = &args.command {
            // What is compared is read first: it must not know rows that were written later.
            let marks = match &settings.store {
                StoreSettings::Sqlite(file) => store_mark::find(settings, file)?,
                StoreSettings::Postgres(_) => Vec::new(),
            };
            let mut check = store.check_audit(noted.as_deref()).await?;
            if let Some(mark) = store_mark::missed(&marks, store).await? {
                let known = mark.path().display();
                check.flaw.get_or_insert_with(|| {
                    format!("rows were removed: the last one that {known} knows is missing")
                });
            }
            let is_compared = noted.is_some() || marks.iter().any(StoreMark::knows_audit);
            let copy = copy.clone().or_else(|| settings.audit_copy.clone());
            if let Some(file) = &copy {
                let copied = fs::read(file).map_err(|error| {
                    file_fault("cannot read the copy of the audit log", file, error)
                })?;
                let difference = audit_copy::difference(&copied, &store.audit_rows(0).await?);
                check.flaw = check.flaw.or(difference);
            }
            let found = Verified { check, copy, is_compared };
            out::show(context.format, &found, draw_check)?;
            return Ok(if found.check.flaw.is_some() { Exit::Failed } else { Exit::Done });
        }
        let lines = store.audit_log(args.limit).await?;
        out::show(context.format, &lines, |lines| {
            let row = |line: &AuditEntry| {
                let AuditEntry { at, who, action, subject, detail } = line.clone();
                vec![at.to_rfc3339(), who, action, subject, detail]
            };
            out::table(&["at", "who", "action", "subject", "detail"], lines.iter().map(row), 5)
        })
    })
}

fn draw_check(found: &Verified) -> String {
    let Verified { check, copy, is_compared } = found;
    let AuditCheck { rows, unproven, end, flaw } = check;
    if let Some(flaw) = flaw {
        return format!(
            "AUDIT LOG CHANGED: {flaw}\nfind out who may write to the store, and compare the log with a backup"
        );
    }
    let mut text = match rows {
        0 => "the audit log has no rows, and nothing says that it had some".to_owned(),
        _ => format!(
            "{rows} rows, none altered, removed or inserted; the last one has the hash {end}"
        ),
    };
    if let Some(file) = copy {
        text.push_str(&format!("; it has all rows of {}", file.display()));
    }
    if *unproven > 0 {
        text.push_str(&format!(
            "\nno key proves the first {unproven} rows: whoever may write to the store could have made them"
        ));
    }
    if copy.is_none() && !is_compared {
        text.push_str(
            "\nnothing outside of the store was compared (--noted, --copy): if the whole log was set back to an earlier \
             state, this check does not find it",
        );
    }
    text
}

/// An entry of the audit log, in the name of the user who runs the command.
pub(super) fn entry(action: &str, subject: &str, detail: String) -> AuditEntry {
    AuditEntry {
        at: clock::now(),
        who: who(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail,
    }
}

/// The user of this process, and, if it is another one, the user who logged in. Both are from the kernel: the
/// environment says what its owner likes.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let login = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    // The largest number means that nobody has logged in: a service has started this.
    match login.trim().parse::<u32>().ok().filter(|login| ![uid, u32::MAX].contains(login)) {
        None => user(&users, uid),
        Some(login) => format!("{}, logged in as {}", user(&users, uid), user(&users, login)),
    }
}

/// A user with name and number. `users` is the content of `/etc/passwd`, which does not know everybody.
fn user(users: &str, uid: u32) -> String {
    let uid = uid.to_string();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(uid.as_str())).then_some(name)
    });
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

/// Records that personal values are about to be shown; see [`record`].
///
/// # Errors
/// The store exists and cannot be written.
pub(super) fn record_reveal(settings: &Settings, what: &str, subject: &str) -> anyhow::Result<()> {
    tracing::warn!(what, subject, "personal values are shown unmasked");
    record(settings, "reveal", subject, what)
}

/// Records what a command is about to do, or that it failed. Commands call this first: if the entry cannot be written,
/// they do nothing. If there is no store yet, there is no audit log either.
///
/// # Errors
/// The store exists and cannot be written, or the copy of the audit log cannot be.
pub(super) fn record(
    settings: &Settings,
    action: &str,
    subject: &str,
    detail: &str,
) -> anyhow::Result<()> {
    super::runtime()?.block_on(async {
        if let StoreSettings::Sqlite(file) = &settings.store
            && !file.exists()
        {
            return Ok(());
        }
        let store = assemble::open_store(settings, Access::ReadWrite).await?;
        store.write_audit(&entry(action, subject, detail.to_owned())).await?;
        let copied = copy(settings, &store).await;
        store.close().await;
        copied
    })
}

/// Copies what a command has written to the audit log, if gateway.toml names a copy.
///
/// # Errors
/// The copy cannot be written, or the audit log is not as it was copied.
pub(super) async fn copy(settings: &Settings, store: &Database) -> anyhow::Result<()> {
    if let Some(file) = &settings.audit_copy {
        audit_copy::bring_up_to_date(file, store).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_and_number_that_the_system_gives() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# x\nli:x:1000:100::/home/li:/bin/sh\n";
        assert_eq!(user(users, 1000), "li (uid 1000)");
        assert_eq!(user(users, 0), "root (uid 0)");
        assert_eq!(user(users, 100), "uid 100");
    }
}
