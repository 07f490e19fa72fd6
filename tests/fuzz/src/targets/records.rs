//! Files and mappings: whatever stands in them, each record has one answer.

#![allow(clippy::expect_used, clippy::panic, reason = "to panic is how a target says no")]

use std::sync::{Arc, LazyLock};

use connector_files::Files;
use contract::{
    Body, Connector as _, ConnectorContext, Entry, Normalizer as _, RawRecord, RecordKey, Revision,
    TextReport, Verdict,
};
use normalizer::{CodeTables, Keys, Mapping, Sealer, Suite};
use normalizer_text::Hints;
use serde_json::json;

/// The rows of a CSV file: records with keys, or rows that are put aside with their bytes.
pub(crate) fn csv(input: &[u8]) {
    let desk = ConnectorContext::new("files".parse().expect("a name"), chrono_tz::Asia::Shanghai);
    let settings = json!({
        "url": "/nowhere", "match": ["F_*"], "key": "$.id", "charset": "gbk",
        "revision": { "name": "_%Y%m%d%H%M%S" },
    });
    let settings = serde_json::from_value(settings).expect("settings");
    let files = Files::build(settings, desk).expect("a channel");
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
    let config = toml::from_str(include_str!("../../mapping.toml")).expect("a mapping");
    let (name, zone) = ("hotline".parse().expect("a name"), chrono_tz::Asia::Shanghai);
    Mapping::build(name, &config, &CodeTables::default(), Arc::new(Sealer::new(&keys)), zone)
        .unwrap_or_else(|problems| panic!("{problems:?}"))
});

/// Any tree is taken or refused, and twice in the same way.
pub(crate) fn mapping(input: &[u8]) {
    let Ok(tree) = document::decode(input, &Hints::default()).parse(document::Shape::Json) else {
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
