//! `tonghui sync --from --to` reads a time range again, beside the regular reads.

use std::{collections::BTreeSet, fs};

use chrono::{NaiveDateTime, TimeDelta};
use sandbox::{Clock, Gbk, Settings};
use system_tests::world::World;

use crate::jobs::{Jobs, kill};

pub(super) const ROWS: u64 = 60; // over the last six hours

/// A city in which every row changed after it was read, but kept its time of change.
async fn silently_changed() -> (World, Jobs) {
    let world = World::open(Settings::new(31, Clock::machine())).await.unwrap();
    let jobs = Jobs::new(&world);
    world.edit_channel("page    = 1000", "page    = 10").unwrap();
    let keys = world.hotline.file(ROWS).await.unwrap();
    assert_eq!(run(&jobs, &["sync", "--all"]), 0);
    for key in keys {
        let time = world
            .hotline
            .case_history()
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

pub(super) fn run(jobs: &Jobs, arguments: &[&str]) -> i32 {
    tokio::task::block_in_place(|| jobs.run(arguments))
}

/// The keys of demands that differ between the store and the city.
async fn stale(world: &World) -> BTreeSet<String> {
    let differences = world.differences().await.unwrap();
    differences.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
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

    let history = world.hotline.case_history().await.unwrap();
    let time = |text: &str, format| NaiveDateTime::parse_from_str(text, format).unwrap();
    let (from, to) = (time(&from, "%Y-%m-%dT%H:%M:%S"), time(&to, "%Y-%m-%dT%H:%M:%S"));
    let newest = history.cases().iter().map(|case| &case.last().row.lastmodifytime).max().unwrap();
    let newest = time(newest, "%F %T");
    let stale = stale(&world).await;
    let mut n_within = 0;
    for case in history.cases() {
        let row = &case.last().row;
        let at = time(&row.lastmodifytime, "%F %T");
        let is_within = from <= at && at < to;
        // Every read also reads the rows that the overlap covers.
        let is_read = is_within || newest - at <= TimeDelta::minutes(5);
        assert_eq!(!stale.contains(&row.rowguid), is_read, "{}", row.lastmodifytime);
        n_within += usize::from(is_within);
    }
    assert!(n_within >= 15, "{n_within}");

    // While a service runs, the service makes the backfill. Then nothing differs any more.
    let mut service = jobs.service();
    while !store
        .leases()
        .await
        .unwrap()
        .iter()
        .any(|lease| lease.serves && lease.upstream.as_str() == "hotline")
    {
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
