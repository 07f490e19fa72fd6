//! Feeds message files to the simulated hotline, runs the gateway, and prints how many texts the store has
//! unaltered. `cargo xtask corpus DIR` runs it.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use sandbox::Storage;
use system_tests::corpus::send;

/// Feed every .jsonl file of a folder to the simulated hotline, in both kinds of storage.
#[derive(Parser)]
struct Args {
    /// The folder with files of JSON lines with the keys 留言主题 and 留言详情, or title and content.
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let place = || args.folder.display().to_string();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&args.folder).with_context(place)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    anyhow::ensure!(!files.is_empty(), "{} contains no .jsonl file", args.folder.display());

    let (mut altered, mut passed) = (0, 0);
    for file in &files {
        for (name, storage) in [("CLOB", Storage::Clob), ("VARCHAR(4000)", Storage::Varchar4000)] {
            let report = send(file, storage).await?;
            let shown = file.file_name().unwrap_or_default().display();
            writeln!(std::io::stdout().lock(), "{shown} as {name}: {report}")?;
            let wrong_flags = match storage {
                Storage::Clob => report.truncated != 0,
                Storage::Varchar4000 => report.truncated < report.over_4000,
            };
            altered += report.altered.len() + usize::from(wrong_flags);
            passed += report.texts - report.altered.len();
        }
    }
    writeln!(std::io::stdout().lock(), "{passed} passed, {altered} failed")?;
    Ok(if altered == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
