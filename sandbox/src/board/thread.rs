//! One thread: what a citizen wrote to a leader, as the list and the detail show it.

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Map, Value, json};

use crate::board::Fault;
use crate::board::Forum;
use crate::city::{self, District};
use crate::source::Conduct;
use crate::source::office::{epoch, whole_second};
use crate::source::register::{Entry, Mark};
use crate::text::Dirt;
use crate::truth::{Doubt, Facts, Outcome, Person, Told, cleaned};

/// States of a thread on its way: 待回复, 办理中, 已办理.
pub(super) const STEPS: usize = 3;
/// Characters of the content that a list shows.
const LISTED: usize = 60;

/// A thread in one of its states.
pub(super) struct Thread<'a> {
    conduct: &'a Conduct<Fault>,
    number: u64,
    forum: Forum,
    kind: Kind,
    received: NaiveDateTime,
    user: u32,
    nick: String,
    subject: String,
    content: String,
    domain: (u32, &'static str),
    state: &'static str,
    step: usize,
    /// Answer and when, once there is one.
    answer: Option<(&'static str, NaiveDateTime)>,
}

/// Number and name of a type, and the kind of demand it is.
type Kind = (u32, &'static str, &'static str);

/// The number of a thread: they grow, and leave gaps.
pub(super) fn tid(number: u64) -> u64 {
    20_000_000 + number * 3 + number % 2
}

impl<'a> Thread<'a> {
    pub(super) fn new(conduct: &'a Conduct<Fault>, entry: &Entry, mark: Mark) -> Self {
        let number = entry.number;
        let mut dice = conduct.dice(number);
        let (essay, district) = conduct.essay(&mut dice, number);
        let forum = forum(conduct, number, district);
        let mut content = essay.content;
        if conduct.spoils(Fault::Entities, number) {
            content = Dirt::Html.apply(&content, &mut dice);
        }
        let name = city::name(&mut dice);
        let nick = format!("{}***", name.chars().next().unwrap_or('陈'));
        let states = if conduct.spoils(Fault::Synonym, number) { SYNONYMS } else { STATES };
        let mut state = dice.pick(states[mark.step.min(STEPS - 1)]);
        let answered = mark.step + 1 >= STEPS;
        if answered && conduct.spoils(Fault::AnsweredUnmarked, number) {
            state = "待回复";
        }
        Self {
            conduct,
            number,
            forum,
            kind: KINDS[dice.below(KINDS.len())],
            received: whole_second(entry.received),
            user: 90_000_000 + dice.between(0, 999_999),
            nick,
            subject: essay.title,
            content,
            domain: DOMAINS[dice.below(DOMAINS.len())],
            state,
            step: mark.step,
            answer: answered.then(|| (dice.pick(ANSWERS), whole_second(mark.at))),
        }
    }

    /// The words of its state.
    pub(super) fn state(&self) -> &'static str {
        self.state
    }

    /// As the list shows it.
    pub(super) fn listed(&self) -> Value {
        let spoils = |fault| self.conduct.spoils(fault, self.number);
        let blank = if spoils(Fault::LeadingBlank) { " " } else { "" };
        let (answer, answered) =
            (self.answer.map(|(text, _)| text), self.answer.map(|(_, at)| epoch(at)));
        let grade = self.answer.is_some().then(|| 1 + self.number % 5);
        let mut thread = json!({
            "tid": tid(self.number),
            "fid": self.forum.fid,
            "userId": self.user,
            "typeId": self.kind.0,
            "typeName": self.kind.1,
            "domainId": self.domain.0,
            "domainName": self.domain.1,
            "topicId": null,
            "nickName": self.nick,
            "subject": self.subject,
            "content": self.shown(),
            "createDateline": epoch(self.received),
            "dateline": epoch(self.received),
            "threadsCheckTime": epoch(self.received + TimeDelta::minutes(10)),
            "ip": format!("124.227.{}.*", self.number % 200),
            "from": format!("{blank}{FROM}"),
            "sourceName": if self.number.is_multiple_of(3) { "PC浏览器" } else { "手机客户端" },
            "forumName": self.forum.name,
            "stateInfo": self.state,
            "processInfo": PROCESSES[self.step.min(STEPS - 1)],
            "answerId": self.answer.map(|_| 50_000_000 + self.number),
            "answerContent": answer,
            "answerDateline": answered,
            "answerOrganization": self.answer.map(|_| self.forum.unit.clone()),
            "grade": grade,
            "gradeLevel": grade,
            "gradeManner": grade,
            "gradeSpeed": grade,
            "attachment": [],
            "publicAttachment": [],
            "favNum": self.number % 4,
        });
        if spoils(Fault::OneDateline) {
            let even = self.number.is_multiple_of(2);
            let missing = if even { "dateline" } else { "createDateline" };
            if let Some(thread) = thread.as_object_mut() {
                thread.shift_remove(missing);
            }
        }
        thread
    }

    /// The `contentList` of its detail.
    pub(super) fn detail(&self) -> Value {
        let mut list = vec![json!({ "dataType": 1, "content": self.content })];
        if let Some((text, at)) = self.answer {
            list.push(json!({
                "dataType": 4,
                "content": text,
                "organization": self.forum.unit,
                "dateline": epoch(at),
            }));
        }
        Value::Array(list)
    }

    pub(super) fn told(&self, mark: Mark) -> Told {
        Told {
            at: mark.at,
            outcome: Outcome::Demand(Box::new(self.facts())),
            faults: self.conduct.names(self.number),
            payload: self.listed(),
            parts: Map::from_iter([("detail".to_owned(), self.detail())]),
        }
    }

    fn shown(&self) -> String {
        match self.content.char_indices().nth(LISTED) {
            Some((at, _)) if self.conduct.spoils(Fault::Cut, self.number) => {
                format!("{}…", &self.content[..at])
            }
            _ => self.content.clone(),
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            source_no: Some(tid(self.number).to_string()),
            kind: Some(self.kind.2),
            kind_raw: Some(self.kind.1.to_owned()),
            title: Some(cleaned(&self.subject)),
            content: Some(cleaned(&self.content)),
            received_at: Some(self.received),
            region: Some(self.forum.region.to_owned()),
            address: Some(FROM.to_owned()),
            people: vec![Person {
                role: Some("main"),
                name: Some(self.nick.clone()),
                ..Person::default()
            }],
            status: unified(self.state),
            status_raw: Some(self.state.to_owned()),
            responded_at: self.answer.map(|(_, at)| at),
            reply: self.answer.map(|(text, _)| text.to_owned()),
            quality: vec![Doubt { field: "people", flag: "masked_value" }],
            ..Facts::default()
        }
    }
}

