//! Messages of a tap that are not read, or not whole.

use contract::{Connector as _, Entry, FaultKind};
use serde_json::{Value, json};

use super::{
    batches,
    controlled::{ControlledTap, position, record, schema, state},
};

fn record_of(stream: &str) -> Value {
    json!({ "type": "RECORD", "stream": stream, "record": { "id": 1 } })
}

/// A record whose line is too long, and ends with `end`.
fn long_record(stream: &str, end: &str) -> Value {
    let text = format!("{}{end}", "x".repeat(18 << 20));
    json!({ "type": "RECORD", "stream": stream, "record": { "id": 9, "text": text } })
}

#[tokio::test]
async fn what_stands_for_records_that_are_not_read_stops_the_channel_before_the_next_state() {
    let batch = json!({
        "type": "BATCH", "stream": "orders",
        "encoding": { "format": "jsonl" }, "manifest": ["orders.jsonl"],
    });
    let unknown = json!({ "type": "RECORDS", "stream": "orders", "records": [{ "id": 2 }] });
    for (message, what) in
        [(batch, "turn off batch_config"), (unknown, "unknown type for stream orders: RECORDS")]
    {
        let tap = ControlledTap::new(&[schema(), record(1), state(2), message, state(5)]);
        let mut process = tap.process(json!({}));
        let batch = process.read(None, 10).await.unwrap();
        assert_eq!((batch.entries.len(), batch.caught_up()), (1, false));
        assert_eq!(position(&batch.upto)["state"], json!({ "line": 2 }));
        for mut process in [process, tap.process(json!({}))] {
            let fault = process.read(Some(&batch.upto), 10).await.unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
            assert!(fault.to_string().contains(what), "{fault}");
        }
    }
    let nameless = json!({ "type": "RECORD", "record": { "id": 2 } });
    let tap = ControlledTap::new(&[schema(), record(1), nameless]);
    let mut process = tap.process(json!({}));
    let batch = process.read(None, 10).await.unwrap();
    let fault = process.read(Some(&batch.upto), 10).await.unwrap_err();
    assert!(fault.to_string().contains("a RECORD that names no stream"), "{fault}");
    let of_others = json!({ "type": "BATCH", "stream": "people", "manifest": [] });
    let tap = ControlledTap::new(&[schema(), of_others, json!({ "type": "LOG" }), record(1)]);
    assert_eq!(batches(&mut tap.process(json!({})), None, 10).await.0, [["1"]]);
}

#[tokio::test]
async fn a_tap_that_writes_nothing_stops_the_channel_unless_it_may_have_no_news() {
    let tap = ControlledTap::new(&[]);
    let fault = tap.process(json!({})).read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("wrote nothing"), "{fault}");
    tap.set_messages(&[record(1), state(3)]);
    let (_, at) = batches(&mut tap.process(json!({ "key": ["id"] })), None, 10).await;
    tap.set_messages(&[]);
    let (found, again) =
        batches(&mut tap.process(json!({ "key": ["id"] })), Some(at.clone()), 10).await;
    assert_eq!((found.concat().len(), again), (0, at));
}

#[tokio::test]
async fn other_key_fields_than_those_of_earlier_records_stop_the_channel() {
    let with_key = |key: &[&str]| json!({ "type": "SCHEMA", "stream": "orders", "schema": {}, "key_properties": key });
    let tap = ControlledTap::new(&[with_key(&["id"]), record(1), state(3)]);
    let (_, at) = batches(&mut tap.process(json!({})), None, 10).await;
    for key in [&["at"][..], &["id", "at"]] {
        // The lines up to the state are not written again.
        tap.set_messages(&[state(3), state(3), state(3), with_key(key), record(2)]);
        let fault = tap.process(json!({})).read(Some(&at), 10).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains("would become another demand"), "{fault}");
    }
    let settings = json!({ "key": ["id"] });
    assert_eq!(batches(&mut tap.process(settings), Some(at), 10).await.0.concat(), ["2"]);
}

#[tokio::test]
async fn a_tap_with_another_stream_or_other_settings_begins_anew() {
    let messages = [schema(), record(1), state(3)];
    let tap = ControlledTap::new(&messages);
    let (_, at) = batches(&mut tap.process(json!({})), None, 10).await;
    tap.set_messages(&messages.map(|mut message| {
        message["stream"] = json!("people");
        message
    }));
    let people = |key: Value| tap.process(json!({ "stream": "people", "key": key }));
    let mut process = people(json!([]));
    assert_eq!(batches(&mut process, Some(at.clone()), 10).await.0.concat(), ["1"]);
    // Other settings allow no other key.
    let fault = people(json!(["at"])).read(Some(&at), 10).await.unwrap_err();
    assert!(fault.to_string().contains("would become another demand"), "{fault}");
}

