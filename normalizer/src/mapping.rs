//! The mapping of a channel. It repairs a record, maps it to a demand, computes the digest, masks
//! personal values in free text, and seals them, in this order.
//!
//! The digest is computed before masking and sealing: a new key or a better mask must not make every
//! demand look changed. Masking comes before sealing, because it searches for the plain values.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use chrono_tz::Tz;
use contract::{
    Accepted, ChannelId, DemandId, Digest, FieldFlag, Normalizer, RawRecord, Reason, SealedBytes,
    Verdict,
    demand::{Person, Quality},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    build::{Builder, MappingProblem},
    codes::{CodeTable, CodeTables, RegionTable},
    config::MappingConfig,
    expr,
    notes::{MAX_MAPPING_STEPS, Notes, Work},
    plan::{Draft, MappingPlan},
    redact::{OwnValues, mask_identifier, redact},
    repair,
    rule::PlainPerson,
    seal::{Compressor, OpenError, Personal, Place, RAW, Sealer, UNMASKED, open_raw},
    source::Record,
    trace::{FieldTrace, trace_field},
};

/// The version of this crate's rules, which is part of every fingerprint. Raise it when the same record
/// gives another demand than before.
pub const NORMALIZER_VERSION: u32 = 9;

/// The mapping of one channel.
pub struct Mapping {
    channel: ChannelId,
    plan: MappingPlan,
    /// The rules of fields with an expression, which sees the values of all other fields. `None` if there
    /// are none.
    computed: Option<MappingPlan>,
    /// For each field of the source, the fields of the demand that are read from it.
    demand_fields: HashMap<String, Vec<&'static str>>,
    /// The code tables that it uses, and the table of divisions if it uses that.
    pub(crate) tables: Vec<Arc<CodeTable>>,
    pub(crate) regions: Option<Arc<RegionTable>>,
    fingerprint: Digest,
    sealer: Arc<Sealer>,
    compressor: Compressor,
}

impl Mapping {
    /// Builds the mapping of a `[demand]` table. `zone` is the zone of times without one.
    ///
    /// # Errors
    /// Returns all problems of the table, and of the code tables that it names.
    pub fn build(
        channel: ChannelId,
        config: &MappingConfig,
        codes: &CodeTables,
        sealer: Arc<Sealer>,
        zone: Tz,
    ) -> Result<Self, Vec<MappingProblem>> {
        let mut builder = Builder::new(codes, zone);
        let (direct, computed) = split(config);
        let plan = builder.plan(&direct);
        let computed = computed.map(|computed| builder.plan(&computed));
        if !builder.problems.is_empty() {
            return Err(builder.problems);
        }
        let fingerprint = fingerprint(config, &builder);
        let tables = builder.tables.iter().filter_map(|name| codes.table(name).cloned()).collect();
        let regions = codes.regions().filter(|_| builder.tables.contains("region")).cloned();
        Ok(Self {
            channel,
            plan,
            computed,
            demand_fields: builder.demand_fields,
            tables,
            regions,
            fingerprint,
            sealer,
            compressor: Compressor::default(),
        })
    }

