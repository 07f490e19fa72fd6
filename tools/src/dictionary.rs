//! The dictionary that raw records are compressed with, made of the invented records that a demo
//! stored. One in use never changes: a record is read with the dictionary that compressed it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::ensure;
use contract::Timestamp;
use gateway::assemble;
use normalizer::{Place, Sealer, open_raw};

/// Larger ones know the sandbox's sentences by heart, and real ones no better (measured).
const SIZE: usize = 16 * 1024;
const PAGE: u32 = 500;
/// Of each channel, or the hotline's many records would fill it alone.
const OF_A_CHANNEL: usize = 400;

/// Makes a dictionary of the records in the store that `config` names.
#[tokio::main]
pub(crate) async fn make(config: &Path, target: &Path) -> anyhow::Result<String> {
    let settings = assemble::settings_without_secrets(config)?;
    let (store, keys) = assemble::open(&settings).await?;
    let sealer = Sealer::new(&keys);
    let (mut after, mut samples) = (0, BTreeMap::<_, Vec<Vec<u8>>>::new());
    loop {
        let page = store.demands(after, Timestamp::UNIX_EPOCH, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, row) in &page {
            let of_channel = samples.entry(row.demand.channel.clone()).or_default();
            if of_channel.len() < OF_A_CHANNEL {
                of_channel.push(open_raw(&sealer, Place::from(&row.demand), &row.demand.raw)?);
            }
        }
    }
    let samples: Vec<Vec<u8>> = samples.into_values().flatten().collect();
    ensure!(samples.len() >= OF_A_CHANNEL, "{} records are too few", samples.len());
    fs::write(target, zstd::dict::from_samples(&samples, SIZE)?)?;
    Ok(format!("{}: of {} records", target.display(), samples.len()))
}
