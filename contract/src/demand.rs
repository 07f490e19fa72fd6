//! The unified demand schema: what a citizen or business asked for, through any channel.
//!
//! Messages contain these types as JSON, and the store has a column for each field, with the same name. If
//! the source does not give a field, the field is absent: it never gets a default. A change of a name or a
//! meaning needs a new wire version (`WIRE_VERSION` in `wire.rs`).

mod code;
mod handling;
mod party;
pub(crate) use code::optional_fields;

pub use code::{
    Cause, Initiative, Kind, Quality, QualityFlag, Role, Side, Status, TaskRole, Urgency,
};
pub use handling::{
    Counts, Evaluation, EvaluationBy, Level, LimitUnit, Related, Step, SupervisionFlag, Task,
};
pub use party::{Attachment, Crs, Enterprise, Location, Person, Repeat};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    ChannelId, DecidedBy, DemandId, Digest, RecordKey, Sealed, SealedBytes, Timestamp, Version,
};

/// A demand (诉求) with its identity and provenance.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Demand {
    /// UUIDv5 of channel and source key.
    pub id: DemandId,
    /// The channel it came through.
    pub channel: ChannelId,
    /// The source's stable key; unique with the channel.
    pub source_key: RecordKey,
    /// Orders the states of this demand.
    pub version: Version,
    /// Digest of the content: two states with the same digest have the same content.
    pub digest: Digest,
    /// Where it came from.
    pub origin: Origin,
    /// The raw record, compressed and sealed.
    pub raw: SealedBytes,
    /// The mapped fields.
    #[serde(flatten)]
    pub body: DemandBody,
}

/// Provenance: when it was read, in which message it came, and how it was decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// When the source's answer that contained it arrived.
    pub read_at: Timestamp,
    /// `channel/read_no/part`.
    pub message: String,
    /// The charset it was decoded from; absent if the source gave text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// The rule that chose the charset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset_by: Option<DecidedBy>,
    /// Why it was published; absent for a regular read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cause: Cause,
}

