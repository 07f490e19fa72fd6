//! `tonghui sync --from --to`: a stretch of time read again, beside what is new.

use std::{collections::BTreeSet, fs, sync::Arc};

use chrono::{NaiveDateTime, TimeDelta};
use sandbox::{Clock, Gbk, Settings};
use system_tests::{gateway_process::event, world::World};

use crate::jobs::{Jobs, kill};

const ROWS: u64 = 60; // over the last six hours

/// A city whose every row changed without a sign after it was read.
async fn silently_changed() -> (World, Jobs) {
    let world = World::open(Settings::new(31, Clock::machine())).await.unwrap();
    let jobs = Jobs::new(&world);
    world.edit_channel("page    = 1000", "page    = 10").unwrap();
    let keys = world.hotline.file(ROWS).await.unwrap();
    assert_eq!(run(&jobs, &["sync", "--all"]), 0);
    for key in keys {
        let time = world
            .hotline
            .oracle()
            .await
            .unwrap()
            .case(&key)
            .unwrap()
            .last()
            .row
            .lastmodifytime
            .clone();
        let change = |row: &mut sandbox::Row| {
            row.cstatus = Gbk::new("60");
            row.rqsttitle = Gbk::new("改过的标题");
            row.lastmodifytime = time;
        };
        world.hotline.change(&key, change).await.unwrap();
    }
    (world, jobs)
}

fn run(jobs: &Jobs, arguments: &[&str]) -> i32 {
    tokio::task::block_in_place(|| jobs.run(arguments))
}

/// The keys of what the store does not hold as it is now.
async fn stale(world: &World) -> BTreeSet<String> {
    let told = world.differences().await.unwrap();
    told.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_of_time_is_read_again_and_nothing_else_is_moved() {
    let (world, jobs) = silently_changed().await;
    let (store, _) = world.store().await.unwrap();
    let channel = "hotline".parse().unwrap();
    assert_eq!(run(&jobs, &["sync", "--all"]), 0);
    let before = store.progress(&channel).await.unwrap();

    let now = Clock::machine().now();
    let text = |hours| (now - TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M:%S").to_string();
    let (from, to) = (text(4), text(2));
    assert_eq!(run(&jobs, &["sync", "hotline", "--from", &from, "--to", &to]), 0);
    let after = store.progress(&channel).await.unwrap();
    assert_eq!(before, after, "the live position has moved");

    let oracle = world.hotline.oracle().await.unwrap();
    let time = |text: &str, format| NaiveDateTime::parse_from_str(text, format).unwrap();
    let (from, to) = (time(&from, "%Y-%m-%dT%H:%M:%S"), time(&to, "%Y-%m-%dT%H:%M:%S"));
    let newest = oracle.cases().iter().map(|case| &case.last().row.lastmodifytime).max().unwrap();
    let newest = time(newest, "%F %T");
    let stale = stale(&world).await;
    let mut n_within = 0;
    for case in oracle.cases() {
        let row = &case.last().row;
        let at = time(&row.lastmodifytime, "%F %T");
        let is_within = from <= at && at < to;
        // What the overlap covers is read again by everybody.
        let is_read = is_within || newest - at <= TimeDelta::minutes(5);
        assert_eq!(!stale.contains(&row.rowguid), is_read, "{}", row.lastmodifytime);
        n_within += usize::from(is_within);
    }
    assert!(n_within >= 15, "{n_within}");

    // Beside a service it is the service that reads, and nothing is left.
    let mut service = jobs.service();
    while !store.leases().await.unwrap().iter().any(|lease| lease.serves) {
        tokio::task::yield_now().await; // or the run would be done without it
    }
    assert_eq!(run(&jobs, &["sync", "--all", "--from", "-7h"]), 0);
    let said = fs::read_to_string(jobs.log(service.id())).unwrap();
    assert!(said.contains("backfill requested"), "{said}");
    kill(&mut service);
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    for book in store.books(None, None).await.unwrap() {
        assert_eq!((book.balanced, book.in_flight), (Some(true), 0), "{book:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_that_was_cut_short_goes_on_where_it_stands() {
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
    // The first page is read and in custody; the source cannot be told while it is locked.
    let lock = world.hotline.lock().await.unwrap();
    let (code, n, said) = run(&["sync", "--all", "--from", "-7h", "--deadline", "2s"]).await;
    assert_eq!((code, n), (Some(75), 1), "{said}");
    lock.release().await.unwrap();
    // Seven hours before now is another stretch by now: it says which one this was.
    let (_, go_on) = said.split_once("to continue, run `tonghui ").expect(&said);
    let go_on: Vec<&str> = go_on.split_once('`').unwrap().0.split(' ').collect();
    let (code, rest, said) = run(&go_on).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, anew, _) = run(&go_on).await;
    assert_eq!((code, anew), (Some(0), rest + 1), "what has come to its end begins anew");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_for_a_stretch_of_time_says_what_to_do() {
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
