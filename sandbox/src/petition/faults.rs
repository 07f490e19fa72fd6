//! The fault switches of the petition bureau. A number counts cases filed where the fault is in a
//! case, and requests where it is on the wire.

use crate::faults::faults;

faults! {
    /// Case: the content has `]]>`, so the CDATA section that carries it is split.
    CdataEnd = "cdata_end" @ 47,
    /// Case: the content has `&#x0;` and `&#xB;`, which no XML may have.
    IllegalReference = "illegal_reference" @ 53,
    /// Case: the content ends in half a character.
    HalfCharacter = "half_character" @ 211,
    /// Case: nobody is marked as the main person.
    NoMain = "no_main" @ 23,
    /// Case: three persons are marked as the main one.
    ThreeMains = "three_mains" @ 29,
    /// Case: the purpose as a four-digit code of another list.
    FourDigits = "four_digits" @ 3,
    /// Case: a purpose that no list has.
    UnknownCode = "unknown_code" @ 59,
    /// Case: it is closed without a time of closing.
    ClosedWithoutTime = "closed_without_time" @ 7,
    /// Case: `qgccbz` means the opposite.
    InitialInverted = "initial_inverted" @ 13,
    /// Case: it repeats the one before it, named in `lhxfjid`.
    Repeated = "repeated" @ 11,
    /// Case: the identity number of the first person has a wrong check digit.
    BadChecksum = "bad_checksum" @ 17,
    /// Case: a name with 喆, 䶮 or 㛃, which GB2312 does not have.
    RareName = "rare_name" @ 5,
    /// Case: a picture of some 20 KiB inside, as Base64.
    Attachment = "attachment" @ 61,
    /// Case: a picture of 5 MiB inside.
    HugeAttachment = "huge_attachment" @ 0,
    /// Request: the outer declaration says UTF-8, and so it is; the inner one says GB2312.
    OuterUtf8 = "outer_utf8" @ 19,
    /// Request: the outer declaration says GB2312, and so it is; the inner one says UTF-8.
    InnerUtf8 = "inner_utf8" @ 31,
    /// Request: a SOAP Fault, with 500.
    SoapFault = "soap_fault" @ 67,
    /// Request: a list without rows whose `MSG` says that it failed.
    EmptyError = "empty_error" @ 71,
    /// Request: `TOTAL` is less on every page, and never enough.
    TotalDrifts = "total_drifts" @ 2,
    /// Request: code `-1`, 繁忙.
    Busy = "busy" @ 37,
    /// Request: the page of the daily maintenance, HTML with 200.
    Maintenance = "maintenance" @ 83,
    /// Request: half of the acknowledged cases fail.
    HalfAck = "half_ack" @ 10,
}

/// Those that strike cases.
pub(super) const OF_CASES: [Fault; 14] = [
    Fault::CdataEnd,
    Fault::IllegalReference,
    Fault::HalfCharacter,
    Fault::NoMain,
    Fault::ThreeMains,
    Fault::FourDigits,
    Fault::UnknownCode,
    Fault::ClosedWithoutTime,
    Fault::InitialInverted,
    Fault::Repeated,
    Fault::BadChecksum,
    Fault::RareName,
    Fault::Attachment,
    Fault::HugeAttachment,
];
