//! Every record gets a verdict, and the same record always gets the same one.

use contract::Normalizer;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{accept, build, record, reference, sample};

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,30}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9xX*+ /:.-]{0,24}".prop_map(Value::from),
        "[皖省市区县街道镇乡路小号A-Z0-9]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((column(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn column() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "RQSTPERSON",
            "RQSTTIME",
            "LINKNUMBER",
            "RQSTTYPE",
            "RQSTSOURCE",
            "AREACODE",
            "RQSTADDRESS",
            "RQSTTITLE",
            "RQSTCONTENT",
            "CSTATUS",
            "ISSECRET",
            "pressing",
            "FLAG",
            "ADDTIME",
            "ADDCONTENT",
            "$hex",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ]
}

proptest! {
    #[test]
    fn any_tree_gets_the_same_verdict_twice(tree in tree()) {
        let (first, second) = (reference(), reference());
        let record = record(tree);
        let answers = [first.normalize(&record), second.normalize(&record), first.normalize(&record)];
        let [one, two, three] = answers.map(|answer| format!("{:?}", bytes(answer)));
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(&one, &three);
    }
}

fn bytes(answer: contract::Verdict) -> Option<(Vec<u8>, Vec<u8>, contract::Digest)> {
    match answer {
        contract::Verdict::Accept(accepted) => {
            Some((serde_json::to_vec(&accepted.body).unwrap(), accepted.raw.0, accepted.digest))
        }
        _ => None,
    }
}

#[test]
fn the_digest_follows_the_content_and_nothing_else() {
    let digest = |tree: Value| accept(&reference(), &record(tree)).digest;
    let unchanged = digest(sample());
    let with = |column: &str, value: Value| {
        let mut tree = sample();
        tree[column] = value;
        digest(tree)
    };
    // Fields that are not mapped, or the same value in another notation.
    for (column, value) in [
        ("ISFETCH", json!(1)),
        ("REGISTERNAME", json!("坐席 0822")),
        ("RQSTTIME", json!("2026/10/9 10:30")),
        ("LINKNUMBER", json!("05533800000")),
        ("ISSECRET", json!(false)),
    ] {
        assert_eq!(with(column, value), unchanged, "{column}");
    }
    // Personal values are part of the digest although they are sealed; the key of the record is not.
    for (column, value) in [
        ("RQSTPERSON", json!("张珊")),
        ("LINKNUMBER", json!("0553-3800001")),
        ("RQSTADDRESS", json!("镜湖区某路与某街交口东")),
        ("CSTATUS", json!("40")),
        ("RQSTTYPE", json!("77")),
    ] {
        assert_ne!(with(column, value), unchanged, "{column}");
    }
    assert_eq!(with("ROWGUID", json!("another")), unchanged);

    let mut marked = record(sample());
    marked.text.flags.push(contract::FieldFlag {
        field: "RQSTTITLE".to_owned(),
        flag: contract::demand::QualityFlag::RepairedText,
        detail: String::new(),
    });
    assert_eq!(accept(&reference(), &marked).digest, unchanged);
}

#[test]
fn large_and_hostile_texts_take_linear_time() {
    let mapping =
        build("content = '$.c'\naddress = '$.a'\npeople = [{ name = '$.n', phone = '$.p' }]")
            .unwrap();
    for unit in ["1", "138 ", "0553-", "皖B", "张三", "电话 ", "１", "99-", "34020219800101001x"]
    {
        let tree =
            json!({"c": unit.repeat(100_000), "n": "张三", "p": "1".repeat(1000), "a": "路"});
        // With quadratic time, this would take minutes, and the test would time out.
        accept(&mapping, &record(tree));
    }
}
