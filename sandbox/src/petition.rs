//! 信访 (petitions): the web service of the petition bureau, in SOAP 1.1.
//!
//! `POST /XfjkWebService/Service.asmx` has the actions `GetXfjList`, which lists the cases that changed in
//! a time range, and `AckXfj`, which acknowledges cases. An answer is an XML document in a CDATA section of
//! the SOAP envelope; both are GBK, but declare GB2312. A case that the reader did not acknowledge is in
//! the list for every later time range too.

mod answer;
mod case;
mod element;
mod person;

use std::collections::HashMap;
use std::time::Duration;

use self::case::{Case, STEPS, case_id};
use crate::quirk::quirks;
use crate::source::http::{Reply, Request};
use crate::source::limit::Bucket;
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::truth::ServedState;

/// The shared secret; requests contain its MD5.
const SHARED_SECRET: &str = "sim-shared-340200";

/// The petition bureau.
#[derive(Debug)]
pub struct Bureau {
    bucket: Bucket,
    /// Whether the last request was refused because it came too early.
    was_too_early: bool,
    /// The index of the state that was last served, by the number of the case.
    served: HashMap<u64, usize>,
    /// The index of the state that was last acknowledged, by the number of the case.
    acknowledged: HashMap<u64, usize>,
}

impl Upstream for Bureau {
    type Quirk = Quirk;
    const CHANNEL: &'static str = "petition";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("PETITION_SHARED_TEXT", SHARED_SECRET)];

    fn new(behaviour: &Behaviour<Quirk>) -> Self {
        Self {
            bucket: Bucket::new(behaviour.limits, Duration::from_secs(3), 1),
            was_too_early: false,
            served: HashMap::new(),
            acknowledged: HashMap::new(),
        }
    }

    fn key(number: u64) -> String {
        case_id(number)
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
        /// Case: the content has `]]>`, so the document is split into several CDATA sections.
        CdataEnd = "cdata_end" @ 47,
        /// Case: the content has `&#x0;` and `&#xB;`, which are illegal in XML.
        IllegalReference = "illegal_reference" @ 53,
        /// Case: the content ends with half a character.
        HalfCharacter = "half_character" @ 211,
        /// Case: nobody is marked as the main person.
        NoMain = "no_main" @ 23,
        /// Case: three people are marked as the main person.
        ThreeMains = "three_mains" @ 29,
        /// Case: the purpose is a four-digit code from another list.
        FourDigits = "four_digits" @ 3,
        /// Case: the code of the purpose is not in any list.
        UnknownCode = "unknown_code" @ 59,
        /// Case: it is closed, but has no closing time.
        ClosedWithoutTime = "closed_without_time" @ 7,
        /// Case: the flag `qgccbz` (first petition) is inverted.
        InvertedFirstFlag = "initial_inverted" @ 13,
        /// Case: it repeats the case before it, whose id is in `lhxfjid`.
        Repeated = "repeated" @ 11,
        /// Case: the identity number of the first person has a wrong check digit.
        BadChecksum = "bad_checksum" @ 17,
        /// Case: a name has characters that GB2312 lacks: 喆, 䶮 or 㛃.
        RareName = "rare_name" @ 5,
        /// Case: it contains a picture of about 20 KiB in Base64.
        Attachment = "attachment" @ 61,
        /// Case: it contains a picture of 5 MiB in Base64.
        HugeAttachment = "huge_attachment" @ 0,
    }
    others {
        /// Request: the answer is UTF-8. The envelope declares UTF-8, the document in it GB2312.
        OuterUtf8 = "outer_utf8" @ 19,
        /// Request: the answer is GBK. The envelope declares GB2312, the document in it UTF-8.
        InnerUtf8 = "inner_utf8" @ 31,
        /// Request: the answer is a SOAP Fault, with status 500.
        SoapFault = "soap_fault" @ 67,
        /// Request: the list has no rows, and its `MSG` is an error.
        EmptyError = "empty_error" @ 71,
        /// Request: `TOTAL` is too small, and becomes smaller with every page.
        TotalDrifts = "total_drifts" @ 2,
        /// Request: the answer has the code `-1`, 系统繁忙 (busy).
        Busy = "busy" @ 37,
        /// Request: the answer is the HTML page of the daily maintenance, with status 200.
        Maintenance = "maintenance" @ 83,
        /// Request: the acknowledgement of every second case fails.
        HalfAck = "half_ack" @ 10,
    }
}

#[cfg(test)]
mod tests;
