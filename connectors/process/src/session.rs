//! A running plugin: requests and answers.
//!
//! When an answer cannot be read to its end, the session is dropped, and the plugin with it: the
//! rest of an answer in a pipe is never taken for the answer to the next request.

use std::{collections::HashSet, time::Duration};

use contract::{Batch, Budget, Entry, Fault, RecordKey, Revision};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    process::{ChildStdin, ChildStdout},
};

use crate::{
    Cursor, MAX_CURSOR_BYTES,
    child::Child,
    lines::{Line, Lines, MAX_ANSWER_BYTES, MAX_LINE_BYTES},
    message::{Answer, PROTOCOL, Revisions},
    plan::Plan,
    record::{self, RecordParts},
};

/// A plugin that is ready.
pub(crate) struct Session {
    pub(crate) child: Child,
    requests: ChildStdin,
    answers: Lines<ChildStdout>,
    revisions: Revisions,
}

impl Session {
    /// Starts the plugin and sends its settings.
    pub(crate) async fn open(plan: &Plan) -> Result<Self, Fault> {
        let (child, requests, output) = Child::start(plan, &[])?;
        let answers = Lines::new(output, MAX_LINE_BYTES);
        let mut session = Self { child, requests, answers, revisions: Revisions::default() };
        let Budget { interval, burst, concurrent, .. } = plan.context.budget;
        let interval = interval.unwrap_or(Duration::ZERO).as_millis();
        let interval = u64::try_from(interval).unwrap_or(u64::MAX);
        let open = json!({ "open": {
            "protocol": PROTOCOL,
            "config": plan.settings,
            "zone": plan.context.zone.name(),
            "budget": { "interval_ms": interval, "burst": burst, "concurrent": concurrent },
        } });
        session.send(&open, plan).await?;
        match session.answer(plan).await? {
            Answer::Ready { revision } => session.revisions = revision,
            Answer::Fault(reported) => return Err(reported.into_fault().at(plan.place())),
            _ => {
                return Err(violation(plan, "its answer to `open` is something else than `ready`"));
            }
        }
        Ok(session)
    }

    pub(crate) async fn read(
        &mut self,
        after: Option<&Value>,
        max: usize,
        plan: &Plan,
    ) -> Result<Batch<Cursor>, Fault> {
        self.send(&json!({ "read": { "after": after, "max": max } }), plan).await?;
        let (mut entries, mut keys, mut n_bytes) = (Vec::new(), HashSet::new(), 0);
        let revisions = self.revisions;
        loop {
            let line = self.line(plan).await?;
            if let Some((key, entry)) = record(line, revisions, entries.len(), plan) {
                n_bytes += line.len();
                if entries.len() == max {
                    return Err(violation(plan, "it gave more records than requested"));
                }
                if n_bytes > MAX_ANSWER_BYTES {
                    let fault = violation(plan, "the records of one answer are above 64 MiB");
                    return Err(fault.remedy("set a smaller `page`"));
                }
                if key.is_some_and(|key| !keys.insert(key)) {
                    return Err(violation(plan, "it gave one key twice in one answer"));
                }
                entries.push(entry);
                continue;
            }
            match answer(line, plan)? {
                Answer::End { .. } if line.len() > MAX_CURSOR_BYTES => {
                    return Err(violation(plan, "its `upto` is above 64 KiB"));
                }
                Answer::End { upto, caught_up } => {
                    let upto = Cursor::Plugin(upto);
                    return Ok(Batch { entries, upto, caught_up, trouble: Vec::new() });
                }
                Answer::Fault(reported) => return Err(reported.into_fault().at(plan.place())),
                Answer::Ready { .. } | Answer::Ok {} => {
                    let cause = "its answer to `read` has something else than records";
                    return Err(violation(plan, cause));
                }
            }
        }
    }

    pub(crate) async fn settled(&mut self, upto: &Value, plan: &Plan) -> Result<(), Fault> {
        self.send(&json!({ "settled": { "upto": upto } }), plan).await?;
        match self.answer(plan).await? {
            Answer::Ok {} => Ok(()),
            Answer::Fault(reported) => Err(reported.into_fault().at(plan.place())),
            _ => Err(violation(plan, "its answer to `settled` is something else than `ok`")),
        }
    }

    async fn send(&mut self, request: &Value, plan: &Plan) -> Result<(), Fault> {
        let line = format!("{request}\n");
        let written = self.requests.write_all(line.as_bytes()).await;
        if written.is_err() || self.requests.flush().await.is_err() {
            return Err(ended_early(&mut self.child, plan).await);
        }
        Ok(())
    }

    /// The next answer that is not a record.
    async fn answer(&mut self, plan: &Plan) -> Result<Answer, Fault> {
        answer(self.line(plan).await?, plan)
    }

    async fn line(&mut self, plan: &Plan) -> Result<&[u8], Fault> {
        match self.answers.next().await {
            Ok(Some(Line::Whole(line))) => Ok(line),
            Ok(Some(Line::TooLong)) => Err(violation(plan, "one of its lines is above 17 MiB")),
            Ok(None) | Err(_) => Err(ended_early(&mut self.child, plan).await),
        }
    }
}

async fn ended_early(child: &mut Child, plan: &Plan) -> Fault {
    let cause = child.wait().await.err().unwrap_or_else(|| "it ended".to_owned());
    violation(plan, &format!("{cause} before its answer was complete"))
}

fn violation(plan: &Plan, cause: &str) -> Fault {
    let remedy = "see its standard error in the log; `tonghui plugin test` runs it alone";
    plan.stopped(cause).remedy(remedy)
}

fn answer(line: &[u8], plan: &Plan) -> Result<Answer, Fault> {
    // The error itself may quote a value.
    serde_json::from_slice(line)
        .map_err(|_| violation(plan, "one of its lines is not an answer of the protocol"))
}

/// The entry of a line that contains a record, and its key.
fn record(
    line: &[u8],
    revisions: Revisions,
    index: usize,
    plan: &Plan,
) -> Option<(Option<RecordKey>, Entry)> {
    let (mut tree, facts) = record::parse_line(line)?;
    let record = tree.get_mut("record").filter(|record| record.is_object())?;
    let body = record.get_mut("body").map(Value::take).unwrap_or_default();
    let is_repeated = facts.findings.repeated_names(record).iter().any(|name| name == "key");
    let key = record.get("key").filter(|_| !is_repeated);
    let key = key.and_then(|key| record::key(key, &facts.findings));
    let revision = match revisions {
        Revisions::Declared => {
            record.get("revision").and_then(|at| Revision::from_json(at, plan.context.zone))
        }
        Revisions::None => Some(Revision::NONE),
    };
    let (at, damage) = (format!("record {}", index + 1), facts.findings.damage_in(&tree));
    let parts = RecordParts { at, key: key.clone(), revision, body, line, facts: &facts, damage };
    Some((key, record::entry(parts)))
}

/// Entries of a fixture: the lines with which a plugin answers `read`.
pub(crate) fn sample(page: &[u8], plan: &Plan) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for line in record::lines(page) {
        if let Some((_, entry)) = record(line, Revisions::Declared, entries.len(), plan) {
            entries.push(entry);
        } else if !matches!(serde_json::from_slice(line), Ok(Answer::End { .. })) {
            return Err(Fault::stopped("the fixture is not an answer of a plugin")
                .remedy("write one line {\"record\":{…}} for each record"));
        }
    }
    Ok(entries)
}
