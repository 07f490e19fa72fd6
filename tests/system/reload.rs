//! `tonghui reload` and `tonghui key rotate` while a service runs: what changed restarts, and the rest
//! continues without interruption.

use std::{collections::BTreeMap, fs, path::Path};

use normalizer::Sealer;
use sandbox::{Clock, Settings};
use sink::store::Database;
use system_tests::{
    gateway_process::{Gateway, command, event},
    world::World,
};

/// A hotline that two independent channels read.
async fn world() -> World {
    let world = World::open(Settings::new(51, Clock::machine())).await.unwrap();
    world.hotline.file(40).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"500ms\"").unwrap();
    let channels = world.config().join("channels");
    copy(&channels.join("hotline"), &channels.join("second"));
    edit(&world, "12345政务服务便民热线", "又一条热线");
    edit(&world, "page    = 1000", "page    = 900");
    world
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Changes the second channel.
fn edit(world: &World, from: &str, to: &str) {
    edit_file(&world.config().join("channels/second/channel.toml"), from, to);
}

fn edit_file(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "there is no `{from}`");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// The output of `tonghui reload`, which the service must log too.
fn reload(world: &World, gateway: &mut Gateway) -> String {
    let mut reload = command().unwrap();
    reload.args(["reload", "--config"]).arg(world.config()).envs(world.environment());
    let ended = reload.output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    while !gateway.line().unwrap().expect("the gateway ended").contains("reloaded") {}
    String::from_utf8(ended.stdout).unwrap()
}

/// Waits until both channels have read everything.
fn both_catch_up(gateway: &mut Gateway) {
    catch_up(gateway, &["channel=hotline ", "channel=second "]);
}

fn catch_up(gateway: &mut Gateway, channels: &[&str]) {
    let mut waiting = channels.to_vec();
    while !waiting.is_empty() {
        let line = gateway.line().unwrap().expect("the gateway ended");
        if event(&line) == Some("read") && line.contains("caught_up=true") {
            waiting.retain(|channel| !line.contains(channel));
        }
    }
}

/// The fences of the upstreams: a channel that restarts gets another fence.
async fn fences(store: &Database) -> BTreeMap<String, u64> {
    let leases = store.leases().await.unwrap();
    leases.into_iter().map(|lease| (lease.upstream, lease.fence)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_channels_that_changed_begin_anew() {
    let world = world().await;
    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| both_catch_up(&mut gateway));
    let (store, _) = world.store().await.unwrap();
    let before = fences(&store).await;

    edit(&world, "every = \"500ms\"", "every = \"600ms\"");
    let said = tokio::task::block_in_place(|| reload(&world, &mut gateway));
    assert!(said.contains("2 channels, 1 restarted"), "{said}");
    tokio::task::block_in_place(|| {
        both_catch_up(&mut gateway);
        both_catch_up(&mut gateway);
    });
    let after = fences(&store).await;
    assert_eq!(before["hotline"], after["hotline"], "the one that did not change began anew");
    assert_ne!(before["second"], after["second"], "the one that changed did not");

    // Nothing at all, a channel less, and a channel more.
    let said = tokio::task::block_in_place(|| reload(&world, &mut gateway));
    assert!(said.contains("2 channels, 0 restarted"), "{said}");
    let (there, away) = (world.config().join("channels/second"), world.config().join("second"));
    fs::rename(&there, &away).unwrap();
    let said = tokio::task::block_in_place(|| reload(&world, &mut gateway));
    assert!(said.contains("1 channels, 0 restarted"), "{said}");
    fs::rename(&away, &there).unwrap();
    let said = tokio::task::block_in_place(|| reload(&world, &mut gateway));
    assert!(said.contains("2 channels, 1 restarted"), "{said}");
    tokio::task::block_in_place(|| both_catch_up(&mut gateway));
    assert_eq!(fences(&store).await["hotline"], before["hotline"]);

    // What all of them stand on.
    edit_file(&world.config().join("gateway.toml"), "grace  = \"20s\"", "grace  = \"19s\"");
    let said = tokio::task::block_in_place(|| reload(&world, &mut gateway));
    assert!(said.contains("2 channels, all restarted"), "{said}");
    tokio::task::block_in_place(|| {
        both_catch_up(&mut gateway);
        both_catch_up(&mut gateway);
        gateway.stop().unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_seals_with_new_keys_as_soon_as_there_are_some() {
    let world = world().await;
    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| both_catch_up(&mut gateway));
    let old_keys = world.store().await.unwrap().1;

    let mut rotate = command().unwrap();
    rotate.args(["key", "rotate", "--config"]).arg(world.config()).envs(world.environment());
    let ended = tokio::task::block_in_place(|| rotate.output()).unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.contains("resealed: 80 demands"), "{said}");

    // Read after the rotation, by the process that began before it.
    world.hotline.file(10).await.unwrap();
    let (store, keys) = world.store().await.unwrap();
    assert_ne!(keys.id(), old_keys.id());
    let rows = loop {
        tokio::task::block_in_place(|| gateway.line()).unwrap().expect("the gateway ended");
        let rows = store.sealed_rows(0, 1_000).await.unwrap();
        if rows.len() == 100 {
            break rows;
        }
    };
    tokio::task::block_in_place(|| gateway.stop()).unwrap();
    let sealer = Sealer::new(&keys);
    for sealed in rows.iter().flat_map(|row| &row.people).filter_map(|person| person.name.as_ref())
    {
        assert!(!sealer.is_old(&sealed.sealed), "sealed with a key that was not in use any more");
    }
}

/// Runs `tonghui` with these arguments; returns the exit code and the output.
fn tonghui(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command().unwrap();
    command.args(arguments).arg("--config").arg(world.config()).envs(world.environment());
    let ended = command.output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_file_of_a_channel_stops_that_channel_only() {
    let world = world().await;
    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| both_catch_up(&mut gateway));
    let (store, _) = world.store().await.unwrap();
    let before = fences(&store).await;

    edit(&world, "page    = 900", "page    = \"900\"");
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, &["reload"]));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("1 channels, 0 restarted, 1 broken"), "{said}");
    assert!(said.contains("channels/second/channel.toml:21:11"), "{said}");
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, &["status"]));
    assert_eq!(code, Some(0), "{said}");
    let line = said.lines().find(|line| line.starts_with("second ")).unwrap();
    assert!(line.contains("broken"), "{said}");
    assert!(said.contains("channels/second/channel.toml:21:11"), "{said}");
    assert_eq!(fences(&store).await["hotline"], before["hotline"], "the other one began anew");
    tokio::task::block_in_place(|| gateway.stop()).unwrap();

    // A start with the mistake, and a pass of all channels.
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, &["sync", "--all"]));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("hotline: done") && said.contains("second: FAILED"), "{said}");
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, &["sync", "hotline"]));
    assert_eq!(code, Some(0), "{said}");
    for arguments in [&["check"][..], &["sync", "second"]] {
        let (code, said) = tokio::task::block_in_place(|| tonghui(&world, arguments));
        assert_eq!(code, Some(2), "{said}");
    }
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, &["books", "nope"]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the channels are hotline, second"), "{said}");

    // Once it is correct, it runs again.
    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| catch_up(&mut gateway, &["channel=hotline "]));
    edit(&world, "page    = \"900\"", "page    = 900");
    let said = tokio::task::block_in_place(|| reload(&world, &mut gateway));
    assert!(said.contains("2 channels, 1 restarted"), "{said}");
    tokio::task::block_in_place(|| gateway.stop()).unwrap();
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, &["sync", "--all"]));
    assert_eq!(code, Some(0), "{said}");
}
