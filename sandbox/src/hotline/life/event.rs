//! What happens to cases: the words of the product for its steps.

/// Something that happened to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// 受理
    Accepted,
    /// 派单, to a unit, and the first time also to those that assist it.
    Dispatched,
    /// 签收
    Signed,
    /// 联系诉求人
    Contacted,
    /// 延期
    Extended,
    /// 退回
    Returned,
    /// 反馈
    Reported,
    /// 审核
    Checked,
    /// 回访, the citizen is not satisfied: 重办.
    Dissatisfied,
    /// 督办
    Supervised,
    /// 回访, the citizen is satisfied.
    Satisfied,
    /// 办结
    Finished,
    /// 归档
    Archived,
}
