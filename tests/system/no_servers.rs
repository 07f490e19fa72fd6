//! A gateway whose servers do not run, or are not configured.

use std::process::Command;

use system_tests::gateway_process::{Gateway, Server, command, event};

use crate::servers::world;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_waited_for_and_nothing_is_read_meanwhile() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let start = |name: &str| Server::start(name, folder.path()).unwrap();
    let (database, broker) = (start("postgres"), start("rabbitmq"));
    let mut world = world(50, "").await;
    let urls = (database.property("TONGHUI_TEST_POSTGRES"), broker.property("TONGHUI_TEST_AMQP"));
    world.use_servers(Some(urls.0.unwrap()), Some(urls.1.unwrap())).await.unwrap();
    database.stop().unwrap();
    broker.stop().unwrap();

    tokio::task::block_in_place(|| {
        let mut gateway = Gateway::start(&world).unwrap();
        // The log has one clear line for each attempt: what happened, where, and when it tries again.
        for _ in 0..3 {
            wait_for(&mut gateway, "127.0.0.1", &["retry in", "kind=\"transient\"", "wait_ms="]);
        }
        let _database = start("postgres");
        for _ in 0..3 {
            wait_for(&mut gateway, "channel=hotline", &["retry in", "127.0.0.1"]);
        }
        let _broker = start("rabbitmq");
        while event(&gateway.line().unwrap().unwrap()) != Some("acked") {}
        gateway.stop().unwrap();
    });
}

/// The next line with `mark`, which must contain all `parts`. No record may be read before that line.
fn wait_for(gateway: &mut Gateway, mark: &str, parts: &[&str]) {
    loop {
        let line = gateway.line().unwrap().expect("the gateway ended");
        assert_ne!(event(&line), Some("read"), "read although there is nowhere to put it");
        if line.contains(mark) {
            assert!(parts.iter().all(|part| line.contains(part)), "{line}");
            return;
        }
    }
}

#[test]
fn a_role_of_its_own_needs_a_broker() {
    let folder = tempfile::tempdir().unwrap();
    gateway::shipped::write(folder.path(), &["hotline"]).unwrap();
    let mut run: Command = command().unwrap();
    run.args(["run", "--role", "sink", "--config"]).arg(folder.path());
    let ended = run.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("[bus]"), "{said}");
}
