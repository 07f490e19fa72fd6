//! Generates shipped files: code tables, the dictionary that compresses raw records, and the model of
//! plausible characters. `cargo xtask tool` runs it.

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

/// Generate a shipped file.
#[derive(Parser)]
#[command(bin_name = "cargo xtask tool")]
enum Tool {
    /// Write the shipped table of administrative divisions from public CSV files.
    Regions {
        /// The folder with provinces.csv, cities.csv, areas.csv and streets.csv.
        folder: PathBuf,
        /// Add former counties from history.jsonl. Its licence is unknown: do not publish that table.
        #[arg(long)]
        history: bool,
    },
    /// Write a table of categories from category.jsonl, for your own configuration: the licence of that
    /// file forbids shipping the table.
    Categories {
        /// The folder with category.jsonl.
        folder: PathBuf,
        /// The table to write, in the format of codes/category.csv.
        file: PathBuf,
    },
    /// Train a compression dictionary on the raw records that a demo stored. Before it can be used, it
    /// needs a number in normalizer/src/seal/raw.rs.
    Dictionary {
        /// The configuration folder of the demo.
        config: PathBuf,
        /// The dictionary to write.
        #[arg(default_value = "target/record.dict")]
        file: PathBuf,
    },
    /// Count the characters of .jsonl message files, and write the model of plausible characters.
    TextModel {
        /// The folder with the files; only counts of their characters are written.
        folder: PathBuf,
        /// The model to write.
        #[arg(default_value = "normalizer/text/model/chinese.txt")]
        file: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    let summary = match Tool::parse() {
        Tool::Regions { folder, history } => tables::write_regions(&folder, history),
        Tool::Categories { folder, file } => tables::write_categories(&folder, &file),
        Tool::Dictionary { config, file } => make_dictionary(&config, &file),
        Tool::TextModel { folder, file } => model::write_model(&folder, &file),
    }?;
    Ok(writeln!(io::stdout().lock(), "{summary}")?)
}

/// The size of the dictionary. Measurements show that a larger one does not make real records smaller; it
/// only contains more sentences of the simulated city.
const DICTIONARY_BYTES: usize = 16 * 1024;
/// The number of demands that are read from the store together.
const PAGE_ROWS: u32 = 500;
/// The maximum number of samples of one channel; without it, nearly all would be from the hotline.
const MAX_SAMPLES_PER_CHANNEL: usize = 400;
/// Minimum number of samples in all.
const MIN_SAMPLES: usize = 400;

/// Trains a dictionary on the raw records in the store of the configuration folder `config`, and writes it
/// to `target`. Never overwrite a dictionary in use: a record can be read only with the dictionary that
/// compressed it.
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
            let channel_samples = samples.entry(row.demand.channel.clone()).or_default();
            if channel_samples.len() < MAX_SAMPLES_PER_CHANNEL {
                channel_samples.push(open_raw(&sealer, Place::from(&row.demand), &row.demand.raw)?);
            }
        }
    }
    let samples: Vec<Vec<u8>> = samples.into_values().flatten().collect();
    ensure!(samples.len() >= MIN_SAMPLES, "{} records are too few", samples.len());
    fs::write(target, zstd::dict::from_samples(&samples, DICTIONARY_BYTES)?)?;
    Ok(format!("{}: trained on {} records", target.display(), samples.len()))
}
