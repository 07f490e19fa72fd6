//! Cases of tables: each is an SQL file that fills a database of its own on a real server.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use super::{copy_files, gateway::Gateway, judge::Seen, right::Right};
use crate::{
    servers::{Process, Servers, free_port},
    setup::is_root,
};

/// Fills the database of a case, and reads it twice; between the two, `more.sql` adds to it.
pub(super) fn run(
    mut gateway: Gateway<'_>,
    case: &Path,
    right: &Right,
    servers: &mut Servers,
) -> Result<Seen> {
    let kind = fs::read_to_string(case.join("db"))?;
    let name = case.file_name().context("a case has a name")?.to_string_lossy();
    let number = name.split('-').next().unwrap_or_default();
    let server = match &right.version {
        Some(version) => servers.mariadb_of_version(version)?,
        None if kind.starts_with("pg") => servers.address("TONGHUI_TEST_POSTGRES")?,
        None => servers.address("TONGHUI_TEST_MYSQL")?,
    };
    let database = create(&server, kind.trim(), &format!("c{number}"))?;
    ask(&database, &fs::read_to_string(case.join("source.sql"))?)?;

    let channel = gateway.channel();
    copy_files(&case.join("config/channels/x"), &channel)?;
    let pooler = right.pooler.then(|| pooler(&database, &gateway.folder)).transpose()?;
    let address = pooler.as_ref().map_or(&database, |(_, address)| address);
    fs::write(channel.join("url"), as_user(address, right.user.as_deref()))?;
    if case.join("config/store.url").exists() {
        let server = servers.address("TONGHUI_TEST_POSTGRES")?;
        gateway.store_in(&create(&server, "pg", &format!("s{number}"))?)?;
    }
    gateway.look(&[&["check"]])?;
    gateway.sync()?;
    if case.join("more.sql").exists() {
        ask(&database, &fs::read_to_string(case.join("more.sql"))?)?;
    }
    gateway.sync()?;
    gateway.look(&[&["quarantine", "list"], &["books"], &["status"]])?;
    gateway.seen.answer = right.sql.as_ref().map(|sql| ask(&database, sql)).transpose()?;
    Ok(gateway.seen)
}

/// Creates an empty database on a server: `pg`, `pgascii` (without a charset) or `mysql`. Returns its URL.
pub(super) fn create(server: &str, kind: &str, name: &str) -> Result<String> {
    let options = match kind {
        "pgascii" => " ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
        "pg" => "",
        _ => " CHARACTER SET utf8mb4",
    };
    ask(server, &format!("CREATE DATABASE {name}{options}"))?;
    let (server, _) = server.rsplit_once('/').context("an address has a path")?;
    Ok(format!("{server}/{name}"))
}

/// Starts pgbouncer, which gives each transaction any of a few sessions, before a database. Returns its URL.
fn pooler(database: &str, folder: &Path) -> Result<(Process, String)> {
    let parts: Vec<_> = database.split(['/', ':', '@']).collect();
    let [scheme, _, _, user, password, host, port, name] = parts[..] else {
        bail!("not the URL of a PostgreSQL: {database}")
    };
    let own_port = free_port()?;
    let settings = format!(
        "[databases]\n{name} = host={host} port={port} user={user} password={password}\n[pgbouncer]\n\
         listen_addr = {host}\nlisten_port = {own_port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = transaction\ndefault_pool_size = 2\n"
    );
    let file = folder.join("pgbouncer.ini");
    fs::write(&file, settings)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT", "--", "pgbouncer"]);
    if is_root() {
        command.args(["-u", "postgres"]);
    }
    command.arg(&file);
    let process = Process::start("pgbouncer", "INT", &mut command, "process up")
        .context("run: apt-get install pgbouncer")?;
    Ok((process, format!("{scheme}://{user}@{host}:{own_port}/{name}")))
}

/// The URL for this user, who needs no password.
fn as_user(url: &str, user: Option<&str>) -> String {
    match (user, url.split_once("://"), url.rsplit_once('@')) {
        (Some(user), Some((scheme, _)), Some((_, place))) => format!("{scheme}://{user}@{place}"),
        _ => url.to_owned(),
    }
}

/// Runs statements, and returns what they print.
pub(super) fn ask(url: &str, sql: &str) -> Result<String> {
    let mut client;
    if url.starts_with("postgres") {
        client = Command::new("psql");
        client.args([url, "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql]);
    } else {
        let parts: Vec<_> = url.split(['/', ':', '@']).collect();
        let [_, _, _, user, password, host, port, name] = parts[..] else {
            bail!("not the URL of a MariaDB: {url}")
        };
        client = Command::new("mariadb");
        client.args(["-h", host, "-P", port, "-u", user, "-NB", "--default-character-set=utf8mb4"]);
        client.args(["-e", sql, name]).env("MYSQL_PWD", password);
    }
    let output = client.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
