//! What the administration did with a demand (办理).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Side, Status, TaskRole, codes};
use crate::Timestamp;

codes! {
    /// Marks laid over the status.
    SupervisionFlag {
        /// 督办
        Supervised = "supervised",
        /// 疑难
        Difficult = "difficult",
        /// 上报
        Escalated = "escalated",
        /// 联办
        Joint = "joint",
        /// 特派
        Special = "special",
    }
}

codes! {
    /// Level of a unit.
    Level {
        /// 省
        Province = "province",
        /// 市
        City = "city",
        /// 县区
        County = "county",
        /// 乡镇街道
        Town = "town",
    }
}

codes! {
    /// Unit of a time limit (时限单位).
    LimitUnit {
        /// 分钟
        Minute = "minute",
        /// 工作时
        WorkHour = "work_hour",
        /// 工作日
        WorkDay = "work_day",
    }
}

codes! {
    /// Who evaluated.
    EvaluationBy {
        /// 市民评价
        Citizen = "citizen",
        /// 办理单位回访
        Unit = "unit",
        /// 回头看
        Lookback = "lookback",
        /// 第三方评估
        ThirdParty = "third_party",
        /// 抽查
        SpotCheck = "spot_check",
    }
}

/// How often, where the source gives it or its trail shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// 催办
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urged: Option<u32>,
    /// 退回
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<u32>,
    /// 延期
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended: Option<u32>,
    /// 重复
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated: Option<u32>,
}

/// One unit's share of a demand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Task {
    /// The unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// 主办 or 协办.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<TaskRole>,
    /// 属地 or 属事.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Level of the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Where this share stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// 派发.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatched_at: Option<Timestamp>,
    /// 签收.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// Limit of this share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Unit in which the limit was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_unit: Option<LimitUnit>,
    /// 反馈.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responded_at: Option<Timestamp>,
    /// Why the unit sent it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned_reason: Option<String>,
}

/// One judgement of the result: enough for 响应率, 解决率, 满意率.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Evaluation {
    /// Who judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<EvaluationBy>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Was the person contacted?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacted: Option<bool>,
    /// Was it solved?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// Code of satisfaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<String>,
    /// Satisfaction as the source writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satisfaction_raw: Option<String>,
    /// Does it count (有效回访)?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
}

/// One handling step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Step {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What was done, in the source's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Remark; personal values in it are masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Another order that this one is related to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Related {
    /// Its number.
    pub no: String,
    /// merged, follow_up, mother, child, cited.
    pub relation: String,
}
