//! Reseals values that are sealed with older keys; the service may run at the same time.
//!
//! Each row is opened with the key that its ciphertext names, and sealed with the current one. Rows that
//! are sealed with the current key are skipped, so an interrupted run can be repeated. Old tokens stay
//! beside the new ones, so a person is found under either.

use contract::{Fault, Sealed, demand::Person};
use normalizer::{OpenError, Personal, Place, Sealer, open_sealed};
use sink::store::{Database, RawTable, SealedRaw, SealedRow};

/// Number of rows in one transaction; the sink waits until the transaction ends.
const PAGE_ROWS: u32 = 200;
/// Maximum number of times that everything is gone through; each time leaves the rows that the sink writes
/// at the same time.
const MAX_RUNS: usize = 5;

/// How much was resealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResealCounts {
    /// Number of demands.
    pub demands: u64,
    /// Number of raw records, in history and in quarantine.
    pub raws: u64,
}

/// Reseals everything that is sealed with an older key. If a process still seals with an older key, some
/// rows remain.
///
/// # Errors
/// The store cannot be reached, or a value cannot be decrypted.
pub async fn reseal_all(store: &Database, sealer: &Sealer) -> Result<ResealCounts, Fault> {
    let mut counts = ResealCounts::default();
    for _ in 0..MAX_RUNS {
        let demands = demands(store, sealer).await?;
        let raws = raws(store, sealer, RawTable::History).await?
            + raws(store, sealer, RawTable::Quarantine).await?;
        counts.demands += demands;
        counts.raws += raws;
        if demands + raws == 0 {
            break;
        }
    }
    Ok(counts)
}

/// Reseals the values of all demands once; returns the number of demands that were written.
async fn demands(store: &Database, sealer: &Sealer) -> Result<u64, Fault> {
    let (mut after, mut written) = (0, 0);
    loop {
        let mut rows = store.sealed_rows(after, PAGE_ROWS).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        after = last.seq;
        rows.retain(|row| is_old(sealer, row));
        for row in &mut rows {
            reseal(sealer, row).map_err(|error| open_fault(row.seq, error))?;
        }
        if !rows.is_empty() {
            written += store.reseal_rows(&rows).await?;
        }
    }
}

/// Reseals the raw records of a table once; returns the number of records that were written.
async fn raws(store: &Database, sealer: &Sealer, table: RawTable) -> Result<u64, Fault> {
    let (mut after, mut written) = (0, 0);
    loop {
        let mut rows = store.sealed_raws(table, after, PAGE_ROWS).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        after = last.seq;
        rows.retain(|row| sealer.is_old(&row.raw));
        for row in &mut rows {
            let SealedRaw { id, channel, raw, .. } = row;
            let place = Place { channel, id };
            *raw = sealer
                .open(place, normalizer::RAW, raw)
                .map(|bytes| sealer.seal(place, normalizer::RAW, &bytes))
                .map_err(|error| open_fault(row.seq, error))?;
        }
        if !rows.is_empty() {
            written += store.reseal_raws(table, &rows).await?;
        }
    }
}

/// Whether a value of the row is sealed with an older key.
fn is_old(sealer: &Sealer, row: &SealedRow) -> bool {
    let people = row.people.iter().flat_map(|person| [&person.name, &person.phone, &person.id_no]);
    let values = people.chain([&row.address]).flatten().map(|sealed| &sealed.sealed);
    values.chain(&row.unmasked).any(|sealed| sealer.is_old(sealed))
}

/// Seals all values of a row with the current key.
fn reseal(sealer: &Sealer, row: &mut SealedRow) -> Result<(), OpenError> {
    let SealedRow { id, channel, address, people, unmasked, .. } = row;
    let place = Place { channel, id };
    visit_values(address, people, |field, sealed, make| {
        let value = make(&open_sealed(sealer, place, field, sealed)?);
        let resealed = sealer.seal_personal(place, field, &value);
        // A value without a token does not identify a person, and must not get a token now.
        let token = resealed.token.filter(|_| sealed.token.is_some());
        *sealed = Sealed { mask: sealed.mask.clone(), token, sealed: resealed.sealed };
        Ok(())
    })?;
    if let Some(sealed) = unmasked {
        let plain = sealer.open(place, normalizer::UNMASKED, sealed)?;
        *sealed = sealer.seal(place, normalizer::UNMASKED, &plain);
    }
    Ok(())
}

/// Calls `visit` for every personal value of a row, with its field, the sealed value, and the function
/// that parses values of its kind.
pub(crate) fn visit_values(
    address: &mut Option<Sealed>,
    people: &mut [Person],
    mut visit: impl FnMut(&str, &mut Sealed, fn(&str) -> Personal) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    for (index, Person { name, phone, id_no, .. }) in people.iter_mut().enumerate() {
        let mut value = |kind: &str, sealed: &mut Option<Sealed>, make| {
            let field = format!("people.{index}.{kind}");
            sealed.iter_mut().try_for_each(|sealed| visit(&field, sealed, make))
        };
        value("name", name, Personal::name)?;
        value("phone", phone, Personal::phone)?;
        value("id_no", id_no, Personal::id_no)?;
    }
    address.iter_mut().try_for_each(|sealed| visit("address", sealed, Personal::address))
}

fn open_fault(seq: i64, error: OpenError) -> Fault {
    Fault::stopped("cannot decrypt a sealed value")
        .at(format!("row {seq}"))
        .because(error)
        .remedy("restore a backup of the key file that contains this key")
}
