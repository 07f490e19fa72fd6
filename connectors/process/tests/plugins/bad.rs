//! Plugins that break the protocol, or whose answers are too large or too late.

use connector_process::Cursor;
use contract::{Connector as _, FaultKind};
use serde_json::json;

use super::{fault, process, script, upto};

#[tokio::test]
async fn every_violation_of_the_protocol_stops_the_channel_and_quotes_nothing() {
    let record =
        |key: &str| format!(r#"echo '{{"record":{{"key":"{key}","revision":1,"body":{{}}}}}}'"#);
    let three = ["13800001234", "b", "c"].map(record).join(";");
    let twice = ["13800001234", "13800001234"].map(record).join(";");
    for (answer, what) in [
        ("echo hello 13800001234", "not an answer of the protocol"),
        ("echo '{\"ready\":{}}'", "something other than records"),
        ("echo '{\"ok\":{}}'", "something other than records"),
        ("echo '{\"end\":{}}'", "not an answer of the protocol"),
        (three.as_str(), "more records than requested"),
        (twice.as_str(), "the same key twice"),
        (
            r#"echo '{"record":{"key":"a","revision":1,"body":{}},"record":{"key":"b","revision":1,"body":{}}}'"#,
            "several records",
        ),
        ("exit 3", "exit code 3"),
        ("kill -9 $$", "was killed"),
        ("exit 0", "the program ended"),
        ("head -c 20000000 /dev/zero | tr '\\0' x; echo", "longer than 17 MiB"),
        (
            "printf '{\"end\":{\"caught_up\":true,\"upto\":\"'; head -c 70000 /dev/zero | tr '\\0' x; echo '\"}}'",
            "larger than 64 KiB",
        ),
    ] {
        let fault = fault(script(answer)).await;
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        assert!(fault.to_string().contains(what), "{answer}: {fault}");
        assert!(!fault.to_string().contains("13800001234"), "{fault}");
    }
    let fault = fault(json!({ "command": ["./no-such-program"] })).await;
    assert!(fault.to_string().contains("no such program"), "{fault}");
    let fault =
        self::fault(json!({ "command": ["sh", "-c", "read line; echo '{\"ok\":{}}'"] })).await;
    assert!(fault.to_string().contains("is not `ready`"), "{fault}");
}

#[tokio::test]
async fn a_cursor_that_does_not_move_stops_the_channel_unless_the_plugin_is_caught_up() {
    let record = r#"echo '{"record":{"key":"a","revision":1,"body":{}}}'"#;
    let (folder, after) = (tempfile::tempdir().unwrap(), Cursor::Plugin(json!(7)));
    // Without a record, it may search for a while.
    for (answer, caught_up, n_reads) in
        [(record, false, 0), (":", false, 99), (record, true, 150), (":", true, 150)]
    {
        let plugin = format!(
            r#"read line; echo '{{"ready":{{}}}}'; while read line; do
            {answer}; echo '{{"end":{{"upto":7,"caught_up":{caught_up}}}}}'; done"#
        );
        let settings = json!({ "command": ["sh", "-c", plugin] });
        let mut process = process(folder.path(), settings).unwrap();
        for _ in 0..n_reads {
            let batch = process.read(Some(&after), 2).await.unwrap();
            assert_eq!((upto(&batch.upto), batch.caught_up()), (json!(7), caught_up));
        }
        if !caught_up {
            let fault = process.read(Some(&after), 2).await.unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
            assert!(fault.to_string().contains("its cursor did not move"), "{fault}");
        }
    }
}

#[tokio::test]
async fn what_a_plugin_writes_after_the_end_of_an_answer_is_no_part_of_the_next_one() {
    let plugin = r#"read line; echo '{"ready":{}}'; while read line; do
        printf '%s\n%s\n' '{"end":{"upto":1,"caught_up":true}}' '{"record":{"key":"a","revision":1,"body":{}}}'
        done"#;
    let settings = json!({ "command": ["sh", "-c", plugin] });
    for is_settled in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = process(folder.path(), settings.clone()).unwrap();
        let batch = process.read(None, 2).await.unwrap();
        let fault = match is_settled {
            true => process.settled(&batch.upto).await.unwrap_err(),
            false => process.read(Some(&batch.upto), 2).await.unwrap_err(),
        };
        assert!(fault.to_string().contains("after the end of an answer"), "{fault}");
    }
}

#[tokio::test]
async fn all_records_of_an_answer_together_have_a_limit() {
    let record = r#"for n in 1 2 3 4 5; do printf '{"record":{"key":"%s","revision":1,"body":{"x":"' $n
        head -c 16000000 /dev/zero | tr '\0' x; echo '"}}}'; done"#;
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), script(record)).unwrap();
    let fault = process.read(None, 10).await.unwrap_err();
    assert!(fault.to_string().contains("larger than 64 MiB"), "{fault}");
    // Short values take far more memory than their texts.
    let record = r#"for n in 1 2 3 4; do printf '{"record":{"key":"%s","revision":1,"body":{"x":[1' $n
        yes ,1 | head -n 900000 | tr -d '\n'; echo ']}}}'; done"#;
    let mut process = self::process(folder.path(), script(record)).unwrap();
    let fault = process.read(None, 10).await.unwrap_err();
    assert!(fault.to_string().contains("too many values"), "{fault}");
}

#[tokio::test]
async fn an_interrupted_answer_is_never_taken_for_the_next() {
    let plugin = r#"while read line; do case "$line" in
        *open*) echo '{"ready":{}}';;
        *'"after":null'*) touch asked; sleep 0.2; echo '{"end":{"upto":"late","caught_up":false}}';;
        *) echo '{"end":{"upto":"right","caught_up":true}}';;
        esac; done"#;
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), json!({ "command": ["sh", "-c", plugin] })).unwrap();
    let asked = folder.path().join("asked");
    let is_asked = async {
        while !asked.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = process.read(None, 2) => panic!("not interrupted"),
        () = is_asked => {}
    }
    let after = Cursor::Plugin(json!("here"));
    let batch = process.read(Some(&after), 2).await.unwrap();
    assert_eq!(upto(&batch.upto), json!("right"));
}
