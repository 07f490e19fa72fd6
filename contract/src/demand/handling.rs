//! What the administration did with a demand (办理).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Side, Status, TaskRole, codes, optional_fields};
use crate::Timestamp;

codes! {
    /// Marks in addition to the status.
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
    /// The level of a unit.
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
    /// The unit of a time limit (时限单位).
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
    /// Who judged the result.
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
    /// How often each of these happened, if the source says so or its trail shows it.
    #[derive(Copy, Eq)]
    Counts {
        /// Reminders to the unit (催办).
        urged: Option<u32>,
        /// Returns by a unit (退回).
        returned: Option<u32>,
        /// Extensions of the limit (延期).
        extended: Option<u32>,
        /// Repeated requests (重复).
        repeated: Option<u32>,
    }
}

optional_fields! {
    /// What one unit has to do about a demand.
    #[derive(Eq)]
    Task {
        /// The unit.
        org: Option<String>,
        /// Whether the unit leads (主办) or assists (协办).
        role: Option<TaskRole>,
        /// Whether it is responsible by place (属地) or by subject (属事).
        side: Option<Side>,
        /// Level of the unit.
        level: Option<Level>,
        /// How far the unit has handled it.
        status: Option<Status>,
        /// When it was assigned (派发).
        dispatched_at: Option<Timestamp>,
        /// When the unit confirmed receipt (签收).
        signed_at: Option<Timestamp>,
        /// The deadline for the unit.
        due_at: Option<Timestamp>,
        /// The unit in which the limit was given.
        limit_unit: Option<LimitUnit>,
        /// When the unit reported its result (反馈).
        responded_at: Option<Timestamp>,
        /// Why the unit sent it back.
        returned_reason: Option<String>,
    }
}

optional_fields! {
    /// One judgement of the result: enough to compute how many were contacted (响应率), helped (解决率) and
    /// satisfied (满意率).
    #[derive(Eq)]
    Evaluation {
        /// Who judged.
        by: Option<EvaluationBy>,
        /// When it was judged.
        at: Option<Timestamp>,
        /// Whether the person was contacted.
        contacted: Option<bool>,
        /// Whether the matter was resolved.
        resolved: Option<bool>,
        /// The code of satisfaction.
        satisfaction: Option<String>,
        /// Satisfaction as the source writes it.
        satisfaction_raw: Option<String>,
        /// Whether the judgement counts (有效回访).
        valid: Option<bool>,
    }
}

optional_fields! {
    /// One handling step.
    #[derive(Eq)]
    Step {
        /// When it was done.
        at: Option<Timestamp>,
        /// What was done, in the source's words.
        step: Option<String>,
        /// The unit that did it.
        org: Option<String>,
        /// Remark; personal values in it are masked.
        note: Option<String>,
    }
}

/// Another work order to which this one is related.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Related {
    /// Its number.
    pub no: String,
    /// `merged`, `follow_up`, `mother`, `child` or `cited`.
    pub relation: String,
}
