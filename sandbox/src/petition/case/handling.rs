//! How a case is handled: the elements `BLFS` (办理方式) and `PJXX` (评价), and the fields that they must become.
//!
//! The bureau refers a case to that of a district (`010000` 交办), which signs for it (`020000` 收件), tells the
//! petitioner that it has accepted it (`030000` 受理告知), and answers (`040000` 答复). Of these codes only the
//! first is known from a real bureau. The petitioner may judge the answer (`pjzt` 2 已评价).

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use super::{Case, ORGANISATION};
use crate::text::phrases;
use crate::time::dashed;
use crate::truth::{unified_code, utc};

/// A way of handling: its code, its name, and the state of the case that it begins.
const WAYS: [(&str, &str, usize); 4] = [
    ("010000", "交办", 1),
    ("020000", "收件", 2),
    ("030000", "受理告知", 3),
    ("040000", "答复", 4),
];
const BUREAU: &str = "芜湖市信访局";
const NOTICE: &str = "您反映的事项已受理，将在规定期限内答复。";

impl Case<'_> {
    /// The elements `BLFS`, oldest first.
    pub(super) fn handling(&self) -> Vec<Value> {
        let ways = WAYS.iter().filter_map(|(code, _, step)| {
            let at = self.item.reached(*step)?;
            Some(json!({
                "blfs": code,
                "bljg": self.handler(*step),
                "bljgdm": (*step == 1).then_some(ORGANISATION),
                "blsj": dashed(at),
                "qxjg": (*step == 1).then(|| self.district_bureau()),
                "xqhbsj": (*step == 1).then(|| dashed(report_by(at))),
                "dftype": match step { 3 => Some("0"), 4 => Some("1"), _ => None },
                "hfgznr": self.words(*step),
            }))
        });
        ways.collect()
    }

    /// The element `PJXX`; `None` before the answer.
    pub(super) fn judgement(&self) -> Option<Value> {
        let at = self.item.reached(4)?;
        Some(match self.satisfaction() {
            Some(code) => {
                json!({ "pjzt": "2", "pjsj": dashed(at), "dxfbmpj": "0", "dzrdwpj": code })
            }
            None => json!({ "pjzt": "0" }),
        })
    }

    /// The fields of the demand that these elements must become.
    pub(super) fn handling_fields(&self) -> Value {
        let reached = |step| self.item.reached(step).map(utc);
        let bureau = self.item.reached(1).map(|_| self.district_bureau());
        let full_name = bureau.as_deref().and_then(|name| unified_code("org", name));
        let trail = WAYS.iter().filter_map(|(_, name, step)| {
            let note = self.words(*step).map(str::to_owned);
            let to = (*step == 1).then(|| self.district_bureau());
            let org = self.handler(*step);
            Some(json!({ "at": reached(*step)?, "step": name, "org": org, "note": note.or(to) }))
        });
        let task = self.item.reached(1).map(
            |at| json!([{ "org": bureau, "dispatched_at": utc(at), "due_at": utc(report_by(at)) }]),
        );
        let evaluation = self.satisfaction().zip(self.item.reached(4)).map(|(code, at)| {
            let satisfaction = unified_code("petition_satisfaction", code);
            json!([{
                "by": "citizen", "at": utc(at), "satisfaction": satisfaction, "satisfaction_raw": code,
            }])
        });
        json!({
            "org": full_name,
            "org_raw": bureau,
            "dispatched_at": reached(1),
            "signed_at": reached(2),
            "accepted_at": reached(3),
            "responded_at": reached(3),
            "reply": self.item.reached(4).and(self.words(4)),
            "tasks": task,
            "evaluations": evaluation,
            "trail": trail.collect::<Vec<_>>(),
        })
    }

    /// The bureau to which the case is referred.
    fn district_bureau(&self) -> String {
        format!("{}信访局", self.item.district.name)
    }

    /// Who does the step that begins this state.
    fn handler(&self, step: usize) -> String {
        if step == 1 { BUREAU.to_owned() } else { self.district_bureau() }
    }

    /// What the petitioner is told at the step that begins this state.
    fn words(&self, step: usize) -> Option<&'static str> {
        let answers = &phrases().handling.answers;
        let answer = usize::try_from(self.item.number).unwrap_or_default() % answers.len();
        match step {
            3 => Some(NOTICE),
            4 => Some(&answers[answer]),
            _ => None,
        }
    }

    /// The code of the petitioner's satisfaction with the unit; one in three does not judge.
    fn satisfaction(&self) -> Option<&'static str> {
        self.item.reached(4)?;
        [Some("0"), Some("0"), Some("1"), Some("3"), None, None]
            .get(usize::try_from(self.item.number % 6).ok()?)
            .copied()?
    }
}

/// When the bureau of the district has to report.
fn report_by(referred: NaiveDateTime) -> NaiveDateTime {
    referred + TimeDelta::days(10)
}
