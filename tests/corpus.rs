//! Sends real texts through the hotline: writes them into its tables as GBK bytes (GB18030 if GBK lacks a
//! character), reads, maps, seals and stores them, opens them again, and compares.

use std::{fmt, path::Path};

use anyhow::Context;
use contract::demand::QualityFlag;
use normalizer::{Place, Sealer, open_unmasked};
use normalizer_text::{Profile, clean};
use sandbox::{Clock, Corpus, CorpusText, Gbk, Settings, Storage};

use crate::world::World;

/// Maximum size of the title and content columns of the hotline in bytes, if it has limits.
const MAX_TITLE: usize = 400;
const MAX_CONTENT: usize = 4_000;

/// How many texts of a corpus arrived, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of texts that were sent.
    pub texts: usize,
    /// Texts with a character that GBK lacks.
    pub beyond_gbk: usize,
    /// Texts whose content takes more than 4,000 bytes.
    pub over_4000: usize,
    /// Demands whose content is flagged `truncated`.
    pub truncated: usize,
    /// Positions of texts that did not arrive, or were altered.
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

/// Sends the texts of a JSON lines file through a hotline with this storage.
///
/// # Errors
/// The file cannot be read, or the gateway failed.
pub async fn send(file: &Path, storage: Storage) -> anyhow::Result<Report> {
    let corpus = Corpus::from_jsonl(file)?;
    let Corpus::Texts(pieces) = &corpus else { anyhow::bail!("{}: no texts", file.display()) };
    let pieces = pieces.clone();
    let mut settings = Settings::new(1, Clock::machine());
    settings.storage = storage;
    settings.corpus = corpus;
    let world = World::open(settings).await?;
    if storage == Storage::Clob {
        world.edit_channel("RQSTCONTENT = 4000, RQSTTITLE = 400, ", "")?;
    }
    let keys = world.hotline.file(pieces.len() as u64).await?;
    anyhow::ensure!(keys.len() == pieces.len(), "{} of {} texts filed", keys.len(), pieces.len());
    world.pull().await?;
    compare(&world, storage, &keys, &pieces).await
}

async fn compare(
    world: &World,
    storage: Storage,
    keys: &[String],
    pieces: &[CorpusText],
) -> anyhow::Result<Report> {
    let (store, sealing) = world.store().await?;
    let sealer = Sealer::new(&sealing);
    let channel = "hotline".parse()?;
    let mut report = Report { texts: pieces.len(), ..Report::default() };
    for (index, (key, piece)) in keys.iter().zip(pieces).enumerate() {
        let bytes = Gbk::new(&piece.content).bytes().len();
        report.over_4000 += usize::from(bytes > MAX_CONTENT);
        report.beyond_gbk += usize::from(!fits_gbk(&piece.content) || !fits_gbk(&piece.title));
        let Some(demand) = store.current(&channel, &contract::RecordKey::new(key)).await? else {
            report.altered.push(index);
            continue;
        };
        let unmasked = match &demand.body.unmasked {
            Some(sealed) => open_unmasked(&sealer, Place::from(&demand), sealed)
                .with_context(|| format!("text {index}"))?,
            None => Default::default(),
        };
        let shown = |path: &str, masked: &Option<String>| {
            unmasked.get(path).or(masked.as_ref()).cloned().unwrap_or_default()
        };
        let arrived = (shown("title", &demand.body.title), shown("content", &demand.body.content));
        let sent = (
            expected(&piece.title, MAX_TITLE, storage),
            expected(&piece.content, MAX_CONTENT, storage),
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

/// The text as it should arrive: cut to the width of the column, and then cleaned as configured. The city
/// itself decodes the bytes, because the decoder under test cannot check itself.
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
