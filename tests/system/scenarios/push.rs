//! Tests the platform of the mobile app and the grid workers, which pushes to the gateway, with the listener,
//! the authentication of its requests, and the whole gateway.

use std::{
    collections::HashMap,
    fs,
    future::Future,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use config::{Door, Settings};
use gateway::{
    assemble, keys,
    push::{self, Timeouts},
    registry::section_schemas,
    service::{Role, serve},
    shipped,
    stop::Stop,
};
use normalizer::{Keys, Sealer};
use sandbox::grid::PushCounts;
use serde_json::{Value, json};
use sink::store::{Database, Postgres};
use system_tests::{
    compare::altered_field,
    gateway_process::{command, server},
};

use super::*;

/// A platform that pushes, and the configuration of a gateway that receives.
struct Town {
    mobile: Mobile,
    settings: Settings,
    folder: tempfile::TempDir,
}

impl Town {
    /// Uses this store, or a file if there is none.
    async fn open(quirks: &str, store: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The check of signed times uses the clock of the machine.
        let mobile = <Mobile as Source>::open(quirks, Limits::Loose, &Clock::machine()).await;
        shipped::write(folder.path(), &["mobile"]).unwrap();
        let file = folder.path().join("channels/mobile/channel.toml");
        fs::write(&file, sent_instead_of_asked(&fs::read_to_string(&file).unwrap())).unwrap();
        let mut known = Source::environment(&mobile);
        if let Some(url) = store {
            let corner = format!("push_{}", std::process::id());
            Postgres::create_schema(url, &corner).await.unwrap();
            keys::make(&folder.path().join("data/keys.json"), Default::default()).unwrap();
            shipped::set_servers(folder.path(), Some("STORE"), None).unwrap();
            known.push(("STORE", Postgres::in_schema(url, &corner)));
        }
        let environment =
            |name: &str| known.iter().find(|(one, _)| *one == name).map(|(_, value)| value.clone());
        let settings = config::resolve(folder.path(), &section_schemas(), &environment).unwrap();
        Self { mobile, settings, folder }
    }

    async fn store(&self) -> (Database, Keys) {
        assemble::open(&self.settings).await.unwrap()
    }

    /// A gateway that runs until a stop is requested: its URL, and its future.
    async fn gateway(&self, stop: &Stop) -> (String, impl Future<Output = ()>) {
        let (store, keys) = self.store().await;
        let channels = assemble::channels(&self.settings, &keys).unwrap();
        let endpoints: HashMap<_, _> = channels
            .iter()
            .filter_map(|each| Some((each.id().clone(), each.endpoint.clone()?)))
            .collect();
        let door = Door { listen: "127.0.0.1:0".parse().unwrap(), tls: None, proxy: false };
        let refused = Arc::default();
        let memory = contract::Memory::new(self.settings.limits.memory.0).pushed;
        let opened = push::open(&door, endpoints, Timeouts::default(), memory, &refused).await;
        let listener = opened.unwrap().unwrap();
        let url = format!("http://{}/intake/mobile", listener.address().unwrap());
        let work = async move {
            let serving = serve(&self.settings, Role::All, channels, &store, stop);
            let (ended, ()) = tokio::join!(Box::pin(serving), listener.serve(stop));
            ended.unwrap();
        };
        (url, work)
    }

    /// Pushes everything to a gateway, which runs until everything is sent.
    async fn push(&self) -> PushCounts {
        let stop = Stop::default();
        let (url, working) = self.gateway(&stop).await;
        let sending = async {
            let pushed = self.mobile.push(&url).await.unwrap();
            stop.request();
            pushed
        };
        tokio::join!(working, sending).1
    }

    async fn differences(&self) -> Vec<String> {
        let (store, keys) = self.store().await;
        let (channel, sealer) = ("mobile".parse().unwrap(), Sealer::new(&keys));
        let mut found = Vec::new();
        for thing in self.mobile.truth().records() {
            let key = contract::RecordKey::new(thing.key.as_str());
            let Some(demand) = store.current(&channel, &key).await.unwrap() else {
                found.push(format!("{key} was lost"));
                continue;
            };
            found.extend(altered_field(thing.last().expected_fields().unwrap(), &demand, &sealer));
        }
        found
    }
}

/// The shipped channel for a platform that pushes, with the same mapping.
fn sent_instead_of_asked(text: &str) -> String {
    let (head, rest) = text.split_once("[budget]").unwrap();
    let (_, mapping) = rest.split_once("[demand]").unwrap();
    let (mapping, _) = mapping.split_once("[[example]]").unwrap();
    let auth =
        "x_bg = { access_key = \"BGSIM340200\", secret_key = { env = \"MOBILE_SECRET_KEY\" } }";
    format!(
        "{}\n[webhook]\nauth = {{ {auth} }}\nkey = \"$.appealId\"\nrevision = \"$.updatedTime\"\n\
         \n[demand]{mapping}",
        head.replace("\"http\"", "\"webhook\"")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_four_times_is_one_demand() {
    let town = Town::open("duplicate@2", None).await;
    town.mobile.file(6);
    let pushed = town.push().await;
    assert_eq!((pushed.accepted, pushed.repeated), (6, 9));
    assert_eq!(town.differences().await, [""; 0]);
    let books = town.store().await.0.books(None, None).await.unwrap();
    assert_eq!((books[0].stored, books[0].unchanged), (6, 9), "{books:?}");
    assert_eq!(books[0].balanced, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_or_wrong_signature_is_refused_and_the_right_one_after_it_taken() {
    for quirk in ["skewed@2", "bad_signature@2"] {
        let town = Town::open(quirk, None).await;
        town.mobile.file(4);
        let pushed = town.push().await;
        assert!(pushed.refused >= 2, "{quirk}: {pushed:?}");
        assert_eq!(pushed.accepted, 4, "{quirk}");
        assert_eq!(town.differences().await, [""; 0], "{quirk}");
        let books = town.store().await.0.books(None, None).await.unwrap();
        assert_eq!(books[0].read, 4, "{quirk}: nothing of what was refused came in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_gateways_receive_for_one_channel_at_once() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    let town = Town::open("", Some(&url)).await;
    let stop = Stop::default();
    let (first, one) = town.gateway(&stop).await;
    let (second, other) = town.gateway(&stop).await;
    let sending = async {
        for url in [&first, &second, &first, &second, &second, &first] {
            town.mobile.file(3);
            let pushed = town.mobile.push(url).await.unwrap();
            assert_eq!((pushed.accepted, pushed.refused), (3, 0), "{url}");
        }
        stop.request();
    };
    tokio::join!(one, other, sending);
    assert_eq!(town.differences().await, [""; 0]);
    let books = town.store().await.0.books(None, None).await.unwrap();
    assert_eq!((books[0].read, books[0].stored, books[0].unchanged), (18, 18, 0), "{books:?}");
    assert_eq!(books[0].balanced, Some(true));
}

/// Sends this document, without authentication.
fn post(url: &str, document: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{document}",
        document.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_who_tries_out_the_numbers_of_a_mask_is_an_alarm_that_stays() {
    let mut town = Town::open("", None).await;
    let file = town.folder.path().join("channels/mobile/channel.toml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("auth = { x_bg").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    fs::write(&file, format!("{before}auth = \"none\"\n{after}")).unwrap();
    town.settings = config::resolve(town.folder.path(), &section_schemas(), &|_| None).unwrap();
    let appeal = |n: u32| {
        json!({
            "appealId": format!("G{n}"), "updatedTime": "2024-01-05 10:00:00", "title": "路灯不亮",
            "content": "第三盏", "reporterName": "张三丰", "reporterPhone": format!("138{n:04}1234"),
        })
    };
    let document = json!((0..20).map(appeal).collect::<Vec<_>>()).to_string();

    let stop = Stop::default();
    let (url, working) = town.gateway(&stop).await;
    let (store, _) = town.store().await;
    let sending = async {
        let answer = tokio::task::spawn_blocking(move || post(&url, &document)).await.unwrap();
        assert!(answer.contains("\"accepted\":20"), "{answer}");
        let noticed = async {
            while store.audit_log(1).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), noticed).await.expect("it is not noticed");
        stop.request();
    };
    tokio::join!(working, sending);

    let entry = store.audit_log(9).await.unwrap().remove(0);
    assert_eq!((entry.action.as_str(), entry.subject.as_str()), ("guessing", "mobile"));
    assert!(entry.who.starts_with("process "), "{entry:?}");
    let mut status = command().unwrap();
    status.args(["status", "--format", "json", "--config"]).arg(town.folder.path());
    let rows: Value = serde_json::from_slice(&status.output().unwrap().stdout).unwrap();
    let fault = rows[0]["fault"].as_str().unwrap();
    assert!(fault.contains("tried out telephone or identity numbers"), "{rows}");
    assert!(rows[0]["guessed_at"].is_string(), "{rows}");
}
