//! The fault switches of the inspection platform. A number counts clues filed where the fault is in
//! a clue, and requests where it is on the wire.

use crate::faults::faults;

faults! {
    /// Clue: name and telephone come masked. The platform always does so, therefore every time in a
    /// demonstration.
    Masked = "masked" @ 1,
    /// Clue: it bears yesterday's time and shows only today.
    LateRow = "late_row" @ 9,
    /// Clue: once it has moved on, its earlier state stands beside the newest in the same answer.
    Reissued = "reissued" @ 4,
    /// Request: the array as a text inside `{"code":200,"data":"…"}`.
    Wrapped = "wrapped" @ 5,
    /// Request: a byte order mark before the array.
    Bom = "bom" @ 7,
    /// Request: 502 from the proxy, with a page.
    BadGateway = "bad_gateway" @ 13,
    /// Request: the secret is another one from this request on.
    Rotated = "rotated" @ 29,
    /// Request: the proxy in front says a time an hour behind the platform's.
    WrongDate = "wrong_date" @ 0,
    /// Request: every row sealed, `encdata` and `signdata`.
    Sealed = "sealed" @ 0,
}

/// Those that strike clues.
pub(super) const OF_CLUES: [Fault; 3] = [Fault::Masked, Fault::LateRow, Fault::Reissued];
