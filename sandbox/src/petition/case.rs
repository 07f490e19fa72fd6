//! One petition (信访件), with the field names of the bureau's interface tables.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use crate::petition::Quirk;
use crate::petition::element::{HALF_CHARACTER, tree};
use crate::petition::person::{Petitioner, people};
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, Item};
use crate::truth::{Class, Outcome, ServedState, cleaned, quality_flag, unified, utc};
use crate::when::{plain, whole_second};

/// A case goes through 已登记, 已交办, 已收件, 办理中, 已办结.
pub(super) const STEPS: usize = 5;
const ORGANISATION: &str = "3402000000003455000000000000";

/// A case in one of its states.
pub(super) struct Case<'a> {
    item: Item<'a, Quirk>,
    /// A purpose code.
    purpose: &'static str,
    people: Vec<Petitioner>,
    /// How many people it concerns.
    n_concerned: u32,
    clerk: char,
    attachment: Option<usize>,
}

/// The key of a case.
pub(super) fn xfjid(number: u64) -> String {
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
            attachment: match () {
                () if item.has_quirk(Quirk::HugeAttachment) => Some(5 << 20),
                () if item.has_quirk(Quirk::Attachment) => Some(20_000 + dice.below(4_096)),
                () => None,
            },
            item,
        }
    }

    /// Its element `XFJ`; the contents of attached files only `with_files`.
    pub(super) fn element(&self, with_files: bool) -> Value {
        let Item { number, received, district, .. } = self.item;
        let repeats = self.repeats();
        let is_cut = self.item.has_quirk(Quirk::HalfCharacter);
        let content_end = if is_cut { &HALF_CHARACTER.to_string() } else { "" };
        json!({
            "xzqh": "340200",
            "xfjid": xfjid(number),
            "xfjbh": self.shown_number(),
            "xfjbhNew": "",
            "cxm": format!("7F{:04X}", number % 65_536),
            "xfxs": FORMS[self.people.len() % 3],
            "xfrq": received.format("%Y-%m-%d 00:00:00").to_string(),
            "djsj": plain(received),
            "djjgmc": "芜湖市信访局",
            "djjgdm": ORGANISATION,
            "djr": format!("{}某", self.clerk),
            "xfrs": self.people.len(),
            "sjrs": self.n_concerned,
            "wtsddm": format!("{}000000", district.code),
            "nrfldm": "010203",
            "xfmddm": self.purpose,
            "xfyydm": "99",
            "gkxx": self.item.title,
            "tsnr": format!("{}{content_end}", self.item.content),
            "bjgccbz": false,
            "qgccbz": repeats == self.item.has_quirk(Quirk::InvertedFirstFlag),
            "cfxfbz": repeats,
            "nmbz": false,
            "yybz": false,
            "zdjjbz": false,
            "lmbz": self.people.len() > 1,
            "jabz": false,
            "xfjzt": self.item.state(&STATUSES),
            "bjbz": self.item.closed(STEPS).is_some(),
            "bjsj": self.closed_at().map_or_else(String::new, plain),
            "xbjzsj": plain(self.due()),
            "blcx": "2",
            "ssxt": "46",
            "lastmodifytime": plain(self.item.change.at),
            "lhxfjid": repeats.then(|| xfjid(number - 1)),
            "XFRLIST": { "XFR": self.people.iter().map(Petitioner::element).collect::<Vec<_>>() },
            "BLFSLIST": { "BLFS": self.handling() },
            "FJLIST": self.attachment.map(|size| {
                let content = with_files.then(|| picture(size));
                json!({ "FJ": { "fjmc": PICTURE, "fjnr": content } })
            }),
        })
    }

    /// This state, and what must become of it. The payload has no contents of attached files.
    pub(super) fn served_state(&self) -> ServedState {
        let repeats = self.repeats();
        let status = self.item.state(&STATUSES);
        let flags = [
            (Quirk::UnknownCode, "kind", "unknown_code"),
            (Quirk::BadChecksum, "people", "bad_checksum"),
            (Quirk::IllegalReference, "content", "control_characters"),
        ];
        let flags = flags.into_iter().filter(|(quirk, ..)| self.item.has_quirk(*quirk));
        let flags: Vec<_> = flags.map(|(_, field, flag)| quality_flag(field, flag)).collect();
        let content = self.item.content.replace("&#x0;", "").replace("&#xB;", "");
        let facts = json!({
            "source_no": self.shown_number(),
            "kind": unified("petition_kind", self.purpose),
            "kind_raw": self.purpose,
            "content": cleaned(&content),
            "updated_at": utc(whole_second(self.item.change.at)),
            "due_at": utc(self.due()),
            "resolved_at": self.closed_at().map(utc),
            "region_raw": format!("{}000000", self.item.district.code),
            "people": self.people.iter().map(Petitioner::facts).collect::<Vec<_>>(),
            "people_count": self.n_concerned,
            "anonymous": false,
            "attachments": self.attachment.map(|size| [json!({ "name": PICTURE, "bytes": size })]),
            "repeat": { "flag": repeats, "of": repeats.then(|| xfjid(self.item.number - 1)) },
            "status": unified("petition_status", status),
            "status_raw": status,
            "quality": flags,
        });
        let mut state = self.item.served_state(facts, tree(&self.element(false)));
        if self.item.has_quirk(Quirk::HalfCharacter) {
            state.outcome = Outcome::Reject(Class::MalformedBytes);
        }
        state
    }

    /// Who handles it; nobody does in its first state.
    fn handling(&self) -> Option<Value> {
        let handling = json!({
            "blfs": "010000",
            "bljg": "芜湖市信访局",
            "bljgdm": ORGANISATION,
            "blsj": plain(self.item.received + TimeDelta::minutes(30)),
            "qxjg": format!("{}信访局", self.item.district.name),
            "dftype": "0",
        });
        (self.item.change.step > 0).then_some(handling)
    }

    fn repeats(&self) -> bool {
        self.item.has_quirk(Quirk::Repeated) && self.item.number > 1
    }

    fn shown_number(&self) -> String {
        format!("WHXF2026{:07}", self.item.number)
    }

    fn closed_at(&self) -> Option<NaiveDateTime> {
        let has_closing_time = !self.item.has_quirk(Quirk::ClosedWithoutTime);
        self.item.closed(STEPS).filter(|_| has_closing_time)
    }

    fn due(&self) -> NaiveDateTime {
        self.item.received + TimeDelta::days(15)
    }
}

/// The name of an attached file.
const PICTURE: &str = "现场照片.jpg";

/// A file of this many bytes that begins like a JPEG, in Base64.
fn picture(size: usize) -> String {
    let byte = |i: usize| u8::try_from(i * 31 % 251).unwrap_or_default();
    let bytes: Vec<u8> = b"\xff\xd8\xff\xe0".iter().copied().chain((4..size).map(byte)).collect();
    BASE64_STANDARD.encode(bytes)
}

/// Codes of the form in which it came.
const FORMS: [&str; 3] = ["0400", "0100", "0300"];
const STATUSES: [&str; STEPS] = ["已登记", "已交办", "已收件", "办理中", "已办结"];
const TWO_DIGITS: &[&str] = &["01", "02", "04", "99"];
const FOUR_DIGITS: &[&str] = &["0001", "0002", "0003", "0004", "0005", "0006"];
