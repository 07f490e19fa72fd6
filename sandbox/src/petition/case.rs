//! One petition (信访件) as the bureau's interface tables name its parts.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::Map;

use crate::city::District;
use crate::petition::Fault;
use crate::petition::element::{Element, HALF};
use crate::petition::person::{Petitioner, people};
use crate::source::Conduct;
use crate::source::office::whole_second;
use crate::source::register::{Entry, Mark};
use crate::truth::{Attachment, Class, Doubt, Facts, Outcome, Repeat, Told, cleaned};

/// States of a case on its way: 已登记, 已交办, 已收件, 办理中, 已办结.
pub(super) const STEPS: usize = 5;
const ORGANISATION: &str = "3402000000003455000000000000";

/// A case in one of its states.
pub(super) struct Case<'a> {
    conduct: &'a Conduct<Fault>,
    number: u64,
    mark: Mark,
    received: NaiveDateTime,
    district: &'static District,
    title: String,
    content: String,
    purpose: Purpose,
    people: Vec<Petitioner>,
    concerned: u32,
    clerk: char,
    attachment: Option<usize>,
}

/// Code and the kind of demand it is.
type Purpose = (&'static str, Option<&'static str>);

/// The key of a case; it bears the day of nothing, only its number.
pub(super) fn xfjid(number: u64) -> String {
    format!("HZ3402002026{number:09}")
}

impl<'a> Case<'a> {
    pub(super) fn new(conduct: &'a Conduct<Fault>, entry: &Entry, mark: Mark) -> Self {
        let number = entry.number;
        let spoils = |fault| conduct.spoils(fault, number);
        let mut dice = conduct.dice(number);
        let (essay, district) = conduct.essay(&mut dice, number);
        let people = people(conduct, number, &mut dice, district);
        let mut content = essay.content;
        if spoils(Fault::CdataEnd) {
            content.push_str("（附：]]>见第二页）");
        }
        if spoils(Fault::IllegalReference) {
            content.push_str("&#x0;完&#xB;");
        }
        let purposes = match () {
            () if spoils(Fault::UnknownCode) => &[("77", None)][..],
            () if spoils(Fault::FourDigits) => FOUR_DIGITS,
            () => TWO_DIGITS,
        };
        Self {
            conduct,
            number,
            mark,
            received: whole_second(entry.received),
            district,
            title: essay.title,
            content,
            purpose: purposes[dice.below(purposes.len())],
            concerned: u32::try_from(people.len()).unwrap_or(1) + dice.between(0, 20),
            people,
            clerk: dice.letter("王李赵陈周"),
            attachment: match () {
                () if spoils(Fault::HugeAttachment) => Some(5 << 20),
                () if spoils(Fault::Attachment) => Some(20_000 + dice.below(4_096)),
                () => None,
            },
        }
    }

    pub(super) fn element(&self, with_files: bool) -> Element {
        let text = |name, text: &str| Element::text(name, text);
        let flag = |name, yes: bool| Element::text(name, if yes { "1" } else { "0" });
        let spoils = |fault| self.conduct.spoils(fault, self.number);
        let repeats = spoils(Fault::Repeated) && self.number > 1;
        let half = if spoils(Fault::HalfCharacter) { HALF.to_string() } else { String::new() };
        let mut parts = vec![
            text("xzqh", "340200"),
            Element::text("xfjid", xfjid(self.number)),
            Element::text("xfjbh", self.shown_number()),
            text("xfjbhNew", ""),
            Element::text("cxm", format!("7F{:04X}", self.number % 65_536)),
            text("xfxs", ["0400", "0100", "0300"][self.people.len() % 3]),
            Element::text("xfrq", self.received.format("%Y-%m-%d 00:00:00").to_string()),
            Element::text("djsj", plain(self.received)),
            text("djjgmc", "芜湖市信访局"),
            text("djjgdm", ORGANISATION),
            Element::text("djr", format!("{}某", self.clerk)),
            Element::text("xfrs", self.people.len().to_string()),
            Element::text("sjrs", self.concerned.to_string()),
            Element::text("wtsddm", format!("{}000000", self.district.code)),
            text("nrfldm", "010203"),
            text("xfmddm", self.purpose.0),
            text("xfyydm", "99"),
            text("gkxx", &self.title),
            Element::text("tsnr", format!("{}{half}", self.content)),
            flag("bjgccbz", false),
            flag("qgccbz", repeats == spoils(Fault::InitialInverted)),
            flag("cfxfbz", repeats),
            flag("nmbz", false),
            flag("yybz", false),
            flag("zdjjbz", false),
            flag("lmbz", self.people.len() > 1),
            flag("jabz", false),
            text("xfjzt", LABELS[self.mark.step.min(STEPS - 1)].0),
            flag("bjbz", self.is_closed()),
            Element::text("bjsj", self.closed_at().map_or_else(String::new, plain)),
            Element::text("xbjzsj", plain(self.due())),
            text("blcx", "2"),
            text("ssxt", "46"),
            Element::text("lastmodifytime", plain(self.mark.at)),
        ];
        if repeats {
            parts.push(Element::text("lhxfjid", xfjid(self.number - 1)));
        }
        parts.push(Element::Parent(
            "XFRLIST",
            self.people.iter().map(Petitioner::element).collect(),
        ));
        parts.push(Element::Parent("BLFSLIST", self.handling()));
        if let Some(size) = self.attachment {
            let name = text("fjmc", "现场照片.jpg");
            let content = with_files.then(|| Element::text("fjnr", picture(size)));
            let file = [name].into_iter().chain(content).collect();
            parts.push(Element::Parent("FJLIST", vec![Element::Parent("FJ", file)]));
        }
        Element::Parent("XFJ", parts)
    }

