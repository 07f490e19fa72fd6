//! The audit log from the command line: who looked, erased, or changed keys.

use config::Settings;
use contract::Fault;
use sink::store::{Access, AuditEntry, Database};

use super::{
    Context,
    out::{self, Exit},
};
use crate::{assemble, clock};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Lines at most, the newest first.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        let lines = store.audited(args.limit).await?;
        out::show(context.format, &lines, |lines| {
            let rows: Vec<_> = lines
                .iter()
                .map(|line| {
                    let AuditEntry { at, who, action, subject, detail } = line.clone();
                    vec![at.to_rfc3339(), who, action, subject, detail]
                })
                .collect();
            out::table(&["at", "who", "action", "subject", "detail"], &rows, 5)
        })?;
        Ok(Exit::Done)
    })
}

/// A line for the log, with the name of the machine's user.
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

/// Writes down that somebody looked at personal values. It comes before the look: what cannot be
/// written down is not shown. Where there is no store yet, only the log of the program has it.
///
/// # Errors
/// There is a store, and it cannot be written.
pub(super) fn reveal(settings: &Settings, what: &str, subject: &str) -> anyhow::Result<()> {
    tracing::warn!(what, subject, "personal values are shown in plain");
    super::runtime()?.block_on(async {
        if let config::StoreSettings::Sqlite(file) = &settings.store
            && !file.exists()
        {
            return Ok(());
        }
        let store = assemble::open_store(settings, Access::ReadWrite).await?;
        Ok(record(&store, "reveal", subject, what.to_owned()).await?)
    })
}

/// Writes a line of the log.
///
/// # Errors
/// The store cannot be written.
pub(super) async fn record(
    store: &Database,
    action: &str,
    subject: &str,
    detail: String,
) -> Result<(), Fault> {
    store.record(&entry(action, subject, detail)).await
}
