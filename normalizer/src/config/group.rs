//! The settings of groups of fields, such as a person, a handling step or a point.

use contract::demand::{Crs, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::{Field, JsonPath};

/// One person, or all people of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PersonConfig {
    /// A path: each node that it finds is one person, and is `$` in the paths of the fields. Without it,
    /// there is one person, and `$` is the record.
    pub each: Option<JsonPath>,
    /// The person's part in the demand.
    pub role: Option<Role>,
    /// Whether this is the main person (主访人): yes gives the role main, no gives joint. Without a
    /// value, `role` is used.
    pub main: Option<Field>,
    /// Name; it is sealed.
    pub name: Option<Field>,
    /// Telephone; it is sealed.
    pub phone: Option<Field>,
    /// Identity number; it is sealed.
    pub id_no: Option<Field>,
    /// Gender: 男 or 女, 1 or 2, male or female; or a label of a code table.
    pub gender: Option<Field>,
}

/// How often each of these happened.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CountsConfig {
    /// Reminders to the unit (催办).
    pub urged: Option<Field>,
    /// Returns by a unit (退回).
    pub returned: Option<Field>,
    /// Extensions of the limit (延期).
    pub extended: Option<Field>,
    /// Repeated requests (重复).
    pub repeated: Option<Field>,
}

/// The handling steps. In the paths of the fields, `$` is one node of `each`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// A path: each node that it finds is one step.
    pub each: JsonPath,
    /// When it was done.
    pub at: Option<Field>,
    /// What was done.
    pub step: Option<Field>,
    /// The unit that did it.
    pub org: Option<Field>,
    /// Remark.
    pub note: Option<Field>,
}

/// The attachments. In the paths of the fields, `$` is one node of `each`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentConfig {
    /// A path: each node that it finds is one attachment.
    pub each: JsonPath,
    /// File name.
    pub name: Option<Field>,
    /// The address from which it can be fetched.
    pub url: Option<Field>,
    /// Media type.
    pub mime: Option<Field>,
    /// Size in bytes.
    pub bytes: Option<Field>,
}

/// What each unit has to do. In the paths of the fields, `$` is one node of `each`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// A path: each node that it finds is the task of one unit.
    pub each: JsonPath,
    /// The unit.
    pub org: Option<Field>,
    /// Whether the unit leads (lead, 主办) or assists (joint, 协办).
    pub role: Option<Field>,
    /// Whether it is responsible by place (territorial, 属地) or by subject (sector, 属事).
    pub side: Option<Field>,
    /// Level of the unit: province, city, county or town.
    pub level: Option<Field>,
    /// How far this task has been handled.
    pub status: Option<Field>,
    /// When it was assigned (派发).
    pub dispatched_at: Option<Field>,
    /// When the unit confirmed that it had received it (签收).
    pub signed_at: Option<Field>,
    /// The deadline of this task.
    pub due_at: Option<Field>,
    /// The unit in which the limit was given: minute, work_hour or work_day.
    pub limit_unit: Option<Field>,
    /// When the unit reported its result (反馈).
    pub responded_at: Option<Field>,
    /// Why the unit sent it back.
    pub returned_reason: Option<Field>,
}

/// Judgements of the result. In the paths of the fields, `$` is one node of `each`. If the fields are
/// in the record itself, write `each = "$"`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// A path: each node that it finds is one judgement.
    pub each: JsonPath,
    /// Who judged: citizen, unit, lookback, third_party or spot_check.
    pub by: Option<Field>,
    /// When it was judged.
    pub at: Option<Field>,
    /// Whether the person was contacted.
    pub contacted: Option<Field>,
    /// Whether the matter was resolved.
    pub resolved: Option<Field>,
    /// Satisfaction, usually translated by a code table.
    pub satisfaction: Option<Field>,
    /// Whether the judgement counts (有效回访).
    pub valid: Option<Field>,
}

/// Other work orders that this one is related to. In the paths of `no` and `relation`, `$` is one node of
/// `each`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RelatedConfig {
    /// A path: each node that it finds is one work order, with `no` and `relation`.
    pub each: Option<JsonPath>,
    /// The number of the work order.
    pub no: Option<Field>,
    /// The relation: merged, follow_up, mother, child or cited.
    pub relation: Option<Field>,
    /// Paths of texts that may cite numbers of other work orders; each number found is `cited`.
    pub cited: Vec<JsonPath>,
}

/// The business that asks or is concerned.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnterpriseConfig {
    /// Registered name.
    pub name: Option<Field>,
    /// The unified social credit code (统一社会信用代码).
    pub uscc: Option<Field>,
    /// The type, as the source names it.
    #[serde(rename = "type")]
    pub type_: Option<Field>,
}

/// A point in degrees.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationConfig {
    /// Longitude.
    pub lon: Field,
    /// Latitude.
    pub lat: Field,
    /// The coordinate system that the source uses; `gcj02` and `bd09` are converted to WGS-84.
    pub crs: Crs,
}

/// What the source says about an earlier filing of the same matter.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatConfig {
    /// The value that says that it was filed before, as the source writes it.
    pub flag: Option<Field>,
    /// The number of the earlier work order.
    pub of: Option<Field>,
}
