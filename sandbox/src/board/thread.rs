//! One thread: a message of a citizen to a leader, and the answer.

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use crate::board::{Forum, Quirk};
use crate::faker;
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, Item};
use crate::text::Dirt;
use crate::time::epoch;
use crate::truth::{ServedState, main_person, quality_flag, unified_code, utc};

/// The number of states of a thread: 待回复 (waiting), 办理中 (in progress) and 已办理 (answered).
pub(super) const STEPS: usize = 3;
/// How many characters of the content the list shows with [`Quirk::Cut`].
const CUT_LENGTH: usize = 60;

/// A thread in one of its states.
pub(super) struct Thread<'a> {
    item: Item<'a, Quirk>,
    forum: Forum,
    /// The number and the name of its type, such as complaint.
    kind: (u32, &'static str),
    user: u32,
    nick: String,
    /// The number and the name of its subject area, such as education.
    domain: (u32, &'static str),
    state: &'static str,
    /// The answer and its time, if there is one.
    answer: Option<(&'static str, NaiveDateTime)>,
}

/// The id of thread `number`. Ids increase with the number, with gaps.
pub(super) fn thread_id(number: u64) -> u64 {
    20_000_000 + number * 3 + number % 2
}

impl<'a> Thread<'a> {
    pub(super) fn new(behaviour: &'a Behaviour<Quirk>, entry: &Entry, change: Change) -> Self {
        let (mut item, mut dice) = Item::new(behaviour, entry, change);
        if item.has_quirk(Quirk::Entities) {
            item.content = Dirt::Html.add_to(&item.content, &mut dice);
        }
        let name = faker::name(&mut dice);
        let nick = format!("{}***", name.chars().next().unwrap_or('陈'));
        let states = if item.has_quirk(Quirk::Synonym) { SYNONYMS } else { STATES };
        let mut state = dice.pick(item.state(&states));
        let answered_at = item.closed_at(STEPS);
        if answered_at.is_some() && item.has_quirk(Quirk::AnsweredUnmarked) {
            state = "待回复";
        }
        let is_other = item.has_quirk(Quirk::OtherForum);
        Self {
            forum: if is_other { Forum::district(item.district) } else { Forum::city() },
            kind: KINDS[dice.below(KINDS.len())],
            user: 90_000_000 + dice.between(0, 999_999),
            nick,
            domain: DOMAINS[dice.below(DOMAINS.len())],
            state,
            answer: answered_at.map(|at| (dice.pick(ANSWERS), at)),
            item,
        }
    }

    /// The code of the thread's state in requests: 2 for waiting, 3 for in progress, 4 for all others.
    pub(super) fn state_number(&self) -> u64 {
        match unified_code("board_status", self.state) {
            Some("pending") => 2,
            Some("in_progress") => 3,
            _ => 4,
        }
    }

    /// The row of the thread in the list.
    pub(super) fn row(&self) -> Value {
        let Item { number, received, .. } = self.item;
        let blank = if self.item.has_quirk(Quirk::LeadingBlank) { " " } else { "" };
        let (answer, answered_at) =
            (self.answer.map(|(text, _)| text), self.answer.map(|(_, at)| epoch(at)));
        let grade = self.grade();
        let mut thread = json!({
            "tid": thread_id(number),
            "fid": self.forum.fid,
            "userId": self.user,
            "typeId": self.kind.0,
            "typeName": self.kind.1,
            "domainId": self.domain.0,
            "domainName": self.domain.1,
            "topicId": null,
            "nickName": self.nick,
            "subject": self.item.title,
            "content": self.row_content(),
            "createDateline": epoch(received),
            "dateline": epoch(received),
            "threadsCheckTime": epoch(received + TimeDelta::minutes(10)),
            "ip": format!("124.227.{}.*", number % 200),
            "from": format!("{blank}{FROM}"),
            "sourceName": if number.is_multiple_of(3) { "PC浏览器" } else { "手机客户端" },
            "forumName": self.forum.name,
            "stateInfo": self.state,
            "processInfo": self.item.state(&PROCESSES),
            "answerId": self.answer.map(|_| 50_000_000 + number),
            "answerContent": answer,
            "answerDateline": answered_at,
            "answerOrganization": self.answer.map(|_| self.forum.unit.clone()),
            "grade": grade,
            "gradeLevel": grade,
            "gradeManner": grade,
            "gradeSpeed": grade,
            "attachment": [],
            "publicAttachment": [],
            "favNum": number % 4,
        });
        if self.item.has_quirk(Quirk::OneDateline) {
            let is_even = number.is_multiple_of(2);
            let missing = if is_even { "dateline" } else { "createDateline" };
            if let Some(thread) = thread.as_object_mut() {
                thread.shift_remove(missing);
            }
        }
        thread
    }

    /// The `contentList` in the answer to a request for the thread in full.
    pub(super) fn detail(&self) -> Value {
        let mut list = vec![json!({ "dataType": 1, "content": self.item.content })];
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

    pub(super) fn served_state(&self) -> ServedState {
        let specific = json!({
            "source_no": thread_id(self.item.number).to_string(),
            "kind": unified_code("board_kind", self.kind.1),
            "kind_raw": self.kind.1,
            "category": unified_code("board_category", self.domain.1),
            "category_raw": self.domain.1,
            "org": self.answer.and_then(|_| unified_code("org", &self.forum.unit)),
            "org_raw": self.answer.map(|_| self.forum.unit.clone()),
            "evaluations": self.grade().map(|grade| {
                let raw = grade.to_string();
                let satisfaction = unified_code("board_grade", &raw);
                json!([{ "by": "citizen", "satisfaction": satisfaction, "satisfaction_raw": raw }])
            }),
            "region": self.forum.region,
            "region_raw": null,
            "address": FROM,
            "people": main_person(Some(&self.nick), None),
            "status": unified_code("board_status", self.state),
            "status_raw": self.state,
            "responded_at": self.answer.map(|(_, at)| utc(at)),
            "reply": self.answer.map(|(text, _)| text),
            "quality": [quality_flag("people", "masked_value")],
        });
        let mut state = self.item.served_state(specific, self.row());
        state.parts.insert("detail".to_owned(), self.detail());
        state
    }

    /// The stars that the citizen gave the answer, from one to five.
    fn grade(&self) -> Option<u64> {
        self.answer.is_some().then(|| 1 + self.item.number % 5)
    }

    fn row_content(&self) -> String {
        let content = &self.item.content;
        match content.char_indices().nth(CUT_LENGTH) {
            Some((at, _)) if self.item.has_quirk(Quirk::Cut) => format!("{}…", &content[..at]),
            _ => content.clone(),
        }
    }
}

const FROM: &str = "安徽省 芜湖市";
const STATES: [&[&str]; STEPS] = [&["待回复"], &["办理中"], &["已办理"]];
const SYNONYMS: [&[&str]; STEPS] =
    [&["待回复"], &["处理中", "受理", "已受理"], &["已办结", "已回复", "已解决"]];
const PROCESSES: [&str; STEPS] = ["未交办", "已交办", "已办结"];
const KINDS: [(u32, &str); 5] = [(1, "咨询"), (2, "投诉"), (3, "求助"), (4, "建言"), (6, "感谢")];
const DOMAINS: [(u32, &str); 6] =
    [(1, "三农"), (3, "教育"), (5, "交通"), (7, "城建"), (9, "环保"), (11, "医疗")];
const ANSWERS: &[&str] = &[
    "网友您好！您反映的问题已收悉，经核实情况属实，已责成责任单位限期整改。感谢您的监督。",
    "您好，来信收悉。相关部门已现场查看，计划本月底前完成施工，请您耐心等待。",
    "网友您好，您的建议很好，我们将在今后的工作中认真研究采纳。感谢您对芜湖发展的关心。",
];