    /// The hash of everything that determines the result for a record: the table, the code tables
    /// that it names, the zone and [`NORMALIZER_VERSION`]. Keys are not part of it.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Opens a record of this channel that was sealed with one of its keys; `id` is the id of its demand or reject.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, id: &DemandId, raw: &SealedBytes) -> Result<Vec<u8>, OpenError> {
        open_raw(&self.sealer, Place { channel: &self.channel, id }, raw)
    }

    /// What each field of a record was mapped to; nothing if that is too costly, as it is for the channel. Personal
    /// values are masked, unless `reveal` is true.
    pub fn trace(&self, record: &RawRecord, reveal: bool) -> Vec<FieldTrace> {
        let tree = record.body.tree();
        let Some((own, mut work)) = self.own_values(record) else { return Vec::new() };
        let text = record.body.to_bytes();
        // Each text is shown twice, as it is and cleaned.
        let n_steps = own.max_steps(&String::from_utf8_lossy(&text)).saturating_mul(2);
        if !reveal && !work.spend(n_steps) {
            return Vec::new();
        }
        // The same repair as in the mapping, so with the same budget.
        let (repaired, _) = repair::repaired(tree, &mut Work::default());
        let own = (!reveal).then_some(own);
        let members = tree.as_object().into_iter().flatten();
        let trace = |(name, value): (&String, &Value)| {
            let repaired = repaired.get(name).unwrap_or(value);
            let fields = self.fields_from(name);
            trace_field(name, value, repaired, fields, own.as_ref(), record.text.is_unescaped)
        };
        members.map(trace).collect()
    }

    /// The personal values of a record, and the budget that is left; `None` if mapping it is too costly.
    pub(crate) fn own_values(&self, record: &RawRecord) -> Option<(OwnValues, Work)> {
        let (draft, Notes { mut work, .. }) = self.draft(record, Work::default());
        let own = OwnValues::within_budget(draft.everybody(), draft.address.as_ref(), &mut work);
        (!work.is_too_costly).then_some((own, work))
    }

    /// The fields of the demand that are read from a field of the source or from a member of it.
    fn fields_from(&self, column: &str) -> Vec<&'static str> {
        let is_within = |known: &str| {
            known.strip_prefix(column).is_some_and(|part| part.is_empty() || part.starts_with('.'))
        };
        let found = self.demand_fields.iter().filter(|(known, _)| is_within(known));
        let mut fields: Vec<_> = found.flat_map(|(_, fields)| fields.iter().copied()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    fn accept(&self, record: &RawRecord) -> Result<Accepted, Reason> {
        let id = DemandId::of(&self.channel, &record.key);
        let place = Place { channel: &self.channel, id: &id };
        let (draft, mut notes) = self.draft(record, Work::default());
        let own =
            OwnValues::within_budget(draft.everybody(), draft.address.as_ref(), &mut notes.work);
        let key = record.key.as_str();
        if notes.work.is_too_costly || !notes.work.spend(own.max_steps(key)) {
            return Err(too_costly());
        }
        // A key stays plain everywhere. It cannot be masked, because then it would be another demand.
        if mask_identifier(key, &own).is_some() {
            return Err(personal_key());
        }
        let digest = self.sealer.digest(&canonical(&draft, &notes));
        let Draft { mut body, people, address, .. } = draft;

        let unmasked = redact(&mut body, &own, &mut notes.work).ok_or_else(too_costly)?;
        if !unmasked.is_empty() {
            // Strings and numbers always serialise.
            let text = serde_json::to_vec(&unmasked).unwrap_or_default();
            body.unmasked = Some(self.sealer.seal(place, UNMASKED, &text));
        }
        let people = people.iter().enumerate();
        body.people =
            people.map(|(index, person)| self.seal_person(place, index, person)).collect();
        if let Some(address) = &address {
            body.address_area = address.area.clone();
            body.address = Some(self.sealer.seal_personal(place, "address", address));
        }
        body.quality = notes.into_quality();
        body.quality.extend(record.text.flags.iter().flat_map(|flag| self.doubts(flag)));
        Ok(Accepted { body, digest, raw: self.seal(&id, &record.body.to_bytes()) })
    }

    /// Whether only times are read from the field of the source to which these names lead.
    pub(crate) fn reads_time(&self, names: &[&str]) -> bool {
        let Some((root, parts)) = names.split_first() else { return false };
        let members =
            parts.iter().filter_map(|name| self.demand_fields.get(&format!("{root}.{name}")));
        let mut fields =
            self.demand_fields.get(*root).into_iter().chain(members).flatten().peekable();
        fields.peek().is_some()
            && fields.all(|field| field.ends_with("_at") || field.ends_with(".at"))
    }

    /// Repairs and maps a record, without masking and sealing; also returns what is doubtful.
    pub(crate) fn draft(&self, record: &RawRecord, work: Work) -> (Draft, Notes) {
        let (tree, is_unescaped) = (record.body.tree(), record.text.is_unescaped);
        let mut notes = Notes::new(work, is_unescaped);
        let (repaired, flags) = repair::repaired(tree, &mut notes.work);
        for Quality { field, flag, detail } in flags.iter().flat_map(|flag| self.doubts(flag)) {
            notes.add(&field, flag, detail.as_deref());
        }
        let mut draft = self.apply(&repaired, &mut notes);
        if let Cow::Owned(_) = repaired {
            // Of this second mapping, only the people and the cost count, and not the flags.
            let mut unused = Notes::new(std::mem::take(&mut notes.work), is_unescaped);
            draft.unrepaired_people = self.apply(tree, &mut unused).people;
            notes.work = unused.work;
        }
        (draft, notes)
    }

    /// Applies all rules to a record.
    fn apply(&self, tree: &Value, notes: &mut Notes) -> Draft {
        let mut draft = Draft::default();
        self.plan.apply(Record::new(tree), &mut draft, notes);
        if let Some(computed) = &self.computed {
            let scope = expr::scope(tree, &draft.body);
            let record = Record { scope: Some(&scope), ..Record::new(tree) };
            computed.apply(record, &mut draft, notes);
        }
        draft
    }

    fn seal_person(&self, place: Place<'_>, index: usize, person: &PlainPerson) -> Person {
        // The index is part of the sealed path, so that two people of a demand cannot be swapped.
        let index = index.to_string();
        let seal = |field: &str, value: &Option<_>| {
            let field = ["people.", &index, ".", field].concat();
            value.as_ref().map(|value| self.sealer.seal_personal(place, &field, value))
        };
        Person {
            role: person.role,
            name: seal("name", &person.name),
            phone: seal("phone", &person.phone),
            id_no: seal("id_no", &person.id_no),
            gender: person.gender.clone(),
        }
    }

    /// A finding of the decoder about a field of the source, as a quality flag on each field of the demand
    /// that is read from it; on the source's field itself if there is none.
    fn doubts(&self, flag: &FieldFlag) -> Vec<Quality> {
        // The finding may be about a member of the field that is mapped: `a.b.c`, then `a.b`, then `a`.
        let path = without_indices(&flag.field);
        let mut ancestors =
            std::iter::successors(Some(path.as_str()), |path| Some(path.rsplit_once('.')?.0));
        let fields = ancestors.find_map(|field| self.demand_fields.get(field));
        let quality = |field: &str| Quality {
            field: field.to_owned(),
            flag: flag.flag,
            detail: (!flag.detail.is_empty()).then(|| flag.detail.clone()),
        };
        match fields {
            Some(fields) => fields.iter().map(|field| quality(field)).collect(),
            None => vec![quality(&flag.field)],
        }
    }
}

