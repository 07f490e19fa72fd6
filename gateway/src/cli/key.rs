//! `tonghui key`: the keys that seal personal values. An embedded store makes its own.

use std::path::PathBuf;

use config::Settings;
use normalizer::{Keys, Sealer, Suite};

use super::{
    Context, audit,
    out::{self, Exit},
    service,
};
use crate::{assemble, keys, reseal};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make keys and write them to a new file, which only its owner can read.
    New {
        /// The file; give it to every process that reads sources for this store, and keep a copy:
        /// without it nobody can open what was sealed.
        file: PathBuf,
        /// SM4-GCM and HMAC-SM3 instead of AES-256-GCM and HMAC-SHA-256.
        #[arg(long)]
        national: bool,
    },
    /// Put new keys in use and seal everything again, beside a running service, which uses them from
    /// then on. One that has a key file of its own needs a copy of this one, and `tonghui reload`. The
    /// old keys stay in the file.
    Rotate {
        /// Go on with a rotation that was cut off: seal again, and make no new keys.
        #[arg(long)]
        resume: bool,
    },
    /// Copy the keys to a new file, and read the copy back.
    Backup {
        /// The copy; keep it away from the store.
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
            out::note(format!("added key {} to {}", keys.id(), file.display()));
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
        audit::record(&store, "rotate", &subject, "began".to_owned()).await?;
        // What goes on sealing with an old key would never let this end.
        let answered = service::reload_running(&store).await?;
        let done = reseal::all(&store, &sealer).await?;
        let detail = format!("sealed again: {} demands, {} records", done.demands, done.raws);
        audit::record(&store, "rotate", &subject, detail.clone()).await?;
        out::note(detail);
        let books = store.books(None, None).await?;
        let is_quiet = answered.is_none() && books.iter().all(|book| book.in_flight == 0);
        out::note(old_keys(&keys, is_quiet));
        Ok(answered.unwrap_or(Exit::Done))
    })
}

/// What to do with the old sets. Where a service runs, or messages wait, something that was sealed
/// with them may arrive yet.
fn old_keys(keys: &Keys, is_quiet: bool) -> String {
    let older: Vec<_> = keys.older_ids().map(|id| id.to_string()).collect();
    let stays = format!("key {} stays in the file: copies of the store need it", older.join(", "));
    match is_quiet {
        true => stays,
        false => format!(
            "{stays}, and so does what was on its way; run `tonghui key rotate --resume` when that \
             has arrived"
        ),
    }
}
