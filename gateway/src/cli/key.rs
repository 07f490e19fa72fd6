//! `tonghui key`: the keys that seal personal values. An embedded store creates its own.

use std::path::PathBuf;

use config::Settings;
use normalizer::{Keys, Sealer, Suite};

use super::{Change, Context, Exit, ask, audit, out};
use crate::{
    assemble, keys,
    reseal::{self, Resealed},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Generate keys and write them to a new file that only its owner can read.
    New {
        /// The file. Copy it to every process that reads sources for this store, and keep a backup:
        /// without it, sealed values are lost.
        file: PathBuf,
        /// Use SM4-GCM and HMAC-SM3 instead of AES-256-GCM and HMAC-SHA-256.
        #[arg(long)]
        national: bool,
    },
    /// Generate a new key, use it from now on, and reseal everything. The running service uses it too;
    /// a process with a key file of its own needs a copy of this one and `tonghui reload`. Old keys
    /// stay in the file. What no key opens is listed and left as it is, and the command then exits with 1.
    Rotate {
        /// Continue an interrupted rotation: reseal, but generate no new key.
        #[arg(long)]
        resume: bool,
    },
    /// Write the bus key, and no other one, to a new file: for a process that only stores what others publish.
    Bus {
        /// The file; name it under [keys] in the gateway.toml of that process.
        file: PathBuf,
    },
    /// Copy the keys to a new file, and read the copy back.
    Backup {
        /// The copy; do not store it in the same place as the database.
        file: PathBuf,
    },
}

impl Command {
    /// What it is about to change. No store knows new keys yet, and a rotation records its result too.
    pub(super) fn change(&self) -> Option<Change> {
        let (what, file) = match self {
            Self::Backup { file } => ("all keys", file),
            Self::Bus { file } => ("bus key", file),
            Self::New { .. } | Self::Rotate { .. } => return None,
        };
        Some(Change { action: "copy keys", subject: format!("{what} to {}", file.display()) })
    }
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::New { file, national } => {
            let suite = if *national { Suite::Sm } else { Suite::Aes };
            let keys = keys::make(file, suite)?;
            out::note(format!("wrote key {} to {}", keys.id(), file.display()));
        }
        Command::Rotate { resume } => {
            let settings = assemble::settings(&context.config)?;
            return rotate(&settings, *resume);
        }
        Command::Bus { file } => {
            let settings = assemble::settings(&context.config)?;
            keys::write_bus(&settings, file)?;
            out::note(format!("wrote the bus key to {}", file.display()));
        }
        Command::Backup { file } => {
            let settings = assemble::settings(&context.config)?;
            let keys = keys::backup(&settings, file)?;
            out::note(format!("copied key {} to {}", keys.id(), file.display()));
        }
    }
    Ok(Exit::Done)
}

fn rotate(settings: &Settings, resume: bool) -> anyhow::Result<Exit> {
    let old = keys::read(settings)?;
    super::runtime()?.block_on(async {
        // Before the file changes: an older file than the store needs must not get keys with the ids of the missing ones.
        let (store, _) = assemble::open(settings).await?;
        let keys = if resume { old.clone() } else { keys::rotate(settings)? };
        store.bind_key(&keys.check_values()).await?;
        // The file may have its first bus key now.
        let store = store.with_audit_key(keys::audit(settings));
        out::note(format!("key {} is in use", keys.id()));
        if settings.bus.is_some() && old.bus().is_none() && keys.bus().is_some() {
            out::note(
                "from their next start on, processes with this file prove the messages that they publish, and refuse \
                 those without proof that the books do not list: start processes that read before those that only \
                 store; `tonghui key bus FILE` writes the file for a sink",
            );
        }
        let sealer = Sealer::new(&keys);
        let subject = format!("key {}", keys.id());
        store.write_audit(&audit::entry("rotate", &subject, "began".to_owned())).await?;
        audit::copy(settings, &store).await?;
        // A service that kept sealing with the old key would store values that are not resealed below.
        let reload_exit = Box::pin(ask::reload(&store)).await?;
        let resealed = reseal::reseal_all(&store, &sealer).await?;
        // Whatever their times say: a clock may have been set back.
        store.forget_failed_exchanges(None).await?;
        let Resealed { demands, raws, unopened } = resealed;
        let detail = format!("resealed: {demands} demands, {raws} records");
        out::note(&detail);
        let detail = match unopened.len() {
            0 => detail,
            n => format!("{detail}; {n} were not opened"),
        };
        store.write_audit(&audit::entry("rotate", &subject, detail)).await?;
        let books = store.books(None, None).await?;
        let is_idle = reload_exit.is_none() && books.iter().all(|book| book.in_flight == 0);
        out::note(old_key_advice(&keys, is_idle));
        let is_whole = unopened.is_empty();
        if !is_whole {
            let list: Vec<_> = unopened.into_iter().collect();
            out::note(format!(
                "no key in the file opens these; with a backup of the key file that has their key, run `tonghui key \
                 rotate --resume`:\n- {}",
                list.join("\n- ")
            ));
        }
        audit::copy(settings, &store).await?;
        store.close().await;
        Ok(if is_whole { reload_exit.unwrap_or(Exit::Done) } else { Exit::Failed })
    })
}

/// What to do with the old keys. Unless `is_idle` (no service runs, and no message is in flight), values
/// that are sealed with them may still arrive.
fn old_key_advice(keys: &Keys, is_idle: bool) -> String {
    let old_ids: Vec<_> = keys.older_ids().map(|id| id.to_string()).collect();
    let advice =
        format!("key {} stays in the file: backups of the store need it", old_ids.join(", "));
    match is_idle {
        true => advice,
        false => format!(
            "{advice}, and messages in flight may need it; run `tonghui key rotate --resume` once \
             they are stored"
        ),
    }
}
