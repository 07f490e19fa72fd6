//! `tonghui backup` and `tonghui restore`: a copy that is made beside a running service takes the place of the store.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use normalizer::Suite;
use sandbox::{Clock, Settings};
use system_tests::{
    gateway_process::{Gateway, command, event},
    world::World,
};

fn tonghui(world: &World, arguments: &[&str], file: &Path) -> Output {
    let mut command = command().unwrap();
    command.args(arguments).arg(file).arg("--config").arg(world.config());
    command.envs(world.environment()).output().unwrap()
}

/// Runs a command that must end well, and returns what it said.
fn done(world: &World, arguments: &[&str], file: &Path) -> String {
    let ended = tonghui(world, arguments, file);
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap() + &String::from_utf8(ended.stderr).unwrap()
}

/// Runs a command that must fail, and returns what it said.
fn refused(world: &World, arguments: &[&str], file: &Path) -> String {
    let ended = tonghui(world, arguments, file);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    String::from_utf8(ended.stderr).unwrap()
}

fn catch_up(gateway: &mut Gateway) {
    loop {
        let line = gateway.line().unwrap().expect("the gateway ended");
        if event(&line) == Some("read") && line.contains("caught_up=true") {
            return;
        }
    }
}

/// The files in the folder of the store.
fn files(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.config().join("data")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_beside_a_running_service_takes_the_place_of_the_store() {
    let world = World::open(Settings::new(61, Clock::machine())).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"500ms\"").unwrap();
    world.hotline.file(300).await.unwrap();
    let mut gateway = Gateway::start(&world).unwrap();
    tokio::task::block_in_place(|| catch_up(&mut gateway));
    // The copy is made while these are read.
    world.hotline.file(2000).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("copy.db");
    let said = tokio::task::block_in_place(|| done(&world, &["backup"], &copy));
    assert!(said.contains("`tonghui key backup FILE`"), "{said}");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "the copy and its hash");
    let said = tokio::task::block_in_place(|| refused(&world, &["backup"], &copy));
    assert!(said.contains("name a new file"), "{said}");
    let said = tokio::task::block_in_place(|| refused(&world, &["restore"], &copy));
    assert!(said.contains("another process is using the store"), "{said}");
    tokio::task::block_in_place(|| {
        catch_up(&mut gateway);
        gateway.stop().unwrap();
    });
    world.pull().await.unwrap();
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());

    let said = done(&world, &["restore"], &copy);
    assert!(said.contains("the store that was there is "), "{said}");
    let kept = |path: &&PathBuf| path.to_string_lossy().contains(".db.before-");
    assert!(files(&world).iter().any(|path| kept(&path)), "{:?}", files(&world));
    done(&world, &["reconcile", "hotline", "--repair", "--format"], Path::new("json"));
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let (store, _) = world.store().await.unwrap();
    let books = store.books(None, None).await.unwrap();
    assert!(books.iter().all(|book| book.balanced == Some(true)), "{books:?}");
    done(&world, &["audit", "verify", "--format"], Path::new("json"));
    let audit = done(&world, &["audit", "--format"], Path::new("json"));
    assert!(audit.contains("\"restore\"") && audit.contains("\"backup\""), "{audit}");
}

#[tokio::test]
async fn the_file_of_a_running_gateway_is_restored_with_what_is_in_its_log() {
    let world = World::open(Settings::new(63, Clock::machine())).await.unwrap();
    world.hotline.file(300).await.unwrap();
    let other = World::open(Settings::new(64, Clock::machine())).await.unwrap();
    let (there, here) = (world.config().join("data"), other.config().join("data"));
    world.edit_channel("every = \"15s\"", "every = \"500ms\"").unwrap();
    let mut gateway = Gateway::start(&world).unwrap();
    catch_up(&mut gateway);
    fs::create_dir_all(&here).unwrap();
    fs::copy(there.join("keys.json"), here.join("keys.json")).unwrap();
    // Most of it is in the write-ahead log of that gateway.
    done(&other, &["restore"], &there.join("tonghui.db"));
    let count = async |world: &World| {
        let status = world.store().await.unwrap().0.status().await.unwrap();
        status.iter().map(|channel| channel.demands).sum::<u64>()
    };
    gateway.stop().unwrap();
    assert_eq!((count(&other).await, count(&world).await > 200), (count(&world).await, true));
}

#[tokio::test]
async fn a_copy_that_is_damaged_or_has_other_keys_leaves_the_store_as_it_is() {
    let world = World::open(Settings::new(62, Clock::machine())).await.unwrap();
    world.hotline.file(300).await.unwrap();
    world.pull().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("copy.db");
    done(&world, &["backup"], &copy);
    for own in ["", "-wal", "-journal", ".restoring"] {
        let name = world.config().join(format!("data/tonghui.db{own}"));
        assert!(refused(&world, &["backup"], &name).contains("belongs to the store"), "{own}");
    }

    let hash = home.path().join("other.db.sha256");
    fs::write(&hash, "of an earlier copy").unwrap();
    let other = home.path().join("other.db");
    assert!(refused(&world, &["backup"], &other).contains("exists already") && !other.exists());

    let store = || fs::read(world.config().join("data/tonghui.db")).unwrap();
    let (whole, before, names) = (fs::read(&copy).unwrap(), store(), files(&world));
    let refuses = |bytes: &[u8], part: &str| {
        fs::write(&copy, bytes).unwrap();
        let said = refused(&world, &["restore"], &copy);
        assert!(said.contains(part), "{part}: {said}");
        assert!(store() == before && files(&world) == names, "{part}: {:?}", files(&world));
    };
    let middle = whole.len() / 2;
    let mut flipped = whole.clone();
    flipped[middle] ^= 1;
    refuses(&flipped, "its hash is not that in");
    fs::remove_file(home.path().join("copy.db.sha256")).unwrap();
    let mut damaged = whole.clone();
    damaged[middle..middle + 40_000].fill(0xA5);
    refuses(&damaged, "no whole store");
    refuses(
        b"not a database, but a text that somebody has renamed".repeat(40).as_slice(),
        "database",
    );
    refuses(b"", "it has no tables of a store");
    fs::write(&copy, &whole).unwrap();
    let keys = world.config().join("data/keys.json");
    let own = home.path().join("own.json");
    fs::rename(&keys, &own).unwrap();
    gateway::keys::make(&keys, Suite::default()).unwrap();
    let said = refused(&world, &["restore"], &copy);
    assert!(said.contains("key"), "{said}");
    assert!(store() == before && files(&world) == names, "other keys: {:?}", files(&world));
    fs::rename(&own, &keys).unwrap();
    let said = done(&world, &["restore"], &copy);
    assert!(said.contains("there is no ") && said.contains("was not looked for"), "{said}");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}
