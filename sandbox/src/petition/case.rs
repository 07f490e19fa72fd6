//! One petition (信访件), with the field names of the bureau's interface tables.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::Map;

use crate::petition::Fault;
use crate::petition::element::{Element, HALF};
use crate::petition::person::{Petitioner, people};
use crate::source::register::{Entry, Mark};
use crate::source::{Conduct, Item};
use crate::truth::{Attachment, Class, Doubt, Facts, Outcome, Repeat, Told, cleaned};
use crate::when::{plain, whole_second};

/// A case goes through 已登记, 已交办, 已收件, 办理中, 已办结.
pub(super) const STEPS: usize = 5;
const ORGANISATION: &str = "3402000000003455000000000000";

/// A case in one of its states.
pub(super) struct Case<'a> {
    item: Item<'a, Fault>,
    purpose: Purpose,
    people: Vec<Petitioner>,
    concerned: u32,
    clerk: char,
    attachment: Option<usize>,
}

/// A purpose code, and the kind of demand that it stands for.
type Purpose = (&'static str, Option<&'static str>);

/// The key of a case.
pub(super) fn xfjid(number: u64) -> String {
    format!("HZ3402002026{number:09}")
}

impl<'a> Case<'a> {
    pub(super) fn new(conduct: &'a Conduct<Fault>, entry: &Entry, mark: Mark) -> Self {
        let (mut item, mut dice) = Item::new(conduct, entry, mark);
        let people = people(&item, &mut dice);
        if item.spoils(Fault::CdataEnd) {
            item.content.push_str("（附：]]>见第二页）");
        }
        if item.spoils(Fault::IllegalReference) {
            item.content.push_str("&#x0;完&#xB;");
        }
        let purposes = match () {
            () if item.spoils(Fault::UnknownCode) => &[("77", None)][..],
            () if item.spoils(Fault::FourDigits) => FOUR_DIGITS,
            () => TWO_DIGITS,
        };
        Self {
            purpose: purposes[dice.below(purposes.len())],
            concerned: u32::try_from(people.len()).unwrap_or(1) + dice.between(0, 20),
            people,
            clerk: dice.letter("王李赵陈周"),
            attachment: match () {
                () if item.spoils(Fault::HugeAttachment) => Some(5 << 20),
                () if item.spoils(Fault::Attachment) => Some(20_000 + dice.below(4_096)),
                () => None,
            },
            item,
        }
    }

    pub(super) fn element(&self, with_files: bool) -> Element {
        let text = |name, text: &str| Element::text(name, text);
        let flag = |name, yes: bool| Element::text(name, if yes { "1" } else { "0" });
        let Item { number, received, district, .. } = self.item;
        let repeats = self.repeats();
        let half = if self.item.spoils(Fault::HalfCharacter) { &HALF.to_string() } else { "" };
        let mut parts = vec![
            text("xzqh", "340200"),
            Element::text("xfjid", xfjid(number)),
            Element::text("xfjbh", self.shown_number()),
            text("xfjbhNew", ""),
            Element::text("cxm", format!("7F{:04X}", number % 65_536)),
            text("xfxs", ["0400", "0100", "0300"][self.people.len() % 3]),
            Element::text("xfrq", received.format("%Y-%m-%d 00:00:00").to_string()),
            Element::text("djsj", plain(received)),
            text("djjgmc", "芜湖市信访局"),
            text("djjgdm", ORGANISATION),
            Element::text("djr", format!("{}某", self.clerk)),
            Element::text("xfrs", self.people.len().to_string()),
            Element::text("sjrs", self.concerned.to_string()),
            Element::text("wtsddm", format!("{}000000", district.code)),
            text("nrfldm", "010203"),
            text("xfmddm", self.purpose.0),
            text("xfyydm", "99"),
            text("gkxx", &self.item.title),
            Element::text("tsnr", format!("{}{half}", self.item.content)),
            flag("bjgccbz", false),
            flag("qgccbz", repeats == self.item.spoils(Fault::InitialInverted)),
            flag("cfxfbz", repeats),
            flag("nmbz", false),
            flag("yybz", false),
            flag("zdjjbz", false),
            flag("lmbz", self.people.len() > 1),
            flag("jabz", false),
            text("xfjzt", self.item.state(&LABELS).0),
            flag("bjbz", self.item.closed(STEPS).is_some()),
            Element::text("bjsj", self.closed_at().map_or_else(String::new, plain)),
            Element::text("xbjzsj", plain(self.due())),
            text("blcx", "2"),
            text("ssxt", "46"),
            Element::text("lastmodifytime", plain(self.item.mark.at)),
        ];
        if repeats {
            parts.push(Element::text("lhxfjid", xfjid(number - 1)));
        }
        let people = self.people.iter().map(Petitioner::element).collect();
        parts.push(Element::Parent("XFRLIST", people));
        parts.push(Element::Parent("BLFSLIST", self.handling()));
        if let Some(size) = self.attachment {
            let content = with_files.then(|| Element::text("fjnr", picture(size)));
            let file = [text("fjmc", PICTURE)].into_iter().chain(content).collect();
            parts.push(Element::Parent("FJLIST", vec![Element::Parent("FJ", file)]));
        }
        Element::Parent("XFJ", parts)
    }

