//! Reads and writes sealed values for code that has the keys, which seals them again with new keys or erases
//! a person. The store itself cannot open them.

use std::{borrow::Cow, collections::BTreeMap};

use contract::{ChannelId, DemandId, Fault, Sealed, SealedBytes, Timestamp, demand::Person};
use serde::Serialize;
use sqlx::Error;

use super::{
    Database,
    database::{
        sql::{Columns, NO_ROWS, Value},
        transaction::Transaction,
    },
    demands::index::{self, Index, Tokens, change_tokens},
};

/// The sealed values of one demand.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedRow {
    /// The number of the row.
    pub seq: i64,
    /// The id of the demand, to which its values are bound.
    pub id: DemandId,
    /// Its channel.
    pub channel: ChannelId,
    /// The version that was read: the row is written only if it still has this version.
    version: (i64, i64, i64),
    /// The address.
    pub address: Option<Sealed>,
    /// The people.
    pub people: Vec<Person>,
    /// Texts before masking.
    pub unmasked: Option<SealedBytes>,
}

/// A record as its source sent it, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRaw {
    /// The number of the row.
    pub seq: i64,
    /// The id of the demand to which it is bound.
    pub id: DemandId,
    /// Its channel.
    pub channel: ChannelId,
    /// The bytes.
    pub raw: SealedBytes,
}

/// A table that keeps sealed records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawTable {
    /// The records of history.
    History,
    /// The records in quarantine.
    Quarantine,
}

/// What to erase, and how to log it.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The tokens of the person: one for each key.
    pub tokens: Vec<String>,
    /// Rows of quarantine that hold values of the person; only code that has the keys can find them.
    pub quarantine: Vec<i64>,
    /// The entry for the audit log.
    pub entry: AuditEntry,
}

/// What an erasure has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// Demands that named the person.
    pub demands: u64,
    /// Records as their sources sent them.
    pub raws: u64,
    /// Rows of quarantine.
    pub quarantined: u64,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// The time.
    pub at: Timestamp,
    /// The name of an account, or of a user of this machine.
    pub who: String,
    /// `reveal`, `erase`, `rotate`, …
    pub action: String,
    /// Names, ids and tokens; never a personal value.
    pub subject: String,
    /// Numbers and reasons.
    pub detail: String,
}

impl SealedRow {
    /// Every token of the row.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        let people =
            self.people.iter().flat_map(|person| [&person.name, &person.phone, &person.id_no]);
        people.chain([&self.address]).flatten().filter_map(|sealed| sealed.token.as_deref())
    }

    /// Removes the person with one of these tokens from the row; returns the tokens that the row no longer
    /// has. If it finds the person, it removes all unmasked texts too: they are one ciphertext.
    fn forget(&mut self, tokens: &[String]) -> Vec<String> {
        let mut removed = tokens.to_vec();
        let has = |sealed: &Option<Sealed>| {
            let token = sealed.as_ref().and_then(|sealed| sealed.token.as_ref());
            token.is_some_and(|token| tokens.contains(token))
        };
        let mut is_found = false;
        for person in &mut self.people {
            if has(&person.name) || has(&person.phone) || has(&person.id_no) {
                let values = [person.name.take(), person.phone.take(), person.id_no.take()];
                removed.extend(values.into_iter().flatten().filter_map(|sealed| sealed.token));
                person.gender = None;
                is_found = true;
            }
        }
        if is_found || has(&self.address) {
            removed.extend(self.address.take().and_then(|address| address.token));
            self.unmasked = None;
        }
        // Another person of the demand may have the same token.
        let kept: Vec<String> = self.tokens().map(str::to_owned).collect();
        removed.retain(|token| !kept.contains(token));
        removed
    }
}

