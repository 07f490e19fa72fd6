//! What the administration did with a demand (办理).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Side, Status, TaskRole, codes, optional_fields};
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

optional_fields! {
    /// How often, where the source gives it or its trail shows it.
    #[derive(Copy, Eq)]
    Counts {
        /// 催办
        urged: Option<u32>,
        /// 退回
        returned: Option<u32>,
        /// 延期
        extended: Option<u32>,
        /// 重复
        repeated: Option<u32>,
    }
}

optional_fields! {
    /// One unit's share of a demand.
    #[derive(Eq)]
    Task {
        /// The unit.
        org: Option<String>,
        /// 主办 or 协办.
        role: Option<TaskRole>,
        /// 属地 or 属事.
        side: Option<Side>,
        /// Level of the unit.
        level: Option<Level>,
        /// Where this share stands.
        status: Option<Status>,
        /// 派发.
        dispatched_at: Option<Timestamp>,
        /// 签收.
        signed_at: Option<Timestamp>,
        /// Limit of this share.
        due_at: Option<Timestamp>,
        /// Unit in which the limit was given.
        limit_unit: Option<LimitUnit>,
        /// 反馈.
        responded_at: Option<Timestamp>,
        /// Why the unit sent it back.
        returned_reason: Option<String>,
    }
}

optional_fields! {
    /// One judgement of the result: enough for 响应率, 解决率, 满意率.
    #[derive(Eq)]
    Evaluation {
        /// Who judged.
        by: Option<EvaluationBy>,
        /// When.
        at: Option<Timestamp>,
        /// Was the person contacted?
        contacted: Option<bool>,
        /// Was it solved?
        resolved: Option<bool>,
        /// Code of satisfaction.
        satisfaction: Option<String>,
        /// Satisfaction as the source writes it.
        satisfaction_raw: Option<String>,
        /// Does it count (有效回访)?
        valid: Option<bool>,
    }
}

optional_fields! {
    /// One handling step.
    #[derive(Eq)]
    Step {
        /// When.
        at: Option<Timestamp>,
        /// What was done, in the source's words.
        step: Option<String>,
        /// By whom.
        org: Option<String>,
        /// Remark; personal values in it are masked.
        note: Option<String>,
    }
}

/// Another order that this one is related to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Related {
    /// Its number.
    pub no: String,
    /// merged, follow_up, mother, child, cited.
    pub relation: String,
}
