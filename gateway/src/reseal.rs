//! Sealing again what older keys have sealed, beside the running service.
//!
//! Each row is opened with the key that its ciphertext names and sealed with the one in use; a row
//! that is sealed with it already is passed over, so that a run that was cut off is simply run
//! again. Old tokens stay beside the new ones: a person is found under either while it lasts.

use contract::{Fault, Sealed};
use normalizer::{OpenError, Personal, Place, Sealer, open_sealed};
use sink::store::{Database, RawOf, SealedRaw, SealedRow};

/// Rows of one transaction: a sink waits for it.
const ROWS: u32 = 200;
/// A row that a sink writes meanwhile is left for the next pass.
const PASSES: usize = 5;

/// What was sealed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resealed {
    /// Demands.
    pub demands: u64,
    /// Records behind them and in quarantine.
    pub raws: u64,
}

/// Seals everything again that is sealed with an older key.
///
/// # Errors
/// The store cannot be reached, or a value does not open.
pub async fn all(store: &Database, sealer: &Sealer) -> Result<Resealed, Fault> {
    let mut done = Resealed::default();
    for _ in 0..PASSES {
        let demands = demands(store, sealer).await?;
        let raws = raws(store, sealer, RawOf::History).await?
            + raws(store, sealer, RawOf::Quarantine).await?;
        done.demands += demands;
        done.raws += raws;
        if demands + raws == 0 {
            break;
        }
    }
    Ok(done)
}

async fn demands(store: &Database, sealer: &Sealer) -> Result<u64, Fault> {
    let (mut after, mut written) = (0, 0);
    loop {
        let mut rows = store.sealed_rows(after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        after = last.seq;
        rows.retain(|row| is_old(sealer, row));
        for row in &mut rows {
            again(sealer, row).map_err(|error| unopened(row.seq, error))?;
        }
        if !rows.is_empty() {
            written += store.reseal_rows(&rows).await?;
        }
    }
}

async fn raws(store: &Database, sealer: &Sealer, of: RawOf) -> Result<u64, Fault> {
    let (mut after, mut written) = (0, 0);
    loop {
        let mut rows = store.sealed_raws(of, after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        after = last.seq;
        rows.retain(|row| sealer.is_old(&row.raw));
        for row in &mut rows {
            let SealedRaw { id, channel, raw, .. } = row;
            *raw = sealer
                .open(channel, id, normalizer::RAW, raw)
                .map(|bytes| sealer.seal(channel, id, normalizer::RAW, &bytes))
                .map_err(|error| unopened(row.seq, error))?;
        }
        if !rows.is_empty() {
            written += store.reseal_raws(of, &rows).await?;
        }
    }
}

fn is_old(sealer: &Sealer, row: &SealedRow) -> bool {
    let people = row.people.iter().flat_map(|person| [&person.name, &person.phone, &person.id_no]);
    let values = people.chain([&row.address]).flatten().map(|sealed| &sealed.sealed);
    values.chain(&row.unmasked).any(|sealed| sealer.is_old(sealed))
}

fn again(sealer: &Sealer, row: &mut SealedRow) -> Result<(), OpenError> {
    let SealedRow { id, channel, address, people, unmasked, .. } = row;
    let place = Place { channel, id };
    let value = |field: &str, make: fn(&str) -> Personal, value: &mut Option<Sealed>| {
        if let Some(sealed) = value {
            let plain = open_sealed(sealer, place, field, sealed)?;
            let again = sealer.seal_personal(channel, id, field, &make(&plain));
            // What was no identity stays none, whatever is read from it today.
            let token = again.token.filter(|_| sealed.token.is_some());
            *sealed = Sealed { mask: sealed.mask.clone(), token, sealed: again.sealed };
        }
        Ok(())
    };
    value("address", Personal::address, address)?;
    for (index, person) in people.iter_mut().enumerate() {
        value(&format!("people.{index}.name"), Personal::name, &mut person.name)?;
        value(&format!("people.{index}.phone"), Personal::phone, &mut person.phone)?;
        value(&format!("people.{index}.id_no"), Personal::id_no, &mut person.id_no)?;
    }
    if let Some(sealed) = unmasked {
        let plain = sealer.open(channel, id, normalizer::UNMASKED, sealed)?;
        *sealed = sealer.seal(channel, id, normalizer::UNMASKED, &plain);
    }
    Ok(())
}

fn unopened(seq: i64, error: OpenError) -> Fault {
    Fault::stopped("a sealed value does not open")
        .at(format!("row {seq}"))
        .because(error)
        .remedy("add the key it names to the key file")
}
