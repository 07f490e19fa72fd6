//! Rules: what a path means, decided when the mapping is built, applied to millions of records.
//!
//! A rule answers with a value or with nothing plus a doubt. There is no third answer, and no
//! default: what cannot be read is absent.

mod code;
mod group;
mod number;
mod personal;
mod point;
mod region;
mod text;
mod time;

pub(crate) use code::{CodeRule, Coded, ListRule};
pub(crate) use group::{
    AttachmentRule, CountsRule, EachRule, EnterpriseRule, EvaluationRule, Group, RelatedRule,
    RepeatRule, StepRule, TaskRule,
};
pub(crate) use number::{BoolRule, IntRule};
pub(crate) use personal::{PersonRule, PersonalRule, PlainPerson, gender};
pub(crate) use point::PointRule;
pub(crate) use region::RegionRule;
pub(crate) use text::TextRule;
pub(crate) use time::{TimeForm, TimeRule};
