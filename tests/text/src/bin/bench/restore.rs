//! Measures how many broken texts are restored exactly.

use std::collections::BTreeMap;

use normalizer_text::repair;
use text_tests::peers;

use super::{corpus::Corpus, percent, say};

/// A line of `peers/breakages.py`: kind, text, broken text, and what ftfy makes of the broken text.
type Breakage = (String, String, String, Option<String>);

/// Texts with at least this many characters are long.
const LONG: usize = 12;
/// Texts with fewer characters are not counted.
const SHORT: usize = 4;

/// Counts of texts that are broken in the same way.
#[derive(Default)]
struct Counts {
    n: usize,
    restored: usize,
    /// The number of texts that ftfy had to repair.
    n_peer: usize,
    restored_peer: usize,
}

/// Prints a table. Returns a description of each quality target that is missed.
pub(crate) fn measure(corpus: &Corpus) -> anyhow::Result<Vec<String>> {
    let mut kinds: Vec<String> = Vec::new();
    let mut found: BTreeMap<(String, bool), Counts> = BTreeMap::new();
    let mut peer = String::new();
    let program = include_str!("../../../peers/breakages.py");
    peers::run(program, &serde_json::to_vec(&corpus.unseen)?, |line| {
        let Ok((kind, meant, broken, theirs)) = serde_json::from_str::<Breakage>(line) else {
            let (version, size, seconds): (String, f64, f64) = serde_json::from_str(line)?;
            peer = format!("ftfy {version} ({:.1} MB/s)", size / seconds / 1e6);
            return Ok(());
        };
        let n_chars = meant.chars().count();
        if n_chars < SHORT {
            return Ok(());
        }
        if !kinds.contains(&kind) {
            kinds.push(kind.clone());
        }
        let counts = found.entry((kind, n_chars >= LONG)).or_default();
        counts.n += 1;
        counts.restored += usize::from(repair(&broken).text == meant);
        if let Some(theirs) = theirs {
            counts.n_peer += 1;
            counts.restored_peer += usize::from(theirs == meant);
        }
        Ok(())
    })?;
    say(format_args!("| restored exactly, % | 12 characters or more | 4 to 11 | {peer}, all |"))?;
    say(format_args!("|---|---|---|---|"))?;
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    for kind in kinds {
        let long = found.remove(&(kind.clone(), true)).unwrap_or_default();
        let short = found.remove(&(kind.clone(), false)).unwrap_or_default();
        let (of_long, of_short) =
            (percent(long.restored, long.n), percent(short.restored, short.n));
        let (asked, theirs) =
            (long.n_peer + short.n_peer, long.restored_peer + short.restored_peer);
        say(format_args!(
            "| {kind} | {of_long:.2} of {} | {of_short:.2} of {} | {:.2} of {asked} |",
            long.n,
            short.n,
            percent(theirs, asked),
        ))?;
        totals.entry(breakage(&kind)).or_default().add(&long, &short);
    }
    let missed = totals.iter().flat_map(|(breakage, totals)| totals.missed(breakage));
    Ok(missed.collect())
}

/// The kind of breakage that a quality target is for, from that of a codec. One charset has several codecs.
fn breakage(kind: &str) -> String {
    let codecs = [("gb18030", "gbk"), ("cp936", "gbk"), ("GB18030", "GBK"), ("cp1252", "latin-1")];
    codecs.iter().fold(kind.to_owned(), |kind, (codec, charset)| kind.replace(codec, charset))
}

/// The numbers of restored texts and of all texts with one kind of breakage, with all codecs.
#[derive(Default)]
struct Totals {
    long: (usize, usize),
    short: (usize, usize),
}

impl Totals {
    fn add(&mut self, long: &Counts, short: &Counts) {
        self.long = (self.long.0 + long.restored, self.long.1 + long.n);
        self.short = (self.short.0 + short.restored, self.short.1 + short.n);
    }

    fn missed(&self, breakage: &str) -> Vec<String> {
        let parts = [("long", self.long, 99.5), ("short", self.short, 95.0)];
        let missed =
            parts.into_iter().filter(|(_, (part, all), target)| percent(*part, *all) < *target);
        missed
            .map(|(name, (part, all), target)| {
                format!("{breakage}: {part} of {all} {name} texts restored, less than {target} %")
            })
            .collect()
    }
}
