//! `cargo xtask count`: counts the code, so that it does not grow unnoticed.

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context, Result, ensure};

use crate::run::{output_of, print, root};

/// The maximum number of lines of code, without tests, comments and blank lines.
const MAX_LINES: usize = 71_200;
/// The maximum number of Rust files, including tests.
const MAX_FILES: usize = 960;

/// How much code a folder contains.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Size {
    lines: usize,
    files: usize,
}

/// Prints the numbers of lines and files in each top folder; fails if a total is above its limit.
pub(crate) fn count() -> Result<()> {
    let mut folders: BTreeMap<String, Size> = BTreeMap::new();
    let mut total = Size::default();
    for file in rust_files()? {
        let text = fs::read_to_string(root().join(&file)).with_context(|| file.clone())?;
        let lines = if is_test(&file) { 0 } else { code_lines(&text) };
        let folder = file.split('/').next().unwrap_or_default().to_owned();
        for size in [folders.entry(folder).or_default(), &mut total] {
            size.lines += lines;
            size.files += 1;
        }
    }
    for (folder, size) in &folders {
        print(format_args!("{:>8} lines {:>5} files  {folder}", size.lines, size.files));
    }
    let Size { lines, files } = total;
    print(format_args!("{lines:>8} lines {files:>5} files  in all"));
    ensure!(lines <= MAX_LINES, "simplify the code: {lines} lines, the limit is {MAX_LINES}");
    ensure!(files <= MAX_FILES, "merge files: there are {files}, the limit is {MAX_FILES}");
    Ok(())
}

/// The Rust files that git tracks, or would track after `git add`.
fn rust_files() -> Result<Vec<String>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"];
    let list = output_of(Command::new("git").args(arguments).current_dir(root()))?;
    Ok(list.lines().filter(|file| root().join(file).exists()).map(str::to_owned).collect())
}

fn is_test(file: &str) -> bool {
    file.starts_with("tests/") || file.contains("/tests/") || file.ends_with("tests.rs")
}

/// The number of lines that are neither blank nor comments, up to the test module at the end.
fn code_lines(text: &str) -> usize {
    let code = text.find("#[cfg(test)]\nmod tests {").map_or(text, |tests| &text[..tests]);
    let code = code.replace("#[cfg(test)]\nmod tests;\n", "");
    let lines = code.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_tests_are_not_code() {
        let text = "//! A head.\n\nuse a;\n\n/// Doc.\nfn b() {} // c\n\n#[cfg(test)]\nmod tests {\n    fn d() {}\n}\n";
        assert_eq!(code_lines(text), 2);
        assert_eq!(code_lines("fn a() {}\n\n#[cfg(test)]\nmod tests;\n"), 1);
        assert!(is_test("sink/src/store/tests.rs") && is_test("tests/lib.rs"));
        assert!(!is_test("connectors/testkit/src/lib.rs"));
    }
}
