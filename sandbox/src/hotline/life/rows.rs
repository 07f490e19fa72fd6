//! The rows of the three tables about the handling of cases. Their fields are named like the columns.

use serde::Serialize;

use crate::hotline::Gbk;

/// A row of `CNS_CTASK`: what one unit has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Task {
    /// Primary key.
    pub id: i64,
    /// `ROWGUID` of the case.
    pub caseguid: String,
    /// 承办单位, the unit.
    pub ouname: Gbk,
    /// 单位层级, the level of the unit: 市级, 县区级 or 乡镇街道级.
    pub oulevel: Gbk,
    /// 属地 or 属事.
    pub dutytype: Gbk,
    /// 10 for the unit that leads, 20 for those that assist.
    pub tasktype: String,
    /// 10 待签收, 20 处理中, 30 退回, 80 完成, 100 反馈.
    pub taskstatus: String,
    /// 派发时间
    pub sendtime: String,
    /// 签收时间
    pub signtime: Option<String>,
    /// 办理时限, the number of units from the sending to the deadline.
    pub taskfinishlimit: i64,
    /// 时限单位: 0 minutes, 1 working hours, 2 working days.
    pub limitunit: String,
    /// 反馈时间
    pub feedbacktime: Option<String>,
    /// 退回原因
    pub backreason: Option<Gbk>,
}

/// A row of `CNS_CVISIT`: a call to the citizen about the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Visit {
    /// Primary key.
    pub id: i64,
    /// `ROWGUID` of the case.
    pub caseguid: String,
    /// 回访时间
    pub visittime: String,
    /// 回访方式: 中心回访, 单位回访 or 回头看.
    pub visittype: Gbk,
    /// 是否联系, whether the unit had contacted the citizen.
    pub iscontact: String,
    /// 是否解决
    pub issolve: String,
    /// 满意度
    pub satisfaction: Gbk,
    /// 有效回访
    pub isvalid: String,
}

/// A row of `CNS_CSTEP`: a step of the handling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Step {
    /// Primary key.
    pub id: i64,
    /// `ROWGUID` of the case.
    pub caseguid: String,
    /// 操作时间
    pub operatetime: String,
    /// 操作
    pub operatename: Gbk,
    /// 操作单位
    pub ouname: Gbk,
    /// 说明
    pub remark: Option<Gbk>,
}
