//! A PostgreSQL server for the tests.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{
    Server,
    folder::{Folder, free_port, password},
    process::Process,
};
use crate::run::output_of;

/// The content of `pg_hba.conf`, the access rules of PostgreSQL. The role `postgres` needs a password, so
/// that tests cover passwords; roles that a test creates need none.
const ACCESS_RULES: &str = "\
host all postgres 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
";

/// Stops the server at once: PostgreSQL then does not wait for clients to disconnect.
const STOP_SIGNAL: &str = "INT";

/// The settings of a server for tests, whose data need not survive a power failure.
pub(crate) const FORGETFUL: &[&str] = &["fsync=off", "full_page_writes=off"];
/// The settings of a server for measurements: what it commits is on the disk, as in a city.
pub(crate) const DURABLE: &[&str] = &["fsync=on", "full_page_writes=on"];

/// Starts the server. Creates its data folder first, except in a permanent folder that has one already.
pub(crate) fn start(folder: &Folder, durability: &[&str]) -> Result<Server> {
    // The name of the folder, and the system user that the package `postgresql` creates.
    let home = folder.server_home("postgres", "postgres")?;
    let data = home.join("data");
    let password = home.load_or_create("password", password)?;
    if !data.exists() {
        let mut init = home.tool(&program("initdb").context("no initdb: run `cargo xtask setup`")?);
        init.args(["--username=postgres", "--auth=scram-sha-256", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--lc-messages=C"])
            .arg(format!("--pwfile={}", home.join("password").display()))
            .arg("-D")
            .arg(&data);
        output_of(init)?;
        home.write("data/pg_hba.conf", ACCESS_RULES)?;
    }

    let port = home.load_or_create("port", free_port)?;
    let server = program("postgres").context("no postgres: run `cargo xtask setup`")?;
    let mut run = home.server(STOP_SIGNAL, &server);
    run.arg("-D").arg(&data);
    for setting in [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", home.join("").display()),
        "max_connections=200".to_owned(),
    ] {
        run.arg("-c").arg(setting);
    }
    run.args(durability.iter().flat_map(|setting| ["-c", setting]));
    let ready = "database system is ready to accept connections";
    let process = Process::start("postgres", STOP_SIGNAL, &mut run, ready)?;
    let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
    Ok(Server::new(process, vec![("TONGHUI_TEST_POSTGRES", url)]))
}

/// The path of a PostgreSQL program, in the newest installed version; `None` if it is not installed.
/// Debian does not add these programs to `$PATH`.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| version.ok()?.file_name().into_string().ok()?.parse::<u32>().ok())
        .map(|version| {
            (version, PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{name}")))
        })
        .filter(|(_, path)| path.is_file())
        .max()
        .map(|(_, path)| path)
}
