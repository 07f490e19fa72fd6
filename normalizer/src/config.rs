//! The `[demand]` table of a channel: which field of the source becomes which field of a demand.
//!
//! This is plain data: it defines the syntax. Whether the settings fit together is checked once, in
//! [`Mapping::build`](crate::Mapping::build), which reports all problems at once. The vocabulary is
//! closed: a conversion that is not listed here needs code.

mod field;
mod group;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use field::{Clean, Conversion, Extract, Field, FieldTable, JsonPath};
pub use group::{
    AttachmentConfig, CountsConfig, EnterpriseConfig, EvaluationConfig, LocationConfig,
    PersonConfig, RelatedConfig, RepeatConfig, StepConfig, TaskConfig,
};

/// The `[demand]` table: one entry for each field that a mapping may set. What is left out stays
/// absent. Fields named `…_raw` are filled by themselves where the field beside them uses codes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MappingConfig {
    /// The number shown to people.
    pub source_no: Option<Field>,
    /// What kind of demand it is: consult, help, complaint, …
    pub kind: Option<Field>,
    /// Short text.
    pub title: Option<Field>,
    /// The text itself.
    pub content: Option<Field>,
    /// Code of the category tree.
    pub category: Option<Field>,
    /// The source's own path of categories.
    pub category_raw: Option<Field>,
    /// Labels; a text with several is split at commas.
    pub tags: Option<Field>,
    /// When the channel took it in (诉求时间).
    pub received_at: Option<Field>,
    /// When the thing happened.
    pub occurred_at: Option<Field>,
    /// The source's own last change.
    pub updated_at: Option<Field>,
    /// normal, urgent or critical.
    pub urgency: Option<Field>,
    /// Administrative division: a code of 4, 6, 9 or 12 digits, or a name.
    pub region: Option<Field>,
    /// Where it happened; sealed.
    pub address: Option<Field>,
    /// Coordinates.
    pub location: Option<LocationConfig>,
    /// Who asks; sealed.
    pub people: Vec<PersonConfig>,
    /// How many people are concerned.
    pub people_count: Option<Field>,
    /// The business that asks or is concerned.
    pub enterprise: Option<EnterpriseConfig>,
    /// filed or found.
    pub initiative: Option<Field>,
    /// Grid or community code.
    pub grid: Option<Field>,
    /// The person does not want to be named.
    pub anonymous: Option<Field>,
    /// 保密.
    pub confidential: Option<Field>,
    /// Links to what was attached.
    pub attachments: Option<AttachmentConfig>,
    /// The source's own repeat mark.
    pub repeat: Option<RepeatConfig>,
    /// Where it stands.
    pub status: Option<Field>,
    /// Responsible unit.
    pub org: Option<Field>,
    /// Responsible unit as the source writes it.
    pub org_raw: Option<Field>,
    /// Further units that handle it together.
    pub org_joint: Option<Field>,
    /// 受理.
    pub accepted_at: Option<Field>,
    /// 派单, 交办.
    pub dispatched_at: Option<Field>,
    /// 签收.
    pub signed_at: Option<Field>,
    /// First contact with the person.
    pub responded_at: Option<Field>,
    /// 办结 of the matter.
    pub resolved_at: Option<Field>,
    /// 归档 of the order.
    pub closed_at: Option<Field>,
    /// The official limit.
    pub due_at: Option<Field>,
    /// When the person wishes to have it done.
    pub wish_at: Option<Field>,
    /// The public answer.
    pub reply: Option<Field>,
    /// supervised, difficult, escalated, joint, special.
    pub flags: Option<Field>,
    /// 催办, 退回, 延期, 重复.
    pub counts: Option<CountsConfig>,
    /// One demand, several units.
    pub tasks: Option<TaskConfig>,
    /// Who judged the result, and how.
    pub evaluations: Option<EvaluationConfig>,
    /// Handling steps.
    pub trail: Option<StepConfig>,
    /// Other orders that the source names.
    pub related: Option<RelatedConfig>,
}
