//! Records made to be expensive, and records that are broken everywhere.

use contract::{Verdict, demand::QualityFlag};
use serde_json::{Value, json};

use super::support::{accept, build, record};
use contract::Normalizer as _;

const DEMAND: &str = r#"
title   = "$.title"
content = { at = "$.content", clean = "html" }
tags    = "$.tags"
people  = [{ role = "main", name = "$.name", phone = "$.phone" }]
"#;

/// UTF-8 that was read as GBK, and clean text after it.
const BROKEN: &str = "缇や紬璇夋眰，小区电梯坏了。";

/// If mapping were quadratic in the length of any of these, the test would not end in time.
#[test]
fn hostile_texts_are_answered() {
    const BYTES: usize = 300_000;
    let attributes: String = (0..BYTES / 9).map(|n| format!("a{n:06}=1 ")).collect();
    let labels: String = (0..BYTES / 7).map(|n| format!("{n:06},")).collect();
    let pieces = [
        "<a b=\"x\" c=\"",
        "</script >",
        "</style >",
        "<!--",
        "<script>",
        "<p ",
        "&lt",
        "_x0041",
        "e\u{323}\u{301}",
        "13800001234",
        "138 ",
        "：1",
        "皖B",
        "a.b@c.",
        "锟斤拷",
        "13800001234、",
    ];
    let mut texts: Vec<String> = pieces.iter().map(|p| p.repeat(BYTES / p.len())).collect();
    texts.push(format!("<p {attributes}>坏了"));
    texts.push(format!("{}</script>", "</script >".repeat(BYTES / 10)));
    let mapping = build(DEMAND).unwrap();
    for text in texts {
        let tree = json!({ "content": text, "name": "王小明", "phone": "13800001234" });
        accept(&mapping, &record(tree));
    }
    let tags = accept(&mapping, &record(json!({ "tags": labels }))).body.tags;
    assert_eq!(tags.len(), BYTES / 7);
}

#[test]
fn a_text_that_is_broken_everywhere_is_repaired_and_its_doubts_are_counted() {
    let body =
        accept(&build(DEMAND).unwrap(), &record(json!({ "content": BROKEN.repeat(2_000) }))).body;
    assert_eq!(body.content.unwrap(), "群众诉求，小区电梯坏了。".repeat(2_000));
    assert_eq!(body.quality.len(), 100);
    let last = body.quality[99].detail.as_deref().unwrap();
    assert!(last.ends_with(", and 1900 more like it"), "{last}");
}

#[test]
fn a_text_too_costly_to_repair_is_kept_and_flagged() {
    let of = |n: usize| json!({ "title": BROKEN, "content": BROKEN.repeat(n) });
    let n = 1_000_000 / BROKEN.len();
    let body = accept(&build(DEMAND).unwrap(), &record(of(n))).body;
    assert_eq!(body.content.unwrap(), BROKEN.repeat(n));
    let flags: Vec<_> = body.quality.iter().map(|note| (note.field.as_str(), note.flag)).collect();
    assert_eq!(body.title.unwrap(), "群众诉求，小区电梯坏了。");
    assert_eq!(
        flags,
        [("title", QualityFlag::RepairedText), ("content", QualityFlag::UnrepairedText)]
    );
}

#[test]
fn a_record_that_names_a_thousand_people_in_megabytes_is_too_costly() {
    let mapping =
        build("content = \"$.text\"\npeople = [{ each = \"$.people[*]\", name = \"$.name\" }]")
            .unwrap();
    let person = |n: usize| json!({ "name": format!("{n}{}", "长".repeat(300)) });
    let people: Value = (0..1_000).map(person).collect();
    let tree = json!({ "text": "坏".repeat(500_000), "people": people });
    match mapping.normalize(&record(tree)) {
        Verdict::Reject(reason) => {
            assert_eq!(reason.code, "too_costly");
            assert!(!reason.detail.contains('长'), "{}", reason.detail);
        }
        other => panic!("not rejected: {other:?}"),
    }
}
