//! One petition case (信访件): how the bureau serves it, and the demand that it must become.

mod handling;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use crate::petition::Quirk;
use crate::petition::element::{HALF_CHARACTER, parsed_tree};
use crate::petition::person::{Petitioner, people};
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, Item};
use crate::time::{dashed, whole_second};
use crate::truth::{Outcome, RejectReason, ServedState, clean, quality_flag, unified_code, utc};

/// The states of a case are 已登记, 已交办, 已收件, 办理中 and 已办结: registered, assigned, received, in
/// progress and closed.
pub(super) const STEPS: usize = 5;
pub(super) const ORGANISATION: &str = "3402000000003455000000000000";

/// A case in one of its states.
pub(super) struct Case<'a> {
    pub(super) item: Item<'a, Quirk>,
    /// The code of its purpose.
    purpose: &'static str,
    people: Vec<Petitioner>,
    /// The number of people whom it concerns.
    n_concerned: u32,
    clerk: char,
    /// The size of the attached picture in bytes; `None` if there is none.
    picture_bytes: Option<usize>,
}

/// The key of a case.
pub(super) fn case_id(number: u64) -> String {
    format!("HZ3402002026{number:09}")
}

impl<'a> Case<'a> {
    pub(super) fn new(behaviour: &'a Behaviour<Quirk>, entry: &Entry, change: Change) -> Self {
        let (mut item, mut dice) = Item::new(behaviour, entry, change);
        let people = people(&item, &mut dice);
        if item.has_quirk(Quirk::CdataEnd) {
            item.content.push_str("（附：]]>见第二页）");
        }
        if item.has_quirk(Quirk::IllegalReference) {
            item.content.push_str("&#x0;完&#xB;");
        }
        let purposes = match () {
            () if item.has_quirk(Quirk::UnknownCode) => &["77"][..],
            () if item.has_quirk(Quirk::FourDigits) => FOUR_DIGITS,
            () => TWO_DIGITS,
        };
        Self {
            purpose: dice.pick(purposes),
            n_concerned: u32::try_from(people.len()).unwrap_or(1) + dice.between(0, 20),
            people,
            clerk: dice.letter("王李赵陈周"),
            picture_bytes: match () {
                () if item.has_quirk(Quirk::HugeAttachment) => Some(5 << 20),
                () if item.has_quirk(Quirk::Attachment) => Some(20_000 + dice.below(4_096)),
                () => None,
            },
            item,
        }
    }

    /// The content of its element `XFJ`. `has_picture` says whether to include the bytes of the attached
    /// picture.
    pub(super) fn element(&self, has_picture: bool) -> Value {
        let Item { number, received, district, .. } = self.item;
        let is_repeated = self.is_repeated();
        let has_half = self.item.has_quirk(Quirk::HalfCharacter);
        let content_end = if has_half { &HALF_CHARACTER.to_string() } else { "" };
        json!({
            "xzqh": "340200",
            "xfjid": case_id(number),
            "xfjbh": self.case_number(),
            "xfjbhNew": "",
            "cxm": format!("7F{:04X}", number % 65_536),
            "xfxs": FORMS[self.people.len() % 3],
            "xfrq": received.format("%Y-%m-%d 00:00:00").to_string(),
            "djsj": dashed(received),
            "djjgmc": "芜湖市信访局",
            "djjgdm": ORGANISATION,
            "djr": format!("{}某", self.clerk),
            "xfrs": self.people.len(),
            "sjrs": self.n_concerned,
            "wtsddm": format!("{}000000", district.code),
            "nrfldm": unified_code("petition_subject", self.item.category),
            "xfmddm": self.purpose,
            "xfyydm": "99",
            "gkxx": self.item.title,
            "tsnr": format!("{}{content_end}", self.item.content),
            "bjgccbz": false,
            "qgccbz": is_repeated == self.item.has_quirk(Quirk::InvertedFirstFlag),
            "cfxfbz": is_repeated,
            "nmbz": false,
            "yybz": false,
            "zdjjbz": self.is_urgent(),
            "lmbz": self.people.len() > 1,
            "jabz": false,
            "xfjzt": self.item.state(&STATUSES),
            "bjbz": self.item.closed_at(STEPS).is_some(),
            "bjsj": self.closed_at().map_or_else(String::new, dashed),
            "xbjzsj": dashed(self.due_at()),
            "blcx": "2",
            "ssxt": "46",
            "lastmodifytime": dashed(self.item.change.at),
            "lhxfjid": is_repeated.then(|| case_id(number - 1)),
            "XFRLIST": { "XFR": self.people.iter().map(Petitioner::element).collect::<Vec<_>>() },
            "BLFSLIST": { "BLFS": self.handling() },
            "PJXXLIST": { "PJXX": self.judgement() },
            "FJLIST": self.picture_bytes.map(|size| {
                let content = has_picture.then(|| picture(size));
                json!({ "FJ": { "fjmc": PICTURE_NAME, "fjnr": content } })
            }),
        })
    }

