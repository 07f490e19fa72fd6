//! What stands in the source files, and what must not.

use super::tree::{Source, nothing_wrong, sources};

#[test]
fn files_are_short() {
    let sources = sources();
    let mut lengths: Vec<_> = sources.iter().map(|source| source.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= 120, "the median file has {median} lines, more than 120");
    let long = sources.iter().map(|source| (source.text.lines().count(), &source.path));
    let long = long.filter(|(lines, _)| *lines > 500).map(|(n, path)| format!("{path}: {n} lines"));
    nothing_wrong(&long.collect::<Vec<_>>(), "longer than 500 lines: more than one idea");
}

#[test]
fn drivers_are_named_by_their_owners_only() {
    let tests = ["tests/", "bench/", "xtask/"];
    let owners = ["sink/src/store", "sink/tests/", "connectors/table/", "sandbox/"];
    let sqlx = named(&["sqlx::", "use sqlx"], |path| starts(path, &tests) || starts(path, &owners));
    let lapin = named(&["lapin::", "use lapin"], |path| {
        starts(path, &tests) || starts(path, &["sink/src/bus/amqp"])
    });
    nothing_wrong(&[sqlx, lapin].concat(), "a driver outside the files that hide it");
}

#[test]
fn no_code_is_unsafe() {
    let wrong = named(&["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait"], |_| false);
    nothing_wrong(&wrong, "unsafe code");
}

#[test]
fn tests_neither_wait_for_the_clock_nor_are_skipped() {
    let mut wrong = named(&["#[ignore", "thread::sleep"], |_| false);
    let waits = ["time::sleep(", "time::sleep;", "time::{sleep", "std::thread::park_timeout"];
    for source in sources_under_law() {
        let first_test_line = first_test_line(&source);
        let lines = source.code().filter(|(number, _)| *number >= first_test_line);
        for (number, line) in lines.filter(|(_, line)| names(line, &waits)) {
            wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    nothing_wrong(&wrong, "use barriers, paused time or the end of what is awaited");
}

#[test]
fn tasks_are_spawned_in_one_place() {
    let spawns = ["tokio::spawn", "task::spawn(", "task::spawn;"];
    let wrong = named(&spawns, |path| path == "gateway/src/supervise.rs");
    nothing_wrong(&wrong, "a detached task outlives its owner: keep a JoinSet");
}

#[test]
fn queues_are_bounded() {
    let wrong = named(&["unbounded_channel", "mpsc::unbounded", "mpsc::channel()"], |_| false);
    nothing_wrong(&wrong, "an unbounded queue hides back-pressure until memory ends");
}

#[test]
fn what_clippy_forbids_is_allowed_in_few_places_only() {
    // The supervisor spawns, the gateway's clock and those of simulated sources ask the machine's.
    let places = [
        "gateway/src/supervise.rs",
        "gateway/src/clock.rs",
        "sandbox/src/clock.rs",
        "connectors/table/tests/city/mod.rs",
    ];
    let wrong = named(&["clippy::disallowed_methods"], |path| places.contains(&path));
    nothing_wrong(&wrong, "clippy.toml says why it is forbidden");
}

/// Places where code names one of `words`, but for files that `may`.
fn named(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for source in sources_under_law().iter().filter(|source| !may(&source.path)) {
        for (number, line) in source.code().filter(|(_, line)| names(line, words)) {
            places.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    places
}

/// All but the law itself, which has to name what it forbids.
fn sources_under_law() -> Vec<Source> {
    let mut sources = sources();
    sources.retain(|source| !source.path.starts_with("tests/system/architecture"));
    sources
}

/// From which line on a file is test code: all of it, where it lies among tests.
fn first_test_line(source: &Source) -> usize {
    let among_tests = source.path.starts_with("tests/")
        || ["/tests/", "/tests.rs", "/suite.rs", "connectors/testkit/"]
            .iter()
            .any(|part| source.path.contains(part));
    if among_tests {
        return 0;
    }
    let mut code = source.code();
    code.find(|(_, line)| line.contains("cfg(test)")).map_or(usize::MAX, |(number, _)| number)
}

fn names(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

fn starts(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| path.starts_with(prefix))
}
