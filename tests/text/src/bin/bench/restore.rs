//! How many broken texts come back exactly.

use std::collections::BTreeMap;

use normalizer_text::repair;
use text_tests::peers;

use super::{corpus::Corpus, percent, say};

/// A line of `peers/breakages.py`: kind, text, broken text, what ftfy makes of it.
type Breakage = (String, String, String, Option<String>);

/// Texts of this many characters are long.
const LONG: usize = 12;
const SHORT: usize = 4;

#[derive(Default)]
struct Kind {
    n: usize,
    restored: usize,
    n_peer: usize,
    restored_peer: usize,
}

/// Prints a table; gives the bars that are missed.
pub(crate) fn measure(corpus: &Corpus) -> anyhow::Result<Vec<String>> {
    let texts = with_parts(&corpus.unseen);
    let mut kinds: Vec<String> = Vec::new();
    let mut found: BTreeMap<(String, bool), Kind> = BTreeMap::new();
    let mut peer = String::new();
    let program = include_str!("../../../peers/breakages.py");
    peers::run(program, &serde_json::to_vec(&texts)?, |line| {
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
    let mut missed = Vec::new();
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
        if of_long < 99.5 {
            missed.push(format!("{kind}: {of_long:.2} % of long texts restored, not 99.5"));
        }
        if of_short < 95.0 {
            missed.push(format!("{kind}: {of_short:.2} % of short texts restored, not 95"));
        }
    }
    Ok(missed)
}

/// Every text once; the breaking of a part is the breaking of the whole of a clause.
fn with_parts(texts: &[String]) -> Vec<&String> {
    texts.iter().collect()
}