impl Database {
    /// Demands with sealed values, after the row `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sealed_rows(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Fault> {
        let values = [after.into(), i64::from(limit).into()];
        self.query("read sealed values", ROWS, &values, SealedRow::read).await
    }

    /// Demands that name the person with this token.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sealed_rows_of(&self, token: &str) -> Result<Vec<SealedRow>, Fault> {
        self.query("read sealed values", ROWS_OF, &[token.into()], SealedRow::read).await
    }

    /// Writes rows that were sealed again, and adds their new tokens to the old ones. A row whose version
    /// has changed is not written. Returns the number of rows that were written.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn reseal_rows(&self, rows: &[SealedRow]) -> Result<u64, Fault> {
        let mut tx = self.begin("seal values again").await?;
        index::lock_index(&mut tx, Index::People).await?;
        let mut n_written = 0;
        for row in rows {
            if write_row(&mut tx, row).await? {
                n_written += 1;
                for token in row.tokens() {
                    tx.execute(ADD_TOKEN, &[token.into(), row.seq.into()]).await?;
                }
                let tokens = Tokens::new(&row.people, row.address.as_ref());
                change_tokens(&mut tx, row.seq, |state_tokens| state_tokens.add(&tokens)).await?;
            }
        }
        tx.commit().await?;
        Ok(n_written)
    }

    /// Records as their sources sent them, after the row `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sealed_raws(
        &self,
        table: RawTable,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRaw>, Fault> {
        let values = [after.into(), i64::from(limit).into()];
        let read = |row: &dyn Columns| {
            Ok(SealedRaw {
                seq: row.some_int("seq")?,
                id: row.demand_id()?,
                channel: row.channel()?,
                raw: row.sealed("raw")?.unwrap_or(SealedBytes(Vec::new())),
            })
        };
        self.query("read records", table.raws(), &values, read).await
    }

    /// Writes records that were sealed again; returns their number.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn reseal_raws(&self, table: RawTable, rows: &[SealedRaw]) -> Result<u64, Fault> {
        let mut tx = self.begin("seal records again").await?;
        let mut n_written = 0;
        for row in rows {
            let values = [row.seq.into(), row.raw.0.as_slice().into()];
            n_written += tx.execute(table.set_raw(), &values).await?;
        }
        tx.commit().await?;
        Ok(n_written)
    }

    /// Removes a person from everything in the store, and writes an entry of the audit log, in one
    /// transaction.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn erase(&self, erasure: &Erasure) -> Result<Erased, Fault> {
        let mut tx = self.begin_exclusive("erase a person").await?;
        index::lock_index(&mut tx, Index::People).await?;
        let mut erased = Erased::default();
        let mut named = BTreeMap::new();
        for token in &erasure.tokens {
            let rows = tx.query(LOCK_ROWS_OF, &[token.as_str().into()], SealedRow::read).await?;
            named.extend(rows.into_iter().map(|row| (row.seq, row)));
        }
        for mut row in named.into_values() {
            let removed = row.forget(&erasure.tokens);
            erased.demands += u64::from(write_row(&mut tx, &row).await?);
            for token in &removed {
                tx.execute(DROP_TOKEN, &[token.as_str().into(), row.seq.into()]).await?;
            }
            let is_kept = |token: &String| !removed.contains(token);
            change_tokens(&mut tx, row.seq, |tokens| tokens.retain(is_kept)).await?;
            erased.raws += tx.execute(DROP_RAWS, &[row.seq.into()]).await?;
            erased.quarantined += tx.execute(FORGET_REJECT, &[Value::Id(row.id)]).await?;
        }
        for seq in &erasure.quarantine {
            erased.quarantined += tx.execute(FORGET_QUARANTINED, &[(*seq).into()]).await?;
        }
        tx.execute(AUDIT, &erasure.entry.values()).await?;
        tx.commit().await?;
        Ok(erased)
    }

    /// Writes an entry of the audit log.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn write_audit(&self, entry: &AuditEntry) -> Result<(), Fault> {
        self.write("write the audit log", AUDIT, &entry.values(), NO_ROWS).await?;
        Ok(())
    }

    /// The newest entries of the audit log.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>, Fault> {
        let read = |row: &dyn Columns| {
            Ok(AuditEntry {
                at: row.some_time("at")?,
                who: row.some_text("who")?,
                action: row.some_text("action")?,
                subject: row.some_text("subject")?,
                detail: row.some_text("detail")?,
            })
        };
        self.query("read the audit log", LOG, &[i64::from(limit).into()], read).await
    }
}

