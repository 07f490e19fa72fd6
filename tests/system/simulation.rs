//! Runs ingest and sink on the parts in memory, both loops in one thread and in paused time. A seed decides everything: what
//! the source does, which loop goes on, what fails before or after its effect, what crashes, is delivered twice, late
//! or in another order, and who holds the lease. When the faults are over, everything must be as if there had been none.
//!
//! `TONGHUI_SIMULATION_SEED=7` runs one seed and says what happened in it; `TONGHUI_SIMULATION_SEEDS=10000` runs more.

use std::{env, fmt::Write as _, io::Write as _, time::Duration};

use oracle::Outcomes;
use sink::store::BooksRow;
use world::World;

mod bugs;
mod connector;
mod fate;
mod faulty;
mod notes;
mod oracle;
mod planted;
mod process;
mod script;
mod settings;
mod source;
mod world;

use bugs::{BUGS, Bug};

/// The number of seeds in the suite.
const SEEDS: u64 = 300;
/// How many records and faults each of them has at least.
const MIN_RECORDS: usize = 200;
const MIN_FAULTS: usize = 3;
/// Within how many seeds each planted bug must be found. Without a bug, none of them finds anything.
const MAX_SEEDS: u64 = SEEDS;
/// A run that takes longer does not come to an end.
const MAX_TIME: Duration = Duration::from_secs(24 * 3600);

/// What a run was like.
#[derive(Debug, PartialEq)]
struct Run {
    seed: u64,
    settings: String,
    n_records: usize,
    n_faults: usize,
    faults: Vec<String>,
    outcomes: Outcomes,
    books: Vec<BooksRow>,
    wrong: Vec<String>,
}

#[test]
fn whatever_a_seed_decides_the_store_ends_with_the_last_states_of_the_source() {
    if let Ok(seed) = env::var("TONGHUI_SIMULATION_SEED") {
        let run = simulate(seed.parse().unwrap(), None);
        writeln!(std::io::stdout(), "{}", run.report()).unwrap();
        assert!(run.wrong.is_empty(), "{} wrong", run.wrong.len());
        return;
    }
    let n_seeds = env::var("TONGHUI_SIMULATION_SEEDS").map_or(SEEDS, |n| n.parse().unwrap());
    let (mut faults, mut n_records, mut books) = (Vec::new(), usize::MAX, Vec::new());
    for seed in 0..n_seeds {
        let run = simulate(seed, None);
        assert!(run.wrong.is_empty(), "{}", run.report());
        faults.push(run.n_faults);
        n_records = n_records.min(run.n_records);
        books.extend(run.books);
    }
    writeln!(std::io::stdout(), "{}", histogram(&faults, n_records)).unwrap();
    assert!(n_records >= MIN_RECORDS, "a seed has only {n_records} records");
    assert!(faults.iter().all(|n| *n >= MIN_FAULTS), "a seed has too few faults: {faults:?}");
    let count = |what: fn(&BooksRow) -> u64| books.iter().map(what).sum::<u64>();
    let [stale, redelivered, orphans] =
        [count(|row| row.stale), count(|row| row.redelivered), count(|row| row.orphans)];
    let counts = format!("{stale} stale, {redelivered} redelivered, {orphans} orphans");
    writeln!(std::io::stdout(), "{counts}").unwrap();
    let is_enough = stale.min(redelivered).min(orphans) >= n_seeds;
    assert!(is_enough || n_seeds < SEEDS, "the seeds do too little: {counts}");
}

#[test]
fn the_same_seed_does_the_same_again() {
    for seed in 0..10 {
        assert_eq!(simulate(seed, None), simulate(seed, None));
    }
}

#[test]
fn every_planted_bug_is_found() {
    let (mut found, mut missed) = (String::new(), Vec::new());
    for (bug, _, sign) in BUGS {
        let noticed = (0..MAX_SEEDS).find_map(|seed| {
            let mut wrong = simulate(seed, Some(*bug)).wrong.into_iter();
            Some((seed + 1, wrong.find(|wrong| wrong.contains(sign))?))
        });
        match noticed {
            Some((n, wrong)) => writeln!(found, "{bug:?}: after {n} seeds: {wrong}").unwrap(),
            None => missed.push(bug),
        }
    }
    writeln!(std::io::stdout(), "{found}").unwrap();
    assert!(missed.is_empty(), "not found within {MAX_SEEDS} seeds: {missed:?}\n{found}");
}

/// Runs a seed with and without disturbances, and compares.
fn simulate(seed: u64, bug: Option<Bug>) -> Run {
    let undisturbed = run(seed, None, true);
    let mut disturbed = run(seed, bug, false);
    disturbed.wrong.extend(undisturbed.wrong);
    if disturbed.outcomes != undisturbed.outcomes {
        disturbed.wrong.push("the undisturbed run ends otherwise".to_owned());
    }
    disturbed
}

fn run(seed: u64, bug: Option<Bug>, is_calm: bool) -> Run {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(seed, bug, is_calm);
        let quiet = Box::pin(process::run_to_quiet(&world));
        // If nothing can go on, time moves on at once.
        let _ = tokio::time::timeout(MAX_TIME, quiet).await;
        let wrong = oracle::what_is_wrong(&world).await;
        let (outcomes, fate) = (oracle::outcomes(&world), world.fate());
        Run {
            seed,
            settings: format!("{:?}", world.settings),
            n_records: world.source().n_records(),
            n_faults: fate.n_faults(),
            faults: fate.faults.clone(),
            outcomes,
            books: world.store.books(),
            wrong,
        }
    })
}

impl Run {
    /// What happened in order, what is wrong, and how to see it again.
    fn report(&self) -> String {
        let Self { seed, settings, faults, wrong, .. } = self;
        let mut wrong = wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n  ");
        if wrong.is_empty() {
            wrong.push_str("nothing");
        }
        format!(
            "seed {seed}: {settings}\n{}\nwrong:\n  {wrong}\nagain: TONGHUI_SIMULATION_SEED={seed} \
             cargo test --locked -p system-tests --test system simulation::whatever -- --nocapture",
            faults.join("\n")
        )
    }
}

/// How many seeds had how many faults.
fn histogram(faults: &[usize], n_records: usize) -> String {
    let mut text = format!("{} seeds, at least {n_records} records in each; faults:", faults.len());
    for first in (0..=faults.iter().copied().max().unwrap_or(0)).step_by(5) {
        let n = faults.iter().filter(|n| (first..first + 5).contains(*n)).count();
        write!(text, " {first}-{}: {n} seeds;", first + 4).unwrap();
    }
    text
}
