//! What the tables say about the handling of a case.

use super::rows::{Step, Task, Visit};
use super::units::{Unit, some_units};
use super::{Event, Life, STREAMS};
use crate::dice::Dice;
use crate::hotline::Gbk;
use crate::text::phrases;
use crate::time::dashed;

/// The columns about handling in `CNS_CINFO`, and the rows of a case in three other tables.
#[derive(Clone, Debug, Default)]
pub struct Dossier {
    pub(in crate::hotline) accepttime: Option<String>,
    pub(in crate::hotline) sendtime: Option<String>,
    pub(in crate::hotline) signtime: Option<String>,
    pub(in crate::hotline) contacttime: Option<String>,
    pub(in crate::hotline) finishtime: Option<String>,
    pub(in crate::hotline) archivetime: Option<String>,
    pub(in crate::hotline) casefinishlimit: i64,
    pub(in crate::hotline) limitunit: String,
    pub(in crate::hotline) attention: String,
    pub(in crate::hotline) answer: String,
    /// `CNS_CTASK`
    pub tasks: Vec<Task>,
    /// `CNS_CVISIT`
    pub visits: Vec<Visit>,
    /// `CNS_CSTEP`
    pub steps: Vec<Step>,
}

/// The unit that runs the hotline.
const CENTRE: &str = "市12345中心";

/// Tells a life from its beginning.
pub(super) fn tell(life: &Life, rowguid: &str) -> Dossier {
    let mut teller = Teller::new(life, rowguid);
    for (at, event) in &life.events {
        teller.tell(&dashed(*at), *event);
    }
    teller.dossier
}

struct Teller<'a> {
    dice: Dice,
    /// The first key of the rows of this case in each table.
    first_id: i64,
    rowguid: &'a str,
    /// The units that lead, in turn.
    leads: Vec<Unit>,
    assistants: Vec<Unit>,
    n_dispatched: usize,
    dossier: Dossier,
}

impl<'a> Teller<'a> {
    fn new(life: &Life, rowguid: &'a str) -> Self {
        let mut dice = Dice::new(life.seed ^ STREAMS, u64::MAX - life.number);
        let mut leads = some_units(&mut dice, 6);
        let mut assistants = leads.split_off(4);
        assistants.truncate([0, 0, 0, 1, 1, 2][dice.below(6)]);
        let (limitunit, casefinishlimit) = match dice.below(20) {
            0 => ("0", 120),
            1 | 2 => ("1", i64::from(dice.between(4, 24))),
            _ => ("2", [1, 3, 5, 5, 5, 7, 7, 10, 15][dice.below(9)]),
        };
        let attention = ["05", "06", ""][dice.below(60).min(2)].to_owned();
        let limitunit = limitunit.to_owned();
        let dossier = Dossier { casefinishlimit, limitunit, attention, ..Dossier::default() };
        let first_id = i64::try_from(life.number).unwrap_or_default() * 1_000;
        Self { dice, first_id, rowguid, leads, assistants, n_dispatched: 0, dossier }
    }

    fn tell(&mut self, now: &str, event: Event) {
        let words = &phrases().handling;
        let lead = self.lead().name;
        match event {
            Event::Accepted => {
                self.dossier.accepttime = Some(now.to_owned());
                self.step(now, "受理", CENTRE, None);
            }
            Event::Dispatched => self.dispatch(now),
            Event::Signed => {
                self.dossier.signtime.get_or_insert_with(|| now.to_owned());
                self.move_tasks(&["10"], "20", |task| task.signtime = Some(now.to_owned()));
                self.step(now, "签收", lead, None);
            }
            Event::Contacted => {
                self.dossier.contacttime = Some(now.to_owned());
                self.step(now, "联系诉求人", lead, None);
            }
            Event::Extended => {
                self.dossier.casefinishlimit += 5;
                if let Some(task) = self.leading_task() {
                    task.taskfinishlimit += 5;
                }
                let reason = self.dice.pick(&words.extensions);
                self.step(now, "延期", lead, Some(reason));
            }
            Event::Returned => {
                let reason = self.dice.pick(&words.returns);
                if let Some(task) = self.leading_task() {
                    "30".clone_into(&mut task.taskstatus);
                    task.backreason = Some(Gbk::new(reason));
                }
                self.step(now, "退回", lead, Some(reason));
            }
            Event::Reported => {
                self.move_tasks(&["10", "20"], "100", |task| {
                    task.feedbacktime = Some(now.to_owned());
                });
                self.dice.pick(&words.answers).clone_into(&mut self.dossier.answer);
                self.step(now, "反馈", lead, None);
            }
            Event::Checked => {
                self.move_tasks(&["100"], "80", |_| {});
                self.step(now, "审核", CENTRE, None);
            }
            Event::Dissatisfied => {
                self.visit(now, "中心回访", "不满意");
                if let Some(task) = self.leading_task() {
                    "20".clone_into(&mut task.taskstatus);
                    task.feedbacktime = None;
                }
                self.step(now, "不满意重办", CENTRE, None);
            }
            Event::Supervised => {
                let before = std::mem::take(&mut self.dossier.attention);
                let others = before.split(',').filter(|code| !["", "04"].contains(code));
                let all = std::iter::once("04").chain(others);
                self.dossier.attention = all.collect::<Vec<_>>().join(",");
                self.step(now, "督办", CENTRE, None);
            }
            Event::Satisfied => {
                let by = self.dice.pick(&["中心回访", "中心回访", "单位回访", "回头看"]);
                let how = self.dice.pick(&["满意", "满意", "非常满意", "基本满意"]);
                self.visit(now, by, how);
                self.step(now, "回访", CENTRE, None);
            }
            Event::Finished => {
                self.dossier.finishtime = Some(now.to_owned());
                self.step(now, "办结", CENTRE, None);
            }
            Event::Archived => {
                self.dossier.archivetime = Some(now.to_owned());
                self.step(now, "归档", CENTRE, None);
            }
        }
    }