/// Where a thread stands.
pub(super) fn forum(conduct: &Conduct<Fault>, number: u64, district: &'static District) -> Forum {
    let is_other = conduct.spoils(Fault::OtherForum, number);
    if is_other { Forum::district(district) } else { Forum::city() }
}

fn unified(state: &str) -> Option<&'static str> {
    Some(match state {
        "待回复" => "pending",
        "办理中" | "处理中" | "受理" | "已受理" => "in_progress",
        "已回复" => "answered",
        "已办理" | "已解决" | "已办结" => "resolved",
        _ => return None,
    })
}

const FROM: &str = "安徽省 芜湖市";
const STATES: [&[&str]; STEPS] = [&["待回复"], &["办理中"], &["已办理"]];
const SYNONYMS: [&[&str]; STEPS] =
    [&["待回复"], &["处理中", "受理", "已受理"], &["已办结", "已回复", "已解决"]];
const PROCESSES: [&str; STEPS] = ["未交办", "已交办", "已办结"];
const KINDS: [Kind; 5] = [
    (1, "咨询", "consult"),
    (2, "投诉", "complaint"),
    (3, "求助", "help"),
    (4, "建言", "suggestion"),
    (6, "感谢", "praise"),
];
const DOMAINS: [(u32, &str); 6] =
    [(1, "三农"), (3, "教育"), (5, "交通"), (7, "城建"), (9, "环保"), (11, "医疗")];
const ANSWERS: &[&str] = &[
    "网友您好！您反映的问题已收悉，经核实情况属实，已责成责任单位限期整改。感谢您的监督。",
    "您好，来信收悉。相关部门已现场查看，计划本月底前完成施工，请您耐心等待。",
    "网友您好，您的建议很好，我们将在今后的工作中认真研究采纳。感谢您对芜湖发展的关心。",
];
