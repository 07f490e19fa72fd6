//! `tonghui key`: the keys that seal personal values. An embedded store creates its own.

use std::path::PathBuf;

use config::Settings;
use normalizer::{Keys, Sealer, Suite};

use super::{Context, Exit, audit, out, service};
use crate::{assemble, keys, reseal};

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
    /// stay in the file.
    Rotate {
        /// Continue an interrupted rotation: reseal, but generate no new key.
        #[arg(long)]
        resume: bool,
    },
    /// Copy the keys to a new file, and read the copy back.
    Backup {
        /// The copy; do not store it in the same place as the database.
        file: PathBuf,
    },
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
        Command::Backup { file } => {
            let settings = assemble::settings(&context.config)?;
            let keys = keys::backup(&settings, file)?;
            out::note(format!("copied key {} to {}", keys.id(), file.display()));
        }
    }
    Ok(Exit::Done)
}

fn rotate(settings: &Settings, resume: bool) -> anyhow::Result<Exit> {
    let keys = if resume { keys::read(settings)? } else { keys::rotate(settings)? };
    out::note(format!("key {} is in use", keys.id()));
    super::runtime()?.block_on(async {
        let (store, _) = assemble::open(settings).await?;
        let sealer = Sealer::new(&keys);
        let subject = format!("key {}", keys.id());
        store.write_audit(&audit::entry("rotate", &subject, "began".to_owned())).await?;
        // A service that kept sealing with the old key would store values that are not resealed below.
        let reload_exit = service::reload_running(&store).await?;
        let counts = reseal::reseal_all(&store, &sealer).await?;
        // Whatever their times say: a clock may have been set back.
        store.forget_failed_exchanges(None).await?;
        let detail = format!("resealed: {} demands, {} records", counts.demands, counts.raws);
        store.write_audit(&audit::entry("rotate", &subject, detail.clone())).await?;
        out::note(detail);
        let books = store.books(None, None).await?;
        let is_idle = reload_exit.is_none() && books.iter().all(|book| book.in_flight == 0);
        out::note(old_key_advice(&keys, is_idle));
        Ok(reload_exit.unwrap_or(Exit::Done))
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
