//! Lists that a source gives only as the result of an export job.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use connector_http::Cursor as At;
use contract::{Complete, Fault, PassEnd};

use super::*;
use crate::city::ReceivedRequest;

/// A channel whose list is the result of a job: `POST /list` begins it, `/jobs/ID` says its state, and
/// `/jobs/ID/result` has the rows.
pub(super) async fn exports(job: Value) -> City {
    let city = one_page().await;
    let mut settings = json!({
        "id": "$.id",
        "url": format!("{}/jobs/{{{{ job }}}}", city.url),
        "done": { "at": "$.state", "equals": "done" },
        "failed": [{ "at": "$.state", "equals": "failed", "kind": "transient" }],
        "every": "1ms",
        "result": { "url": format!("{}/jobs/{{{{ job }}}}/result", city.url) },
    });
    settings.as_object_mut().unwrap().extend(job.as_object().unwrap().clone());
    let mut city = city.with(json!({ "job": settings, "json": { "kind": "complaints" } }));
    city.settings.as_object_mut().unwrap().remove("success");
    city
}

/// A server that makes jobs `j1`, `j2` …; `answer` says what it answers to other requests than those that begin one,
/// and `None` stands for its usual answer: done, with the rows `a` and `b`.
pub(super) fn serve(
    city: &City,
    mut answer: impl FnMut(&ReceivedRequest) -> Option<Reply> + Send + 'static,
) {
    let mut n_jobs = 0;
    city.answer(move |request| {
        if request.path == "/list" {
            n_jobs += 1;
            return Some(Reply::new(202, json!({ "id": format!("j{n_jobs}") }).to_string()));
        }
        answer(request).or_else(|| {
            Some(match request.path.ends_with("/result") {
                true => Reply::new(200, rows(&["a", "b"])),
                false => Reply::new(200, r#"{"state":"done","n":2}"#),
            })
        })
    });
}

pub(super) fn rows(keys: &[&str]) -> String {
    let rows: Vec<Value> = keys.iter().map(|key| json!({ "id": key })).collect();
    json!({ "rows": rows }).to_string()
}

fn state(state: &str) -> Option<Reply> {
    Some(Reply::new(200, json!({ "state": state }).to_string()))
}

/// The paths of all requests, in their order.
pub(super) fn paths(city: &City) -> Vec<String> {
    city.state().requests.iter().map(|request| request.path.clone()).collect()
}

pub(super) fn n_begun(city: &City) -> usize {
    paths(city).iter().filter(|path| *path == "/list").count()
}

/// Reads with one connector until caught up or a fault.
pub(super) async fn read_all(
    city: &City,
    at: &mut Option<At>,
) -> Result<(Vec<Entry>, PassEnd), Fault> {
    let (mut http, mut entries) = (city.http(), Vec::new());
    loop {
        let batch = http.read(at.as_ref(), 1_000).await?;
        // What the store keeps.
        *at = Some(Cursor::encode(&batch.upto).unwrap().decode().unwrap());
        entries.extend(batch.entries);
        if let Some(end) = batch.end {
            return Ok((entries, end));
        }
    }
}

#[tokio::test]
async fn a_job_is_begun_waited_for_and_its_result_read() {
    let city = exports(json!({ "count": "$.n" })).await;
    let mut n_running = 3;
    serve(&city, move |request| {
        if request.path.ends_with("/result") || n_running == 0 {
            return None;
        }
        n_running -= 1;
        state("running")
    });
    let (entries, end) = read_all(&city, &mut None).await.unwrap();
    assert_eq!(keys_of(&entries), set(&["a", "b"]));
    assert_eq!(end.complete(), Complete::Yes, "{end}");
    let seen = paths(&city);
    assert_eq!(seen, ["/list", "/jobs/j1", "/jobs/j1", "/jobs/j1", "/jobs/j1", "/jobs/j1/result"]);
    let first = city.state().requests[0].clone();
    assert_eq!(
        (first.method.as_str(), &first.body[..]),
        ("POST", &br#"{"kind":"complaints"}"#[..])
    );
    assert_eq!(city.state().requests[1].method, "GET");
}

#[tokio::test]
async fn each_pass_begins_a_job_of_its_own() {
    let city = exports(json!({})).await;
    serve(&city, |_| None);
    let mut at = None;
    for n in 1..=2 {
        let (entries, _) = read_all(&city, &mut at).await.unwrap();
        assert_eq!((entries.len(), n_begun(&city)), (2, n));
    }
}

#[tokio::test]
async fn what_selects_records_goes_into_the_request_that_begins_the_job() {
    let city = exports(json!({})).await.with(json!({
        "since": { "param": "from", "format": "%Y-%m-%d", "start": "2026-10-01", "at": "$.t" },
        "each": { "param": "office", "values": ["340202"] },
    }));
    let poll = format!("{}/{{{{ office }}}}/jobs/{{{{ job }}}}", city.url);
    let mut city = city;
    city.settings["job"]["url"] = poll.into();
    serve(&city, |_| None);
    read_all(&city, &mut None).await.unwrap();
    let requests = city.state().requests.clone();
    let begun: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(begun, json!({ "kind": "complaints", "office": "340202", "from": "2026-10-01" }));
    assert_eq!(requests[1].target, "/340202/jobs/j1");
    assert_eq!(requests[2].target, "/jobs/j1/result");
}

// https://github.com/forcedotcom/dataloader/pull/259: one lost request for the state ended the whole job.
// https://github.com/jsforce/jsforce/pull/179
#[tokio::test]
async fn a_fault_while_waiting_does_not_begin_another_job() {
    let city = exports(json!({})).await;
    let mut n_down = 3;
    serve(&city, move |_| {
        n_down -= 1;
        (n_down >= 0).then(|| Reply::new(503, ""))
    });
    let mut at = None;
    for _ in 0..3 {
        let fault = read_all(&city, &mut at).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
    }
    let (entries, _) = read_all(&city, &mut at).await.unwrap();
    assert_eq!((entries.len(), n_begun(&city)), (2, 1));
}

// https://github.com/simple-salesforce/simple-salesforce/issues/502: a job that had failed gave no records, and no error.
#[tokio::test]
async fn a_job_that_has_failed_is_a_fault_with_its_reason() {
    let city = exports(json!({})).await;
    let failed = r#"{"state":"failed","message":"the root entity does not match"}"#;
    serve(&city, move |_| Some(Reply::new(200, failed)));
    let fault = read_all(&city, &mut None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(fault.to_string().contains("the root entity does not match"), "{fault}");
}

// https://github.com/airbytehq/airbyte-python-cdk/pull/1016: failed jobs were begun again at once, and again.
#[tokio::test]
async fn a_source_whose_jobs_all_fail_gets_one_for_each_attempt() {
    let city = exports(json!({})).await;
    serve(&city, |_| state("failed"));
    let mut at = None;
    for n in 1..=3 {
        read_all(&city, &mut at).await.unwrap_err();
        assert_eq!(n_begun(&city), n);
    }
    serve(&city, |_| None);
    assert_eq!(read_all(&city, &mut at).await.unwrap().0.len(), 2);
}

// https://github.com/kobotoolbox/kobocat/issues/315: exports stayed pending for ever, and nobody was told.
// https://github.com/airbytehq/airbyte-python-cdk/pull/428
#[tokio::test]
async fn a_job_that_is_never_done_is_a_fault_and_the_next_attempt_begins_another() {
    let city = exports(json!({ "timeout": "1h" })).await;
    let polls = Arc::new(AtomicUsize::new(0));
    let n_polls = Arc::clone(&polls);
    let hours = ["09:00", "09:30", "10:01"];
    serve(&city, move |_| {
        let n = n_polls.fetch_add(1, Ordering::Relaxed).min(2);
        let date = format!("Fri, 09 Oct 2026 {}:00 GMT", hours[n]);
        Some(Reply::new(200, r#"{"state":"running"}"#).with("date", date))
    });
    city.state().now = "2026-10-09T09:00:00Z".parse().unwrap();
    let mut at = None;
    let fault = read_all(&city, &mut at).await.unwrap_err();
    assert!(fault.to_string().contains("not done after 3600s"), "{fault}");
    assert_eq!((n_begun(&city), polls.load(Ordering::Relaxed)), (1, 3));
    let mut polled = 0;
    serve(&city, move |request| {
        polled += 1;
        let is_old = request.path == "/jobs/j1" && polled == 1;
        let date = "Fri, 09 Oct 2026 10:02:00 GMT";
        is_old.then(|| Reply::new(200, r#"{"state":"running"}"#).with("date", date))
    });
    let (entries, _) = read_all(&city, &mut at).await.unwrap();
    assert_eq!((entries.len(), n_begun(&city)), (2, 2));
}

// https://github.com/Exotic209093/WaveLink/issues/59: the time was over, but the job was done a little later.
#[tokio::test]
async fn a_job_that_is_done_late_is_read_by_the_next_attempt() {
    let city = exports(json!({ "timeout": "1h" })).await;
    let late = "Fri, 09 Oct 2026 11:30:00 GMT";
    serve(&city, move |_| Some(Reply::new(200, r#"{"state":"running"}"#).with("date", late)));
    let mut at = None;
    read_all(&city, &mut at).await.unwrap_err();
    city.state().now = "2026-10-09T11:40:00Z".parse().unwrap();
    serve(&city, |request| {
        assert_ne!(request.path, "/jobs/j2");
        None
    });
    let (entries, _) = read_all(&city, &mut at).await.unwrap();
    assert_eq!((entries.len(), n_begun(&city)), (2, 1));
}

#[tokio::test]
async fn a_job_that_the_source_has_lost_is_begun_again_once() {
    for (lost, is_read) in [(&["/jobs/j1"][..], true), (&["/jobs/j1", "/jobs/j2"], false)] {
        let city = exports(json!({})).await;
        serve(&city, move |request| {
            lost.contains(&request.path.as_str()).then(|| Reply::new(404, "gone"))
        });
        let read = read_all(&city, &mut None).await;
        assert_eq!((read.is_ok(), n_begun(&city)), (is_read, 2), "{lost:?}");
        if let Err(fault) = read {
            assert!(fault.to_string().contains("does not know the job"), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_long_pause_that_the_source_asks_for_is_respected() {
    let city = exports(json!({})).await;
    serve(&city, |_| Some(Reply::new(200, r#"{"state":"running"}"#).with("retry-after", "900")));
    let mut at = None;
    let fault = read_all(&city, &mut at).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Throttled(Duration::from_secs(900)));
    serve(&city, |_| None);
    let (entries, _) = read_all(&city, &mut at).await.unwrap();
    assert_eq!((entries.len(), n_begun(&city)), (2, 1));
}

#[tokio::test]
async fn the_request_that_begins_a_job_is_not_repeated_if_its_answer_cannot_be_read() {
    for body in ["{}", r#"{"id":null}"#, "garbage"] {
        let city = exports(json!({})).await;
        city.answer(move |_| Some(Reply::new(200, body)));
        let fault = read_all(&city, &mut None).await.unwrap_err();
        assert_eq!((fault.kind(), n_begun(&city)), (FaultKind::Stopped, 1), "{body}: {fault}");
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused() {
    for (job, more, says) in [
        (json!({ "result": {} }), json!({}), "place of the result"),
        (json!({ "every": "0s" }), json!({}), "`every`"),
        (json!({ "every": "10m" }), json!({}), "`every`"),
        (json!({ "every": "1m", "timeout": "1s" }), json!({}), "`timeout`"),
        (
            json!({}),
            json!({ "page": { "kind": "offset", "param": "o", "stop": "empty" } }),
            "no pages of this kind",
        ),
        (json!({}), json!({ "each": { "param": "job", "values": [1] } }), "name `job`"),
        (json!({ "url": "{{ job }}", "form": {} }), json!({}), "GET"),
    ] {
        let city = exports(job).await.with(more);
        let fault = city.build().unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
    }
}

#[tokio::test]
async fn a_fixture_of_a_job_is_its_result() {
    let city = exports(json!({})).await.with(json!({
        "success": { "at": "$.code", "equals": 0 }, "format": "csv", "records": "$",
    }));
    assert_eq!(city.http().sample("page", b"id\na\nb\n").unwrap().len(), 2);
}

#[tokio::test]
async fn a_job_that_could_not_be_read_for_long_is_replaced() {
    for answer in [Reply::new(500, ""), Reply::new(200, r#"{"state":"done"}"#)] {
        let city = exports(json!({ "timeout": "1h" })).await;
        let (old, late) = (answer.clone(), "Fri, 09 Oct 2026 12:30:00 GMT");
        serve(&city, |_| Some(Reply::new(500, "")));
        let mut at = None;
        read_all(&city, &mut at).await.unwrap_err();
        let mut n_polls = 0;
        serve(&city, move |_| {
            n_polls += 1;
            (n_polls == 1).then(|| old.clone().with("date", late))
        });
        let (entries, _) = read_all(&city, &mut at).await.unwrap();
        assert_eq!((entries.len(), n_begun(&city)), (2, 2), "{}", answer.status);
    }
}