/// Writes a row; false if its version has changed.
async fn write_row(tx: &mut Transaction<'_>, row: &SealedRow) -> Result<bool, Fault> {
    let address = row.address.as_ref().map(json).transpose()?;
    let people = (!row.people.is_empty()).then(|| json(&row.people)).transpose()?;
    let (revision, read_no, mapping) = row.version;
    let values = [
        row.seq.into(),
        Value::Json(address.map(Cow::Owned)),
        Value::Json(people.map(Cow::Owned)),
        Value::Bytes(row.unmasked.as_ref().map(|sealed| sealed.0.as_slice())),
        revision.into(),
        read_no.into(),
        mapping.into(),
    ];
    Ok(tx.execute(SET_ROW, &values).await? == 1)
}

fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::stopped("sealed values cannot be written as JSON").because(error))
}

impl SealedRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self {
            seq: row.some_int("seq")?,
            id: row.demand_id()?,
            channel: row.channel()?,
            version: (
                row.some_int("revision")?,
                row.some_int("read_no")?,
                row.some_int("mapping")?,
            ),
            address: row.json_value("address")?,
            people: row.json_value("people")?.unwrap_or_default(),
            unmasked: row.sealed("unmasked")?,
        })
    }
}

impl AuditEntry {
    fn values(&self) -> [Value<'_>; 5] {
        let texts = [&self.who, &self.action, &self.subject, &self.detail];
        let [who, action, subject, detail] = texts.map(|text| text.as_str().into());
        [self.at.into(), who, action, subject, detail]
    }
}

/// Demands after $1, $2 at most.
const ROWS: &str = "SELECT seq, id, channel, revision, read_no, mapping, address, people, unmasked
     FROM demand
     WHERE seq > $1 AND (address IS NOT NULL OR people IS NOT NULL OR unmasked IS NOT NULL)
     ORDER BY seq LIMIT $2";

/// Demands that name the person with token $1.
const ROWS_OF: &str = "SELECT d.seq, d.id, d.channel, d.revision, d.read_no, d.mapping,
            d.address, d.people, d.unmasked
     FROM demand_person p JOIN demand d ON d.seq = p.demand WHERE p.token = $1 ORDER BY d.seq";

/// As [`ROWS_OF`], with locks: a sink that is about to write one of the rows waits, and then judges again.
const LOCK_ROWS_OF: &str = "
     SELECT seq, id, channel, revision, read_no, mapping, address, people, unmasked FROM demand
     WHERE seq IN (SELECT demand FROM demand_person WHERE token = $1) ORDER BY seq {lock}";

const SET_ROW: &str = "UPDATE demand SET address = $2, people = $3, unmasked = $4
     WHERE seq = $1 AND revision = $5 AND read_no = $6 AND mapping = $7";

impl RawTable {
    /// Records after $1, $2 at most.
    const fn raws(self) -> &'static str {
        match self {
            Self::History => {
                "SELECT r.history AS seq, d.id, d.channel, r.raw FROM demand_raw r
                 JOIN demand_history h ON h.seq = r.history JOIN demand d ON d.seq = h.demand
                 WHERE r.history > $1 ORDER BY r.history LIMIT $2"
            }
            Self::Quarantine => {
                "SELECT seq, id, channel, raw FROM quarantine
                 WHERE seq > $1 AND raw IS NOT NULL ORDER BY seq LIMIT $2"
            }
        }
    }

    /// Writes record $2 into row $1.
    const fn set_raw(self) -> &'static str {
        match self {
            Self::History => "UPDATE demand_raw SET raw = $2 WHERE history = $1",
            Self::Quarantine => "UPDATE quarantine SET raw = $2 WHERE seq = $1 AND raw IS NOT NULL",
        }
    }
}

