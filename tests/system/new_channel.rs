//! A channel that `tonghui new` has just created passes `check`, and runs.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
};

use serde_json::Value;
use system_tests::gateway_process::command;

/// A configuration with the single channel `new`, a copy of `kind`.
pub(super) fn folder(kind: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    gateway::shipped::write(folder.path(), &["hotline"]).unwrap();
    fs::remove_dir_all(folder.path().join("channels")).unwrap();
    tonghui(folder.path(), &["channel", "new", "new", "--like", kind]);
    folder
}

/// The output of a command, which must succeed.
pub(super) fn tonghui(folder: &Path, arguments: &[&str]) -> String {
    let output = command().unwrap().args(arguments).arg("--config").arg(folder).output().unwrap();
    let (said, why) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{arguments:?}: {} {why}", String::from_utf8_lossy(&said));
    String::from_utf8(said).unwrap()
}

/// A running `tonghui run`, which is killed when the test ends.
pub(super) struct Running(Child);

impl Running {
    /// Starts it; returns its log too.
    pub(super) fn start(folder: &Path) -> (Self, impl Iterator<Item = String>) {
        let mut child = command()
            .unwrap()
            .args(["run", "--config"])
            .arg(folder)
            .env("TONGHUI_LOG", "info,tonghui=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        (Self(child), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(super) fn book(folder: &Path) -> Value {
    let books: Value =
        serde_json::from_str(&tonghui(folder, &["books", "--format", "json"])).unwrap();
    books["channels"][0].clone()
}

#[test]
fn whatever_it_is_like_it_passes_the_check() {
    for kind in ["http-json", "http-xml", "soap", "table", "files", "webhook", "process"] {
        let folder = folder(kind);
        let said = tonghui(folder.path(), &["check"]);
        assert!(said.contains("no problems; channels: 1"), "{kind}: {said}");
    }
}

#[test]
fn whatever_it_is_guessed_from_it_passes_the_check() {
    let csv = "编号,标题,内容,更新时间\nA-1,路灯不亮,门口的路灯不亮。,2026-10-09 10:30:00\n\
               A-2,井盖松动,路口的井盖松动了。,2026-10-09 11:30:00\n";
    let json = r#"{"code":0,"rows":[{"id":"1","title":"Lamp","content":"It is dark","updated":1791513000000},
                   {"id":"2","title":"Tree","content":"It fell down","updated":1791513600000}]}"#;
    let command = "curl 'https://source.example/list?page=1&limit=20' -H 'X-Api-Key: made-up-key'";
    for (name, text, is_answer) in
        [("rows.csv", csv, false), ("rows.json", json, false), ("answer.json", json, true)]
    {
        let folder = tempfile::tempdir().unwrap();
        gateway::shipped::write(folder.path(), &[]).unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let new = ["channel", "new", "new", "--from"];
        let said = match is_answer {
            true => tonghui(folder.path(), &[&new[..], &[command, "--answer", file]].concat()),
            false => tonghui(folder.path(), &[&new[..], &[file]].concat()),
        };
        assert!(said.contains("how sure") && !said.contains("made-up-key"), "{name}: {said}");
        let said = tonghui(folder.path(), &["check"]);
        assert!(said.contains("no problems; channels: 1"), "{name}: {said}");
    }
}

/// The examples show `[http]` and what belongs to it.
#[test]
fn every_example_of_a_channel_over_http_passes_the_check() {
    const HEAD: &str = "name = \"Example\"\nconnector = \"http\"\n[schedule]\nevery = \"5m\"\n\n";
    const DEMAND: &str =
        "\n[demand]\nsource_no = \"$.id\"\ntitle = \"$.title\"\ncontent = \"$.content\"\n";
    let pages = [include_str!("../../docs/http.md"), include_str!("../../docs/http.zh-CN.md")];
    let examples = pages.map(|page| {
        let blocks =
            page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
        blocks.map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(examples[0], examples[1], "both languages have the same examples");
    assert!(examples[0].len() > 5);
    for example in &examples[0] {
        let folder = tempfile::tempdir().unwrap();
        gateway::shipped::write(folder.path(), &[]).unwrap();
        let channel = folder.path().join("channels/example");
        fs::create_dir_all(&channel).unwrap();
        fs::write(channel.join("channel.toml"), format!("{HEAD}{example}{DEMAND}")).unwrap();
        let output = command()
            .unwrap()
            .args(["check", "--config"])
            .arg(folder.path())
            .envs(
                ["BOARD_PASSWORD", "BOARD_KEY", "PROXY_PASSWORD"]
                    .map(|name| (name, "made-up secret")),
            )
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            output.status.success() && said.contains("no problems; channels: 1"),
            "{example}\n{said}"
        );
    }
}

#[test]
fn nothing_is_written_over() {
    let folder = folder("process");
    let mut again = command().unwrap();
    again.args(["channel", "new", "new", "--like", "table", "--config"]).arg(folder.path());
    let output = again.output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("already exists"));
}

#[test]
fn its_plugin_keeps_the_promises_and_brings_its_demands_into_the_store() {
    let folder = folder("process");
    let channel = folder.path().join("channels/new");
    let mut test = command().unwrap();
    test.current_dir(&channel).args(["plugin", "test", "--settle", "--", "python3", "plugin.py"]);
    let output = test.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("kept    resumes after any cursor"), "{said}");
    assert!(said.ends_with("10 of 10 promises are kept\n"), "{said}");

    let (running, mut log) = Running::start(folder.path());
    assert!(log.any(|line| line.contains("tonghui: settled")));
    drop(running);
    let book = book(folder.path());
    assert_eq!((&book["read"], &book["stored"]), (&2.into(), &2.into()), "{book}");
}

#[test]
fn a_plugin_that_breaks_a_promise_is_told_which() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = r#"while read line; do case "$line" in
        *open*) echo '{"ready":{}}';;
        *) n=$((n+1)); echo '{"record":{"key":"'$n'","revision":1,"body":{}}}'
           echo '{"end":{"upto":1,"caught_up":true}}';;
        esac; done"#;
    let mut test = command().unwrap();
    test.current_dir(folder.path()).args(["plugin", "test", "--format", "json", "--"]);
    let output = test.args(["sh", "-c", plugin]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let broken = |name: &str| {
        let promises = found.as_array().unwrap();
        let promise = promises.iter().find(|promise| promise["promise"] == name).unwrap();
        promise["kept"] == false
    };
    assert!(broken("a_repeated_read_returns_the_same_keys"), "{found}");
    assert!(!broken("respects_max"), "{found}");
}

#[test]
fn what_is_pushed_is_answered_when_it_is_kept_and_outlives_a_kill() {
    let folder = folder("webhook");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&gateway).unwrap().replace("127.0.0.1:8421", &free.to_string());
    fs::write(&gateway, text).unwrap();
    let token = fs::read_to_string(folder.path().join("channels/new/token")).unwrap();
    let body = fs::read_to_string(folder.path().join("channels/new/fixtures/page.json")).unwrap();
    for life in 1..=2 {
        let (running, mut log) = Running::start(folder.path());
        assert!(log.any(|line| line.contains("running")));
        let request = format!(
            "POST /intake/new HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
            token.trim(),
            body.len()
        );
        let mut stream = TcpStream::connect(free).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"accepted":1}"#));
        drop(running);
        let book = book(folder.path());
        // The sender has sent it again: the same thing, known already.
        assert_eq!(
            (&book["stored"], &book["unchanged"]),
            (&1.into(), &(life - 1).into()),
            "{book}"
        );
    }
}
