//! Tests that two channels of one upstream together observe its limits.

use std::{
    fs,
    sync::Mutex,
    time::{Duration, Instant},
};

use contract::Gate as _;
use gateway::{assemble, channel::LiveChannel, registry::section_schemas, shipped};
use system_tests::world::{Reply, TestServer};

use super::*;

/// A longer wait than the rate alone would cause.
const PAUSE: Duration = Duration::from_millis(4);

/// Two channels of one upstream with this URL.
fn two_channels(url: &str, rate: &str) -> (tempfile::TempDir, Vec<LiveChannel>) {
    let folder = tempfile::tempdir().unwrap();
    shipped::write(folder.path(), &["mobile"]).unwrap();
    let text = fs::read_to_string(folder.path().join("channels/mobile/channel.toml")).unwrap();
    let text = text.split("[[example]]").next().unwrap().replace("https://mobile.example", url);
    let text = text.replace("rate  = \"2/s\"", &format!("rate  = \"{rate}\""));
    // A rule of the channel sets the pause, because a header cannot ask for less than a second.
    let wait = PAUSE.as_millis();
    let rule = format!("[[http.fault]]\nstatus = 429\nkind = \"throttled\"\nwait = \"{wait}ms\"");
    let text = text.replace("[demand]", &format!("{rule}\n\n[demand]"));
    let text = text.replace("[budget]\n", "[budget]\nupstream = \"app\"\n");
    for name in ["mobile", "grid"] {
        let channel = folder.path().join("channels").join(name);
        fs::create_dir_all(&channel).unwrap();
        // Two lists of one platform.
        let text = text
            .replace("移动应用与网格", name)
            .replace("\nurl ", &format!("\nquery = {{ list = \"{name}\" }}\nurl "));
        fs::write(channel.join("channel.toml"), text).unwrap();
    }
    let environment = |_: &str| Some("made-up".to_owned());
    let settings = config::resolve(folder.path(), &section_schemas(), &environment).unwrap();
    let keys = normalizer::Keys::generate(normalizer::Suite::default()).unwrap();
    (folder, assemble::channels(&settings, &keys).unwrap())
}

/// What a source sees of its clients.
#[derive(Default)]
struct Seen {
    came: Vec<Instant>,
    not_before: Option<Instant>,
    early: usize,
}

#[tokio::test]
async fn two_channels_of_one_upstream_share_one_gate() {
    let (_folder, channels) = two_channels("http://127.0.0.1:1", "1/h");
    let [first, second] = &channels[..] else { panic!("{}", channels.len()) };
    assert!(Arc::ptr_eq(&first.gate, &second.gate));
    // Both channels together may send four requests at once after a pause.
    for channel in channels.iter().cycle().take(4) {
        drop(channel.gate.enter().await.unwrap());
    }
    for channel in &channels {
        let fault = channel.gate.enter().await.unwrap_err();
        assert!(wait_of(&fault) > Duration::from_secs(3_000), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_refusals_meet_nobody_early_and_no_budget_is_exceeded() {
    const REFUSALS: usize = 1_000;
    const READS: usize = 200;
    const INTERVAL: Duration = Duration::from_millis(1);
    const BURST: usize = 4;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let desk = Arc::clone(&seen);
    let site = TestServer::open(move |_| {
        let (now, mut seen) = (Instant::now(), desk.lock().unwrap());
        seen.early += usize::from(seen.not_before.take().is_some_and(|until| now < until));
        seen.came.push(now);
        if seen.came.len() > REFUSALS {
            return Reply::json(r#"{"code":200,"data":{"total":0,"rows":[]}}"#);
        }
        seen.not_before = Some(Instant::now() + PAUSE);
        Reply { status: 429, headers: Vec::new(), body: String::new() }
    })
    .await
    .unwrap();
    let (_folder, channels) = two_channels(site.url(), "1000/s");
    let asking = channels.iter().map(|channel| async {
        let mut connector = channel.connector(channel.context()).unwrap();
        while let Err(fault) = connector.read(None, 10).await {
            let _ = tokio::time::timeout(wait_of(&fault), std::future::pending::<()>()).await;
        }
        // No request is refused any more: now only the rate limits them.
        for _ in 0..READS {
            drop(connector.read(None, 10).await.unwrap());
        }
    });
    futures_util::future::join_all(asking).await;

    let seen = seen.lock().unwrap();
    assert!(seen.came.len() > REFUSALS + 2 * READS);
    assert_eq!(seen.early, 0);
    for (first, from) in seen.came.iter().enumerate() {
        for (nth, upto) in seen.came[first..].iter().enumerate().take(200) {
            let within = (*upto - *from).as_micros() / INTERVAL.as_micros();
            let allowed = BURST + usize::try_from(within).unwrap() + 1;
            assert!(nth < allowed, "{} requests in {:?}", nth + 1, *upto - *from);
        }
    }
}
