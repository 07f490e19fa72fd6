//! The source is told what is in custody.

use super::*;

async fn acknowledged() -> City {
    let city = one_page().await;
    let ack = json!({
        "url": format!("{}/ack", city.url), "param": "ids", "json": { "op": "ack" }, "size": 2,
        "failed": "$.failSituationList[*].id",
    });
    city.with(json!({ "ack": ack }))
}

#[tokio::test]
async fn keys_are_told_once_they_are_in_custody_in_calls_of_bounded_size() {
    let mut city = acknowledged().await;
    city.add(&["a".into(), "b".into(), "c".into()], HOUR).await;
    let mut http = city.http();
    let batch = http.read(None, 100).await.unwrap();
    assert_eq!(city.desk().asked.len(), 1, "told before it was settled");
    // A crash in between: the cursor knows what is owed.
    let kept = Cursor::encode(&batch.upto).unwrap();
    city.answer(|asked| (asked.path == "/ack").then(|| Reply::new(200, r#"{"code":0}"#)));
    let mut restarted = city.http();
    restarted.settled(&kept.decode().unwrap()).await.unwrap();
    restarted.settled(&kept.decode().unwrap()).await.unwrap();
    let bodies: Vec<String> = city.desk().asked[1..3]
        .iter()
        .map(|asked| String::from_utf8(asked.body.clone()).unwrap())
        .collect();
    assert_eq!(bodies, [r#"{"op":"ack","ids":["a","b"]}"#, r#"{"op":"ack","ids":["c"]}"#]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_acknowledged_too() {
    let city = acknowledged().await;
    city.script(Reply::new(200, b"{\"code\":0,\"rows\":[{\"id\":\"a\",\"x\":\"\xff\"}]}".to_vec()));
    let batch = city.read(None).await.unwrap();
    assert!(matches!(&batch.entries[0], Entry::Unreadable { .. }));
    city.script(Reply::new(200, r#"{"code":0}"#));
    city.http().settled(&batch.upto).await.unwrap();
    assert_eq!(city.desk().asked.last().unwrap().body, br#"{"op":"ack","ids":["a"]}"#);
}

#[tokio::test]
async fn keys_that_the_source_does_not_take_are_no_fault_and_a_refusal_is_one() {
    let mut city = acknowledged().await;
    city.add(&["a".into(), "b".into()], HOUR).await;
    let batch = city.read(None).await.unwrap();
    let partial = r#"{"code":0,"successStr":"a","failSituationList":[{"id":"b","why":"x"}]}"#;
    city.script(Reply::new(200, partial));
    city.http().settled(&batch.upto).await.unwrap();
    city.script(Reply::new(500, ""));
    let fault = city.http().settled(&batch.upto).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
}
