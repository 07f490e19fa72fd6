//! Sealed (encrypted) personal values. The store cannot open them: the gateway has the keys. It reads values here
//! to seal them again with new keys, and to erase a person.

use std::{borrow::Cow, collections::BTreeMap};

use contract::{ChannelId, Cursor, DemandId, Fault, Sealed, SealedBytes, demand::Person};
use serde::Serialize;
use sqlx::Error;

use super::{
    Database,
    audit::{self, AuditEntry},
    database::{
        sql::{Columns, Value},
        transaction::Transaction,
    },
    demands::index::{self, Index, Tokens, change_tokens},
    exchange,
};

/// The sealed values of one demand.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedRow {
    /// The row number of the demand.
    pub seq: i64,
    /// The id of the demand. Its values can be opened only together with it.
    pub id: DemandId,
    /// Its channel.
    pub channel: ChannelId,
    /// The version (revision, read, mapping) that was read: the row is written only if it still has it.
    version: (i64, i64, i64),
    /// The address.
    pub address: Option<Sealed>,
    /// The people.
    pub people: Vec<Person>,
    /// What masks replaced in the texts, sealed together.
    pub unmasked: Option<SealedBytes>,
}

/// A record as its source sent it, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRaw {
    /// The number of the row in its [`RawTable`].
    pub seq: i64,
    /// The id of the demand. The record can be opened only together with it.
    pub id: DemandId,
    /// Its channel.
    pub channel: ChannelId,
    /// The sealed record.
    pub raw: SealedBytes,
}

/// The texts of one demand that are stored in plain, with what is masked in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRow {
    /// The row number of the demand.
    pub seq: i64,
    /// The version that was read, as in [`SealedRow`].
    version: (i64, i64, i64),
    /// Title, content and reply.
    pub texts: [Option<String>; 3],
}

/// The tables that keep sealed records.
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
    /// The tokens (keyed hashes) of a value of the person: one for each key.
    pub tokens: Vec<String>,
    /// For demands that name the person, the tokens of what else they say about the person: one for each key.
    pub beside: BTreeMap<DemandId, Vec<String>>,
    /// Further demands whose sealed texts or records contain values of the person.
    pub demands: Vec<DemandId>,
    /// Texts to write in place of those that contain values of the person.
    pub texts: Vec<TextRow>,
    /// Numbers of the rows of quarantine that contain values of the person. The caller has found them, because
    /// that needs the keys.
    pub quarantine: Vec<i64>,
    /// The entry for the audit log.
    pub entry: AuditEntry,
}

/// What an erasure has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// The number of demands from which the person was removed.
    pub demands: u64,
    /// How often texts of further demands, sealed or plain, contained values of the person.
    pub texts: u64,
    /// The number of records, as their sources sent them, that were deleted.
    pub raws: u64,
    /// The number of rows of quarantine whose content was deleted.
    pub quarantined: u64,
}

impl SealedRow {
    /// Every token of the row.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        let people =
            self.people.iter().flat_map(|person| [&person.name, &person.phone, &person.id_no]);
        people.chain([&self.address]).flatten().filter_map(|sealed| sealed.token.as_deref())
    }

    /// Removes the person who has one of these tokens from the row; returns the tokens that the row no longer has, with
    /// those `beside` them. If the row names the person, its address and what masks replaced are removed too.
    fn forget(&mut self, tokens: &[String], beside: &[String]) -> Vec<String> {
        let mut removed = [tokens, beside].concat();
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
    /// The first `limit` demands with sealed values after row number `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sealed_rows(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Fault> {
        let values = [after.into(), i64::from(limit).into()];
        self.query("read sealed values", ROWS, &values, SealedRow::read).await
    }

    /// Demands that name the person who has this token, according to the index of people.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sealed_rows_of(&self, token: &str) -> Result<Vec<SealedRow>, Fault> {
        self.query("read sealed values", ROWS_OF, &[token.into()], SealedRow::read).await
    }

    /// The texts of the first `limit` demands after row number `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn text_rows(&self, after: i64, limit: u32) -> Result<Vec<TextRow>, Fault> {
        let values = [after.into(), i64::from(limit).into()];
        let read = |row: &dyn Columns| {
            let texts = [row.text("title")?, row.text("content")?, row.text("reply")?];
            Ok(TextRow { seq: row.some_int("seq")?, version: version(row)?, texts })
        };
        self.query("read texts", TEXTS, &values, read).await
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

    /// The first `limit` records, as their sources sent them, after row number `after` of `table`.
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

    /// Removes a person from the demands, their records and quarantine, and writes an entry of the audit log,
    /// in one transaction. The index of people must cover all history before.
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
            let beside = erasure.beside.get(&row.id).map_or(&[][..], Vec::as_slice);
            let removed = row.forget(&erasure.tokens, beside);
            erased.demands += u64::from(write_row(&mut tx, &row).await?);
            for token in &removed {
                tx.execute(DROP_TOKEN, &[token.as_str().into(), row.seq.into()]).await?;
            }
            let is_kept = |token: &String| !removed.contains(token);
            change_tokens(&mut tx, row.seq, |tokens| tokens.retain(is_kept)).await?;
            erased.raws += tx.execute(DROP_RAWS, &[row.seq.into()]).await?;
            erased.quarantined += tx.execute(FORGET_REJECT, &[Value::Id(row.id)]).await?;
        }
        for id in &erasure.demands {
            erased.texts += tx.execute(FORGET_UNMASKED, &[Value::Id(*id)]).await?;
            erased.raws += tx.execute(DROP_RAWS_OF, &[Value::Id(*id)]).await?;
            erased.quarantined += tx.execute(FORGET_REJECT, &[Value::Id(*id)]).await?;
        }
        for TextRow { seq, version: (revision, read_no, mapping), texts } in &erasure.texts {
            let [title, content, reply] = texts.each_ref().map(|text| Value::Text(text.as_deref()));
            let version = [*revision, *read_no, *mapping].map(Value::from);
            let [revision, read_no, mapping] = version;
            let values = [(*seq).into(), title, content, reply, revision, read_no, mapping];
            erased.texts += tx.execute(SET_TEXTS, &values).await?;
        }
        for seq in &erasure.quarantine {
            erased.quarantined += tx.execute(FORGET_QUARANTINED, &[(*seq).into()]).await?;
        }
        // One of them may name the person, and nobody can find out which one.
        tx.execute(exchange::FORGET_ALL, &[]).await?;
        audit::append(&mut tx, &erasure.entry).await?;
        tx.commit().await?;
        Ok(erased)
    }

    /// Moves the position of a channel to `cursor` (`None`: to the start), and writes an entry of the audit
    /// log, in one transaction. A process that reads the channel finds its next move refused, and loads the
    /// new position.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn set_position(
        &self,
        channel: &ChannelId,
        cursor: Option<&Cursor>,
        entry: &AuditEntry,
    ) -> Result<(), Fault> {
        let mut tx = self.begin_exclusive("set a position").await?;
        let cursor = Value::Text(cursor.map(Cursor::as_str));
        tx.execute(SET_POSITION, &[channel.as_str().into(), cursor]).await?;
        audit::append(&mut tx, entry).await?;
        tx.commit().await
    }
}

