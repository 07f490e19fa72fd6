//! `tonghui`: one program for data-centre admins and for scheduled jobs.

use std::{io::IsTerminal, panic, process::ExitCode};

use clap::Parser;
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    log_to_stderr();
    gateway::cli::main(gateway::cli::Cli::parse())
}

/// Log lines go to standard error; `TONGHUI_LOG` chooses which, `debug` shows every verb.
fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("TONGHUI_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    // The message of a panic may quote a value of a record: the place is enough to find the defect.
    panic::set_hook(Box::new(|panic| match panic.location() {
        Some(at) => tracing::error!("panic at {}:{}:{}", at.file(), at.line(), at.column()),
        None => tracing::error!("panic at an unknown place"),
    }));
}
