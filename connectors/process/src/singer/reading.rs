//! What the lines of one run say: entries, and the position after each.

use bytes::Bytes;
use contract::{Entry, Fault, Place, Reason, Revision};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    message::{Head, Keys, Message, Record},
    state::is_forward,
};
use crate::{MAX_CURSOR_BYTES, TapPosition, child::readable_text, lines::LongLine, plan::Plan};

/// Number of other streams that a fault names.
const MAX_OTHERS: usize = 5;

/// What was read of a run.
pub(crate) struct Reading {
    keys: Keys,
    pub(crate) position: TapPosition,
    /// Whether a message of the stream came.
    has_appeared: bool,
    /// Whether no message came at all.
    is_silent: bool,
    /// The last state before that.
    early_state: Option<Value>,
    /// The first of the other streams that came.
    others: Vec<String>,
}

/// What a tap does next.
pub(crate) enum Output {
    /// It writes a record of the stream: its entry, and the weight of the line.
    Record(Entry, usize),
    /// It writes something else: a state, a schema, a record of another stream.
    Other,
    /// It ends successfully.
    Ended,
}

impl Reading {
    /// A run that starts with the state of `after`.
    pub(crate) fn new(keys: Keys, after: &TapPosition) -> Self {
        let position = after.with_state(after.state.clone());
        let (has_appeared, is_silent, early_state, others) = (false, true, None, Vec::new());
        Self { keys, position, has_appeared, is_silent, early_state, others }
    }

    /// Reads a line. After a fault, the position is the one before the line.
    pub(crate) fn line(&mut self, line: &[u8], plan: &Plan) -> Result<Output, Fault> {
        if line.trim_ascii().is_empty() {
            return Ok(Output::Other);
        }
        self.is_silent = false;
        if let Some(record) = Record::parse(line, &self.keys.stream) {
            self.appear();
            let text = record.text();
            let entry = self.keys.entry(record, line, self.next_place(), plan)?;
            self.position.key = self.keys.checked(&self.position.key, plan)?;
            self.pass(&text);
            return Ok(Output::Record(entry, document::weight(line)));
        }
        let message: Message = serde_json::from_slice(line)
            .map_err(|_| plan.stopped("one of its lines is not a Singer message"))?;
        let is_own = message.stream == self.keys.stream;
        match message.kind.as_str() {
            "STATE" => self.take_state(message.value, line.len(), plan)?,
            "RECORD" if is_own => {
                let detail =
                    "the record cannot be read: it is nested too deeply or has too many values";
                let reason = Reason::new("bad_json", detail);
                let text = String::from_utf8_lossy(line);
                return Ok(self.unreadable(Bytes::copy_from_slice(line), &text, reason));
            }
            _ if is_own => {
                self.keys.update(message, plan)?;
                self.appear();
            }
            _ if message.stream.is_empty() => self.keys.update(message, plan)?,
            _ => self.see_other(&message.stream),
        }
        Ok(Output::Other)
    }

    /// Reads what is known of a line that was too long.
    pub(crate) fn long_line(&mut self, line: &LongLine, plan: &Plan) -> Result<Output, Fault> {
        let Head { kind, stream } = Head::of(&line.start);
        let is_own = stream == self.keys.stream;
        self.is_silent = false;
        match kind.as_str() {
            "STATE" => return Err(large_state(plan)),
            "RECORD" if is_own => {
                let (n_bytes, digest) = (line.n_bytes, line.digest());
                // The hash distinguishes records that begin with the same bytes.
                let note = format!("… ({n_bytes} bytes, SHA-256 {digest})");
                let bytes = Bytes::from([line.start.as_slice(), note.as_bytes()].concat());
                let detail = format!(
                    "the record is larger than 16 MiB: it has {n_bytes} bytes, and only the first are kept"
                );
                return Ok(self.unreadable(bytes, &digest, Reason::new("too_large", detail)));
            }
            _ if !is_own && !stream.is_empty() => self.see_other(&stream),
            _ => return Err(too_long(plan)),
        }
        Ok(Output::Other)
    }

    /// The end of the run.
    pub(crate) fn end(&mut self, plan: &Plan) -> Result<Output, Fault> {
        if self.is_silent {
            let cause = "the tap has ended without an error, but wrote nothing";
            // A later run may have nothing new.
            if self.position.state.is_none() {
                return Err(plan.stopped(cause).remedy(
                    "run it by hand: perhaps its settings select no stream, or it does not know `--catalog`",
                ));
            }
            tracing::warn!("{cause}");
        }
        if !self.has_appeared && !self.others.is_empty() {
            let (own, others) = (&self.keys.stream, self.others.join(", "));
            // A later run may have nothing new of the stream. Its state is not taken, so that nothing is lost if the
            // name of the stream has become wrong.
            if self.position.state.is_some() {
                tracing::warn!("the tap sent no stream {own}, but others: {others}");
                return Ok(Output::Ended);
            }
            let remedy =
                "set `stream` to the one with the demands, or select it in the tap's settings";
            let cause = format!("the tap sent no stream {own}, but others: {others}");
            return Err(plan.stopped(&cause).remedy(remedy));
        }
        self.appear();
        Ok(Output::Ended)
    }

    /// The entry for a record of which nothing can be read.
    fn unreadable(&mut self, bytes: Bytes, text: &str, reason: Reason) -> Output {
        self.appear();
        let place = Place { key: None, revision: Revision::NONE, at: self.next_place() };
        self.pass(text);
        let weight = bytes.len();
        Output::Record(Entry::Unreadable { place, bytes, reason }, weight)
    }

    /// The place of the next record, for messages.
    fn next_place(&self) -> String {
        format!("record {} after the last state", self.position.n_records + 1)
    }

    /// Moves the position behind a record.
    fn pass(&mut self, text: &str) {
        let position = &mut self.position;
        position.n_records += 1;
        let digest = Sha256::new().chain_update(&position.digest).chain_update(text).finalize();
        position.digest = hex::encode(&digest[..16]);
    }

    /// Takes a state, but none before the stream has appeared: if its name is wrong, the records of that time
    /// must still come when it is right.
    fn take_state(&mut self, state: Value, n_bytes: usize, plan: &Plan) -> Result<(), Fault> {
        let last = self.early_state.as_ref().or(self.position.state.as_ref());
        if !is_forward(last, &state) {
            return Ok(());
        }
        if n_bytes > MAX_CURSOR_BYTES {
            return Err(large_state(plan));
        }
        self.early_state = Some(state);
        if self.has_appeared {
            self.appear();
        }
        Ok(())
    }

    /// A message of the stream has come, or the run has ended without one.
    fn appear(&mut self) {
        self.has_appeared = true;
        if let Some(state) = self.early_state.take() {
            self.position = self.position.with_state(Some(state));
        }
    }

    fn see_other(&mut self, stream: &str) {
        if self.others.len() < MAX_OTHERS && !stream.is_empty() {
            let stream = readable_text(stream);
            if !self.others.contains(&stream) {
                self.others.push(stream);
            }
        }
    }
}

/// The fault for a line of which nothing is known.
pub(crate) fn too_long(plan: &Plan) -> Fault {
    plan.stopped("a line is longer than 17 MiB")
        .remedy("let each message begin with its type and its stream, in a line of its own")
}

fn large_state(plan: &Plan) -> Fault {
    plan.stopped("its state is larger than 64 KiB")
        .remedy("select only this stream in the tap's catalog or settings")
}