macro_rules! body {
    ($($(#[$meta:meta])* $name:ident: $type:ty,)*) => {
        optional_fields! {
            /// All fields of a demand that a mapping can set. Times are UTC. The source's own value of
            /// a coded field is in the field of the same name with `_raw`.
            DemandBody {
                $($(#[$meta])* $name: $type,)*
            }
        }

        impl DemandBody {
            /// The names of all fields, in wire order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($name)),*];
        }

        /// [`Demand`] as one flat struct, which serde reads faster: to read `#[serde(flatten)]`, it buffers
        /// the whole object first.
        #[derive(Deserialize)]
        struct FlatDemand {
            id: DemandId,
            channel: ChannelId,
            source_key: RecordKey,
            version: Version,
            digest: Digest,
            origin: Origin,
            raw: SealedBytes,
            $(#[serde(default)] $name: $type,)*
        }

        impl From<FlatDemand> for Demand {
            fn from(flat: FlatDemand) -> Self {
                let FlatDemand { id, channel, source_key, version, digest, origin, raw, $($name),* } = flat;
                let body = DemandBody { $($name),* };
                Self { id, channel, source_key, version, digest, origin, raw, body }
            }
        }
    };
}

// A macro, because each field is needed three times: in the struct, in the list of names and in
// `FlatDemand`.
body! {
    /// The number shown to people; searchable, but not unique.
    source_no: Option<String>,
    /// What kind of demand it is.
    kind: Option<Kind>,
    /// The kind as the source writes it.
    kind_raw: Option<String>,
    /// Cleaned, never shortened; personal values in it are masked.
    title: Option<String>,
    /// Cleaned, never shortened; personal values in it are masked.
    content: Option<String>,
    /// Code of the three-level tree in `codes/category.csv`.
    category: Option<String>,
    /// The source's own path of categories.
    category_raw: Option<String>,
    /// Keywords, set by the mapping.
    tags: Vec<String>,
    /// When the source received it (诉求时间).
    received_at: Option<Timestamp>,
    /// When the matter happened, if the source says so.
    occurred_at: Option<Timestamp>,
    /// When the source last changed the demand.
    updated_at: Option<Timestamp>,
    /// How urgent the source says it is.
    urgency: Option<Urgency>,
    /// The current GB/T 2260 code, of 6, 9 or 12 digits.
    region: Option<String>,
    /// The region as the source gives it, perhaps an old code.
    region_raw: Option<String>,
    /// The precise address, sealed.
    address: Option<Sealed>,
    /// The address down to street or town level, in plain text.
    address_area: Option<String>,
    /// Where the matter is, in WGS-84/CGCS2000.
    location: Option<Location>,
    /// The people who ask.
    people: Vec<Person>,
    /// How many people are concerned.
    people_count: Option<u32>,
    /// The business that asks or is concerned.
    enterprise: Option<Enterprise>,
    /// Whether somebody filed it, or the administration found it (未诉先办).
    initiative: Option<Initiative>,
    /// Code of the grid or community, if the source has one.
    grid: Option<String>,
    /// Whether the person does not want to be named.
    anonymous: Option<bool>,
    /// Whether only the role for confidential demands may see it (保密).
    confidential: Option<bool>,
    /// Links to attachments, without their content.
    attachments: Vec<Attachment>,
    /// The source's own mark that it was filed before.
    repeat: Option<Repeat>,
    /// How far it has been handled.
    status: Option<Status>,
    /// The status as the source writes it.
    status_raw: Option<String>,
    /// The responsible unit, normalised.
    org: Option<String>,
    /// The responsible unit as the source writes it.
    org_raw: Option<String>,
    /// Other units that handle it jointly.
    org_joint: Vec<String>,
    /// When it was accepted for handling (受理).
    accepted_at: Option<Timestamp>,
    /// When it was assigned to a unit (派单, 交办).
    dispatched_at: Option<Timestamp>,
    /// When the unit confirmed receipt (签收).
    signed_at: Option<Timestamp>,
    /// When the person was first contacted.
    responded_at: Option<Timestamp>,
    /// When the matter was resolved (办结).
    resolved_at: Option<Timestamp>,
    /// When the work order was archived (归档).
    closed_at: Option<Timestamp>,
    /// The official deadline.
    due_at: Option<Timestamp>,
    /// The time by which the person wants it done.
    wish_at: Option<Timestamp>,
    /// The public answer; personal values in it are masked.
    reply: Option<String>,
    /// Marks of supervision, such as 督办 and 疑难.
    flags: Vec<SupervisionFlag>,
    /// Numbers of reminders, returns, extensions and repeats.
    counts: Option<Counts>,
    /// What each unit that handles it has to do.
    tasks: Vec<Task>,
    /// Who judged the result, and how.
    evaluations: Vec<Evaluation>,
    /// The handling steps, as the source reports them.
    trail: Vec<Step>,
    /// Other work orders that the source names.
    related: Vec<Related>,
    /// What is doubtful in this demand. A flag never causes it to be dropped.
    quality: Vec<Quality>,
    /// What masks replaced in the texts, sealed together; absent if nothing was masked.
    unmasked: Option<SealedBytes>,
}

impl<'de> Deserialize<'de> for Demand {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        FlatDemand::deserialize(from).map(Self::from)
    }
}

/// Whether a field has its default value, so that JSON leaves it out.
pub(crate) fn is_default<T: PartialEq + Default>(value: &T) -> bool {
    *value == T::default()
}

/// Which of the fields in [`DemandShape::FIELDS`] a demand has. If a source silently stops giving one of
/// them, its records are still valid demands, but their shapes change. Fields that are filled during
/// handling are not included: an open demand has none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DemandShape([bool; Self::FIELDS.len()]);

impl DemandShape {
    /// The names of the fields. For a coded field, the source's own value counts too; `people.name` is the
    /// name of any person in the demand.
    pub const FIELDS: [&'static str; 11] = [
        "source_no",
        "title",
        "content",
        "kind",
        "region",
        "received_at",
        "status",
        "people",
        "people.name",
        "people.phone",
        "people.id_no",
    ];

    /// A shape with a flag for each of [`DemandShape::FIELDS`], in their order.
    pub fn new(has: [bool; Self::FIELDS.len()]) -> Self {
        Self(has)
    }

    /// The shape of a demand.
    pub fn of(body: &DemandBody) -> Self {
        Self([
            body.source_no.is_some(),
            body.title.is_some(),
            body.content.is_some(),
            body.kind.is_some() || body.kind_raw.is_some(),
            body.region.is_some() || body.region_raw.is_some(),
            body.received_at.is_some(),
            body.status.is_some() || body.status_raw.is_some(),
            !body.people.is_empty(),
            body.people.iter().any(|person| person.name.is_some()),
            body.people.iter().any(|person| person.phone.is_some()),
            body.people.iter().any(|person| person.id_no.is_some()),
        ])
    }

    /// Whether it has the field with this index in [`DemandShape::FIELDS`].
    pub fn has(&self, index: usize) -> bool {
        self.0.get(index).copied().unwrap_or(false)
    }
}