impl Normalizer for Mapping {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        match record.body.tree() {
            Value::Object(_) | Value::Array(_) => match self.accept(record) {
                Ok(accepted) => Verdict::Accept(Box::new(accepted)),
                Err(reason) => Verdict::Reject(reason),
            },
            _ => {
                let detail = "the record is a single value, and has no fields";
                Verdict::Reject(Reason::new("unreadable_body", detail))
            }
        }
    }

    fn seal(&self, id: &DemandId, bytes: &[u8]) -> SealedBytes {
        let place = Place { channel: &self.channel, id };
        self.sealer.seal(place, RAW, &self.compressor.compress(bytes))
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({}, {:?})", self.channel, self.fingerprint)
    }
}

fn personal_key() -> Reason {
    let detail = "its key contains a name, telephone number, identity number or address of its person, \
                  and keys are stored in plain text; let the channel read the key from fields that are \
                  not personal, or ask the source for such a field";
    Reason::new("personal_key", detail)
}

fn too_costly() -> Reason {
    let detail = format!(
        "mapping the record takes more than {MAX_MAPPING_STEPS} steps: it is very large, or the \
         paths and expressions of [demand] read all of it many times; simplify them"
    );
    Reason::new("too_costly", detail)
}

/// Splits the table into fields without and with an expression. The latter are mapped last; `None` if
/// there are none.
fn split(config: &MappingConfig) -> (MappingConfig, Option<MappingConfig>) {
    let (mut direct, mut computed) = (serde_json::Map::new(), serde_json::Map::new());
    // The table was deserialised from a file, so this cannot fail.
    let all = serde_json::to_value(config).unwrap_or_default();
    for (field, value) in all.as_object().into_iter().flatten() {
        let part = if has_expression(value) { &mut computed } else { &mut direct };
        part.insert(field.clone(), value.clone());
    }
    let parse = |part| serde_json::from_value(Value::Object(part)).unwrap_or_default();
    let has_computed = !computed.is_empty();
    (parse(direct), has_computed.then(|| parse(computed)))
}

fn has_expression(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name == "expr" && value.is_string() || has_expression(value)),
        Value::Array(items) => items.iter().any(has_expression),
        _ => false,
    }
}

/// The initial size of the buffer in [`canonical`]: most contents fit into it.
const INITIAL_BUFFER_BYTES: usize = 2 * 1024;

/// The input of the digest: all mapped values, and the field and flag of each doubt. Findings of the
/// decoder are left out: a stored record is mapped again without being decoded again, and has none.
fn canonical(draft: &Draft, notes: &Notes) -> Vec<u8> {
    let Draft { body, people, address, .. } = draft;
    let people: Vec<_> = people.iter().map(PlainPerson::content).collect();
    let address = address.as_ref().map(Personal::plain);
    let mut bytes = Vec::with_capacity(INITIAL_BUFFER_BYTES);
    // Structs of strings and numbers always serialise, in the order of their declaration.
    let _ = serde_json::to_writer(&mut bytes, &(body, people, address, notes.flags()));
    bytes
}

/// See [`Mapping::fingerprint`].
fn fingerprint(config: &MappingConfig, builder: &Builder<'_>) -> Digest {
    let tables: Vec<_> = builder
        .tables
        .iter()
        .map(|name| {
            let table = builder.codes.table(name).map(|table| table.content());
            let regions = builder.codes.regions().filter(|_| name == "region");
            let calendar = builder.codes.calendar().filter(|_| name == "calendar");
            let calendar = calendar.map(|calendar| calendar.content());
            (name, table, regions.map(|regions| regions.content()), calendar)
        })
        .collect();
    let content = (NORMALIZER_VERSION, builder.zone.name(), config, tables);
    let bytes = serde_json::to_vec(&content).unwrap_or_default();
    Digest::of_hash(&Sha256::digest(bytes).into())
}

/// Removes indices from a path: `pressing[3].ADDCONTENT` becomes `pressing.ADDCONTENT`.
fn without_indices(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut is_in_index = false;
    for c in field.chars() {
        match c {
            '[' => is_in_index = true,
            ']' => is_in_index = false,
            _ if !is_in_index => plain.push(c),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests;
