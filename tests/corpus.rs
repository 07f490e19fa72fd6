//! Feeds real texts to the simulated hotline, which has them in its tables as GBK bytes (GB18030 if GBK
//! lacks a character); runs the gateway; and compares the decrypted texts in the store.

use std::{fmt, path::Path};

use anyhow::Context;
use contract::demand::QualityFlag;
use normalizer::{Sealer, open_unmasked};
use normalizer_text::{Profile, clean};
use sandbox::{Clock, Corpus, CorpusText, Gbk, Settings, Storage};

use crate::world::World;

/// The maximum size of the title column of the hotline in bytes, unless it is a CLOB.
const MAX_TITLE_BYTES: usize = 400;
/// The same for the content column.
const MAX_CONTENT_BYTES: usize = 4_000;

/// What became of the texts of a corpus.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of texts.
    pub texts: usize,
    /// Texts with a character that GBK lacks.
    pub beyond_gbk: usize,
    /// Texts whose content takes more than 4,000 bytes.
    pub over_4000: usize,
    /// Demands whose content is flagged `truncated`.
    pub truncated: usize,
    /// The positions of texts that are not in the store, or were altered.
    pub altered: Vec<usize>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} texts, {} beyond GBK, {} over 4,000 bytes, {} flagged truncated, {} altered",
            self.texts,
            self.beyond_gbk,
            self.over_4000,
            self.truncated,
            self.altered.len()
        )
    }
}

/// Feeds the texts of a JSON lines file to a hotline with this storage, and runs the gateway.
///
/// # Errors
/// The file cannot be read, or the gateway failed.
pub async fn send(file: &Path, storage: Storage) -> anyhow::Result<Report> {
    let corpus = Corpus::from_jsonl(file)?;
    let Corpus::Texts(texts) = &corpus else { anyhow::bail!("{}: no texts", file.display()) };
    let texts = texts.clone();
    let mut settings = Settings::new(1, Clock::machine());
    settings.storage = storage;
    settings.corpus = corpus;
    let world = World::open(settings).await?;
    if storage == Storage::Clob {
        world.edit_channel("RQSTCONTENT = 4000, RQSTTITLE = 400, ", "")?;
    }
    let keys = world.hotline.file(texts.len() as u64).await?;
    anyhow::ensure!(keys.len() == texts.len(), "{} of {} texts filed", keys.len(), texts.len());
    world.pull().await?;
    compare(&world, storage, &keys, &texts).await
}

async fn compare(
    world: &World,
    storage: Storage,
    keys: &[String],
    texts: &[CorpusText],
) -> anyhow::Result<Report> {
    let (store, sealing) = world.store().await?;
    let sealer = Sealer::new(&sealing);
    let channel = "hotline".parse()?;
    let mut report = Report { texts: texts.len(), ..Report::default() };
    for (index, (key, text)) in keys.iter().zip(texts).enumerate() {
        let bytes = Gbk::new(&text.content).bytes().len();
        report.over_4000 += usize::from(bytes > MAX_CONTENT_BYTES);
        report.beyond_gbk += usize::from(!fits_gbk(&text.content) || !fits_gbk(&text.title));
        let Some(demand) = store.current(&channel, &contract::RecordKey::new(key)).await? else {
            report.altered.push(index);
            continue;
        };
        let unmasked = open_unmasked(&sealer, &demand).with_context(|| format!("text {index}"))?;
        let shown = |path: &str, masked: &Option<String>| {
            unmasked.get(path).or(masked.as_ref()).cloned().unwrap_or_default()
        };
        let arrived = (shown("title", &demand.body.title), shown("content", &demand.body.content));
        let sent = (
            expected(&text.title, MAX_TITLE_BYTES, storage),
            expected(&text.content, MAX_CONTENT_BYTES, storage),
        );
        if arrived != sent {
            report.altered.push(index);
        }
        let is_truncated = demand
            .body
            .quality
            .iter()
            .any(|note| note.field == "content" && note.flag == QualityFlag::Truncated);
        report.truncated += usize::from(is_truncated);
    }
    Ok(report)
}

/// The text that the store must contain: cut to the width of the column, and then cleaned as configured.
/// The city's decoder decodes the bytes, because the gateway's decoder cannot check itself.
fn expected(text: &str, width: usize, storage: Storage) -> String {
    let bytes = Gbk::new(text);
    let kept = match storage {
        Storage::Clob => bytes.bytes(),
        Storage::Varchar4000 => &bytes.bytes()[..bytes.bytes().len().min(width)],
    };
    let text = Gbk::from_bytes(kept).read().unwrap_or_default();
    clean(&text, Profile::Html).text.into_owned()
}

/// Whether GBK has every character: GB18030 needs four bytes for a character that GBK lacks.
fn fits_gbk(text: &str) -> bool {
    text.chars().all(|c| Gbk::new(c.encode_utf8(&mut [0; 4])).bytes().len() <= 2)
}
