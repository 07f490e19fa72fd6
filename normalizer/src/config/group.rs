//! Fields that come in groups: a person, a step, a point.

use contract::demand::{Crs, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::{Field, JsonPath};

/// One person; a record may name several.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PersonConfig {
    /// One person for each node of this path; in the fields, `$` is that node.
    pub each: Option<JsonPath>,
    /// Part in the demand.
    pub role: Option<Role>,
    /// Whether this is the main person (主访人): yes gives the role main, no gives joint.
    pub main: Option<Field>,
    /// Name; sealed.
    pub name: Option<Field>,
    /// Telephone; sealed.
    pub phone: Option<Field>,
    /// Identity number; sealed.
    pub id_no: Option<Field>,
    /// 男 or 女, 1 or 2, male or female, or through codes.
    pub gender: Option<Field>,
}

/// How often.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CountsConfig {
    /// 催办
    pub urged: Option<Field>,
    /// 退回
    pub returned: Option<Field>,
    /// 延期
    pub extended: Option<Field>,
    /// 重复
    pub repeated: Option<Field>,
}

/// Handling steps. In the fields, `$` is one node of `each`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// The steps.
    pub each: JsonPath,
    /// When.
    pub at: Option<Field>,
    /// What was done.
    pub step: Option<Field>,
    /// By whom.
    pub org: Option<Field>,
    /// Remark.
    pub note: Option<Field>,
}

/// Attachments. In the fields, `$` is one node of `each`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentConfig {
    /// The attachments.
    pub each: JsonPath,
    /// File name.
    pub name: Option<Field>,
    /// Where it can be fetched.
    pub url: Option<Field>,
    /// Media type.
    pub mime: Option<Field>,
    /// Size in bytes.
    pub bytes: Option<Field>,
}

/// The shares of several units. In the fields, `$` is one node of `each`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// The tasks.
    pub each: JsonPath,
    /// The unit.
    pub org: Option<Field>,
    /// lead or joint.
    pub role: Option<Field>,
    /// territorial or sector.
    pub side: Option<Field>,
    /// province, city, county or town.
    pub level: Option<Field>,
    /// Where this share stands.
    pub status: Option<Field>,
    /// 派发.
    pub dispatched_at: Option<Field>,
    /// 签收.
    pub signed_at: Option<Field>,
    /// Limit of this share.
    pub due_at: Option<Field>,
    /// minute, work_hour or work_day.
    pub limit_unit: Option<Field>,
    /// 反馈.
    pub responded_at: Option<Field>,
    /// Why the unit sent it back.
    pub returned_reason: Option<Field>,
}

/// Judgements of the result. In the fields, `$` is one node of `each`; `each = "$"` where the
/// record itself holds one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// The judgements.
    pub each: JsonPath,
    /// citizen, unit, lookback, third_party or spot_check.
    pub by: Option<Field>,
    /// When.
    pub at: Option<Field>,
    /// Was the person contacted?
    pub contacted: Option<Field>,
    /// Was it solved?
    pub resolved: Option<Field>,
    /// Satisfaction, through codes.
    pub satisfaction: Option<Field>,
    /// Does it count (有效回访)?
    pub valid: Option<Field>,
}

/// Other orders. In the fields, `$` is one node of `each`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RelatedConfig {
    /// The orders; `no` and `relation` are read from each of them.
    pub each: Option<JsonPath>,
    /// Number of the order.
    pub no: Option<Field>,
    /// merged, follow_up, mother, child or cited.
    pub relation: Option<Field>,
    /// Texts of the record in which numbers of orders are cited.
    pub cited: Vec<JsonPath>,
}

/// The business.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnterpriseConfig {
    /// Registered name.
    pub name: Option<Field>,
    /// 统一社会信用代码.
    pub uscc: Option<Field>,
    /// As the source classifies it.
    #[serde(rename = "type")]
    pub type_: Option<Field>,
}

/// Coordinates in degrees.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationConfig {
    /// Longitude.
    pub lon: Field,
    /// Latitude.
    pub lat: Field,
    /// The system the source uses; `gcj02` and `bd09` are converted.
    pub crs: Crs,
}

/// The source's own repeat mark.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatConfig {
    /// The mark as given.
    pub flag: Option<Field>,
    /// Number of the earlier order.
    pub of: Option<Field>,
}
