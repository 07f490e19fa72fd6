//! Cases of tables: each is an SQL file that fills a database of its own on a real server.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{copy_files, gateway::Gateway, judge::Seen, right::Right};
use crate::servers::Servers;

/// Fills the database of a case, and reads it twice; between the two, `more.sql` adds to it.
pub(super) fn run(
    mut gateway: Gateway<'_>,
    case: &Path,
    right: &Right,
    servers: &mut Servers,
) -> Result<Seen> {
    let kind = fs::read_to_string(case.join("db"))?;
    let name = case.file_name().context("a case has a name")?.to_string_lossy().into_owned();
    let number = name.split('-').next().unwrap_or_default();
    let database =
        Database::create(servers, kind.trim(), &format!("c{number}"), right.version.as_deref())?;
    database.run_file(&case.join("source.sql"))?;

    let channel = gateway.channel();
    copy_files(&case.join("config/channels/x"), &channel)?;
    fs::write(channel.join("url"), database.url(right.user.as_deref()))?;
    if case.join("config/store.url").exists() {
        let store = Database::create(servers, "pg", &format!("s{number}"), None)?;
        gateway.store_in(&store.url(None))?;
    }
    gateway.look(&[&["check"]])?;
    gateway.sync()?;
    if case.join("more.sql").exists() {
        database.run_file(&case.join("more.sql"))?;
    }
    gateway.sync()?;
    gateway.look(&[&["quarantine", "list"], &["books"], &["status"]])?;
    gateway.seen.answer = right.sql.as_ref().map(|sql| database.ask(sql)).transpose()?;
    Ok(gateway.seen)
}

/// The database of one case.
struct Database {
    is_postgres: bool,
    /// The URL of the server, to which the name is added.
    server: String,
    name: String,
}

impl Database {
    /// Creates an empty database: `pg`, `pgascii` (without a charset) or `mysql`.
    fn create(
        servers: &mut Servers,
        kind: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self> {
        let is_postgres = kind.starts_with("pg");
        let server = match version {
            Some(version) => servers.mariadb_of_version(version)?,
            None => servers.address(if is_postgres {
                "TONGHUI_TEST_POSTGRES"
            } else {
                "TONGHUI_TEST_MYSQL"
            })?,
        };
        let server = server.trim_end_matches("postgres").to_owned();
        let own = Self { is_postgres, server, name: name.to_owned() };
        let charset = match kind {
            "pgascii" => " ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
            "pg" => "",
            _ => " CHARACTER SET utf8mb4",
        };
        let first = if is_postgres { "postgres" } else { "mysql" };
        let main = Self { name: first.to_owned(), is_postgres, server: own.server.clone() };
        main.ask(&format!("DROP DATABASE IF EXISTS {name}"))?;
        main.ask(&format!("CREATE DATABASE {name}{charset}"))?;
        Ok(own)
    }

    /// The URL for the gateway, of the owner or of another user, who needs no password.
    fn url(&self, user: Option<&str>) -> String {
        let Self { server, name, .. } = self;
        match (user, server.split_once("://"), server.rsplit_once('@')) {
            (Some(user), Some((scheme, _)), Some((_, host))) => {
                format!("{scheme}://{user}@{host}{name}")
            }
            _ => format!("{server}{name}"),
        }
    }

    /// Runs a statement, and returns what it prints.
    fn ask(&self, sql: &str) -> Result<String> {
        let mut client = self.client()?;
        client.args([if self.is_postgres { "-c" } else { "-e" }, sql]);
        finish(client)
    }

    fn run_file(&self, file: &Path) -> Result<()> {
        let mut client = self.client()?;
        client.stdin(Stdio::from(File::open(file)?));
        finish(client).map(drop).with_context(|| file.display().to_string())
    }

    fn client(&self) -> Result<Command> {
        if self.is_postgres {
            let mut client = Command::new("psql");
            client.args([&self.url(None), "-AtqX", "-v", "ON_ERROR_STOP=1"]);
            return Ok(client);
        }
        let parts: Vec<_> =
            self.server.split(['/', ':', '@']).filter(|part| !part.is_empty()).collect();
        let [_, user, password, host, port] = parts[..] else {
            anyhow::bail!("not the URL of a MariaDB: {}", self.server)
        };
        let mut client = Command::new("mariadb");
        client.args(["-h", host, "-P", port, "-u", user, "-NB", "--default-character-set=utf8mb4"]);
        client.arg(&self.name).env("MYSQL_PWD", password);
        Ok(client)
    }
}

fn finish(mut client: Command) -> Result<String> {
    let output = client.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
