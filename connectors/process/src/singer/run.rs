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
    MAX_CURSOR_BYTES, TapPosition,
    child::Child,
    lines::{Line, Lines, MAX_ANSWER_BYTES, MAX_LINE_BYTES},
    plan::Plan,
};

/// A tap that is running.
pub(crate) struct Run {
    child: Child,
    lines: Lines<ChildStdout>,
    keys: Keys,
    pub(crate) position: TapPosition,
    _files: Files,
}

/// The next message of a tap.
pub(crate) enum Output {
    /// A record of the stream, with the length of its line.
    Record(Option<RecordKey>, Entry, usize),
    /// Anything else: a state, a schema, a record of another stream.
    Other,
    /// It ended successfully.
    Ended,
    /// It failed.
    Failed(Fault),
}

impl Run {
    pub(crate) fn start(
        plan: &Plan,
        files: Files,
        keys: Keys,
        state: Option<Value>,
    ) -> Result<Self, Fault> {
        // Its standard input is closed at once: a tap accepts no requests.
        let (child, _, output) = Child::start(plan, &files.arguments)?;
        let lines = Lines::new(output, MAX_LINE_BYTES);
        let position = TapPosition { state, ..TapPosition::default() };
        Ok(Self { child, lines, keys, position, _files: files })
    }

    /// Whether the records up to `expected` are the same as before. If they are not, the run is at an
    /// unknown position.
    pub(crate) async fn repeats(
        &mut self,
        expected: &TapPosition,
        plan: &Plan,
    ) -> Result<bool, Fault> {
        while self.position.n_records < expected.n_records {
            let n_records = self.position.n_records;
            match self.next(plan).await? {
                Output::Record(..) | Output::Other if self.position.n_records >= n_records => {}
                // The run had a state, or its end, where there were records before.
                Output::Record(..) | Output::Other | Output::Ended => return Ok(false),
                Output::Failed(fault) => return Err(fault),
            }
        }
        Ok(self.position == *expected)
    }

    /// The next message.
    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Output, Fault> {
        let Self { child, lines, keys, position, .. } = self;
        let line = match next_line(lines, plan).await? {
            Some(line) => line,
            None => return Ok(end(child, plan).await),
        };
        if line.trim_ascii().is_empty() {
            return Ok(Output::Other);
        }
        if let Some(record) = Record::parse(line, &keys.stream) {
            position.n_records += 1;
            let chain =
                Sha256::new().chain_update(&position.digest).chain_update(record.text()).finalize();
            position.digest = hex::encode(&chain[..16]);
            let at = format!("record {} after the last state", position.n_records);
            let (key, entry) = keys.entry(record, line, at, plan)?;
            return Ok(Output::Record(key, entry, line.len()));
        }
        let message: Message = serde_json::from_slice(line)
            .map_err(|_| plan.stopped("one of its lines is not a Singer message"))?;
        if message.kind != "STATE" {
            keys.update(message);
        } else if is_forward(position.state.as_ref(), &message.value) {
            if line.len() > MAX_CURSOR_BYTES {
                return Err(plan.stopped("its state is above 64 KiB"));
            }
            *position = TapPosition { state: Some(message.value), ..TapPosition::default() };
        }
        Ok(Output::Other)
    }
}

/// The catalog of the tap, with the stream selected.
pub(crate) async fn discover(plan: &Plan, stream: &str) -> Result<Value, Fault> {
    let files = Files::write(plan, None, None)?;
    let mut arguments = files.arguments.clone();
    arguments.push(OsString::from("--discover"));
    let (mut child, _, output) = Child::start(plan, &arguments)?;
    let mut lines = Lines::new(output, MAX_LINE_BYTES);
    let mut text = Vec::new();
    while let Some(line) = next_line(&mut lines, plan).await? {
        if text.len() + line.len() > MAX_ANSWER_BYTES {
            return Err(plan.stopped("its catalog is above 64 MiB"));
        }
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    if let Output::Failed(fault) = end(&mut child, plan).await {
        return Err(fault);
    }
    let mut catalog: Value = serde_json::from_slice(&text).map_err(|_| {
        plan.stopped("it gave no catalog")
            .remedy("if it has no --discover, write catalog = \"none\" in [process.singer]")
    })?;
    select(&mut catalog, stream, plan)?;
    Ok(catalog)
}

/// Marks one stream as selected and all others as not selected, in both ways that taps support.
fn select(catalog: &mut Value, name: &str, plan: &Plan) -> Result<(), Fault> {
    let (mut names, mut is_found) = (Vec::new(), false);
    for stream in catalog["streams"].as_array_mut().into_iter().flatten() {
        let field =
            |key: &str| stream.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_selected = field("tap_stream_id") == name || field("stream") == name;
        names.push(field("tap_stream_id"));
        is_found |= is_selected;
        if stream["schema"].is_object() {
            stream["schema"]["selected"] = json!(is_selected);
        }
        let Some(fields) = stream.as_object_mut() else { continue };
        let metadata = fields.entry("metadata").or_insert_with(|| json!([]));
        let Some(metadata) = metadata.as_array_mut() else { continue };
        let of_stream = metadata.iter_mut().find(|entry| entry["breadcrumb"] == json!([]));
        match of_stream {
            Some(entry) => entry["metadata"]["selected"] = json!(is_selected),
            None => {
                metadata.push(json!({ "breadcrumb": [], "metadata": { "selected": is_selected } }))
            }
        }
    }
    if is_found {
        return Ok(());
    }
    Err(plan
        .stopped(&format!("it has no stream {name}"))
        .remedy(format!("it has: {}", names.join(", "))))
}

async fn next_line<'a>(
    lines: &'a mut Lines<ChildStdout>,
    plan: &Plan,
) -> Result<Option<&'a [u8]>, Fault> {
    match tokio::time::timeout(plan.config.timeout.0, lines.next()).await {
        Ok(Ok(Some(Line::Whole(line)))) => Ok(Some(line)),
        Ok(Ok(Some(Line::TooLong))) => Err(plan.stopped("one of its lines is above 17 MiB")),
        Ok(Ok(None) | Err(_)) => Ok(None),
        Err(_) => Err(plan.stopped(&format!("it wrote nothing for {:?}", plan.config.timeout.0))),
    }
}

async fn end(child: &mut Child, plan: &Plan) -> Output {
    match tokio::time::timeout(plan.config.timeout.0, child.wait()).await {
        Ok(Ok(())) => Output::Ended,
        // A tap fails whenever its source does not answer, so this is transient.
        Ok(Err(cause)) => Output::Failed(
            Fault::transient(cause).at(plan.place()).remedy("see its standard error in the log"),
        ),
        Err(_) => Output::Failed(plan.stopped("it has closed its output and does not end")),
    }
}
