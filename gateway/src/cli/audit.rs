//! `tonghui audit`: who viewed or erased personal values, or changed something that matters.

use std::fs;

use config::Settings;
use sink::store::{Access, AuditCheck, AuditEntry};

use super::{Context, Exit, out};
use crate::{assemble, clock};

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
    /// Check that no row was altered, removed or inserted, and print the hash of the last one.
    Verify {
        /// A hash that an earlier check printed: the log must still contain that row. Keep such hashes where nobody
        /// who may write to the store can change them: such a person could replace the whole log.
        #[arg(long, value_name = "HASH")]
        noted: Option<String>,
    },
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |_, store| {
        if let Some(Command::Verify { noted }) = &args.command {
            let found = store.check_audit(noted.as_deref()).await?;
            out::show(context.format, &found, draw_check)?;
            return Ok(if found.flaw.is_some() { Exit::Failed } else { Exit::Done });
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

fn draw_check(found: &AuditCheck) -> String {
    let AuditCheck { rows, end, flaw } = found;
    match flaw {
        None => format!(
            "{rows} rows, none altered, removed or inserted; the last one has the hash {end}"
        ),
        Some(flaw) => format!(
            "AUDIT LOG CHANGED: {flaw}\nfind out who may write to the store, and compare the log with a backup"
        ),
    }
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

/// Records what a command is about to do. Commands call this first: if the entry cannot be written, they do
/// nothing. If there is no store yet, there is no audit log either.
///
/// # Errors
/// The store exists and cannot be written.
pub(super) fn record(
    settings: &Settings,
    action: &str,
    subject: &str,
    detail: &str,
) -> anyhow::Result<()> {
    super::runtime()?.block_on(async {
        if let config::StoreSettings::Sqlite(file) = &settings.store
            && !file.exists()
        {
            return Ok(());
        }
        let store = assemble::open_store(settings, Access::ReadWrite).await?;
        Ok(store.write_audit(&entry(action, subject, detail.to_owned())).await?)
    })
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
