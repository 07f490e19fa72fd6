//! One run of a tap.

use std::ffi::OsString;

use contract::Fault;
use serde_json::{Map, Value, json};
use tokio::process::ChildStdout;

use super::{
    files::TapFiles,
    message::Keys,
    reading::{Output, Reading, too_long},
};
use crate::{
    TapPosition,
    child::Child,
    lines::{Line, Lines, MAX_ANSWER_BYTES, MAX_LINE_BYTES},
    plan::Plan,
};

/// A tap that is running.
pub(crate) struct Run {
    child: Child,
    lines: Lines<ChildStdout>,
    reading: Reading,
    /// Why it cannot be read on, if an earlier read has found that.
    pub(crate) fault: Option<Fault>,
    _files: TapFiles,
}

impl Run {
    pub(crate) fn start(
        plan: &Plan,
        files: TapFiles,
        keys: Keys,
        after: &TapPosition,
    ) -> Result<Self, Fault> {
        // Close its standard input at once: a tap accepts no requests.
        let (child, _, output) = Child::start(plan, &files.arguments)?;
        let lines = Lines::new(output, MAX_LINE_BYTES);
        Ok(Self { child, lines, reading: Reading::new(keys, after), fault: None, _files: files })
    }

    /// The position after what was read.
    pub(crate) fn position(&self) -> &TapPosition {
        &self.reading.position
    }

    /// Reads up to the position `expected`. Returns whether the tap has written the same records as the
    /// earlier run; if not, this run cannot be used.
    pub(crate) async fn reaches(
        &mut self,
        expected: &TapPosition,
        plan: &Plan,
    ) -> Result<bool, Fault> {
        while self.position().n_records < expected.n_records {
            let n_records = self.position().n_records;
            match self.next(plan).await? {
                Output::Record(..) | Output::Other if self.position().n_records >= n_records => {}
                // The tap wrote a state, or ended, although records were expected.
                Output::Record(..) | Output::Other | Output::Ended => return Ok(false),
            }
        }
        Ok(self.position() == expected)
    }

    /// Reads the next line. After a fault, the tap cannot be read on.
    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Output, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match next_line(&mut self.lines, plan).await? {
            Some(Line::Whole(line)) => self.reading.line(line, plan),
            Some(Line::TooLong(line)) => self.reading.long_line(line, plan),
            None => {
                end(&mut self.child, plan).await?;
                self.reading.end(plan)
            }
        }
    }
}

/// Asks the tap for its catalog, and selects the stream in it.
pub(crate) async fn discover(plan: &Plan, stream: &str) -> Result<Value, Fault> {
    let files = TapFiles::write(plan, None, None)?;
    let mut arguments = files.arguments.clone();
    arguments.push(OsString::from("--discover"));
    let (mut child, _, output) = Child::start(plan, &arguments)?;
    let mut lines = Lines::new(output, MAX_LINE_BYTES);
    let mut text = Vec::new();
    while let Some(line) = next_line(&mut lines, plan).await? {
        let Line::Whole(line) = line else { return Err(too_long(plan)) };
        if text.len() + line.len() > MAX_ANSWER_BYTES {
            return Err(plan.stopped("its catalog is larger than 64 MiB"));
        }
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    end(&mut child, plan).await?;
    let mut catalog: Value = serde_json::from_slice(&text).map_err(|_| {
        plan.stopped("its output is not a catalog")
            .remedy("if it does not know --discover, set catalog = \"none\" in [process.singer]")
    })?;
    select(&mut catalog, stream, plan)?;
    Ok(catalog)
}

/// Selects one stream with its fields and no other, in both ways that taps support.
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
            let fields = stream["schema"].get_mut("properties").and_then(Value::as_object_mut);
            for field in fields.into_iter().flat_map(Map::values_mut).filter(|_| is_selected) {
                if is_selectable(field) {
                    field["selected"] = json!(true);
                }
            }
        }
        let Some(fields) = stream.as_object_mut() else { continue };
        let metadata = fields.entry("metadata").or_insert_with(|| json!([]));
        let Some(metadata) = metadata.as_array_mut() else { continue };
        for entry in metadata.iter_mut().filter(|_| is_selected) {
            let is_field = entry["breadcrumb"][0] == "properties";
            // The others are those that the tap cannot read.
            if is_field && is_selectable(&entry["metadata"]) {
                entry["metadata"]["selected"] = json!(true);
            }
        }
        let stream_entry = metadata.iter_mut().find(|entry| entry["breadcrumb"] == json!([]));
        match stream_entry {
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
        .stopped(&format!("the tap has no stream {name}"))
        .remedy(format!("set `stream` to one of these: {}", names.join(", "))))
}

/// Whether a field can be selected, or is always read.
fn is_selectable(field: &Value) -> bool {
    matches!(field.get("inclusion").and_then(Value::as_str), Some("available" | "automatic"))
}

/// The next line of the tap; `None` at the end of its output.
async fn next_line<'a>(
    lines: &'a mut Lines<ChildStdout>,
    plan: &Plan,
) -> Result<Option<Line<'a>>, Fault> {
    match tokio::time::timeout(plan.config.timeout.0, lines.next()).await {
        Ok(line) => Ok(line.ok().flatten()),
        Err(_) => Err(plan.stopped(&format!("no output for {:?}", plan.config.timeout.0))),
    }
}

/// Waits for the tap to end, after it has closed its output.
async fn end(child: &mut Child, plan: &Plan) -> Result<(), Fault> {
    match tokio::time::timeout(plan.config.timeout.0, child.wait()).await {
        Ok(Ok(())) => Ok(()),
        // A tap fails whenever its source does not answer, so this fault is transient.
        Ok(Err(cause)) => Err(Fault::transient(cause)
            .at(plan.place())
            .remedy("read its standard error in the log")),
        Err(_) => Err(plan.stopped("the tap has closed its output but does not end")),
    }
}
