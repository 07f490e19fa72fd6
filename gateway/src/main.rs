//! `tonghui`: one program for data-centre admins and for scheduled jobs.

use std::{
    io::{self, IsTerminal},
    panic,
    process::ExitCode,
};

use clap::Parser;
use mimalloc::MiMalloc;
use rustix::thread::disable_transparent_huge_pages;
use tracing::subscriber::set_global_default;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // A huge page takes 2 MiB, however little is in it: a quarter of the memory would never be used. A sandbox may
    // refuse this call; then the process takes more memory.
    let _ = disable_transparent_huge_pages(true);
    let cli = gateway::cli::Cli::parse();
    log_to_stderr(cli.log_filter());
    gateway::cli::main(cli)
}

/// Writes log lines to standard error. `TONGHUI_LOG` selects them; `debug` adds a line for each
/// step of each batch, from reading to storing. Without it, `usual` does.
fn log_to_stderr(usual: &str) {
    let filter = EnvFilter::try_from_env("TONGHUI_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let ansi = io::stderr().is_terminal();
    // This cannot fail: no other subscriber was set before.
    let _ = set_global_default(gateway::log::subscriber(filter, ansi, io::stderr));
    // The message of a panic may contain a value of a record, so only the place is logged.
    panic::set_hook(Box::new(|panic| match panic.location() {
        Some(at) => tracing::error!("panic at {}:{}:{}", at.file(), at.line(), at.column()),
        None => tracing::error!("panic at an unknown place"),
    }));
}
