//! One run of a tap.

use std::ffi::OsString;

use contract::{Entry, Fault, RecordKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::ChildStdout;

use super::{
    files::Files,
    message::{Keys, Message, Record},
    state::is_forward,
};
use crate::{
    child::{Child, Ending, Started},
    cursor::{LARGEST_CURSOR, Reached},
    limits::{LONGEST_LINE, MOST_BYTES},
    lines::{Line, Lines},
    plan::Plan,
};

/// A tap that is running.
pub(crate) struct Run {
    child: Child,
    lines: Lines<ChildStdout>,
    keys: Keys,
    pub(crate) reached: Reached,
    _files: Files,
}

/// What a tap said last.
pub(crate) enum Said {
    /// A record of the stream, with the length of its line.
    Record(Option<RecordKey>, Entry, usize),
    /// Nothing of the stream: a state, the schema, a record of another one.
    Nothing,
    /// It ended, and well: everything was said.
    Ended,
    /// It ended otherwise.
    Failed(Fault),
}

impl Run {
    pub(crate) fn start(
        plan: &Plan,
        files: Files,
        keys: Keys,
        state: Option<Value>,
    ) -> Result<Self, Fault> {
        // Its standard input is closed at once: a tap is not asked.
        let Started { child, input: _, output } = Child::start(plan, &files.arguments)?;
        let lines = Lines::new(output, LONGEST_LINE);
        let reached = Reached { state, ..Reached::default() };
        Ok(Self { child, lines, keys, reached, _files: files })
    }

    /// Whether the records up to `reached` are those that were there before. `false` leaves the run
    /// somewhere within them.
    pub(crate) async fn passes_the_same(
        &mut self,
        reached: &Reached,
        plan: &Plan,
    ) -> Result<bool, Fault> {
        while self.reached.passed < reached.passed {
            let passed = self.reached.passed;
            match self.next(plan).await? {
                Said::Record(..) | Said::Nothing if self.reached.passed >= passed => {}
                // A state came earlier than it did before, or the end.
                Said::Record(..) | Said::Nothing | Said::Ended => return Ok(false),
                Said::Failed(fault) => return Err(fault),
            }
        }
        Ok(self.reached == *reached)
    }

    /// What the tap says next.
    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Said, Fault> {
        let Self { child, lines, keys, reached, .. } = self;
        let line = match next_line(lines, plan).await? {
            Some(line) => line,
            None => return Ok(end(child, plan).await),
        };
        if line.trim_ascii().is_empty() {
            return Ok(Said::Nothing);
        }
        if let Some(record) = Record::of(line, &keys.stream) {
            reached.passed += 1;
            let chain =
                Sha256::new().chain_update(&reached.digest).chain_update(record.text()).finalize();
            reached.digest = hex::encode(&chain[..16]);
            let at = format!("record {} after the last state", reached.passed);
            let (key, entry) = keys.entry(record, line, at, plan)?;
            return Ok(Said::Record(key, entry, line.len()));
        }
        let message: Message = serde_json::from_slice(line)
            .map_err(|_| violation(plan, "a line of it is no Singer message"))?;
        match message.kind.as_str() {
            "SCHEMA" if message.stream == keys.stream => keys.learn(message.key_properties),
            "STATE" if is_forward(reached.state.as_ref(), &message.value) => {
                if line.len() > LARGEST_CURSOR {
                    return Err(violation(plan, "its state is above 64 KiB"));
                }
                *reached = Reached { state: Some(message.value), ..Reached::default() };
            }
            _ => {}
        }
        Ok(Said::Nothing)
    }
}

/// Asks the tap for its catalog, and selects the stream in it.
pub(crate) async fn discover(plan: &Plan, stream: &str) -> Result<Value, Fault> {
    let files = Files::write(plan, None, None)?;
    let mut arguments = files.arguments.clone();
    arguments.push(OsString::from("--discover"));
    let Started { mut child, input: _, output } = Child::start(plan, &arguments)?;
    let mut lines = Lines::new(output, LONGEST_LINE);
    let mut text = Vec::new();
    while let Some(line) = next_line(&mut lines, plan).await? {
        if text.len() + line.len() > MOST_BYTES {
            return Err(violation(plan, "its catalog is above 64 MiB"));
        }
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    if let Said::Failed(fault) = end(&mut child, plan).await {
        return Err(fault);
    }
    let mut catalog: Value = serde_json::from_slice(&text).map_err(|_| {
        violation(plan, "it gave no catalog")
            .remedy("where it knows no --discover, write catalog = \"none\" in [process.singer]")
    })?;
    select(&mut catalog, stream, plan)?;
    Ok(catalog)
}

/// Marks one stream as selected and all others as not, in both ways that taps know.
fn select(catalog: &mut Value, name: &str, plan: &Plan) -> Result<(), Fault> {
    let (mut names, mut is_found) = (Vec::new(), false);
    for stream in catalog["streams"].as_array_mut().into_iter().flatten() {
        let of = |key: &str| stream.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_meant = of("tap_stream_id") == name || of("stream") == name;
        names.push(of("tap_stream_id"));
        is_found |= is_meant;
        if stream["schema"].is_object() {
            stream["schema"]["selected"] = json!(is_meant);
        }
        let Some(fields) = stream.as_object_mut() else { continue };
        let metadata = fields.entry("metadata").or_insert_with(|| json!([]));
        let Some(metadata) = metadata.as_array_mut() else { continue };
        let whole = metadata.iter_mut().find(|entry| entry["breadcrumb"] == json!([]));
        match whole {
            Some(whole) => whole["metadata"]["selected"] = json!(is_meant),
            None => {
                metadata.push(json!({ "breadcrumb": [], "metadata": { "selected": is_meant } }))
            }
        }
    }
    if is_found {
        return Ok(());
    }
    Err(violation(plan, &format!("it has no stream {name}"))
        .remedy(format!("it has: {}", names.join(", "))))
}

async fn next_line<'a>(
    lines: &'a mut Lines<ChildStdout>,
    plan: &Plan,
) -> Result<Option<&'a [u8]>, Fault> {
    match tokio::time::timeout(plan.timeout, lines.next()).await {
        Ok(Ok(Some(Line::Whole(line)))) => Ok(Some(line)),
        Ok(Ok(Some(Line::TooLong))) => Err(violation(plan, "a line of it is above 17 MiB")),
        Ok(Ok(None) | Err(_)) => Ok(None),
        Err(_) => Err(violation(plan, &format!("it said nothing for {:?}", plan.timeout))),
    }
}

async fn end(child: &mut Child, plan: &Plan) -> Said {
    match tokio::time::timeout(plan.timeout, child.ended()).await {
        Ok(Ending::Well) => Said::Ended,
        // Taps end so whenever their source does not answer.
        Ok(Ending::Badly(how)) => Said::Failed(
            Fault::transient(how)
                .at(plan.place())
                .remedy("what it says on standard error is in the log"),
        ),
        Err(_) => Said::Failed(violation(plan, "it has closed its output and does not end")),
    }
}

fn violation(plan: &Plan, what: &str) -> Fault {
    Fault::stopped(what).at(plan.place())
}
