use chrono_tz::Asia::Shanghai;
use serde_json::json;

use super::*;
use crate::Keys;

/// Reads one text in every way in which texts are read.
const DEMAND: &str = r#"
title   = "$.text"
content = { at = "$.text", clean = "html" }
reply   = { expr = "record.text" }
tags    = "$.list[*]['label']"
people  = [{ each = "$..people[*]", role = "main", name = "$.name", phone = "$.phone" }]
address = "$.text"
related = { each = "$.absent[*]", no = "$.no", relation = "$.is", cited = ["$.text"] }
"#;

fn mapping(demand: &str) -> Mapping {
    let keys = Keys::generate(crate::Suite::default()).unwrap();
    let config: MappingConfig = toml::from_str(demand).unwrap();
    let (channel, sealer) = ("hotline".parse().unwrap(), Arc::new(Sealer::new(&keys)));
    Mapping::build(channel, &config, &CodeTables::default(), sealer, Shanghai).unwrap()
}

fn record(tree: Value) -> RawRecord {
    RawRecord {
        key: contract::RecordKey::new("k"),
        revision: contract::Revision::NONE,
        body: contract::Body::new(tree),
        text: contract::TextReport::default(),
    }
}

fn steps(mapping: &Mapping, tree: &Value) -> u64 {
    let (mut draft, mut notes) = mapping.draft(&record(tree.clone()), Work::default());
    let own = OwnValues::within_budget(&draft.people, draft.address.as_ref(), &mut notes.work);
    assert!(redact(&mut draft.body, &own, &mut notes.work).is_some(), "too costly");
    notes.work.spent()
}

/// A text made of the given number of pieces.
type Repeated = Box<dyn Fn(usize) -> String>;

#[test]
fn steps_are_linear_in_the_text_whatever_it_is() {
    let repeat = |piece: &'static str| move |n: usize| piece.repeat(n);
    let texts: [(&str, Repeated); 12] = [
        ("broken words", Box::new(repeat("缇や紬璇夋眰，小区电梯坏了。"))),
        ("words broken twice", Box::new(repeat("ç¼‡ã‚„ç´¬ç’‡å¤‹çœ° 小区"))),
        ("lost characters", Box::new(repeat("锟斤拷ï¿½烫烫烫\u{FFFD}"))),
        ("telephones", Box::new(repeat("13800001234、138 0000 "))),
        ("brackets", Box::new(repeat("<"))),
        ("references", Box::new(repeat("&amp&#x;&"))),
        ("tags within quotes", Box::new(repeat(r#"<a b="x" c=""#))),
        ("nested elements", Box::new(repeat("<div><b>"))),
        ("addresses", Box::new(repeat("镜湖区某路"))),
        ("mail", Box::new(repeat("a.b@c.d-e@"))),
        ("plates", Box::new(repeat("皖B·12345 皖皖C"))),
        ("orders", Box::new(|n| (0..n).map(|n| format!("DH202610{n:08} ")).collect())),
    ];
    let mapping = mapping(DEMAND);
    for (name, text) in texts {
        let of = |n: usize| {
            let people: Vec<_> =
                (0..n).map(|n| json!({"name": format!("王{n}"), "phone": "1"})).collect();
            let list: Vec<_> = (0..n).map(|n| json!({ "label": n.to_string() })).collect();
            steps(&mapping, &json!({"text": text(n), "people": people, "list": list}))
        };
        let (once, twice) = (of(200), of(400));
        assert!(twice <= 2 * once + once / 4, "{name}: {once} and {twice} steps");
    }
}

#[test]
fn a_query_that_goes_through_the_record_again_and_again_is_too_costly() {
    let deep = (0..60).fold(json!(1), |inner, n| json!([inner, n]));
    let wide = json!({ "list": (0..30_000).map(|n| json!({ "no": n })).collect::<Vec<_>>() });
    // Of its 120 000 nodes, a query with two descents would keep seven million.
    let both = (0..60).fold(json!(1), |inner, _| {
        let mut items = vec![json!(0); 2_000];
        items.push(inner);
        json!(items)
    });
    for (path, tree) in [
        ("$..[*]..[*]..[*]..[*]..[*]..[*]", deep),
        ("$.list[?@.no == $.x].no", wide),
        ("$..*..*", both),
    ] {
        let mapping = mapping(&format!("title = \"{path}\""));
        let record = record(json!({ "tree": tree, "list": tree["list"] }));
        match mapping.normalize(&record) {
            Verdict::Reject(reason) => assert_eq!(reason.code, "too_costly", "{path}"),
            other => panic!("{path}: {other:?}"),
        }
        assert!(mapping.trace(&record, false).is_empty(), "{path}");
        assert!(mapping.trace(&record, true).is_empty(), "{path}");
    }
}
