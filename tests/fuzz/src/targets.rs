//! The parsers that the fuzzer runs, and the checks that must hold for every input.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a target fails by a panic"
)]

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use connector_files::Files;
use contract::{
    Body, Connector as _, ConnectorContext, Entry, Normalizer as _, RawRecord, RecordKey, Revision,
    TextReport, Verdict,
};
use document::{DocumentFormat, Findings, elements};
use normalizer::{CodeTables, Keys, Mapping, Sealer, Suite};
use normalizer_text::{
    Charset, Hints, Profile, Span, Stream, clean, decode, decode_column, decode_strict, repair,
};
use serde_json::{Value, json};

/// A parser of bytes from outside.
pub(crate) struct Target {
    /// The name of the target, and of its folder in `corpus/`.
    pub(crate) name: &'static str,
    /// Runs the parser; panics if a check fails.
    pub(crate) run: fn(&[u8]),
}

/// All targets. For a new parser, add a line here and a folder of small inputs.
pub(crate) const TARGETS: [Target; 7] = [
    Target { name: "decoder", run: decoder },
    Target { name: "repair", run: repairing },
    Target { name: "clean", run: cleaning },
    Target { name: "xml", run: xml },
    Target { name: "json", run: json },
    Target { name: "csv", run: csv },
    Target { name: "mapping", run: mapping },
];

/// A nesting depth that every JSON parser allows.
const SAFE_DEPTH: usize = 100;

/// An XML document becomes a tree that can be written as JSON, whatever is damaged in it.
pub(crate) fn xml(input: &[u8]) {
    if let Some((tree, _)) = read(input, DocumentFormat::Xml) {
        assert!(tree.is_object());
        same_again(&tree);
    }
}

/// Our parser reads every text that `serde_json` can read, and reads its own output as the same tree.
pub(crate) fn json(input: &[u8]) {
    let read = read(input, DocumentFormat::Json);
    let text = document::decode(input, &Hints::default()).text;
    let levels = text.matches(['[', '{']).count();
    if levels < SAFE_DEPTH && serde_json::from_str::<Value>(&text).is_ok() {
        assert!(read.as_ref().is_some_and(|(_, is_whole)| *is_whole));
    }
    if let Some((tree, _)) = read {
        same_again(&tree);
    }
    if levels < SAFE_DEPTH {
        one_by_one(&text);
    }
}

/// Reading a list as a whole and reading its elements one by one find the same elements and damage.
fn one_by_one(text: &str) {
    let mut findings = Findings::default();
    let whole = DocumentFormat::Json.parse(text, &mut findings);
    if let (Ok(Value::Array(list)), Ok(elements)) = (&whole, elements(text)) {
        let list: Vec<_> = list.iter().filter(|value| !findings.is_missing_value(value)).collect();
        assert_eq!(list.len(), elements.len());
        for (value, element) in list.into_iter().zip(elements) {
            let mut alone = Findings::default();
            let is_whole = DocumentFormat::Json
                .parse(&text[element], &mut alone)
                .is_ok_and(|tree| alone.damage_in(&tree).is_none());
            assert_eq!(is_whole, findings.damage_in(value).is_none());
        }
    }
}

/// The tree as a connector would read it, and whether it is undamaged; `None` if it cannot be parsed.
fn read(input: &[u8], format: DocumentFormat) -> Option<(Value, bool)> {
    let mut text = document::decode(input, &Hints::default());
    let mut tree = text.parse(format).ok()?;
    let defects = text.diagnostics.defects_in("", &tree);
    let _ = text.diagnostics.findings.source_bytes(&tree.to_string());
    text.diagnostics.findings.remove_markers(&mut tree);
    Some((tree, defects.damage.is_none()))
}

fn same_again(tree: &Value) {
    let again = read(tree.to_string().as_bytes(), DocumentFormat::Json).unwrap();
    assert_eq!((&again.0, again.1), (tree, true));
}

/// Reading a CSV file twice gives the same rows, and every record has a key.
pub(crate) fn csv(input: &[u8]) {
    let context =
        ConnectorContext::new("files".parse().expect("a name"), chrono_tz::Asia::Shanghai);
    let settings = json!({
        "url": "/nowhere", "match": ["F_*"], "key": "$.id", "charset": "gbk",
        "revision": { "name": "_%Y%m%d%H%M%S" },
    });
    let settings = serde_json::from_value(settings).expect("settings");
    let files = Files::build(settings, context).expect("a channel");
    let (once, twice) = (files.sample("input", input), files.sample("input", input));
    if let (Ok(once), Ok(twice)) = (&once, &twice) {
        assert_eq!(format!("{once:?}"), format!("{twice:?}"));
        for entry in once {
            if let Entry::Record(record) = entry {
                assert!(!record.key.as_str().is_empty());
            }
        }
    }
    assert_eq!(once.is_ok(), twice.is_ok());
}