const ADD_TOKEN: &str =
    "INSERT INTO demand_person (token, demand) VALUES ($1, $2) ON CONFLICT DO NOTHING";

const DROP_TOKEN: &str = "DELETE FROM demand_person WHERE token = $1 AND demand = $2";

const DROP_RAWS: &str =
    "DELETE FROM demand_raw WHERE history IN (SELECT seq FROM demand_history WHERE demand = $1)";

const FORGET_REJECT: &str = "UPDATE quarantine SET raw = NULL, event = NULL
     WHERE id = $1 AND (raw IS NOT NULL OR event IS NOT NULL)";

const FORGET_QUARANTINED: &str = "UPDATE quarantine SET raw = NULL, event = NULL
     WHERE seq = $1 AND (raw IS NOT NULL OR event IS NOT NULL)";

const AUDIT: &str =
    "INSERT INTO audit (at, who, action, subject, detail) VALUES ($1, $2, $3, $4, $5)";

/// The newest entries of the audit log, $1 at most.
const LOG: &str = "SELECT at, who, action, subject, detail FROM audit ORDER BY seq DESC LIMIT $1";

impl Database {
    /// Binds the store to the keys that seal personal values. `keys` are the ids and check values of the key
    /// sets, the current set first. A new store is bound to the current set; so is a store after a rotation.
    ///
    /// # Errors
    /// `Stopped` if the store is bound to a set that is not among `keys`.
    pub async fn bind_key(&self, keys: &[(u32, String)]) -> Result<(), Fault> {
        let mut tx = self.begin_exclusive("bind the sealing key").await?;
        let read = |row: &dyn Columns| Ok((row.some_int("key_id")?, row.some_text("check_value")?));
        let bound = tx.query("SELECT key_id, check_value FROM sealing_key", &[], read).await?;
        if let Some((key_id, check_value)) = key_to_bind(bound.first(), keys, self.place())? {
            tx.execute("DELETE FROM sealing_key", &[]).await?;
            let values = [i64::from(*key_id).into(), check_value.as_str().into()];
            tx.execute(BIND_KEY, &values).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

const BIND_KEY: &str = "INSERT INTO sealing_key (key_id, check_value) VALUES ($1, $2)";

/// The current key set, if the store must be bound to it: the store is new, or the keys were rotated.
/// Refuses `keys` without the set to which the store is bound.
fn key_to_bind<'a>(
    bound: Option<&(i64, String)>,
    keys: &'a [(u32, String)],
    place: &str,
) -> Result<Option<&'a (u32, String)>, Fault> {
    let Some(current) = keys.first() else {
        return Err(Fault::stopped("there is no sealing key").at(place));
    };
    let Some((key_id, known)) = bound else { return Ok(Some(current)) };
    match keys.iter().position(|(id, value)| i64::from(*id) == *key_id && value == known) {
        Some(0) => Ok(None),
        Some(_) => Ok(Some(current)),
        None => Err(Fault::stopped(format!(
            "the personal values in it are sealed with another key (key {key_id}) than the \
             current one (key {})",
            current.0
        ))
        .at(place)
        .remedy(format!("restore the key file of key {key_id}, or add that key set to this file"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_follows_a_rotation_and_refuses_strangers() {
        let keys = |sets: &[(u32, &str)]| {
            sets.iter().map(|(id, value)| (*id, (*value).to_owned())).collect::<Vec<_>>()
        };
        let bound = Some((1, "one".to_owned()));
        let (new, rotated) = (keys(&[(1, "one")]), keys(&[(2, "two"), (1, "one")]));
        assert_eq!(key_to_bind(None, &new, "x").unwrap(), new.first());
        assert_eq!(key_to_bind(bound.as_ref(), &new, "x").unwrap(), None);
        assert_eq!(key_to_bind(bound.as_ref(), &rotated, "x").unwrap(), rotated.first());
        for strange in [keys(&[(1, "two")]), keys(&[(2, "one")]), keys(&[])] {
            assert!(key_to_bind(bound.as_ref(), &strange, "x").is_err());
        }
    }
}
