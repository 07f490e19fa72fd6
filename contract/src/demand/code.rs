//! The codes of a demand, and the quality flags. If the source's label has no code, the coded field is
//! absent, the field with `_raw` has the label, and a quality flag says so. A quality flag never causes a
//! demand to be dropped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)*
        }

        impl $name {
            /// All codes, as written on the wire.
            pub const CODES: &'static [&'static str] = &[$($code),*];

            /// The code on the wire.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The value with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(super) use codes;

/// Defines a struct whose fields may all be absent in JSON, and are never null. Without this macro, each
/// field would need an attribute, which is easily forgotten.
macro_rules! optional_fields {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(skip_serializing_if = "crate::demand::is_default")]
                pub $field: $type,
            )*
        }
    };
}
pub(crate) use optional_fields;

codes! {
    /// Why a state of a demand was published.
    #[derive(Default)]
    Cause {
        /// A regular read found it, or its sender pushed it.
        #[default]
        Live = "live",
        /// A time range was read again (`sync --from --to`, `reconcile --repair`, `flight republish`).
        Backfill = "backfill",
        /// A kept record was mapped again (`replay`, `quarantine retry`).
        Replay = "replay",
    }
}

codes! {
    /// What a demand asks for.
    Kind {
        /// 咨询
        Consult = "consult",
        /// 求助
        Help = "help",
        /// 投诉
        Complaint = "complaint",
        /// 举报
        Report = "report",
        /// 建议
        Suggestion = "suggestion",
        /// 表扬
        Praise = "praise",
        /// 申诉
        Appeal = "appeal",
        /// 线索
        Clue = "clue",
        /// 其他
        Other = "other",
    }
}

codes! {
    /// How urgent a demand is.
    Urgency {
        /// 一般
        Normal = "normal",
        /// 紧急
        Urgent = "urgent",
        /// 特急
        Critical = "critical",
    }
}

codes! {
    /// Who started a demand.
    Initiative {
        /// 诉求人提出: a person filed it
        Filed = "filed",
        /// 网格走访, 调查, 巡查 主动发现: the administration found it
        Found = "found",
    }
}

codes! {
    /// How far a demand has been handled.
    Status {
        /// 待受理
        Pending = "pending",
        /// 审核中
        Reviewing = "reviewing",
        /// 待签收
        Assigned = "assigned",
        /// 办理中
        InProgress = "in_progress",
        /// 退回
        Returned = "returned",
        /// 挂账
        Stalled = "stalled",
        /// 已反馈
        Answered = "answered",
        /// 待回访: a follow-up call or visit is due
        Visiting = "visiting",
        /// 不满意重办
        Reopened = "reopened",
        /// 办结
        Resolved = "resolved",
        /// 归档
        Archived = "archived",
        /// 废弃
        Void = "void",
    }
}

codes! {
    /// A person's part in a demand.
    Role {
        /// 主访人, 来电人
        Main = "main",
        /// 联名
        Joint = "joint",
        /// 代理
        Agent = "agent",
    }
}

codes! {
    /// A unit's part in a demand.
    TaskRole {
        /// 主办
        Lead = "lead",
        /// 协办
        Joint = "joint",
    }
}

codes! {
    /// Whether a unit is responsible by place or by subject.
    Side {
        /// 属地
        Territorial = "territorial",
        /// 属事
        Sector = "sector",
    }
}

/// A quality flag of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// The field of the demand; or the field of the source, if no field was mapped from it.
    pub field: String,
    /// The flag.
    pub flag: QualityFlag,
    /// Offsets, codes, lengths; never a personal value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

codes! {
    /// What may be wrong with a field.
    QualityFlag {
        /// A label that is not in the code table.
        UnknownCode = "unknown_code",
        /// A time that cannot be read.
        BadTime = "bad_time",
        /// A time that can be read in two ways.
        AmbiguousTime = "ambiguous_time",
        /// An identity number or credit code whose check digit is wrong.
        BadChecksum = "bad_checksum",
        /// Not a telephone number.
        BadPhone = "bad_phone",
        /// A value that the source had masked: it is never used as a key.
        MaskedValue = "masked_value",
        /// Text that was decoded wrongly before it came here, and was repaired.
        RepairedText = "repaired_text",
        /// Text that may need a repair but was left as it is, because trying would have taken too long.
        UnrepairedText = "unrepaired_text",
        /// Text that was damaged before it came here.
        Damaged = "damaged",
        /// Bytes that are not in the charset, if the channel accepts them.
        MalformedBytes = "malformed_bytes",
        /// A text that the source cut at a fixed width.
        Truncated = "truncated",
        /// An old region code, mapped to the current one.
        OutdatedRegion = "outdated_region",
        /// A value that is not plausible.
        OutOfRange = "out_of_range",
        /// A required field that is absent.
        MissingRequired = "missing_required",
        /// A text that contained control or private-use characters.
        ControlCharacters = "control_characters",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for code in Status::CODES {
            assert_eq!(Status::from_code(code).map(Status::code), Some(*code));
            let wire = serde_json::to_string(&Status::from_code(code)).unwrap();
            assert_eq!(wire, format!("\"{code}\""));
        }
        assert_eq!(Status::from_code("办结"), None);
    }
}