static MAPPING: LazyLock<Mapping> = LazyLock::new(|| {
    let keys = Keys::generate(Suite::Aes).expect("random bytes");
    let config = toml::from_str(include_str!("../mapping.toml")).expect("a mapping");
    let (name, zone) = ("hotline".parse().expect("a name"), chrono_tz::Asia::Shanghai);
    Mapping::build(name, &config, &CodeTables::default(), Arc::new(Sealer::new(&keys)), zone)
        .unwrap_or_else(|problems| panic!("{problems:?}"))
});

/// The mapping accepts an object or array, rejects any other tree, and does the same again.
pub(crate) fn mapping(input: &[u8]) {
    let Ok(tree) = document::decode(input, &Hints::default()).parse(DocumentFormat::Json) else {
        return;
    };
    let is_record = tree.is_object() || tree.is_array();
    let record = RawRecord {
        key: RecordKey::new("k"),
        revision: Revision::NONE,
        body: Body::new(tree),
        text: TextReport::default(),
    };
    match (MAPPING.normalize(&record), MAPPING.normalize(&record)) {
        (Verdict::Accept(one), Verdict::Accept(two)) => {
            assert!(is_record);
            assert_eq!(one, two);
        }
        (Verdict::Reject(_), Verdict::Reject(_)) => assert!(!is_record),
        (one, two) => panic!("{one:?} and then {two:?}"),
    }
}

const CHARSETS: [Charset; 6] = [
    Charset::Utf8,
    Charset::Gb18030,
    Charset::Big5,
    Charset::Utf16Le,
    Charset::Utf16Be,
    Charset::Windows1252,
];

/// Spans are in order and in bounds; decoding in two pieces gives the same as decoding at once.
pub(crate) fn decoder(input: &[u8]) {
    let decoded = decode(input, &Hints::default());
    assert_in_order(&decoded.malformed, input.len());
    let cut = input.first().map_or(0, |first| usize::from(*first) % (input.len() + 1));
    for charset in CHARSETS {
        let whole = decode_strict(input, charset);
        assert_in_order(&whole.moved, whole.text.len());
        let mut stream = Stream::new(charset);
        stream.push(&input[..cut]);
        let first = stream.take();
        stream.push(&input[cut..]);
        let mut streamed = stream.finish();
        streamed.text = Cow::Owned(first + &streamed.text);
        assert_eq!(streamed, whole);
        assert!(decode_column(input, charset, Some(input.len())).truncated);
    }
}

/// Spans are in order and in bounds; a text changes only if a repair is reported.
pub(crate) fn repairing(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let repaired = repair(&text);
    let before: Vec<_> = repaired.repairs.iter().map(|repair| repair.before).collect();
    let after: Vec<_> = repaired.repairs.iter().map(|repair| repair.span).collect();
    assert_in_order(&before, text.len());
    assert_in_order(&after, repaired.text.len());
    assert_in_order(&repaired.damaged, repaired.text.len());
    for span in before {
        assert!(text.get(span.offset..span.offset + span.len).is_some());
    }
    for span in after.iter().chain(&repaired.damaged) {
        assert!(repaired.text.get(span.offset..span.offset + span.len).is_some());
    }
    assert_eq!(repaired.repairs.is_empty(), repaired.text == text);
}

/// Cleaning a clean text does not change it.
pub(crate) fn cleaning(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for profile in [Profile::Plain, Profile::Code] {
        let once = clean(&text, profile).text.into_owned();
        assert_eq!(clean(&once, profile).text, once);
    }
    // Each call removes one layer of markup, so only the plain profile is checked here.
    let html = clean(&text, Profile::Html).text;
    assert_eq!(clean(&html, Profile::Plain).text, html);
}

fn assert_in_order(spans: &[Span], len: usize) {
    let mut end = 0;
    for span in spans {
        assert!(span.offset >= end && span.len > 0);
        end = span.offset + span.len;
    }
    assert!(end <= len);
}
