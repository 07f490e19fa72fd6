//! Reads one file as a channel would, and prints how many records it holds and how much memory that
//! took: `cargo run -p connector-files --example peak -- messages.xlsx '$.留言编号'`.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::{error::Error, path::PathBuf};

use connector_files::Files;
use contract::{Connector as _, ConnectorContext, Entry};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("name a file")?);
    let key = arguments.next().ok_or("name the path of a record's key")?;
    let name = path.file_name().ok_or("name a file")?.to_string_lossy().into_owned();
    let settings = json!({
        "url": path.parent().ok_or("name a file in a folder")?, "match": [name], "key": key,
        "revision": { "at": key }, "stable": "0s",
    });
    let context = ConnectorContext::new("peak".parse()?, chrono_tz::Asia::Shanghai);
    let mut files = Files::build(serde_json::from_value(settings)?, context)?;
    let (mut at, mut n_records, mut n_rejects) = (None, 0_u64, 0_u64);
    loop {
        let batch = files.read(at.as_ref(), 500).await?;
        for entry in &batch.entries {
            match entry {
                Entry::Record(_) => n_records += 1,
                Entry::Unreadable { reason, .. } => {
                    n_rejects += 1;
                    println!("{}: {}", reason.code, reason.detail);
                }
            }
        }
        if batch.caught_up {
            break;
        }
        at = Some(batch.upto);
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("VmHWM: unknown");
    println!("{n_records} records, {n_rejects} rejects, {peak}");
    Ok(())
}
