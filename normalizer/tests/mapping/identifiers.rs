//! Keys, numbers of work orders and links may have personal values in them, too.

use contract::{Normalizer as _, Verdict};
use normalizer::open_unmasked;
use serde_json::{Value, json};

use super::support::{accept, build, demand, record, sealer};

const DEMAND: &str = r#"
source_no   = "$.no"
title       = "$.title"
category    = "$.kind"
region      = "$.region"
people      = [{ name = "$.name", phone = "$.phone", id_no = "$.id" }]
repeat      = { of = "$.first", flag = "$.again" }
related     = { each = "$.others[*]", no = "$.no", relation = "$.is" }
attachments = { each = "$.files[*]", url = "$" }
enterprise  = { name = "$.shop", type = "$.sort" }
"#;

fn tree(key: &str) -> Value {
    json!({
        "ROWGUID": key, "title": "路灯不亮", "name": "王小明", "phone": "13900001111",
        "id": "11010519491231002X",
    })
}

#[test]
fn a_record_whose_key_is_personal_is_refused_and_says_what_to_do() {
    let mapping = build(DEMAND).unwrap();
    for key in [
        "13900001111",
        "139-0000-1111",
        "app/13900001111/20261009",
        "P7-王小明",
        "%E7%8E%8B%E5%B0%8F%E6%98%8E.json",
        r#"["王小明","2026-10-09"]"#,
        "11010519491231002x",
    ] {
        match mapping.normalize(&record(tree(key))) {
            Verdict::Reject(reason) => {
                assert_eq!(reason.code, "personal_key", "{key}");
                assert!(!reason.detail.contains(key), "{}", reason.detail);
                assert!(reason.detail.contains("read the key from"), "{}", reason.detail);
            }
            other => panic!("{key}: {other:?}"),
        }
    }
    for key in ["1790000123400001", "DH202610090137", "13800001234", "2026-10-09/明", "王小"] {
        accept(&mapping, &record(tree(key)));
    }
}

#[test]
fn numbers_and_links_are_stored_without_the_persons_values() {
    let mapping = build(DEMAND).unwrap();
    let link = "https://x.example/%E7%8E%8B%E5%B0%8F%E6%98%8E/a.jpg?tel=139%2D0000%2D1111";
    let mut tree = tree("k");
    let more = json!({
        "no": "WX-13900001111", "first": "13900001111", "region": "镜湖区王小明家",
        "kind": "王小明的事", "again": "13900001111来过",
        "sort": "王小明的店", "others": [{ "no": "王小明2", "is": "13900001111并入" }, { "no": "DH202610090137", "is": "child" }],
        "files": ["https://x.example/1.jpg", link, "https://x.example/王小明.jpg"],
    });
    for (field, value) in more.as_object().unwrap() {
        tree[field] = value.clone();
    }
    let demand = demand(&mapping, tree);
    let wire = serde_json::to_string(&demand).unwrap();
    for value in ["王小明", "%E7%8E%8B", "13900001111", "139%2D"] {
        assert!(!wire.contains(value), "{value} is in {wire}");
    }
    for kept in ["WX-139****1111", "DH202610090137", "https://x.example/1.jpg"] {
        assert!(wire.contains(kept), "{kept} is not in {wire}");
    }
    let texts = open_unmasked(&sealer(), &demand).unwrap();
    assert_eq!(texts["attachments.1.url"], link);
    assert_eq!(texts["source_no"], "WX-13900001111");
    assert_eq!(texts["related.0.no"], "王小明2");
    assert_eq!(texts["related.0.relation"], "13900001111并入");
    assert_eq!(texts["enterprise.type"], "王小明的店");
    assert!(!texts.contains_key("related.1.no") && !texts.contains_key("attachments.0.url"));
}