#[tokio::test]
async fn a_tap_that_sends_only_other_streams_stops_the_channel_and_no_state_is_taken() {
    let mut messages = vec![state(1)];
    messages.extend(["a", "b", "a", "c", "d", "e", "f"].map(record_of));
    messages.push(state(9));
    let tap = ControlledTap::new(&messages);
    let fault = tap.process(json!({})).read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("no stream orders, but others: a, b, c, d, e;"), "{fault}");

    for (messages, keys) in [
        (vec![state(1), record_of("a"), state(3), schema()], vec![]),
        (vec![state(1), record_of("a"), state(3), schema(), record(7)], vec!["7"]),
        // A tap without news may write nothing but its state.
        (vec![state(1), state(3)], vec![]),
    ] {
        tap.set_messages(&messages);
        let (found, at) = batches(&mut tap.process(json!({})), None, 10).await;
        assert_eq!((found.concat(), &position(&at)["state"]), (keys_of(&keys), &state(3)["value"]));
        // A later run may have nothing new of the stream.
        tap.set_messages(&[record_of("a"), state(9)]);
        let (found, at) = batches(&mut tap.process(json!({})), Some(at), 10).await;
        assert_eq!((found.concat(), &position(&at)["state"]), (vec![], &state(3)["value"]));
    }
}

fn keys_of(keys: &[&str]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_record_whose_line_is_too_long_is_rejected_and_its_neighbours_pass() {
    let tap = ControlledTap::new(&[
        schema(),
        record(1),
        long_record("orders", "a"),
        long_record("orders", "b"),
        long_record("people", "c"),
        record(2),
    ]);
    let (mut process, mut at, mut entries) = (tap.process(json!({})), None, Vec::new());
    loop {
        let batch = process.read(at.as_ref(), 10).await.unwrap();
        let is_end = batch.caught_up();
        entries.extend(batch.entries);
        at = Some(batch.upto);
        if is_end {
            break;
        }
    }
    let found: Vec<String> = entries.iter().map(super::key).collect();
    assert_eq!(found, ["1", "too_large", "too_large", "2"]);
    let rejected: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Record(_) => None,
            Entry::Unreadable { place, bytes, .. } => Some((place.key.as_ref(), bytes)),
        })
        .collect();
    for (key, bytes) in &rejected {
        assert_eq!(*key, None);
        assert!(bytes.starts_with(br#"{"type":"RECORD""#) && bytes.len() < 10_000);
    }
    assert_ne!(rejected[0].1, rejected[1].1, "different records have different ids");

    // A run that is interrupted between them continues there.
    let batch = tap.process(json!({})).read(None, 2).await.unwrap();
    let first: Vec<String> = batch.entries.iter().map(super::key).collect();
    let (rest, _) = batches(&mut tap.process(json!({})), Some(batch.upto), 10).await;
    assert_eq!([first, rest.concat()].concat(), found);
}

#[tokio::test]
async fn a_record_that_is_nested_too_deeply_is_rejected_and_not_taken_for_another_message() {
    let deep = (0..300).fold(json!(1), |inner, _| json!([inner]));
    let deep = json!({ "type": "RECORD", "stream": "orders", "record": { "id": 3, "x": deep } });
    let tap = ControlledTap::new(&[schema(), record(1), deep, record(2)]);
    let (found, _) = batches(&mut tap.process(json!({})), None, 10).await;
    assert_eq!(found.concat(), ["1", "bad_json", "2"]);
}

#[tokio::test]
async fn records_before_a_state_that_is_too_large_are_returned() {
    for n_bytes in [70_000, 18 << 20] {
        let large = json!({ "type": "STATE", "value": { "text": "x".repeat(n_bytes) } });
        let tap = ControlledTap::new(&[schema(), record(1), state(2), record(2), large]);
        let mut process = tap.process(json!({}));
        let batch = process.read(None, 10).await.unwrap();
        assert_eq!((batch.entries.len(), batch.caught_up()), (2, false));
        let fault = process.read(Some(&batch.upto), 10).await.unwrap_err();
        let what = "its state is larger than 64 KiB; select only this stream";
        assert!(fault.to_string().contains(what), "{fault}");
    }
}
