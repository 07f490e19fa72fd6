//! Checks rules about the content of source files: their length, and what they must not use.

use std::collections::BTreeSet;

use super::{Source, assert_none, read, sources};

#[test]
fn files_are_short() {
    let sources = sources();
    let mut lengths: Vec<_> = sources.iter().map(|source| source.text.lines().count()).collect();
    lengths.sort_unstable();
    let decile = |tenths: usize| lengths[(lengths.len() - 1) * tenths / 10];
    assert!(decile(5) <= 140, "the median file has {} lines, more than 140", decile(5));
    assert!(decile(9) <= 300, "one file in ten has more than 300 lines: {}", decile(9));
    let long = sources.iter().map(|source| (source.text.lines().count(), &source.path));
    let long = long.filter(|(lines, _)| *lines > 500).map(|(n, path)| format!("{path}: {n} lines"));
    assert_none(&long.collect::<Vec<_>>(), "longer than 500 lines: more than one idea");
}

#[test]
fn drivers_are_named_by_their_owners_only() {
    // gateway/src/log.rs names the drivers to leave out their log lines.
    let tests = ["tests/", "gateway/src/log.rs"];
    let owners = ["sink/src/store", "sink/tests/", "connectors/table/", "sandbox/"];
    let sqlx = named(&["sqlx::", "use sqlx"], |path| starts(path, &tests) || starts(path, &owners));
    let lapin = named(&["lapin::", "use lapin"], |path| {
        starts(path, &tests) || starts(path, &["sink/src/bus/amqp"])
    });
    assert_none(&[sqlx, lapin].concat(), "a driver outside the files that hide it");
}

#[test]
fn no_code_is_unsafe() {
    let wrong = named(&["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait"], |_| false);
    assert_none(&wrong, "unsafe code");
}

#[test]
fn tests_neither_wait_for_the_clock_nor_are_skipped() {
    let mut wrong = named(&["#[ignore", "thread::sleep"], |_| false);
    let waits = ["time::sleep(", "time::sleep;", "time::{sleep", "std::thread::park_timeout"];
    for source in checked_sources() {
        let first_test_line = first_test_line(&source);
        let lines = source.code().filter(|(number, _)| *number >= first_test_line);
        for (number, line) in lines.filter(|(_, line)| names(line, &waits)) {
            wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    assert_none(&wrong, "use barriers, paused time or the end of what is awaited");
}

/// The files that start tasks or threads, and what waits for their ends.
const OWNERS: &[&str] = &[
    "gateway/src/supervise.rs", // the loops: a JoinSet each for channels and sink
    "gateway/src/listener.rs",  // connections: a JoinSet
    "gateway/src/mapping.rs",   // mapping a batch: a JoinSet
    "sink/src/bus/amqp/connect.rs", // events of a connection: a JoinSet
    "connectors/files/src/folder.rs", // work on files, which is awaited at once
    "connectors/process/src/child.rs", // the log of a plugin: a JoinSet
    "sandbox/src/source/http.rs", // a simulated server: a JoinSet
];

#[test]
fn tasks_and_threads_start_only_where_they_are_awaited() {
    let begins = |line: &str| {
        // `.spawn()` without an argument starts a process.
        line.replace(".spawn()", "").contains("spawn") || line.contains("thread::scope")
    };
    let mut found = BTreeSet::new();
    for source in checked_sources() {
        let end = first_test_line(&source);
        if source.code().any(|(number, line)| number < end && begins(line)) {
            found.insert(source.path);
        }
    }
    found.retain(|path| !["tests/", "xtask/", "tools/"].iter().any(|tool| path.starts_with(tool)));
    let owners = OWNERS.iter().map(ToString::to_string).collect();
    let wrong: Vec<_> = found.symmetric_difference(&owners).cloned().collect();
    assert_none(&wrong, "spawns and is not in the list, or is in the list and spawns nothing");
}

#[test]
fn queues_are_bounded() {
    let wrong = named(&["unbounded_channel", "mpsc::unbounded", "mpsc::channel()"], |_| false);
    assert_none(&wrong, "an unbounded queue hides back-pressure until memory ends");
}

#[test]
fn what_clippy_forbids_is_allowed_in_few_places_only() {
    // The clocks of the gateway and of simulated sources read that of the machine.
    let places =
        ["gateway/src/clock.rs", "sandbox/src/clock.rs", "connectors/table/tests/city/mod.rs"];
    let wrong = named(&["clippy::disallowed_methods"], |path| places.contains(&path));
    assert_none(&wrong, "clippy.toml says why it is forbidden");
    let unused = places.into_iter().filter(|place| !read(place).contains("disallowed_methods"));
    assert_none(&unused.map(str::to_owned).collect::<Vec<_>>(), "no longer needs an exception");
}

/// The places where code contains one of `words`, except in files for which `may` returns true.
fn named(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for source in checked_sources().iter().filter(|source| !may(&source.path)) {
        for (number, line) in source.code().filter(|(_, line)| names(line, words)) {
            places.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    places
}

/// All files except these tests, which have to name what they forbid.
fn checked_sources() -> Vec<Source> {
    let mut sources = sources();
    sources.retain(|source| !source.path.starts_with("tests/system/architecture"));
    sources
}

/// The first line of test code in a file: the first line of the file, if it is a test file.
fn first_test_line(source: &Source) -> usize {
    let among_tests = source.path.starts_with("tests/")
        || ["/tests/", "/tests.rs", "/suite.rs", "connectors/testkit/"]
            .iter()
            .any(|part| source.path.contains(part));
    if among_tests {
        return 0;
    }
    // A test module in the same file; a module in a file of its own does not count.
    let lines: Vec<_> = source.text.lines().collect();
    let is_module = |two: &[&str]| {
        two[0] == "#[cfg(test)]" && two[1].starts_with("mod ") && two[1].ends_with('{')
    };
    lines.windows(2).position(is_module).map_or(usize::MAX, |index| index + 1)
}

fn names(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

fn starts(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| path.starts_with(prefix))
}
