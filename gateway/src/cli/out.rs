//! Printing results and ending: standard output holds results only, everything else goes to
//! standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use contract::chain;
use serde::Serialize;

use super::Format;
use crate::plain;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed, or books not balanced.
    Failed,
    /// 2: the configuration has problems.
    Configuration,
    /// 3: something is in quarantine, and `--strict` was asked for.
    Quarantined,
    /// 4: some channels failed.
    SomeChannels,
    /// 75: not now; nothing is lost (`EX_TEMPFAIL` of sysexits.h).
    TryAgain,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Configuration => 2,
            Self::Quarantined => 3,
            Self::SomeChannels => 4,
            Self::TryAgain => 75,
        }
    }
}

/// Prints text, followed by a line break.
pub(super) fn print(text: impl AsRef<str>) -> io::Result<()> {
    // Takes colours away where nobody could see them.
    writeln!(anstream::stdout().lock(), "{}", plain::page(text.as_ref()))
}

/// Places of a line on the terminal; the usual ones where there is none.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(120).clamp(80, 400)
}

/// Prints a line for people beside the result.
pub(super) fn note(text: impl AsRef<str>) {
    // A closed standard error must not end the work.
    let _ = writeln!(io::stderr().lock(), "{}", plain::page(text.as_ref()));
}

/// Prints `value` as JSON, or what `text` makes of it.
pub(super) fn show<T: Serialize>(
    format: Format,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    match format {
        Format::Json => print(serde_json::to_string_pretty(value)?)?,
        Format::Text => print(text(value))?,
    }
    Ok(())
}

/// Turns the end of a command into an exit code. A reader that has gone away is no failure.
pub(super) fn finish(ended: anyhow::Result<Exit>) -> ExitCode {
    match ended {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let exit = error
                .downcast_ref::<config::Problems>()
                .map_or(Exit::Failed, |_| Exit::Configuration);
            note(chain(error.as_ref()));
            ExitCode::from(exit.code())
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
