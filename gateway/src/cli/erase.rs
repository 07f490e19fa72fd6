//! `tonghui erase --token T`: erases a person's values on a lawful request.
//!
//! It removes them from demands, raw records and quarantine, in one transaction with the entry in the
//! audit log. It finds demands by the index of people, so it first waits until everything stored so far
//! is indexed. The sources stay unchanged: a record that changes there brings its values back.

use normalizer::{OpenError, Personal, Place, Sealer, open_raw, open_sealed};
use sink::store::{Database, Erasure, Index, RawTable, SealedRow};

use super::{Context, Exit, audit, out};
use crate::{assemble, indexer, reseal::visit_values};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The person's token, as stored beside a masked value.
    #[arg(long)]
    token: String,
    /// Reason, such as the number of the request, for the audit log.
    #[arg(long, default_value = "")]
    reason: String,
}

/// Number of rows of quarantine that are read at a time.
const PAGE_ROWS: u32 = 200;

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings(&context.config)?;
    super::runtime()?.block_on(async {
        let (store, keys) = assemble::open(&settings).await?;
        let sealer = Sealer::new(&keys);
        Box::pin(indexer::wait_until_covered(&store, Index::People, |rows| {
            out::note(format!("waiting until index `people` covers {rows} more rows of history"));
        }))
        .await?;
        let (tokens, numbers) = tokens_and_numbers(&store, &sealer, &args.token).await?;
        let quarantine = find_in_quarantine(&store, &sealer, &numbers).await?;
        let entry = audit::entry("erase", &args.token, args.reason.clone());
        let erased = store.erase(&Erasure { tokens, quarantine, entry }).await?;
        out::show(context.format, &erased, |erased| {
            format!(
                "erased from {} demands, {} records and {} rows of quarantine",
                erased.demands, erased.raws, erased.quarantined
            )
        })
    })
}

/// Finds the person with this token. Returns the tokens of the same value under all keys, because keys may
/// be rotated at this moment, and the person's telephone and identity numbers. Names are not used, because
/// several persons may have the same name.
async fn tokens_and_numbers(
    store: &Database,
    sealer: &Sealer,
    token: &str,
) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let (mut tokens, mut numbers) = (vec![token.to_owned()], Vec::new());
    for row in store.sealed_rows_of(token).await? {
        let values = open_values(sealer, row)?;
        let n_before = tokens.len();
        for tokens_of_value in values.iter().map(|value| sealer.tokens(value)) {
            if tokens_of_value.iter().any(|each| each == token) {
                tokens.extend(tokens_of_value);
            }
        }
        if tokens.len() > n_before {
            let is_number = |value: &Personal| {
                matches!(value.kind(), "phone" | "id_no") && value.identity().is_some()
            };
            let own_numbers = values.into_iter().filter(is_number);
            numbers.extend(own_numbers.map(|value| value.plain().replace('-', "")));
        }
    }
    tokens.sort_unstable();
    tokens.dedup();
    Ok((tokens, numbers))
}

/// The `seq` of each row of quarantine that contains one of these telephone or identity numbers.
async fn find_in_quarantine(
    store: &Database,
    sealer: &Sealer,
    numbers: &[String],
) -> anyhow::Result<Vec<i64>> {
    let mut seqs = Vec::new();
    let mut after = 0;
    loop {
        let rows = store.sealed_raws(RawTable::Quarantine, after, PAGE_ROWS).await?;
        let Some(last) = rows.last() else { return Ok(seqs) };
        after = last.seq;
        for row in rows {
            let place = Place { channel: &row.channel, id: &row.id };
            // If a row cannot be decrypted, no one can read the numbers in it.
            let Ok(bytes) = open_raw(sealer, place, &row.raw) else { continue };
            let text = String::from_utf8_lossy(&bytes).replace('-', "");
            if numbers.iter().any(|number| text.contains(number.as_str())) {
                seqs.push(row.seq);
            }
        }
    }
}

/// All personal values of a row, decrypted.
fn open_values(sealer: &Sealer, row: SealedRow) -> Result<Vec<Personal>, OpenError> {
    let SealedRow { id, channel, mut address, mut people, .. } = row;
    let place = Place { channel: &channel, id: &id };
    let mut values = Vec::new();
    visit_values(&mut address, &mut people, |field, sealed, make| {
        values.push(make(&open_sealed(sealer, place, field, sealed)?));
        Ok(())
    })?;
    Ok(values)
}
