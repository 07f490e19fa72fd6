//! Makes the files that are shipped and not written by hand: code tables, the dictionary for raw
//! records and the model of plausible characters. `cargo xtask tool` runs it.

mod dictionary;
mod model;
mod tables;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Parser;

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
        Tool::Dictionary { config, file } => dictionary::make(&config, &file),
        Tool::TextModel { folder, file } => model::make(&folder, &file),
    }?;
    Ok(writeln!(io::stdout().lock(), "{done}")?)
}
