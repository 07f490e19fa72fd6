//! What a source answered before a fault can be seen the next morning, without secrets, and without personal
//! values unless they are asked for.

use std::{fs, path::Path, process::Output};

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection, query_scalar};
use system_tests::gateway_process::command;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

/// Channels whose source answers with a status and a body.
const CHANNELS: [(&str, u16, &str); 4] = [
    ("refused", 503, "<html><b>gateway down</b>, call 13812345678</html>"),
    ("listed", 503, r#"{"list":[{"id":"1","name":"诸葛建民","text":"路灯不亮"}]}"#),
    ("keyless", 503, r#"{"list":[{"id":"1","text":"路灯不亮"},{"name":"诸葛建民"}]}"#),
    ("renamed", 200, r#"{"rows":[{"id":"1","name":"诸葛建民","text":"路灯不亮"}]}"#),
];

/// A channel whose source has somebody's demand.
const PERSON: (&str, u16, &str) =
    ("person", 200, r#"{"list":[{"id":"1","text":"路灯不亮","phone":"13900001111"}]}"#);

#[tokio::test(flavor = "multi_thread")]
async fn the_last_answer_before_a_fault_is_shown_without_secrets_and_personal_values() {
    let (folder, _serving) = serving().await;
    let config = folder.path().join("config");
    tokio::task::block_in_place(|| {
        for (channel, ..) in CHANNELS {
            let before = run(&config, &["preview", channel, "--last"]);
            assert!(!before.status.success(), "{}", text(&before));
            let sync = run(&config, &["sync", channel, "--deadline", "5s"]);
            assert!(!sync.status.success(), "{}", text(&sync));
        }
        let shown = text(&run(&config, &["preview", "refused", "--last"]));
        for word in ["GET", "/refused", "← 503", "gateway down", "X-Custom: …"] {
            assert!(shown.contains(word), "{word} is not in {shown}");
        }
        assert!(!shown.contains("13812345678") && !shown.contains("s3cret"), "{shown}");
        // Nobody knows which text of an unread list of demands is a name.
        let hidden = text(&run(&config, &["preview", "renamed", "--last"]));
        assert!(hidden.contains("← 200") && hidden.contains("--reveal"), "{hidden}");
        assert!(!hidden.contains("诸葛建民") && !hidden.contains("路灯"), "{hidden}");
        let listed = text(&run(&config, &["preview", "listed", "--last"]));
        assert!(listed.contains("甲甲甲甲") && !listed.contains("诸葛建民"), "{listed}");
        // The texts of a record without a key cannot be told apart.
        let keyless = text(&run(&config, &["preview", "keyless", "--last"]));
        assert!(keyless.contains("--reveal") && !keyless.contains("诸葛建民"), "{keyless}");
        // The time is in the zone of the gateway.
        let report = run(&config, &["preview", "refused", "--last", "--format", "json"]).stdout;
        let report: Value = serde_json::from_slice(&report).unwrap();
        let at: contract::Timestamp = serde_json::from_value(report["at"].clone()).unwrap();
        let local = at.with_timezone(&chrono_tz::Asia::Shanghai).format("%Y-%m-%dT%H:%M:%S");
        assert!(shown.contains(&format!("before the fault at {local}:")), "{shown}");

        let revealed = run(&config, &["preview", "renamed", "--last", "--reveal"]);
        assert!(text(&revealed).contains("诸葛建民"), "{}", text(&revealed));
        let audit = run(&config, &["audit", "--format", "json"]);
        let audit: Value = serde_json::from_slice(&audit.stdout).unwrap();
        assert_eq!(audit[0]["action"], "reveal", "{audit}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_goes_with_the_keys_that_sealed_it_and_with_whoever_is_erased() {
    let (folder, _serving) = serving().await;
    let config = folder.path().join("config");
    let last = || run(&config, &["preview", "refused", "--last"]);
    let keep = || {
        let sync = run(&config, &["sync", "refused", "--deadline", "2s"]);
        assert!(!sync.status.success(), "{}", text(&sync));
        assert!(text(&last()).contains("gateway down"), "{}", text(&last()));
    };
    tokio::task::block_in_place(|| {
        let stored = run(&config, &["sync", "person"]);
        assert!(stored.status.success(), "{}", text(&stored));
        let forgetting: [&[&str]; 2] = [&["key", "rotate"], &["erase", "--token", &token(&config)]];
        for command in forgetting {
            keep();
            let done = run(&config, command);
            assert!(done.status.success(), "{}", text(&done));
            assert!(!last().status.success(), "{}", text(&last()));
        }
        keep();
    });
}

/// A source that answers as [`CHANNELS`] say, and the folder with the configuration that reads it.
async fn serving() -> (TempDir, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(serve(listener));
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("config");
    assert!(command().unwrap().arg("init").arg(&config).output().unwrap().status.success());
    for (channel, ..) in CHANNELS.into_iter().chain([PERSON]) {
        let folder = config.join("channels").join(channel);
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "name = \"{channel}\"\nconnector = \"http\"\n[schedule]\nevery = \"1h\"\n[http]\n\
             url = \"{address}/{channel}\"\nrecords = \"$.list[*]\"\nkey = \"$.id\"\n\
             headers = {{ X-Custom = \"s3cret\" }}\n\
             [demand]\ntitle = \"$.text\"\ncontent = \"$.text\"\n\
             people = [{{ role = \"main\", phone = \"$.phone\" }}]\n"
        );
        fs::write(folder.join("channel.toml"), text).unwrap();
    }
    (folder, serving)
}

/// The token of the only person in the store.
fn token(config: &Path) -> String {
    let url = format!("sqlite:{}", config.join("data/tonghui.db").display());
    tokio::runtime::Handle::current().block_on(async {
        let mut store = SqliteConnection::connect(&url).await.unwrap();
        query_scalar("SELECT min(token) FROM demand_person").fetch_one(&mut store).await.unwrap()
    })
}

fn run(config: &Path, arguments: &[&str]) -> Output {
    command().unwrap().args(arguments).arg("--config").arg(config).output().unwrap()
}

fn text(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    texts.concat()
}

/// Answers each request by its path.
async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = vec![0; 4096];
        let n = stream.read(&mut request).await.unwrap_or_default();
        let request = String::from_utf8_lossy(&request[..n]).into_owned();
        let found = CHANNELS
            .iter()
            .chain([&PERSON])
            .find(|(name, ..)| request.contains(&format!("/{name}")));
        let (_, status, body) = found.copied().unwrap_or(("", 404, ""));
        let answer = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}
