//! Reseals values that are sealed with older keys; the service may run at the same time.
//!
//! Each row is opened with the key that its ciphertext names, and sealed with the current one. Rows that
//! are sealed with the current key are skipped, so an interrupted run can be repeated. Old tokens stay
//! beside the new ones, so a person is found under either. A row that does not open is listed and left as it is.

use std::collections::BTreeSet;

use contract::{Fault, Sealed, demand::Person};
use normalizer::{OpenError, Personal, Place, Sealer, open_sealed};
use sink::store::{Database, RawTable, SealedRaw, SealedRow};

/// Number of rows in one transaction; the sink waits until the transaction ends.
const PAGE_ROWS: u32 = 200;
/// Maximum number of times that everything is gone through; each time leaves the rows that the sink writes
/// at the same time.
const MAX_RUNS: usize = 5;

/// What was resealed, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resealed {
    /// Number of demands.
    pub demands: u64,
    /// Number of raw records, in history and in quarantine.
    pub raws: u64,
    /// What does not open, and why.
    pub unopened: BTreeSet<String>,
}

/// Reseals everything that is sealed with an older key. If a process still seals with an older key, some
/// rows remain.
///
/// # Errors
/// The store cannot be reached.
pub async fn reseal_all(store: &Database, sealer: &Sealer) -> Result<Resealed, Fault> {
    let mut resealed = Resealed::default();
    for _ in 0..MAX_RUNS {
        let unopened = &mut resealed.unopened;
        let demands = demands(store, sealer, unopened).await?;
        let raws = raws(store, sealer, RawTable::History, unopened).await?
            + raws(store, sealer, RawTable::Quarantine, unopened).await?;
        resealed.demands += demands;
        resealed.raws += raws;
        if demands + raws == 0 {
            break;
        }
    }
    Ok(resealed)
}

/// Reseals the values of all demands once; returns the number of demands that were written.
async fn demands(
    store: &Database,
    sealer: &Sealer,
    unopened: &mut BTreeSet<String>,
) -> Result<u64, Fault> {
    let (mut after, mut written) = (0, 0);
    loop {
        let mut rows = store.sealed_rows(after, PAGE_ROWS).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        after = last.seq;
        rows.retain(|row| is_old(sealer, row));
        rows.retain_mut(|row| {
            let result = reseal(sealer, row);
            has_opened(result, unopened, || format!("demand {}", row.id))
        });
        if !rows.is_empty() {
            written += store.reseal_rows(&rows).await?;
        }
    }
}

/// Reseals the raw records of a table once; returns the number of records that were written.
async fn raws(
    store: &Database,
    sealer: &Sealer,
    table: RawTable,
    unopened: &mut BTreeSet<String>,
) -> Result<u64, Fault> {
    let (mut after, mut written) = (0, 0);
    loop {
        let mut rows = store.sealed_raws(table, after, PAGE_ROWS).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        after = last.seq;
        rows.retain(|row| sealer.is_old(&row.raw));
        rows.retain_mut(|row| {
            let SealedRaw { id, channel, raw, .. } = row;
            let place = Place { channel, id };
            let opened = sealer.open(place, normalizer::RAW, raw);
            let result = opened.map(|bytes| *raw = sealer.seal(place, normalizer::RAW, &bytes));
            has_opened(result, unopened, || format!("the record of {id}"))
        });
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

/// Whether it has opened; otherwise lists it.
fn has_opened(
    result: Result<(), OpenError>,
    unopened: &mut BTreeSet<String>,
    name: impl Fn() -> String,
) -> bool {
    if let Err(error) = &result {
        unopened.insert(format!("{}: {error}", name()));
    }
    result.is_ok()
}
