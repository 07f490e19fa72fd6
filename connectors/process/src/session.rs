//! Sends requests to a running plugin and reads its answers.
//!
//! If an answer cannot be read to its end, the caller drops the session, which ends the plugin. So the rest
//! of an answer is never read as the answer to the next request.

use std::{collections::HashSet, time::Duration};

use contract::{Batch, Budget, Entry, Fault, PassEnd, RecordKey, Revision};
use document::weight;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    process::{ChildStdin, ChildStdout},
};

use crate::{
    Cursor, MAX_CURSOR_BYTES,
    child::Child,
    lines::{Line, Lines, MAX_ANSWER_BYTES, MAX_LINE_BYTES},
    message::{Answer, PROTOCOL, RevisionSource},
    plan::Plan,
    record::{self, RecordParts},
};

/// A plugin that is ready for requests.
pub(crate) struct Session {
    pub(crate) child: Child,
    requests: ChildStdin,
    answers: Lines<ChildStdout>,
    revisions: RevisionSource,
    /// Number of answers in a row without a record and with the same cursor, although it is not caught up.
    n_idle: u32,
}

/// Maximum number of such answers: a plugin may search for a while before it finds a record.
const MAX_IDLE: u32 = 100;

impl Session {
    /// Starts the plugin and sends its settings.
    pub(crate) async fn open(plan: &Plan) -> Result<Self, Fault> {
        let (child, requests, output) = Child::start(plan, &[])?;
        let answers = Lines::new(output, MAX_LINE_BYTES);
        let revisions = RevisionSource::default();
        let mut session = Self { child, requests, answers, revisions, n_idle: 0 };
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
        match session.next_answer(plan).await? {
            Answer::Ready { revision } => session.revisions = revision,
            Answer::Fault(reported) => return Err(reported.into_fault(plan).at(plan.place())),
            _ => {
                return Err(protocol_fault(plan, "its answer to `open` is not `ready`"));
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
        self.ensure_silent(plan).await?;
        self.send(&json!({ "read": { "after": after, "max": max } }), plan).await?;
        let (mut entries, mut keys, mut n_bytes) = (Vec::new(), HashSet::new(), 0);
        let revisions = self.revisions;
        loop {
            let line = self.next_line(plan).await?;
            if let Some((key, entry)) = read_record(line, revisions, entries.len(), plan)? {
                n_bytes += weight(line);
                if entries.len() == max {
                    return Err(protocol_fault(plan, "its answer has more records than requested"));
                }
                if n_bytes > MAX_ANSWER_BYTES {
                    let fault = protocol_fault(
                        plan,
                        "its answer is larger than 64 MiB, or has too many values",
                    );
                    return Err(fault.remedy("set a smaller `page`"));
                }
                if key.is_some_and(|key| !keys.insert(key)) {
                    return Err(protocol_fault(plan, "its answer has the same key twice"));
                }
                entries.push(entry);
                continue;
            }
            match parse_answer(line, plan)? {
                Answer::End { .. } if line.len() > MAX_CURSOR_BYTES => {
                    return Err(protocol_fault(plan, "its `upto` is larger than 64 KiB"));
                }
                Answer::End { upto, caught_up } => {
                    let is_moved = caught_up || after.unwrap_or(&Value::Null) != &upto;
                    self.n_idle = if is_moved { 0 } else { self.n_idle + 1 };
                    if !is_moved && !entries.is_empty() {
                        return Err(unmoved(plan, "returned records"));
                    }
                    if self.n_idle == MAX_IDLE {
                        return Err(unmoved(plan, "is not caught up"));
                    }
                    let settings = plan.settings_hash.clone();
                    let upto = Cursor::PluginWith { upto, settings };
                    return Ok(Batch {
                        entries,
                        upto,
                        end: caught_up.then(PassEnd::default),
                        trouble: Vec::new(),
                    });
                }
                Answer::Fault(reported) => return Err(reported.into_fault(plan).at(plan.place())),
                Answer::Ready { .. } | Answer::Ok {} => {
                    let cause = "its answer to `read` contains something other than records";
                    return Err(protocol_fault(plan, cause));
                }
            }
        }
    }

    pub(crate) async fn settled(&mut self, upto: &Value, plan: &Plan) -> Result<(), Fault> {
        self.ensure_silent(plan).await?;
        self.send(&json!({ "settled": { "upto": upto } }), plan).await?;
        match self.next_answer(plan).await? {
            Answer::Ok {} => Ok(()),
            Answer::Fault(reported) => Err(reported.into_fault(plan).at(plan.place())),
            _ => Err(protocol_fault(plan, "its answer to `settled` is not `ok`")),
        }
    }

    /// A line after the end of an answer would be taken for a part of the next one.
    async fn ensure_silent(&mut self, plan: &Plan) -> Result<(), Fault> {
        match self.answers.has_more().await {
            true => Err(protocol_fault(plan, "it wrote something after the end of an answer")),
            false => Ok(()),
        }
    }

    async fn send(&mut self, request: &Value, plan: &Plan) -> Result<(), Fault> {
        let line = format!("{request}\n");
        let written = self.requests.write_all(line.as_bytes()).await;
        if written.is_err() || self.requests.flush().await.is_err() {
            return Err(early_end_fault(&mut self.child, plan).await);
        }
        Ok(())
    }

    /// Reads the next line, which must be an answer other than a record.
    async fn next_answer(&mut self, plan: &Plan) -> Result<Answer, Fault> {
        parse_answer(self.next_line(plan).await?, plan)
    }

    async fn next_line(&mut self, plan: &Plan) -> Result<&[u8], Fault> {
        match self.answers.next().await {
            Ok(Some(Line::Whole(line))) => Ok(line),
            Ok(Some(Line::TooLong(_))) => Err(protocol_fault(plan, "a line is longer than 17 MiB")),
            Ok(None) | Err(_) => Err(early_end_fault(&mut self.child, plan).await),
        }
    }
}

/// The fault if a plugin ends before its answer is complete.
async fn early_end_fault(child: &mut Child, plan: &Plan) -> Fault {
    let cause = child.wait().await.err().unwrap_or_else(|| "the program ended".to_owned());
    protocol_fault(plan, &format!("{cause} before its answer was complete"))
}

/// The fault if a plugin violates the protocol.
fn protocol_fault(plan: &Plan, cause: &str) -> Fault {
    let remedy = "read its standard error in the log, or run it with `tonghui plugin test`";
    plan.stopped(cause).remedy(remedy)
}

/// The fault if the cursor of a plugin does not move.
fn unmoved(plan: &Plan, did: &str) -> Fault {
    let cause =
        format!("the plugin {did} but its cursor did not move, so it would be read for ever");
    plan.stopped(&cause)
        .remedy("let `upto` be the position after the records, or set caught_up to true at the end")
}

fn parse_answer(line: &[u8], plan: &Plan) -> Result<Answer, Fault> {
    // The parser's error may quote a value.
    serde_json::from_slice(line)
        .map_err(|_| protocol_fault(plan, "one of its lines is not an answer of the protocol"))
}

/// The key and the entry of a line that contains a record; `None` for other lines.
fn read_record(
    line: &[u8],
    revisions: RevisionSource,
    index: usize,
    plan: &Plan,
) -> Result<Option<(Option<RecordKey>, Entry)>, Fault> {
    let Some((mut tree, diagnostics)) = record::parse_line(line) else { return Ok(None) };
    if record::has_several(&tree, &diagnostics.findings) {
        return Err(protocol_fault(plan, "one of its lines has several records"));
    }
    let Some(record) = tree.get_mut("record").filter(|record| record.is_object()) else {
        return Ok(None);
    };
    let body = record.get_mut("body").map(Value::take).unwrap_or_default();
    let is_repeated = diagnostics.findings.repeated_names(record).iter().any(|name| name == "key");
    let key = record.get("key").filter(|_| !is_repeated);
    let key = key.and_then(|key| record::key(key, &diagnostics.findings));
    let revision = match revisions {
        RevisionSource::Declared => {
            record.get("revision").and_then(|at| Revision::from_json(at, plan.context.zone))
        }
        RevisionSource::None => Some(Revision::NONE),
    };
    let (at, damage) = (format!("record {}", index + 1), diagnostics.findings.damage_in(&tree));
    let parts = RecordParts {
        at,
        key: key.clone(),
        revision,
        body,
        line,
        diagnostics: &diagnostics,
        damage,
    };
    Ok(Some((key, record::entry(parts))))
}

/// The entries of a fixture: the lines with which a plugin answers `read`.
pub(crate) fn parse_sample(page: &[u8], plan: &Plan) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for line in record::fixture_lines(page) {
        let read = read_record(line, RevisionSource::Declared, entries.len(), plan)?;
        if let Some((_, entry)) = read {
            entries.push(entry);
        } else if !matches!(serde_json::from_slice(line), Ok(Answer::End { .. })) {
            return Err(Fault::stopped("the fixture is not an answer of a plugin")
                .remedy("write one line {\"record\":{…}} for each record"));
        }
    }
    Ok(entries)
}
