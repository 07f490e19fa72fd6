use serde_json::json;

use super::*;

fn value(text: &str) -> Result<serde_json::Value, ()> {
    let record = json!({"TYPE": "20", "FLAGS": [1, 2], "x": "1"});
    Expression::compile(text).unwrap().value(&scope(&record, &json!({"kind": "help"})))
}

#[test]
fn it_sees_record_and_demand() {
    assert_eq!(value("record.TYPE"), Ok(json!("20")));
    assert_eq!(value("'a' if record.TYPE == '20' else 'b'"), Ok(json!("a")));
    assert_eq!(value("demand.kind ~ '/' ~ record.x"), Ok(json!("help/1")));
    assert_eq!(value("record.FLAGS"), Ok(json!([1, 2])));
    assert_eq!(value("record.absent|default('none')"), Ok(json!("none")));
    assert_eq!(value("'催办' if 2 in record.FLAGS else none"), Ok(json!("催办")));
}

#[test]
fn an_expression_that_fails_on_a_record_gives_no_value() {
    for text in ["record.absent ~ 'x'", "record.absent.deeper", "1 / 0", "record.TYPE|int(0) / 0"] {
        assert_eq!(value(text), Err(()), "{text}");
    }
}

#[test]
fn what_cannot_work_is_known_before_any_record() {
    for (text, why) in [
        ("", "syntax error"),
        ("record.", "syntax error"),
        ("recrod.TYPE", "`recrod` is not known here"),
        ("record.TYPE|upperr", "unknown filter"),
        ("record.TYPE is stringy", "unknown test"),
        ("range(5)", "`range` is not known here"),
        ("now()", "`now` is not known here"),
    ] {
        let error = Expression::compile(text).err().unwrap_or_default();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(Expression::compile(&"1+".repeat(2_000)).is_err());
}

#[test]
fn an_endless_expression_is_stopped() {
    let length = Expression::compile("record.list|map('string')|list|length").unwrap();
    let of = |n: usize| length.value(&scope(&json!({"list": vec![1; n]}), &json!({})));
    assert_eq!(of(100), Ok(json!(100)));
    assert_eq!(of(100_000), Err(()), "its fuel was never used up");
    let long = format!("record.x{}", " ~ record.x".repeat(150));
    let value = Expression::compile(&long).unwrap().value(&scope(&json!({"x": "1"}), &json!({})));
    assert_eq!(value, Ok(json!("1".repeat(151))));
}
