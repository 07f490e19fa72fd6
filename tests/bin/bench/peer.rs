//! dlt, the Python loader, as its documentation says to use it: a REST source, merged by key.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What it took.
pub(crate) struct Peer {
    pub(crate) version: String,
    pub(crate) took: Duration,
}

/// Loads all pages below `pages` into a schema of its own. The interpreter that has dlt is named by
/// `TONGHUI_BENCH_PYTHON`, which `cargo xtask bench` sets.
pub(crate) fn load(pages: &str, store: &str) -> anyhow::Result<Peer> {
    let python = system_tests::gateway_process::server("TONGHUI_BENCH_PYTHON")?;
    let home = tempfile::tempdir()?;
    let began = Instant::now();
    let ended = Command::new(python)
        .args(["-c", include_str!("dlt_rest.py"), pages])
        .env("PIPELINES_DIR", home.path())
        .env("DESTINATION__POSTGRES__CREDENTIALS", store.replace("postgres://", "postgresql://"))
        .env("RUNTIME__DLTHUB_TELEMETRY", "false")
        .stdin(Stdio::null())
        .output()?;
    let took = began.elapsed();
    anyhow::ensure!(ended.status.success(), "dlt: {}", String::from_utf8_lossy(&ended.stderr));
    let said = String::from_utf8(ended.stdout)?;
    let version = said.lines().last().unwrap_or_default().to_owned();
    Ok(Peer { version, took })
}
