//! `tonghui audit`: who viewed or erased personal values, or changed keys.

use config::Settings;
use sink::store::{Access, AuditEntry};

use super::{Context, Exit, out};
use crate::{assemble, clock};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Maximum number of lines to print, the newest first.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |_, store| {
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

/// An entry of the audit log, in the name of the user who runs the command.
pub(super) fn entry(action: &str, subject: &str, detail: String) -> AuditEntry {
    let who = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    AuditEntry {
        at: clock::now(),
        who: who.unwrap_or_else(|| "unknown".to_owned()),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail,
    }
}

/// Records that personal values are about to be shown. Commands call this first: if the entry cannot be
/// written, they show nothing. If there is no store yet, only the program's log has an entry.
///
/// # Errors
/// The store exists and cannot be written.
pub(super) fn record_reveal(settings: &Settings, what: &str, subject: &str) -> anyhow::Result<()> {
    tracing::warn!(what, subject, "personal values are shown unmasked");
    super::runtime()?.block_on(async {
        if let config::StoreSettings::Sqlite(file) = &settings.store
            && !file.exists()
        {
            return Ok(());
        }
        let store = assemble::open_store(settings, Access::ReadWrite).await?;
        Ok(store.write_audit(&entry("reveal", subject, what.to_owned())).await?)
    })
}
