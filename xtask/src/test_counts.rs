//! How many tests passed and failed, read from the closing lines of the test runners. Counted, not
//! assumed: a runner that ran nothing must not look like a success.

use std::ops::AddAssign;

/// Tests by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TestCounts {
    /// They passed.
    pub(crate) passed: u64,
    /// They failed, timed out or could not be started.
    pub(crate) failed: u64,
}

impl TestCounts {
    /// Adds up all closing lines of `text`, of cargo-nextest and of `cargo test`.
    pub(crate) fn of(text: &str) -> Self {
        let mut sum = Self::default();
        for line in text.lines().map(plain) {
            if line.trim_start().starts_with("Summary [") || line.starts_with("test result: ") {
                sum += Self::of_line(&line);
            }
        }
        sum
    }

    fn of_line(line: &str) -> Self {
        let mut counts = Self::default();
        for piece in line.split([',', ';', ':', '.']) {
            let Some((number, outcome)) = piece.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            if outcome.starts_with("passed") {
                counts.passed += number;
            } else if ["failed", "timed out", "exec failed"].iter().any(|o| outcome.starts_with(o))
            {
                counts.failed += number;
            }
        }
        counts
    }
}

impl AddAssign for TestCounts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The line without colours.
fn plain(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, passed: u64, failed: u64) {
        assert_eq!(TestCounts::of(text), TestCounts { passed, failed }, "{text}");
    }

    #[test]
    fn nextest_closes_with_a_summary() {
        check("     Summary [   0.022s] 10 tests run: 10 passed, 0 skipped\n", 10, 0);
        check(
            "     Summary [ 1.5s] 9/12 tests run: 5 passed (1 slow), 2 failed, 1 timed out",
            5,
            3,
        );
        check("     Summary [ 1.5s] 1 test run: 0 passed, 1 exec failed, 3 skipped", 0, 1);
    }

    #[test]
    fn cargo_test_closes_once_per_binary() {
        check(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.01s\n\
             test result: FAILED. 4 passed; 2 failed; 0 ignored\n",
            7,
            2,
        );
    }

    #[test]
    fn colours_do_not_matter() {
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] \u{1b}[1m2\u{1b}[0m tests run: 2 passed",
            2,
            0,
        );
    }

    #[test]
    fn other_lines_are_not_counted() {
        check("running 3 tests\n3 passed\n", 0, 0);
    }
}