    /// The truth about this state. The payload lacks the bytes of the attached picture.
    pub(super) fn served_state(&self) -> ServedState {
        let is_repeated = self.is_repeated();
        let status = self.item.state(&STATUSES);
        let flags = [
            (Quirk::UnknownCode, "kind", "unknown_code"),
            (Quirk::BadChecksum, "people", "bad_checksum"),
            (Quirk::IllegalReference, "content", "control_characters"),
        ];
        let flags = flags.into_iter().filter(|(quirk, ..)| self.item.has_quirk(*quirk));
        let flags: Vec<_> = flags.map(|(_, field, flag)| quality_flag(field, flag)).collect();
        let content = self.item.content.replace("&#x0;", "").replace("&#xB;", "");
        let mut specific = json!({
            "source_no": self.case_number(),
            "category": unified_code("category", self.item.category),
            "category_raw": unified_code("petition_subject", self.item.category),
            "urgency": if self.is_urgent() { "urgent" } else { "normal" },
            "kind": unified_code("petition_kind", self.purpose),
            "kind_raw": self.purpose,
            "content": clean(&content),
            "updated_at": utc(whole_second(self.item.change.at)),
            "due_at": utc(self.due_at()),
            "resolved_at": self.closed_at().map(utc),
            "region_raw": format!("{}000000", self.item.district.code),
            "people": self.people.iter().map(Petitioner::expected).collect::<Vec<_>>(),
            "people_count": self.n_concerned,
            "anonymous": false,
            "attachments": self.picture_bytes.map(|size| [json!({ "name": PICTURE_NAME, "bytes": size })]),
            "repeat": { "flag": is_repeated, "of": is_repeated.then(|| case_id(self.item.number - 1)) },
            "status": unified_code("petition_status", status),
            "status_raw": status,
            "quality": flags,
        });
        if let (Some(specific), Value::Object(handling)) =
            (specific.as_object_mut(), self.handling_fields())
        {
            specific.extend(handling);
        }
        let mut state = self.item.served_state(specific, parsed_tree(&self.element(false)));
        if self.item.has_quirk(Quirk::HalfCharacter) {
            state.outcome = Outcome::Reject(RejectReason::MalformedBytes);
        }
        state
    }

    fn is_repeated(&self) -> bool {
        self.item.has_quirk(Quirk::Repeated) && self.item.number > 1
    }

    /// The number of the case for people; its key is [`case_id`].
    fn case_number(&self) -> String {
        format!("WHXF2026{:07}", self.item.number)
    }

    fn closed_at(&self) -> Option<NaiveDateTime> {
        let has_closing_time = !self.item.has_quirk(Quirk::ClosedWithoutTime);
        self.item.closed_at(STEPS).filter(|_| has_closing_time)
    }

    /// The limit for the answer to the petitioner.
    fn due_at(&self) -> NaiveDateTime {
        self.item.received + TimeDelta::days(15)
    }

    fn is_urgent(&self) -> bool {
        self.item.number.is_multiple_of(37)
    }
}

/// The name of the attached picture.
const PICTURE_NAME: &str = "现场照片.jpg";

/// A file of `size` bytes that begins like a JPEG, in Base64.
fn picture(size: usize) -> String {
    let byte = |i: usize| u8::try_from(i * 31 % 251).unwrap_or_default();
    let bytes: Vec<u8> = b"\xff\xd8\xff\xe0".iter().copied().chain((4..size).map(byte)).collect();
    BASE64_STANDARD.encode(bytes)
}

/// Codes of the form of a petition.
const FORMS: [&str; 3] = ["0400", "0100", "0300"];
const STATUSES: [&str; STEPS] = ["已登记", "已交办", "已收件", "办理中", "已办结"];
const TWO_DIGITS: &[&str] = &["01", "02", "04", "99"];
const FOUR_DIGITS: &[&str] = &["0001", "0002", "0003", "0004", "0005", "0006"];
