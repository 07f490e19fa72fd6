//! What is sealed in a store, for whoever has the keys: to seal it again under new ones, and to take
//! a person's values out of it. The store itself cannot open any of it.

use contract::{ChannelId, DemandId, Sealed, SealedBytes, Timestamp, demand::Person};
use serde::Serialize;
use sqlx::Error;

use crate::store::database::row::{Columns, channel, decode};

/// The sealed values of one demand.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedRow {
    /// Names the row; ascends.
    pub seq: i64,
    /// The demand, to which its values are bound.
    pub id: DemandId,
    /// Its channel.
    pub channel: ChannelId,
    /// The state that was read: the row is written only where it is still there.
    pub(crate) state: (i64, i64, i64),
    /// The address.
    pub address: Option<Sealed>,
    /// The people.
    pub people: Vec<Person>,
    /// Texts before masking.
    pub unmasked: Option<SealedBytes>,
}

/// A record as its source said it, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRaw {
    /// Names the row; ascends.
    pub seq: i64,
    /// What it is bound to.
    pub id: DemandId,
    /// Its channel.
    pub channel: ChannelId,
    /// The bytes.
    pub raw: SealedBytes,
}

/// Where records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawOf {
    /// Behind rows of history.
    History,
    /// In quarantine.
    Quarantine,
}

/// A person's request to be forgotten.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The tokens of the person: one for each key.
    pub tokens: Vec<String>,
    /// Rows of quarantine that hold the person's values, found by whoever has the keys.
    pub quarantine: Vec<i64>,
    /// What is written into the audit log.
    pub entry: AuditEntry,
}

/// What an erasure took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// Demands that named the person.
    pub demands: u64,
    /// Records that were kept as their source said them.
    pub raws: u64,
    /// Rows of quarantine.
    pub quarantined: u64,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: an account, or the user of the machine.
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

    /// Takes the person with one of these tokens out of the row; says which tokens went with him.
    /// What was unmasked goes with him whole: it is one ciphertext for all texts.
    pub(crate) fn forget(&mut self, tokens: &[String]) -> Vec<String> {
        let mut gone = tokens.to_vec();
        let has = |sealed: &Option<Sealed>| {
            let token = sealed.as_ref().and_then(|sealed| sealed.token.as_ref());
            token.is_some_and(|token| tokens.contains(token))
        };
        let mut is_someone = false;
        for person in &mut self.people {
            if has(&person.name) || has(&person.phone) || has(&person.id_no) {
                let values = [person.name.take(), person.phone.take(), person.id_no.take()];
                gone.extend(values.into_iter().flatten().filter_map(|sealed| sealed.token));
                person.gender = None;
                is_someone = true;
            }
        }
        if is_someone || has(&self.address) {
            gone.extend(self.address.take().and_then(|address| address.token));
            self.unmasked = None;
        }
        // A token that another person of the demand shares stays with that one.
        let kept: Vec<String> = self.tokens().map(str::to_owned).collect();
        gone.retain(|token| !kept.contains(token));
        gone
    }
}

/// Demands behind $1, $2 at most.
pub(crate) const ROWS: &str =
    "SELECT seq, id, channel, revision, read_no, mapping, address, people,
            unmasked FROM demand
     WHERE seq > $1 AND (address IS NOT NULL OR people IS NOT NULL OR unmasked IS NOT NULL)
     ORDER BY seq LIMIT $2";

/// Demands that name the person with token $1.
pub(crate) const ROWS_OF: &str = "SELECT d.seq, d.id, d.channel, d.revision, d.read_no, d.mapping,
            d.address, d.people, d.unmasked
     FROM demand_person p JOIN demand d ON d.seq = p.demand WHERE p.token = $1 ORDER BY d.seq";

/// Records behind $1, $2 at most.
pub(crate) const fn raws(of: RawOf) -> &'static str {
    match of {
        RawOf::History => {
            "SELECT r.history AS seq, d.id, d.channel, r.raw FROM demand_raw r
             JOIN demand_history h ON h.seq = r.history JOIN demand d ON d.seq = h.demand
             WHERE r.history > $1 ORDER BY r.history LIMIT $2"
        }
        RawOf::Quarantine => {
            "SELECT seq, id, channel, raw FROM quarantine
             WHERE seq > $1 AND raw IS NOT NULL ORDER BY seq LIMIT $2"
        }
    }
}

