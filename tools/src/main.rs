//! Makes the files that are shipped and not written by hand: code tables, the dictionary for raw
//! records and the model of plausible characters. `cargo xtask tool` runs it.

mod model;
mod tables;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::ensure;
use clap::Parser;
use contract::Timestamp;
use gateway::assemble;
use normalizer::{Place, Sealer, open_raw};

/// Makes a file that is shipped.
#[derive(Parser)]
#[command(bin_name = "cargo xtask tool")]
enum Tool {
    /// Write the shipped table of administrative divisions from public CSV files.
    Regions {
        /// The folder of provinces.csv, cities.csv, areas.csv and streets.csv.
        folder: PathBuf,
        /// Old counties of history.jsonl too. Nobody states its licence: keep that table to yourself.
        #[arg(long)]
        history: bool,
    },
    /// Write a table of categories from category.jsonl, for a configuration of your own: its licence
    /// does not let it be shipped.
    Categories {
        /// The folder of category.jsonl.
        folder: PathBuf,
        /// The table, as in codes/category.csv.
        file: PathBuf,
    },
    /// Make a dictionary for the compression of raw records from those that a demo stored. To be
    /// used, it needs a number in normalizer/src/seal/raw.rs.
    Dictionary {
        /// The demo's folder of configuration.
        config: PathBuf,
        /// The dictionary.
        #[arg(default_value = "target/record.dict")]
        file: PathBuf,
    },
    /// Count the characters of the .jsonl message files of a folder for the model of plausibility.
    TextModel {
        /// The folder; its texts stay where they are.
        folder: PathBuf,
        /// The model.
        #[arg(default_value = "normalizer/text/model/chinese.txt")]
        file: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    let done = match Tool::parse() {
        Tool::Regions { folder, history } => tables::regions(&folder, history),
        Tool::Categories { folder, file } => tables::categories(&folder, &file),
        Tool::Dictionary { config, file } => make_dictionary(&config, &file),
        Tool::TextModel { folder, file } => model::make(&folder, &file),
    }?;
    Ok(writeln!(io::stdout().lock(), "{done}")?)
}

/// A larger dictionary only holds more sentences of the sandbox; real records do not become smaller
/// (measured).
const DICTIONARY_BYTES: usize = 16 * 1024;
const PAGE_ROWS: u32 = 500;
/// Samples of each channel; without a limit nearly all would be of the hotline.
const SAMPLES_PER_CHANNEL: usize = 400;

/// Makes a dictionary for raw records from those in the store that `config` names. A dictionary in use
/// never changes, because a record is read with the dictionary that compressed it.
#[tokio::main]
async fn make_dictionary(config: &Path, target: &Path) -> anyhow::Result<String> {
    let settings = assemble::settings_without_secrets(config)?;
    let (store, keys) = assemble::open(&settings).await?;
    let sealer = Sealer::new(&keys);
    let (mut after, mut samples) = (0, BTreeMap::<_, Vec<Vec<u8>>>::new());
    loop {
        let page = store.demands(after, Timestamp::UNIX_EPOCH, PAGE_ROWS).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, row) in &page {
            let of_channel = samples.entry(row.demand.channel.clone()).or_default();
            if of_channel.len() < SAMPLES_PER_CHANNEL {
                of_channel.push(open_raw(&sealer, Place::from(&row.demand), &row.demand.raw)?);
            }
        }
    }
    let samples: Vec<Vec<u8>> = samples.into_values().flatten().collect();
    ensure!(samples.len() >= SAMPLES_PER_CHANNEL, "{} records are too few", samples.len());
    fs::write(target, zstd::dict::from_samples(&samples, DICTIONARY_BYTES)?)?;
    Ok(format!("{}: of {} records", target.display(), samples.len()))
}
