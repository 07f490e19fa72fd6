//! Real texts through the hotline: written into its tables as GBK bytes (GB18030 where GBK cannot),
//! pulled, mapped, sealed, stored, opened again, and compared with what was written.

use std::{fmt, path::Path};

use anyhow::Context;
use contract::demand::QualityFlag;
use normalizer::{Place, Sealer, open_unmasked};
use normalizer_text::{Profile, clean};
use sandbox::{Clock, Corpus, CorpusText, Gbk, Settings, Storage};

use crate::world::World;

/// Bytes of the hotline's title and content columns, where it has limits.
const TITLE: usize = 400;
const CONTENT: usize = 4_000;

/// What arrived of a corpus.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Texts sent.
    pub texts: usize,
    /// Those that plain GBK cannot write.
    pub beyond_gbk: usize,
    /// Those whose content takes more than 4,000 bytes.
    pub over_4000: usize,
    /// Demands whose content is flagged `truncated`.
    pub truncated: usize,
    /// Positions of texts that did not arrive, or not as they were sent.
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
        report.over_4000 += usize::from(bytes > CONTENT);
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
        let sent =
            (expected(&piece.title, TITLE, storage), expected(&piece.content, CONTENT, storage));
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

/// The text after the declared cleaning; cut before, where the column is narrow. Read back by the
/// city itself: our own reader cannot be its own witness.
fn expected(text: &str, width: usize, storage: Storage) -> String {
    let bytes = Gbk::new(text);
    let kept = match storage {
        Storage::Clob => bytes.bytes(),
        Storage::Varchar4000 => &bytes.bytes()[..bytes.bytes().len().min(width)],
    };
    let text = Gbk::from_bytes(kept).read().unwrap_or_default();
    clean(&text, Profile::Html).text.into_owned()
}

/// Whether two-byte GBK has every character; four-byte sequences begin like two-byte ones but go on
/// with a digit.
fn fits_gbk(text: &str) -> bool {
    text.chars().all(|c| Gbk::new(c.encode_utf8(&mut [0; 4])).bytes().len() <= 2)
}
