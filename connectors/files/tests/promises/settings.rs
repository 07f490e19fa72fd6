//! Settings that cannot work, and their messages.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use contract::{Fault, Gate, Permit};
use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::*;

#[test]
fn settings_that_cannot_work_are_refused() {
    let url = |url: &str| json!({ "url": url, "sftp": { "host_key": "SHA256:x" } });
    for (settings, word) in [
        (json!({ "match": [] }), "match"),
        (json!({ "manifest": "" }), "manifest"),
        (json!({ "revision": {} }), "revision"),
        (json!({ "revision": { "name": "%Y", "at": "$.a" } }), "revision"),
        (json!({ "revision": { "name": "%Q" } }), "not a time format"),
        (json!({ "csv": { "delimiter": "" } }), "delimiter"),
        (json!({ "csv": { "delimiter": "\"" } }), "delimiter"),
        (json!({ "columns": { "a": ["x"], "b": ["x"] } }), "columns"),
        (json!({ "listing": 0 }), "listing"),
        (json!({ "skip": { "id": [] } }), "skip"),
        (json!({ "timeout": "0s" }), "timeout"),
        (json!({ "limits": { "record": 0 } }), "limits"),
        (json!({ "url": "ftp://a:s3cret@b/c" }), "url"),
        (json!({ "url": "sftp://a:s3cret@b/c" }), "verify the server"),
        (url("sftp://a:s3cret@b/c"), "fingerprint"),
        (json!({ "url": "sftp://a@b/c", "sftp": { "known_hosts": "k" } }), "log in"),
    ] {
        let Err(fault) = Folder::new().with(settings).build() else { panic!("accepted: {word}") };
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains(word), "{word}: {fault}");
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }
    let key = json!({ "url": ".", "match": ["*"], "key": "诉求编号", "revision": {} });
    let error = serde_json::from_value::<connector_files::Config>(key).unwrap_err();
    assert!(error.to_string().contains("`诉求编号` is not a JSONPath"), "{error}");
}

#[tokio::test]
async fn other_settings_of_what_is_read_are_applied_to_the_files_that_are_still_there() {
    let name = "F_20261009103000.csv";
    for (before, after) in [
        (json!({ "only": { "title": ["x"] } }), json!({ "only": null })),
        (json!({ "skip": { "title": ["y"] } }), json!({ "skip": null })),
        (json!({ "columns": { "content": [] } }), json!({ "columns": null })),
    ] {
        let folder = Folder::new().without_manifests().with(before);
        folder.put(name, "id,title\na,x\nb,y\n");
        let (first, at) = folder.entries(None, 10).await;
        assert!(keys(&first).len() < 2);
        let folder = folder.with(after);
        let (read, at) = folder.entries(Some(at), 10).await;
        assert_eq!(keys(&read), ["a", "b"]);
        let (again, _) = folder.entries(Some(at), 10).await;
        assert!(again.is_empty(), "{again:?}");
    }
}

#[tokio::test]
async fn another_key_stops_the_channel() {
    let folder = Folder::new().without_manifests();
    folder.put("F_20261009103000.csv", "id,no,title\na,1,x\n");
    let (_, at) = folder.entries(None, 10).await;
    let folder = folder.with(json!({ "key": "$.no" }));
    let at: Position = at.decode().unwrap();
    let fault = folder.files().read(Some(&at), 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("every record would become another demand"), "{fault}");
    // Before the first record, a wrong key may be corrected.
    let wrong = Folder::new().without_manifests().with(json!({ "key": "$.nr" }));
    let (_, at) = wrong.entries(None, 10).await;
    let corrected = wrong.with(json!({ "key": "$.id" }));
    corrected.put("F_20261009103000.csv", "id,title\na,x\n");
    assert_eq!(keys(&corrected.entries(Some(at), 10).await.0), ["a"]);
}

#[tokio::test]
async fn a_folder_that_does_not_exist_stops_with_a_remedy() {
    let folder = Folder::new().with(json!({ "url": "/nowhere/at/all" }));
    let fault = folder.files().read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(
        fault.to_string().starts_with("/nowhere/at/all: this file or folder does not exist"),
        "{fault}"
    );
}

#[test]
fn the_schema_has_defaults_and_a_description_of_every_setting() {
    let schema = schemars::schema_for!(connector_files::Config).to_value();
    assert_eq!(schema["properties"]["listing"]["default"], 1000);
    assert_eq!(schema["properties"]["stable"]["default"], "60000ms");
    assert_eq!(schema["additionalProperties"], false);
    let sections = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for section in sections {
        for (name, property) in section["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name} has no description");
        }
    }
}

/// Lets this number of requests pass, and throttles all later ones.
#[derive(Debug)]
struct CountingGate(AtomicU32);

impl Gate for CountingGate {
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>> {
        let left = self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        let permit = left.map(|_| Permit::new(()));
        ready(permit.map_err(|_| Fault::throttled(Duration::from_secs(9), "spent"))).boxed()
    }

    fn hold(&self, _wait: Duration) {}
}

#[tokio::test]
async fn every_request_passes_the_gate() {
    let mut folder = Folder::new();
    folder.announce("F_20261009103000.csv", "id,title\na,1\n", 1);
    // The requests are a listing, a manifest and a file.
    for n_passes in 0..3 {
        folder.gate = Arc::new(CountingGate(AtomicU32::new(n_passes)));
        let fault = folder.files().read(None, 10).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Throttled(Duration::from_secs(9)), "{fault}");
    }
    folder.gate = Arc::new(CountingGate(AtomicU32::new(3)));
    let mut files = folder.files();
    let batch = files.read(None, 10).await.unwrap();
    assert_eq!(keys(&batch.entries), ["a"]);
    assert!(files.settled(&batch.upto).await.is_err(), "a rename did not pass the gate");
}