    /// This state, and what must become of it. The payload has no contents of attached files.
    pub(super) fn told(&self) -> Told {
        let told = self.item.told(self.facts(), self.element(false).tree(), Map::new());
        if self.item.spoils(Fault::HalfCharacter) {
            return Told { outcome: Outcome::Reject(Class::MalformedBytes), ..told };
        }
        told
    }

    fn handling(&self) -> Vec<Element> {
        if self.item.mark.step == 0 {
            return Vec::new();
        }
        let parts = vec![
            Element::text("blfs", "010000"),
            Element::text("bljg", "芜湖市信访局"),
            Element::text("bljgdm", ORGANISATION),
            Element::text("blsj", plain(self.item.received + TimeDelta::minutes(30))),
            Element::text("qxjg", format!("{}信访局", self.item.district.name)),
            Element::text("dftype", "0"),
        ];
        vec![Element::Parent("BLFS", parts)]
    }

    fn facts(&self) -> Facts {
        let repeats = self.repeats();
        let (label, status) = self.item.state(&LABELS);
        let doubts = [
            (Fault::UnknownCode, "kind", "unknown_code"),
            (Fault::BadChecksum, "people", "bad_checksum"),
            (Fault::IllegalReference, "content", "control_characters"),
        ];
        let doubts = doubts.into_iter().filter(|(fault, ..)| self.item.spoils(*fault));
        let file = |size: &usize| Attachment {
            name: Some(PICTURE.to_owned()),
            bytes: u64::try_from(*size).ok(),
            ..Attachment::default()
        };
        let content = self.item.content.replace("&#x0;", "").replace("&#xB;", "");
        Facts {
            source_no: Some(self.shown_number()),
            kind: self.purpose.1,
            kind_raw: Some(self.purpose.0.to_owned()),
            content: Some(cleaned(&content)),
            updated_at: Some(whole_second(self.item.mark.at)),
            due_at: Some(self.due()),
            resolved_at: self.closed_at(),
            region_raw: Some(format!("{}000000", self.item.district.code)),
            people: self.people.iter().map(Petitioner::fact).collect(),
            people_count: Some(self.concerned),
            anonymous: Some(false),
            attachments: self.attachment.iter().map(file).collect(),
            repeat: Some(Repeat {
                flag: Some(repeats),
                of: repeats.then(|| xfjid(self.item.number - 1)),
            }),
            status: Some(status),
            status_raw: Some(label.to_owned()),
            quality: doubts.map(|(_, field, flag)| Doubt { field, flag }).collect(),
            ..self.item.facts()
        }
    }

    fn repeats(&self) -> bool {
        self.item.spoils(Fault::Repeated) && self.item.number > 1
    }

    fn shown_number(&self) -> String {
        format!("WHXF2026{:07}", self.item.number)
    }

    fn closed_at(&self) -> Option<NaiveDateTime> {
        let is_told = !self.item.spoils(Fault::ClosedWithoutTime);
        self.item.closed(STEPS).filter(|_| is_told)
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

const LABELS: [(&str, &str); STEPS] = [
    ("已登记", "pending"),
    ("已交办", "assigned"),
    ("已收件", "in_progress"),
    ("办理中", "in_progress"),
    ("已办结", "resolved"),
];
const TWO_DIGITS: &[Purpose] = &[
    ("01", Some("suggestion")),
    ("02", Some("complaint")),
    ("04", Some("report")),
    ("99", Some("other")),
];
const FOUR_DIGITS: &[Purpose] = &[
    ("0001", Some("suggestion")),
    ("0002", Some("appeal")),
    ("0003", Some("help")),
    ("0004", Some("report")),
    ("0005", Some("consult")),
    ("0006", Some("other")),
];
