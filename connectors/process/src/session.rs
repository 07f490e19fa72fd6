//! A plugin that is running: questions and answers.
//!
//! Whoever fails to take an answer whole drops the session, and the plugin with it: what is left in
//! a pipe can never be taken for the answer to the next question.

use std::{collections::HashSet, time::Duration};

use contract::{Batch, Entry, Fault, RecordKey, Revision};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    process::{ChildStdin, ChildStdout},
};

use crate::{
    child::{Child, Ending, Started},
    cursor::{Cursor, LARGEST_CURSOR},
    limits::{LONGEST_LINE, MOST_BYTES},
    lines::{Line, Lines},
    message::{Allowance, Answer, PROTOCOL, Question, Revisions},
    plan::Plan,
    record::{self, Found},
};

/// A plugin that has said it is ready.
pub(crate) struct Session {
    child: Child,
    questions: ChildStdin,
    answers: Lines<ChildStdout>,
    revisions: Revisions,
}

impl Session {
    /// Starts the plugin and gives it its settings.
    pub(crate) async fn open(plan: &Plan) -> Result<Self, Fault> {
        let Started { child, input, output } = Child::start(plan, &[])?;
        let answers = Lines::new(output, LONGEST_LINE);
        let revisions = Revisions::default();
        let mut session = Self { child, questions: input, answers, revisions };
        let interval = plan.budget.interval.unwrap_or(Duration::ZERO).as_millis();
        let budget = Allowance {
            interval_ms: u64::try_from(interval).unwrap_or(u64::MAX),
            burst: plan.budget.burst,
            concurrent: plan.budget.concurrent,
        };
        let config = &plan.config;
        let open = Question::Open { protocol: PROTOCOL, config, zone: plan.zone.name(), budget };
        session.ask(&open, plan).await?;
        match session.answer(plan).await? {
            (_, Answer::Ready { revision }) => session.revisions = revision,
            (_, Answer::Fault(complaint)) => return Err(complaint.into_fault().at(plan.place())),
            _ => {
                return Err(violation(plan, "it answered `open` with something else than `ready`"));
            }
        }
        Ok(session)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.has_ended()
    }

    pub(crate) async fn read(
        &mut self,
        after: Option<&Value>,
        max: usize,
        plan: &Plan,
    ) -> Result<Batch<Cursor>, Fault> {
        self.ask(&Question::Read { after, max }, plan).await?;
        let (mut entries, mut keys, mut n_bytes) = (Vec::new(), HashSet::new(), 0);
        let revisions = self.revisions;
        loop {
            let line = self.line(plan).await?;
            if let Some((key, entry)) = record(line, revisions, entries.len(), plan) {
                n_bytes += line.len();
                if entries.len() == max {
                    return Err(violation(plan, "it gave more records than were asked for"));
                }
                if n_bytes > MOST_BYTES {
                    let fault = violation(plan, "the records of one answer are above 64 MiB");
                    return Err(fault.remedy("set a smaller `page`"));
                }
                if key.is_some_and(|key| !keys.insert(key)) {
                    return Err(violation(plan, "it gave one key twice in one answer"));
                }
                entries.push(entry);
                continue;
            }
            match (line, answer(line, plan)?) {
                (line, Answer::End { upto, caught_up }) => {
                    if line.len() > LARGEST_CURSOR {
                        return Err(violation(plan, "its `upto` is above 64 KiB"));
                    }
                    let upto = Cursor::Plugin(upto);
                    return Ok(Batch { entries, upto, caught_up, trouble: Vec::new() });
                }
                (_, Answer::Fault(complaint)) => {
                    return Err(complaint.into_fault().at(plan.place()));
                }
                (_, Answer::Ready { .. } | Answer::Ok {}) => {
                    return Err(violation(plan, "it answered `read` with something else"));
                }
            }
        }
    }