/// Writes a row. Returns false, and writes nothing, if the version of the demand has changed.
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

fn version(row: &dyn Columns) -> Result<(i64, i64, i64), Error> {
    Ok((row.some_int("revision")?, row.some_int("read_no")?, row.some_int("mapping")?))
}

impl SealedRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self {
            seq: row.some_int("seq")?,
            id: row.demand_id()?,
            channel: row.channel()?,
            version: version(row)?,
            address: row.json_value("address")?,
            people: row.json_value("people")?.unwrap_or_default(),
            unmasked: row.sealed("unmasked")?,
        })
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

/// Like [`ROWS_OF`], and locks the rows: a sink that is about to write one of them waits, and then judges again.
const LOCK_ROWS_OF: &str = "
     SELECT seq, id, channel, revision, read_no, mapping, address, people, unmasked FROM demand
     WHERE seq IN (SELECT demand FROM demand_person WHERE token = $1) ORDER BY seq {lock}";

/// The texts of the demands after $1, $2 at most.
const TEXTS: &str = "SELECT seq, revision, read_no, mapping, title, content, reply FROM demand
     WHERE seq > $1 ORDER BY seq LIMIT $2";

/// What masks replaced does not fit other texts.
const SET_TEXTS: &str = "UPDATE demand SET title = $2, content = $3, reply = $4, unmasked = NULL
     WHERE seq = $1 AND revision = $5 AND read_no = $6 AND mapping = $7";

/// Deletes what masks replaced in the demand with the id $1.
const FORGET_UNMASKED: &str =
    "UPDATE demand SET unmasked = NULL WHERE id = $1 AND unmasked IS NOT NULL";

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

/// Adds the pair of token $1 and demand $2 to the index of people.
const ADD_TOKEN: &str =
    "INSERT INTO demand_person (token, demand) VALUES ($1, $2) ON CONFLICT DO NOTHING";

const DROP_TOKEN: &str = "DELETE FROM demand_person WHERE token = $1 AND demand = $2";

/// Deletes the records of all states of demand $1.
const DROP_RAWS: &str =
    "DELETE FROM demand_raw WHERE history IN (SELECT seq FROM demand_history WHERE demand = $1)";

/// Like [`DROP_RAWS`], for the demand with the id $1.
const DROP_RAWS_OF: &str = "DELETE FROM demand_raw WHERE history IN (
         SELECT h.seq FROM demand_history h JOIN demand d ON d.seq = h.demand WHERE d.id = $1)";

/// Deletes what the row in quarantine with the id $1 contains.
const FORGET_REJECT: &str = "UPDATE quarantine SET raw = NULL, event = NULL
     WHERE id = $1 AND (raw IS NOT NULL OR event IS NOT NULL)";

/// Deletes what row $1 of quarantine contains.
const FORGET_QUARANTINED: &str = "UPDATE quarantine SET raw = NULL, event = NULL
     WHERE seq = $1 AND (raw IS NOT NULL OR event IS NOT NULL)";

/// Moves the position of channel $1 to cursor $2.
const SET_POSITION: &str = "INSERT INTO checkpoint (channel, cursor, step, fence, next_read_no)
     VALUES ($1, $2, 1, 0, {next_read})
     ON CONFLICT (channel) DO UPDATE SET cursor = $2, step = checkpoint.step + 1";

impl Database {
    /// Records which key set seals the personal values in the store, so that nobody uses it with the keys of
    /// another store. `keys` are the ids and check values of all key sets that the caller has, the current set
    /// first; a check value is derived from the keys and does not reveal them.
    ///
    /// # Errors
    /// `Stopped` if the recorded set is not among `keys`.
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

/// The key set to record in the store: the current one, if the store is new or the keys were rotated. `None`
/// if it is recorded already. An error if `keys` lacks the recorded set, `bound`.
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
        .remedy(format!(
            "if `tonghui key rotate` is under way, run the command again when it has ended; else restore the key file \
             of key {key_id}, or add that key set to this file"
        ))),
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