/// Writes record $2 into row $1.
pub(crate) const fn set_raw(of: RawOf) -> &'static str {
    match of {
        RawOf::History => "UPDATE demand_raw SET raw = $2 WHERE history = $1",
        RawOf::Quarantine => "UPDATE quarantine SET raw = $2 WHERE seq = $1 AND raw IS NOT NULL",
    }
}

pub(crate) const ADD_TOKEN: &str =
    "INSERT INTO demand_person (token, demand) VALUES ($1, $2) ON CONFLICT DO NOTHING";
pub(crate) const DROP_TOKEN: &str = "DELETE FROM demand_person WHERE token = $1 AND demand = $2";
pub(crate) const DROP_RAWS: &str =
    "DELETE FROM demand_raw WHERE history IN (SELECT seq FROM demand_history WHERE demand = $1)";
pub(crate) const FORGET_REJECT: &str = "UPDATE quarantine SET raw = NULL, event = NULL WHERE id = $1 AND (raw IS NOT NULL OR event IS NOT NULL)";
pub(crate) const FORGET_QUARANTINED: &str = "UPDATE quarantine SET raw = NULL, event = NULL WHERE seq = $1 AND (raw IS NOT NULL OR event IS NOT NULL)";
pub(crate) const AUDIT: &str =
    "INSERT INTO audit (at, who, action, subject, detail) VALUES ($1, $2, $3, $4, $5)";
/// The newest lines of the audit log, $1 at most.
pub(crate) const AUDITED: &str =
    "SELECT at, who, action, subject, detail FROM audit ORDER BY seq DESC LIMIT $1";

pub(crate) fn sealed_row(row: &impl Columns) -> Result<SealedRow, Error> {
    let some = |name: &str| row.int(name)?.ok_or_else(|| decode(name, "it is null"));
    let people = row.json("people")?.map(|text| serde_json::from_str(&text)).transpose();
    let address = row.json("address")?.map(|text| serde_json::from_str(&text)).transpose();
    Ok(SealedRow {
        seq: some("seq")?,
        id: row.id("id")?.ok_or_else(|| decode("id", "it is null"))?,
        channel: channel(row)?,
        state: (some("revision")?, some("read_no")?, some("mapping")?),
        address: address.map_err(|error| decode("address", error))?,
        people: people.map_err(|error| decode("people", error))?.unwrap_or_default(),
        unmasked: row.bytes("unmasked")?.map(SealedBytes),
    })
}

pub(crate) fn sealed_raw(row: &impl Columns) -> Result<SealedRaw, Error> {
    Ok(SealedRaw {
        seq: row.int("seq")?.ok_or_else(|| decode("seq", "it is null"))?,
        id: row.id("id")?.ok_or_else(|| decode("id", "it is null"))?,
        channel: channel(row)?,
        raw: SealedBytes(row.bytes("raw")?.unwrap_or_default()),
    })
}

pub(crate) fn audited(row: &impl Columns) -> Result<AuditEntry, Error> {
    let text = |name: &str| Ok::<_, Error>(row.text(name)?.unwrap_or_default());
    Ok(AuditEntry {
        at: row.time("at")?.ok_or_else(|| decode("at", "it is null"))?,
        who: text("who")?,
        action: text("action")?,
        subject: text("subject")?,
        detail: text("detail")?,
    })
}

/// The two JSON columns of a row.
pub(crate) fn json(row: &SealedRow) -> Result<(Option<String>, Option<String>), Error> {
    let text = |name, value: serde_json::Result<String>| value.map_err(|e| decode(name, e));
    let address =
        row.address.as_ref().map(|address| text("address", serde_json::to_string(address)));
    let people =
        (!row.people.is_empty()).then(|| text("people", serde_json::to_string(&row.people)));
    Ok((address.transpose()?, people.transpose()?))
}
