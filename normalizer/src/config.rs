//! The `[demand]` table of a channel: which field of the source becomes which field of a demand.
//!
//! These types only define the syntax. [`Mapping::build`](crate::Mapping::build) checks whether the
//! settings fit together, and reports all problems at once.

mod field;
mod group;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use field::{Clean, Conversion, Extract, Field, FieldTable, JsonPath};
pub use group::{
    AttachmentConfig, CountsConfig, EnterpriseConfig, EvaluationConfig, LocationConfig,
    PersonConfig, RelatedConfig, RepeatConfig, StepConfig, TaskConfig,
};

/// The `[demand]` table: one entry for each field of a demand. A field without an entry stays absent. A
/// field `…_raw` is filled automatically with the source's own value of the coded field.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MappingConfig {
    /// The number shown to people; it need not be unique.
    pub source_no: Option<Field>,
    /// What kind of demand it is: consult, help, complaint, and so on.
    pub kind: Option<Field>,
    /// The title.
    pub title: Option<Field>,
    /// The full text.
    pub content: Option<Field>,
    /// Code of the category in the tree `codes/category.csv`.
    pub category: Option<Field>,
    /// The source's own path of categories.
    pub category_raw: Option<Field>,
    /// Keywords; a text with several is split at commas, semicolons and similar signs.
    pub tags: Option<Field>,
    /// When the source received it (诉求时间).
    pub received_at: Option<Field>,
    /// When the matter happened.
    pub occurred_at: Option<Field>,
    /// When the source last changed the demand.
    pub updated_at: Option<Field>,
    /// How urgent it is: normal, urgent or critical.
    pub urgency: Option<Field>,
    /// The administrative division: a code of 4, 6, 9 or 12 digits, or a name.
    pub region: Option<Field>,
    /// The precise address; it is sealed, except for the part down to street or town level.
    pub address: Option<Field>,
    /// Where the matter is, as coordinates.
    pub location: Option<LocationConfig>,
    /// The people who ask; their personal values are sealed.
    pub people: Vec<PersonConfig>,
    /// How many people are concerned.
    pub people_count: Option<Field>,
    /// The business that asks or is concerned.
    pub enterprise: Option<EnterpriseConfig>,
    /// Whether somebody filed it (filed) or the administration found it (found, 未诉先办).
    pub initiative: Option<Field>,
    /// Code of the grid or community.
    pub grid: Option<Field>,
    /// Whether the person does not want to be named.
    pub anonymous: Option<Field>,
    /// Whether it is confidential (保密).
    pub confidential: Option<Field>,
    /// Links to attachments.
    pub attachments: Option<AttachmentConfig>,
    /// What the source says about an earlier filing of the same matter.
    pub repeat: Option<RepeatConfig>,
    /// How far it has been handled.
    pub status: Option<Field>,
    /// The responsible unit.
    pub org: Option<Field>,
    /// The responsible unit as the source writes it.
    pub org_raw: Option<Field>,
    /// Other units that handle it jointly.
    pub org_joint: Option<Field>,
    /// When it was accepted for handling (受理).
    pub accepted_at: Option<Field>,
    /// When it was assigned to a unit (派单, 交办).
    pub dispatched_at: Option<Field>,
    /// When the unit confirmed that it had received it (签收).
    pub signed_at: Option<Field>,
    /// When the person was first contacted.
    pub responded_at: Option<Field>,
    /// When the matter was resolved (办结).
    pub resolved_at: Option<Field>,
    /// When the work order was archived (归档).
    pub closed_at: Option<Field>,
    /// The official deadline.
    pub due_at: Option<Field>,
    /// The time by which the person asks for it to be done (期望时间).
    pub wish_at: Option<Field>,
    /// The public answer.
    pub reply: Option<Field>,
    /// How it is supervised: supervised, difficult, escalated, joint, special.
    pub flags: Option<Field>,
    /// Numbers of reminders (催办), returns (退回), extensions (延期) and repeats (重复).
    pub counts: Option<CountsConfig>,
    /// What each unit has to do: one task for each unit that handles it.
    pub tasks: Option<TaskConfig>,
    /// Who judged the result, and how.
    pub evaluations: Option<EvaluationConfig>,
    /// The handling steps.
    pub trail: Option<StepConfig>,
    /// Other work orders that the source names.
    pub related: Option<RelatedConfig>,
}
