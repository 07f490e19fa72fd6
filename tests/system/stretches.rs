//! Tests backfills that are interrupted, and backfills that a source does not support.

use std::{fs, sync::Arc};

use sandbox::{Clock, Settings};
use system_tests::{gateway_process::event, world::World};

use crate::{
    backfill::{ROWS, run},
    jobs::Jobs,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backfill_continues_where_it_stopped() {
    let world = World::open(Settings::new(32, Clock::machine())).await.unwrap();
    let jobs = Arc::new(Jobs::new(&world));
    world.edit_channel("page    = 1000", "page    = 10").unwrap();
    world.hotline.file(ROWS).await.unwrap();
    let run = async |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let jobs = Arc::clone(&jobs);
        let job = move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut job = jobs.job(&arguments);
            let code = job.wait().unwrap().code();
            let said = fs::read_to_string(jobs.log(job.id())).unwrap();
            let n = said.lines().filter(|line| event(line) == Some("advanced")).count();
            (code, n, said)
        };
        tokio::task::spawn_blocking(job).await.unwrap()
    };
    // The first page is read and in custody. The gateway cannot settle it while the source is locked.
    let lock = world.hotline.lock().await.unwrap();
    let (code, n, said) = run(&["sync", "--all", "--from", "-7h", "--deadline", "2s"]).await;
    assert_eq!((code, n), (Some(75), 1), "{said}");
    lock.release().await.unwrap();
    // "Seven hours ago" now means another time range, so the message names the range.
    let (_, go_on) = said.split_once("to continue, run `tonghui ").expect(&said);
    let go_on: Vec<&str> = go_on.split_once('`').unwrap().0.split(' ').collect();
    let (code, rest, said) = run(&go_on).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, anew, _) = run(&go_on).await;
    assert_eq!(
        (code, anew),
        (Some(0), rest + 1),
        "a complete backfill starts again from the beginning"
    );
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_supports_no_time_range_says_what_to_do() {
    let world = World::open(Settings::new(33, Clock::machine())).await.unwrap();
    let jobs = Jobs::new(&world);
    for (from, to) in [
        ("reread  =", "# reread  ="),
        ("[table.changes] ", "# "),
        ("column  = \"LASTMODIFYTIME\"", "# "),
        ("format  = \"%Y", "# %Y"),
        ("overlap = \"5m\" ", "# "),
    ] {
        world.edit_channel(from, to).unwrap();
    }
    let told = |arguments: &[&str]| {
        let mut job = system_tests::gateway_process::command().unwrap();
        job.args(["sync", "--all"]).args(arguments).arg("--config").arg(world.config());
        let ended = job.output().unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.code().unwrap(), String::from_utf8(said).unwrap())
    };
    let (code, said) = told(&["--from", "yesterday", "--to", "today"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("table.changes"), "{said}");
    assert!(!said.contains("to continue, run"), "nothing was begun: {said}");
    for wrong in [&["--from", "someday"][..], &["--from", "today", "--to", "yesterday"]] {
        let (code, said) = told(wrong);
        assert_eq!(code, 2, "{said}");
    }
    assert_eq!(told(&["--to", "today"]).0, 2, "from when?");
    assert_eq!(run(&jobs, &["sync", "--all"]), 0);
}
