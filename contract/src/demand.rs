//! The unified demand schema: what a citizen or business asked for, through any channel.
//!
//! These types *are* the wire format `DemandV1`: field names are JSON names, column names and API names at
//! once, so there is no second set of types to convert to. A field that the source does not give is
//! absent, never invented. Changing a name or a meaning needs a new wire version (see the golden files in
//! `contract/golden`).

mod code;
mod handling;
mod party;
pub(crate) use code::optional_fields;

pub use code::{Initiative, Kind, Quality, QualityFlag, Role, Side, Status, TaskRole, Urgency};
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
    /// Digest of the content: a newer version with the same digest changes nothing.
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
    /// When the answer that contained it arrived.
    pub read_at: Timestamp,
    /// `channel/read_no/part`.
    pub message: String,
    /// The charset it was decoded from; absent if the source gave text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// Which rule chose the charset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset_by: Option<DecidedBy>,
}

macro_rules! body {
    ($($(#[$meta:meta])* $name:ident: $type:ty,)*) => {
        optional_fields! {
            /// Everything of a demand that a mapping can set. Times are UTC; a coded field has the
            /// source's own value beside it, in the field of the same name with `_raw`.
            DemandBody {
                $($(#[$meta])* $name: $type,)*
            }
        }

        impl DemandBody {
            /// The names of all its fields, in wire order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($name)),*];
        }

        /// Every field side by side, only to be read: serde reads a flattened struct by buffering
        /// all of it first.
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

// A macro because each of the sixty fields is needed three times: in the struct, in the list of names,
// and in the flat form that is read.
body! {
    /// The number shown to people; not unique, searchable.
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
    /// From mapping or rules.
    tags: Vec<String>,
    /// When the channel took it in (诉求时间).
    received_at: Option<Timestamp>,
    /// When the thing happened, if said.
    occurred_at: Option<Timestamp>,
    /// The source's own last change.
    updated_at: Option<Timestamp>,
    /// How urgent the source says it is.
    urgency: Option<Urgency>,
    /// GB/T 2260 code of 6, 9 or 12 digits, current.
    region: Option<String>,
    /// The region as the source gives it, perhaps an old code.
    region_raw: Option<String>,
    /// The precise address, sealed.
    address: Option<Sealed>,
    /// The address down to street or town level, in plain.
    address_area: Option<String>,
    /// Where it is, in WGS-84/CGCS2000.
    location: Option<Location>,
    /// Who asks.
    people: Vec<Person>,
    /// How many people are concerned.
    people_count: Option<u32>,
    /// The business that asks or is concerned.
    enterprise: Option<Enterprise>,
    /// Filed by somebody, or found by the administration (未诉先办).
    initiative: Option<Initiative>,
    /// Grid or community code where the source has one.
    grid: Option<String>,
    /// The person does not want to be named.
    anonymous: Option<bool>,
    /// Visible only to the role that may see confidential demands (保密).
    confidential: Option<bool>,
    /// Links, not contents.
    attachments: Vec<Attachment>,
    /// The source's own repeat mark.
    repeat: Option<Repeat>,
    /// Where it stands.
    status: Option<Status>,
    /// The status as the source writes it.
    status_raw: Option<String>,
    /// Responsible unit, normalised.
    org: Option<String>,
    /// Responsible unit as the source writes it.
    org_raw: Option<String>,
    /// Further units that handle it together.
    org_joint: Vec<String>,
    /// 受理.
    accepted_at: Option<Timestamp>,
    /// 派单, 交办.
    dispatched_at: Option<Timestamp>,
    /// 签收.
    signed_at: Option<Timestamp>,
    /// First contact with the person.
    responded_at: Option<Timestamp>,
    /// 办结 of the matter.
    resolved_at: Option<Timestamp>,
    /// 归档 of the order.
    closed_at: Option<Timestamp>,
    /// The official limit.
    due_at: Option<Timestamp>,
    /// When the person wishes to have it done.
    wish_at: Option<Timestamp>,
    /// The public answer; personal values in it are masked.
    reply: Option<String>,
    /// 督办, 疑难, 上报, 联办, 特派.
    flags: Vec<SupervisionFlag>,
    /// 催办, 退回, 延期, 重复, as the source counts them.
    counts: Option<Counts>,
    /// One demand, several units.
    tasks: Vec<Task>,
    /// Who judged the result, and how.
    evaluations: Vec<Evaluation>,
    /// Handling steps as the source reports them.
    trail: Vec<Step>,
    /// Other orders that the source names.
    related: Vec<Related>,
    /// What is doubtful in this demand; a flag never drops it.
    quality: Vec<Quality>,
    /// Title, content and reply before masking, sealed together; absent where nothing was masked.
    unmasked: Option<SealedBytes>,
}

impl<'de> Deserialize<'de> for Demand {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        FlatDemand::deserialize(from).map(Self::from)
    }
}

/// Whether a field has its default value, so it is left out.
pub(crate) fn is_default<T: PartialEq + Default>(value: &T) -> bool {
    *value == T::default()
}

/// Which of the fields in [`Shape::FIELDS`] a demand has. If a source silently stops giving one of them,
/// every record is still a valid demand, but this shows it. Fields that are filled during handling are
/// not included: an open demand has none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape([bool; Self::FIELDS.len()]);

impl Shape {
    /// The fields that count; for a coded field, the source's own value counts too.
    pub const FIELDS: [&'static str; 8] =
        ["source_no", "title", "content", "kind", "region", "received_at", "status", "people"];

    /// A shape with a flag for each of [`Shape::FIELDS`], in their order.
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
        ])
    }

    /// Whether it has the field with this index in [`Shape::FIELDS`].
    pub fn has(&self, at: usize) -> bool {
        self.0.get(at).copied().unwrap_or(false)
    }
}
