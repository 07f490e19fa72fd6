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
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "the copy is one file");
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
async fn a_copy_that_is_damaged_or_has_other_keys_leaves_the_store_as_it_is() {
    let world = World::open(Settings::new(62, Clock::machine())).await.unwrap();
    world.hotline.file(300).await.unwrap();
    world.pull().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("copy.db");
    done(&world, &["backup"], &copy);
    let store = || fs::read(world.config().join("data/tonghui.db")).unwrap();
    let (whole, before, names) = (fs::read(&copy).unwrap(), store(), files(&world));

    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 40_000].fill(0xA5);
    for (bytes, part) in [
        (damaged, "damaged"),
        (whole[..whole.len() - 8_192].to_vec(), "damaged"),
        (b"not a database, but a text that somebody has renamed".repeat(40), "not a database"),
        (Vec::new(), "no tables"),
    ] {
        fs::write(&copy, bytes).unwrap();
        let said = refused(&world, &["restore"], &copy);
        assert!(said.contains(part), "{part}: {said}");
        assert!(store() == before && files(&world) == names, "{part}: {:?}", files(&world));
    }
    fs::write(&copy, &whole).unwrap();
    let keys = world.config().join("data/keys.json");
    let own = home.path().join("own.json");
    fs::rename(&keys, &own).unwrap();
    gateway::keys::make(&keys, Suite::default()).unwrap();
    let said = refused(&world, &["restore"], &copy);
    assert!(said.contains("key"), "{said}");
    assert!(store() == before && files(&world) == names, "other keys: {:?}", files(&world));
    fs::rename(&own, &keys).unwrap();
    done(&world, &["restore"], &copy);
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}