    /// Its state and what must come of it. The payload has no contents of attached files.
    pub(super) fn told(&self) -> Told {
        let is_cut = self.conduct.spoils(Fault::HalfCharacter, self.number);
        let outcome = if is_cut {
            Outcome::Reject(Class::MalformedBytes)
        } else {
            Outcome::Demand(Box::new(self.facts()))
        };
        Told {
            at: self.mark.at,
            outcome,
            faults: self.conduct.names(self.number),
            payload: self.element(false).tree(),
            parts: Map::new(),
        }
    }

    fn handling(&self) -> Vec<Element> {
        let text = |name, text: &str| Element::text(name, text);
        let handled = Element::Parent(
            "BLFS",
            vec![
                text("blfs", "010000"),
                text("bljg", "芜湖市信访局"),
                text("bljgdm", ORGANISATION),
                Element::text("blsj", plain(self.received + TimeDelta::minutes(30))),
                Element::text("qxjg", format!("{}信访局", self.district.name)),
                text("dftype", "0"),
            ],
        );
        if self.mark.step == 0 { Vec::new() } else { vec![handled] }
    }

    fn facts(&self) -> Facts {
        let spoils = |fault| self.conduct.spoils(fault, self.number);
        let repeats = spoils(Fault::Repeated) && self.number > 1;
        let (label, status) = LABELS[self.mark.step.min(STEPS - 1)];
        let mut quality = Vec::new();
        for (fault, field, flag) in [
            (Fault::UnknownCode, "kind", "unknown_code"),
            (Fault::BadChecksum, "people", "bad_checksum"),
            (Fault::IllegalReference, "content", "control_characters"),
        ] {
            if spoils(fault) {
                quality.push(Doubt { field, flag });
            }
        }
        Facts {
            source_no: Some(self.shown_number()),
            kind: self.purpose.1,
            kind_raw: Some(self.purpose.0.to_owned()),
            title: Some(cleaned(&self.title)),
            content: Some(cleaned(&self.content.replace("&#x0;", "").replace("&#xB;", ""))),
            received_at: Some(self.received),
            updated_at: Some(whole_second(self.mark.at)),
            due_at: Some(self.due()),
            resolved_at: self.closed_at(),
            region: Some(self.district.code.to_owned()),
            region_raw: Some(format!("{}000000", self.district.code)),
            people: self.people.iter().map(Petitioner::fact).collect(),
            people_count: Some(self.concerned),
            anonymous: Some(false),
            attachments: self.attachment.iter().map(|size| self.file(*size)).collect(),
            repeat: Some(Repeat {
                flag: Some(repeats),
                of: repeats.then(|| xfjid(self.number - 1)),
            }),
            status: Some(status),
            status_raw: Some(label.to_owned()),
            quality,
            ..Facts::default()
        }
    }

    fn file(&self, size: usize) -> Attachment {
        let (name, bytes) = (Some("现场照片.jpg".to_owned()), u64::try_from(size).ok());
        Attachment { name, bytes, ..Attachment::default() }
    }

    fn shown_number(&self) -> String {
        format!("WHXF2026{:07}", self.number)
    }

    fn is_closed(&self) -> bool {
        self.mark.step + 1 >= STEPS
    }

    fn closed_at(&self) -> Option<NaiveDateTime> {
        let is_told = !self.conduct.spoils(Fault::ClosedWithoutTime, self.number);
        (self.is_closed() && is_told).then(|| whole_second(self.mark.at))
    }

    fn due(&self) -> NaiveDateTime {
        self.received + TimeDelta::days(15)
    }
}

/// `yyyy-MM-dd HH:mm:ss`.
pub(super) fn plain(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

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