    pub(crate) async fn settled(&mut self, upto: &Value, plan: &Plan) -> Result<(), Fault> {
        self.ask(&Question::Settled { upto }, plan).await?;
        match self.answer(plan).await? {
            (_, Answer::Ok {}) => Ok(()),
            (_, Answer::Fault(complaint)) => Err(complaint.into_fault().at(plan.place())),
            _ => Err(violation(plan, "it answered `settled` with something else than `ok`")),
        }
    }

    async fn ask(&mut self, question: &Question<'_>, plan: &Plan) -> Result<(), Fault> {
        let mut line = serde_json::to_vec(question)
            .map_err(|error| violation(plan, "a question cannot be written").because(error))?;
        line.push(b'\n');
        if self.questions.write_all(&line).await.is_err() || self.questions.flush().await.is_err() {
            return Err(self.died(plan).await);
        }
        Ok(())
    }

    /// The next line of an answer that is no record, with the bytes it was read from.
    async fn answer(&mut self, plan: &Plan) -> Result<(&[u8], Answer<'_>), Fault> {
        let line = self.line(plan).await?;
        Ok((line, answer(line, plan)?))
    }

    async fn line(&mut self, plan: &Plan) -> Result<&[u8], Fault> {
        match self.answers.next().await {
            Ok(Some(Line::Whole(line))) => Ok(line),
            Ok(Some(Line::TooLong)) => Err(violation(plan, "a line of it is above 17 MiB")),
            Ok(None) | Err(_) => Err(died(&mut self.child, plan).await),
        }
    }

    async fn died(&mut self, plan: &Plan) -> Fault {
        died(&mut self.child, plan).await
    }
}

async fn died(child: &mut Child, plan: &Plan) -> Fault {
    let how = match child.ended().await {
        Ending::Well => "it ended".to_owned(),
        Ending::Badly(how) => how,
    };
    violation(plan, &format!("{how} while an answer was due"))
}

fn violation(plan: &Plan, what: &str) -> Fault {
    Fault::stopped(what)
        .at(plan.place())
        .remedy("what it says on standard error is in the log; `tonghui plugin test` asks it alone")
}

fn answer<'a>(line: &'a [u8], plan: &Plan) -> Result<Answer<'a>, Fault> {
    // What is wrong in it may quote a value.
    serde_json::from_slice(line)
        .map_err(|_| violation(plan, "a line of it is no answer of the protocol"))
}

/// The entry of a line that gives a record, and its key.
fn record(
    line: &[u8],
    revisions: Revisions,
    index: usize,
    plan: &Plan,
) -> Option<(Option<RecordKey>, Entry)> {
    let (mut tree, facts) = record::line(line)?;
    let record = tree.get_mut("record").filter(|record| record.is_object())?;
    let body = record.get_mut("body").map(Value::take).unwrap_or_default();
    let is_repeated = facts.findings.repeated_names(record).iter().any(|name| name == "key");
    let key = record.get("key").filter(|_| !is_repeated);
    let key = key.and_then(|key| record::key(key, &facts.findings));
    let revision = match revisions {
        Revisions::Declared => {
            record.get("revision").and_then(|at| Revision::declared(at, plan.zone))
        }
        Revisions::None => Some(Revision::NONE),
    };
    let (at, damage) = (format!("record {}", index + 1), facts.findings.damage_in(&tree));
    let found = Found { at, key: key.clone(), revision, body, line, facts: &facts, damage };
    Some((key, record::entry(found)))
}

/// Entries of a fixture: what a plugin answers to `read`, line by line.
pub(crate) fn sample(page: &[u8], plan: &Plan) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for line in page.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.is_empty() {
            continue;
        }
        if let Some((_, entry)) = record(line, Revisions::Declared, entries.len(), plan) {
            entries.push(entry);
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(Answer::End { .. }) => {}
            Ok(_) | Err(_) => {
                return Err(Fault::stopped("the fixture is not an answer of a plugin")
                    .remedy("a page is a line {\"record\":{…}} for each record"));
            }
        }
    }
    Ok(entries)
}
