//! 信访: the petition bureau's web service, SOAP 1.1 in the manner of asmx.
//!
//! `POST /XfjkWebService/Service.asmx` with the actions `GetXfjList` and `AckXfj`. The
//! business answer is an XML document inside CDATA; everything is GBK, declared as GB2312. Cases
//! that were not acknowledged are listed again, whatever time range is requested.

mod answer;
mod case;
mod element;
mod person;

use std::collections::HashMap;
use std::time::Duration;

use self::case::{Case, STEPS, xfjid};
use crate::faults::quirks;
use crate::source::http::{Reply, Request};
use crate::source::limit::Bucket;
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::truth::ServedState;

/// The shared secret; requests carry its MD5.
const SHARED: &str = "sim-shared-340200";

/// The petition bureau.
#[derive(Debug)]
pub struct Bureau {
    bucket: Bucket,
    /// Whether the last call was refused as too early.
    told_to_wait: bool,
    /// By number, the step of the case that was last served.
    served: HashMap<u64, usize>,
    /// By number, the step of the case that was acknowledged.
    acknowledged: HashMap<u64, usize>,
}

impl Upstream for Bureau {
    type Quirk = Quirk;
    const CHANNEL: &'static str = "petition";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("PETITION_SHARED_TEXT", SHARED)];

    fn new(behaviour: &Behaviour<Quirk>) -> Self {
        Self {
            bucket: Bucket::new(behaviour.limits, Duration::from_secs(3), 1),
            told_to_wait: false,
            served: HashMap::new(),
            acknowledged: HashMap::new(),
        }
    }

    fn key(number: u64) -> String {
        xfjid(number)
    }

    fn steps(_: u64) -> usize {
        STEPS
    }

    fn served_state(behaviour: &Behaviour<Quirk>, entry: &Entry, change: Change) -> ServedState {
        Case::new(behaviour, entry, change).served_state()
    }

    fn answer(&mut self, source: &mut Source, request: &Request) -> Reply {
        answer::answer(self, source, request)
    }
}

type Source = SourceState<Quirk>;

quirks! {
    Quirk of items {
        /// Case: the content has `]]>`, so the CDATA section that carries it is split.
        CdataEnd = "cdata_end" @ 47,
        /// Case: the content has `&#x0;` and `&#xB;`, which are illegal in XML.
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
        InvertedFirstFlag = "initial_inverted" @ 13,
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
    }
    others {
        /// Request: the outer declaration correctly says UTF-8; the inner one says GB2312.
        OuterUtf8 = "outer_utf8" @ 19,
        /// Request: the outer declaration correctly says GB2312; the inner one says UTF-8.
        InnerUtf8 = "inner_utf8" @ 31,
        /// Request: a SOAP Fault, with 500.
        SoapFault = "soap_fault" @ 67,
        /// Request: a list without rows, whose `MSG` is an error.
        EmptyError = "empty_error" @ 71,
        /// Request: `TOTAL` is too small, and smaller on every page.
        TotalDrifts = "total_drifts" @ 2,
        /// Request: code `-1`, 繁忙.
        Busy = "busy" @ 37,
        /// Request: the page of the daily maintenance, HTML with 200.
        Maintenance = "maintenance" @ 83,
        /// Request: half of the acknowledged cases fail.
        HalfAck = "half_ack" @ 10,
    }
}

#[cfg(test)]
mod tests;
