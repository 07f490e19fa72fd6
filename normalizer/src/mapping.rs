//! A channel's mapping, ready for use: map, digest, mask, seal, in this order.
//!
//! The digest comes before masking and sealing, so that a new key or a better mask does not make
//! every demand look changed; and the masks come before sealing, because they look for the values
//! that are about to be sealed.

use std::{collections::HashMap, fmt, sync::Arc};

use chrono_tz::Tz;
use contract::{
    Accepted, ChannelId, DemandId, Digest, Mark, Normalizer, RawRecord, Reason, SealedBytes,
    Verdict,
    demand::{Person, Quality},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    build::{Builder, MappingProblem},
    codes::CodeTables,
    config::MappingConfig,
    plan::{Draft, Plan},
    redact::{Own, redact},
    rule::PlainPerson,
    seal::{Compressor, Personal, Sealer},
    unseal::{RAW, UNMASKED},
};

/// Part of every fingerprint. Raise it whenever the same record would give another demand.
pub const NORMALIZER_VERSION: u32 = 1;

/// The mapping of one channel.
pub struct Mapping {
    channel: ChannelId,
    plan: Plan,
    fields_of: HashMap<String, Vec<&'static str>>,
    fingerprint: Digest,
    sealer: Arc<Sealer>,
    compressor: Compressor,
}

impl Mapping {
    /// Resolves a `[demand]` table. `zone` is that of source times which name none.
    ///
    /// # Errors
    /// Everything that is wrong in the table and in the code tables it names.
    pub fn build(
        channel: ChannelId,
        config: &MappingConfig,
        codes: &CodeTables,
        sealer: Arc<Sealer>,
        zone: Tz,
    ) -> Result<Self, Vec<MappingProblem>> {
        let mut builder = Builder::new(codes, zone);
        let plan = builder.plan(config);
        if !builder.problems.is_empty() {
            return Err(builder.problems);
        }
        let fingerprint = fingerprint(config, &builder);
        let fields_of = builder.fields_of;
        let compressor = Compressor::default();
        Ok(Self { channel, plan, fields_of, fingerprint, sealer, compressor })
    }

    /// Stands for everything that decides what becomes of a record: the table, the code tables it
    /// names, the zone and [`NORMALIZER_VERSION`]. Keys are not part of it.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    fn accept(&self, record: &RawRecord) -> Accepted {
        let id = DemandId::of(&self.channel, &record.key);
        let draft = self.plan.read(record.body.tree());
        let digest = self.sealer.digest(&canonical(&draft));
        let Draft { mut body, people, address, notes } = draft;

        let own = Own::new(&people, address.as_ref());
        let unmasked = redact(&mut body, &own);
        if !unmasked.is_empty() {
            // A map of strings always serialises.
            let text = serde_json::to_vec(&unmasked).unwrap_or_default();
            body.unmasked = Some(self.sealer.seal(&self.channel, &id, UNMASKED, &text));
        }
        let people = people.iter().enumerate();
        body.people = people.map(|(index, person)| self.seal_person(&id, index, person)).collect();
        if let Some(address) = &address {
            body.address_area = address.area().map(str::to_owned);
            let sealed = self.sealer.seal_personal(&self.channel, &id, "address", address);
            body.address = Some(sealed);
        }
        body.quality = notes.into_quality();
        body.quality.extend(record.text.marks.iter().flat_map(|mark| self.doubts(mark)));
        Accepted { body, digest, raw: self.seal_raw(&id, &record.body.to_bytes()) }
    }

    fn seal_person(&self, id: &DemandId, index: usize, person: &PlainPerson) -> Person {
        // The index is part of the place: two people of a demand cannot be exchanged either.
        let seal = |field: &str, value: &Option<_>| {
            let field = format!("people.{index}.{field}");
            let value = value.as_ref()?;
            Some(self.sealer.seal_personal(&self.channel, id, &field, value))
        };
        Person {
            role: person.role,
            name: seal("name", &person.name),
            phone: seal("phone", &person.phone),
            id_no: seal("id_no", &person.id_no),
            gender: person.gender.clone(),
        }
    }

    fn seal_raw(&self, id: &DemandId, bytes: &[u8]) -> SealedBytes {
        self.sealer.seal(&self.channel, id, RAW, &self.compressor.compress(bytes))
    }

    /// A finding of the decoder, under the names of the fields that came from that column.
    fn doubts(&self, mark: &Mark) -> Vec<Quality> {
        let fields = self.fields_of.get(&without_indices(&mark.field));
        let of = |field: &str| Quality {
            field: field.to_owned(),
            flag: mark.flag,
            detail: (!mark.detail.is_empty()).then(|| mark.detail.clone()),
        };
        match fields {
            Some(fields) => fields.iter().map(|field| of(field)).collect(),
            None => vec![of(&mark.field)],
        }
    }
}

impl Normalizer for Mapping {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        match record.body.tree() {
            Value::Object(_) | Value::Array(_) => Verdict::Accept(Box::new(self.accept(record))),
            _ => {
                let detail = "the record is a single value, not fields";
                Verdict::Reject(Reason::new("unreadable_body", detail))
            }
        }
    }

    fn seal(&self, id: &DemandId, bytes: &[u8]) -> SealedBytes {
        self.seal_raw(id, bytes)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({}, {:?})", self.channel, self.fingerprint)
    }
}

/// What the digest is computed over. Of doubts only field and flag; of the decoder's findings
/// nothing, because a replay maps the same content without decoding it again.
fn canonical(draft: &Draft) -> Vec<u8> {
    let Draft { body, people, address, notes } = draft;
    let people: Vec<_> = people.iter().map(PlainPerson::content).collect();
    let address = address.as_ref().map(Personal::plain);
    // Structs of strings and numbers always serialise, in the order of their declaration.
    serde_json::to_vec(&(body, people, address, notes.flags())).unwrap_or_default()
}

fn fingerprint(config: &MappingConfig, builder: &Builder<'_>) -> Digest {
    let tables: Vec<_> = builder
        .tables
        .iter()
        .map(|name| {
            let table = builder.codes.table(name).map(|table| table.content());
            let regions = builder.codes.regions().filter(|_| name == "region");
            (name, table, regions.map(|regions| regions.content()))
        })
        .collect();
    let content = (NORMALIZER_VERSION, builder.zone.name(), config, tables);
    let bytes = serde_json::to_vec(&content).unwrap_or_default();
    Digest::of_hash(&Sha256::digest(bytes).into())
}

/// `pressing[3].ADDCONTENT` is a finding about every `pressing.ADDCONTENT`.
fn without_indices(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut is_inside = false;
    for c in field.chars() {
        match c {
            '[' => is_inside = true,
            ']' => is_inside = false,
            _ if !is_inside => plain.push(c),
            _ => {}
        }
    }
    plain
}