    /// The unit that leads now.
    fn lead(&self) -> Unit {
        self.leads[self.n_dispatched.saturating_sub(1) % self.leads.len()]
    }

    /// The newest task of a unit that leads.
    fn leading_task(&mut self) -> Option<&mut Task> {
        self.dossier.tasks.iter_mut().rev().find(|task| task.tasktype == "10")
    }

    /// Gives a new status to all tasks with one of these, and changes them.
    fn move_tasks(&mut self, from: &[&str], to: &str, change: impl Fn(&mut Task)) {
        for task in &mut self.dossier.tasks {
            if from.contains(&task.taskstatus.as_str()) {
                to.clone_into(&mut task.taskstatus);
                change(task);
            }
        }
    }

    /// Sends the case to the next unit that leads, and the first time also to those that assist.
    fn dispatch(&mut self, now: &str) {
        self.dossier.sendtime.get_or_insert_with(|| now.to_owned());
        self.n_dispatched += 1;
        let assistants = std::mem::take(&mut self.assistants);
        let units = assistants.into_iter().map(|unit| (unit, "20"));
        for (unit, tasktype) in std::iter::once((self.lead(), "10")).chain(units) {
            let id = self.next_id(self.dossier.tasks.len());
            self.dossier.tasks.push(Task {
                id,
                caseguid: self.rowguid.to_owned(),
                ouname: Gbk::new(unit.name),
                oulevel: Gbk::new(unit.level),
                dutytype: Gbk::new(unit.side),
                tasktype: tasktype.to_owned(),
                taskstatus: "10".to_owned(),
                sendtime: now.to_owned(),
                signtime: None,
                taskfinishlimit: self.dossier.casefinishlimit,
                limitunit: self.dossier.limitunit.clone(),
                feedbacktime: None,
                backreason: None,
            });
        }
        self.step(now, "派单", CENTRE, None);
    }

    fn visit(&mut self, now: &str, by: &str, satisfaction: &str) {
        let yes = |is: bool| if is { "1" } else { "0" }.to_owned();
        let isvalid = yes(!self.dice.one_in(20));
        self.dossier.visits.push(Visit {
            id: self.next_id(self.dossier.visits.len()),
            caseguid: self.rowguid.to_owned(),
            visittime: now.to_owned(),
            visittype: Gbk::new(by),
            iscontact: yes(self.dossier.contacttime.is_some()),
            issolve: yes(satisfaction != "不满意"),
            satisfaction: Gbk::new(satisfaction),
            isvalid,
        });
    }

    fn step(&mut self, now: &str, operatename: &str, ouname: &str, remark: Option<&str>) {
        self.dossier.steps.push(Step {
            id: self.next_id(self.dossier.steps.len()),
            caseguid: self.rowguid.to_owned(),
            operatetime: now.to_owned(),
            operatename: Gbk::new(operatename),
            ouname: Gbk::new(ouname),
            remark: remark.map(Gbk::new),
        });
    }

    /// The key of the row after `n` rows of this case in a table.
    fn next_id(&self, n: usize) -> i64 {
        self.first_id + i64::try_from(n).unwrap_or_default()
    }
}
