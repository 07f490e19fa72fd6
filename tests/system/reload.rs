//! `tonghui reload` and `tonghui key rotate` while a service runs: what changed restarts, and the rest
//! continues without interruption.

use std::{collections::BTreeMap, fs, net::TcpListener, path::Path};

use normalizer::Sealer;
use sandbox::{Clock, Settings};
use sink::store::Database;
use system_tests::{
    gateway_process::{Gateway, command, event, signal},
    world::{Reply, TestServer, World},
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

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
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
    let both = &["sync", "hotline", "second"];
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, both));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("hotline: done") && said.contains("second: FAILED"), "{said}");
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

/// Stops the second channel with a mistake that is found only when it is built.
fn break_second(world: &World) {
    edit(world, "\"hotline/kind\"", "\"hotline/kid\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_that_only_building_finds_is_told_to_whoever_reloads() {
    let world = world().await;
    let told = |arguments: &[&str]| tokio::task::block_in_place(|| tonghui(&world, arguments));
    let second =
        |said: &str| said.lines().find(|line| line.starts_with("second")).map(str::to_owned);
    let (code, said) = told(&["reload"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("there is no store yet"), "{said}");
    assert_eq!(
        told(&["sync", "--all"]).0,
        Some(0),
        "a command before it made a store without keys"
    );
    break_second(&world);
    let (code, said) = told(&["reload"]);
    assert_eq!(code, Some(2), "nothing runs: {said}");
    assert!(said.contains("no service is running") && said.contains("hotline/kid"), "{said}");
    let (code, said) = told(&["sync", "hotline", "second"]);
    assert_eq!(code, Some(4), "{said}");
    edit(&world, "\"hotline/kid\"", "\"hotline/kind\"");
    let (code, said) = told(&["status"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("hotline/kid"), "a single run left its problems behind: {said}");

    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| both_catch_up(&mut gateway));
    break_second(&world);
    let (code, said) = told(&["reload"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("1 channels, 0 restarted, 1 broken") && said.contains("kid"), "{said}");
    let (_, said) = told(&["status"]);
    assert!(second(&said).unwrap().contains("broken"), "{said}");

    // It is not read again before it is resumed, and its file is correct all the same.
    assert_eq!(told(&["pause", "second"]).0, Some(0));
    edit(&world, "\"hotline/kid\"", "\"hotline/kind\"");
    assert_eq!(told(&["reload"]).0, Some(0));
    let said = until_forgotten(&world);
    assert!(second(&said).unwrap().contains("paused"), "{said}");
    tokio::task::block_in_place(|| gateway.stop()).unwrap();
}

/// What `status` says once the service has noted the problems of its new configuration.
fn until_forgotten(world: &World) -> String {
    tokio::task::block_in_place(|| {
        for _ in 0..100 {
            let (code, said) = tonghui(world, &["status"]);
            if code == Some(0) && !said.contains("hotline/kid") {
                return said;
            }
        }
        panic!("the problems of a file outlive it");
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_table_with_a_mistake_is_shown_beside_every_channel_that_cannot_start() {
    let world = world().await;
    let table = world.config().join("codes/hotline/kind.csv");
    fs::create_dir_all(table.parent().unwrap()).unwrap();
    assert_eq!(tokio::task::block_in_place(|| tonghui(&world, &["sync", "--all"])).0, Some(0));
    fs::write(table, "raw,code\n闲聊,chatter\n").unwrap();
    let (code, said) = tokio::task::block_in_place(|| tonghui(&world, &["status"]));
    assert_eq!(code, Some(0), "{said}");
    for channel in ["hotline ", "second "] {
        let line = said.lines().find(|line| line.starts_with(channel)).unwrap();
        assert!(line.contains("broken"), "{said}");
    }
    assert!(said.contains("codes/hotline/kind.csv:2"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_table_that_cannot_be_read_stops_the_channels_that_use_it_and_no_other() {
    let world = world().await;
    let told = |arguments: &[&str]| tokio::task::block_in_place(|| tonghui(&world, arguments));
    let table = world.config().join("codes/second/kind.csv");
    fs::create_dir_all(table.parent().unwrap()).unwrap();
    let whole = fs::read(world.config().join("codes/hotline/kind.csv")).unwrap();
    fs::write(&table, &whole).unwrap();
    edit(&world, "\"hotline/kind\"", "\"second/kind\"");
    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| both_catch_up(&mut gateway));
    let (store, _) = world.store().await.unwrap();
    let before = fences(&store).await;

    let broken = [
        ("raw,kode\nx,1\n", "codes/second/kind.csv:1"),
        ("raw,code\nx,1,2,3\n", "codes/second/kind.csv:2"),
        ("", "codes/second/kind.csv:1"),
    ];
    for (text, place) in broken {
        fs::write(&table, text).unwrap();
        let (code, said) = told(&["reload"]);
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains("1 channels, 0 restarted, 1 broken"), "{said}");
        assert!(said.contains(place), "{said}");
        let (code, said) = told(&["status"]);
        assert_eq!(code, Some(0), "{said}");
        let state = |channel: &str| said.lines().find(|line| line.starts_with(channel)).unwrap();
        assert!(!state("hotline ").contains("broken") && state("second ").contains("broken"));
        assert!(said.contains(place), "{said}");
    }
    assert_eq!(fences(&store).await["hotline"], before["hotline"], "the other one began anew");
    tokio::task::block_in_place(|| gateway.stop()).unwrap();

    // A start with the mistake.
    let (code, said) = told(&["sync", "--all"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("hotline: done") && said.contains("second: FAILED"), "{said}");
    assert_eq!(told(&["sync", "hotline"]).0, Some(0));
    let (code, said) = told(&["check"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("codes/second/kind.csv:1"), "{said}");
    fs::write(&table, whole).unwrap();
    let (code, said) = told(&["sync", "--all"]);
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_outlives_a_reload_and_the_next_one_is_sealed_with_the_new_keys() {
    let world = world().await;
    let down = Reply { status: 503, headers: Vec::new(), body: "gateway down".to_owned() };
    let source = TestServer::open(move |_| down.clone()).await.unwrap();
    let folder = world.config().join("channels/refused");
    fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "name = \"refused\"\nconnector = \"http\"\n[schedule]\nevery = \"1s\"\n[http]\nurl = \"{}\"\n\
         records = \"$[*]\"\nkey = \"$.id\"\n[demand]\ntitle = \"$.text\"\n",
        source.url()
    );
    fs::write(folder.join("channel.toml"), text).unwrap();
    let last = || tonghui(&world, &["preview", "refused", "--last"]);
    tokio::task::block_in_place(|| {
        let mut gateway = Gateway::start(&world).unwrap();
        until_refused(&mut gateway);
        assert!(last().1.contains("gateway down"), "{}", last().1);
        edit(&world, "every = \"500ms\"", "every = \"600ms\"");
        let said = reload(&world, &mut gateway);
        assert!(said.contains("3 channels, 1 restarted"), "{said}");
        assert!(last().1.contains("gateway down"), "{}", last().1);

        let (code, said) = tonghui(&world, &["key", "rotate"]);
        assert_eq!(code, Some(0), "{said}");
        // The rotation forgets what was kept before; the service asks again.
        while !last().1.contains("gateway down") {
            until_refused(&mut gateway);
        }
        gateway.stop().unwrap();
    });
}

/// Waits until the source has refused once more.
fn until_refused(gateway: &mut Gateway) {
    loop {
        let line = gateway.line().unwrap().expect("the gateway ended");
        if line.contains("channel=refused") && line.contains("retry in") {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_running_service_cannot_do_is_refused_and_it_runs_on() {
    let world = world().await;
    let told = |arguments: &[&str]| tokio::task::block_in_place(|| tonghui(&world, arguments));
    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| both_catch_up(&mut gateway));
    let file = world.config().join("gateway.toml");
    let before = fs::read_to_string(&file).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    fs::write(&file, format!("{before}\n[console]\nlisten = \"{address}\"\n")).unwrap();
    let (code, said) = told(&["reload"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
    assert_eq!(told(&["sync", "--all"]).0, Some(0), "it has ended");
    drop(taken);
    assert_eq!(told(&["reload"]).0, Some(0), "the address is free now");
    assert_eq!(told(&["reload"]).0, Some(0), "and ours");

    // Commands would look for the service in the other store, so only a signal reaches it.
    fs::write(&file, before.replace("data/tonghui.db", "data/other.db")).unwrap();
    signal("HUP", gateway.id()).unwrap();
    tokio::task::block_in_place(|| {
        while !gateway.line().unwrap().expect("it has ended").contains("[store] has changed") {}
        both_catch_up(&mut gateway);
        gateway.stop().unwrap();
    });
    assert!(!world.config().join("data/other.db").exists());
}
