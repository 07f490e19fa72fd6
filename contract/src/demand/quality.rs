//! Doubts about a demand. They are data: queryable, counted per channel, and never a reason to drop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::codes;

/// One doubt about one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// The field of the demand, or of the source where no field was mapped from it.
    pub field: String,
    /// What is doubtful.
    pub flag: QualityFlag,
    /// Offsets, codes, lengths; never a personal value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

codes! {
    /// What can be doubtful.
    QualityFlag {
        /// A label that the code table does not have.
        UnknownCode = "unknown_code",
        /// A time that cannot be read.
        BadTime = "bad_time",
        /// A time with two readings.
        AmbiguousTime = "ambiguous_time",
        /// An identity number or credit code whose check digit is wrong.
        BadChecksum = "bad_checksum",
        /// Not a telephone number.
        BadPhone = "bad_phone",
        /// Arrived already masked: never a key.
        MaskedValue = "masked_value",
        /// Text was put back from a wrong decoding.
        RepairedText = "repaired_text",
        /// Text that may be broken and was left as it is: to try it would have cost too much.
        UnrepairedText = "unrepaired_text",
        /// Text that was damaged before it came here.
        Damaged = "damaged",
        /// Bytes that are not in the charset, where the channel accepts that.
        MalformedBytes = "malformed_bytes",
        /// Cut by the source at a fixed width.
        Truncated = "truncated",
        /// An old region code, mapped to the current one.
        OutdatedRegion = "outdated_region",
        /// A value outside what is plausible.
        OutOfRange = "out_of_range",
        /// A field that the channel declares required.
        MissingRequired = "missing_required",
        /// Control characters or a private-use character were in the text.
        ControlCharacters = "control_characters",
    }
}
