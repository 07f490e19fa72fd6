//! Real servers for the tests: each test run starts its own and removes them at its end.
//!
//! Tests with a mock would only prove that the mock works. The servers are PostgreSQL, MariaDB, RabbitMQ
//! and OpenSSH. They have free ports on 127.0.0.1, data in a temporary folder, an unprivileged user and
//! new passwords. To add a server, add a module here, a line in [`Servers::start`], in [`serve`] and in
//! [`PACKAGES`], and a [`Name`].

mod folder;
mod mariadb;
mod postgres;
mod process;
mod rabbitmq;
mod sftp;

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};

use self::folder::Folder;
pub(crate) use self::{folder::free_port, process::Process};
use crate::{
    run::{self, print, run},
    setup,
};

/// How often [`serve`] checks whether a signal has arrived.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A Debian package that the tests need: its name for apt-get, and whether its programs are installed.
type Package = (&'static str, fn() -> bool);

/// The Debian packages that the tests need.
pub(crate) const PACKAGES: &[Package] = &[
    ("postgresql", || postgres::program("initdb").is_some()),
    ("mariadb-server", || are_files(&[mariadb::INSTALL, mariadb::SERVER])),
    ("rabbitmq-server", || are_files(&[rabbitmq::SERVER, rabbitmq::PORT_MAPPER])),
    ("openssl", || are_files(&[rabbitmq::OPENSSL])),
    ("curl", || are_files(&["/usr/bin/curl"])),
    ("python3-venv", setup::has_venv),
    ("openssh-server", || are_files(&[sftp::SERVER, sftp::KEYGEN])),
];

fn are_files(paths: &[&str]) -> bool {
    paths.iter().all(|path| Path::new(path).is_file())
}

/// Starts the servers, runs one command with their addresses in its environment, and stops the servers.
pub(crate) fn run_with_servers(command: &[String]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let servers = Servers::start()?;
    run(Command::new(program).args(arguments).envs(servers.environment()))
}

/// Runs one server in `folder`, with the data that an earlier run left there, until the server ends or a
/// signal arrives. Tests that kill a server use this. Prints a line `name=value` for each variable and
/// detail of the server, and then `ready`.
pub(crate) fn serve(name: Name, folder: &Path) -> Result<()> {
    let folder = Folder::permanent(folder)?;
    let server = match name {
        Name::Postgres => postgres::start(&folder, postgres::FORGETFUL)?,
        Name::Mariadb => mariadb::start(&folder, None)?,
        Name::Rabbitmq => rabbitmq::start(&folder)?,
        Name::Sftp => sftp::start(&folder)?,
    };
    let pid = server.processes.first().map(|process| ("pid", process.id().to_string()));
    for (name, value) in server.variables.iter().chain(&pid).chain(&server.details) {
        print(format_args!("{name}={}", value.trim_end().replace('\n', "\\n")));
    }
    print(format_args!("ready"));
    let has_ended = || server.processes.first().is_none_or(|main| main.wait_for_end(POLL_INTERVAL));
    while !run::is_interrupted() && !has_ended() {}
    Ok(())
}

/// The server that `cargo xtask serve` runs.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Name {
    Postgres,
    Mariadb,
    Rabbitmq,
    Sftp,
}

/// A running server, and how tests connect to it.
struct Server {
    /// The process of the server, then those of its helper programs. They are stopped in this order.
    processes: Vec<Process>,
    /// Names and values of the environment variables from which tests read its address.
    variables: Vec<(&'static str, String)>,
    /// What [`serve`] prints in addition, for those who stop, inspect or attack the server.
    details: Vec<(&'static str, String)>,
}

impl Server {
    /// A server of one process, without details.
    fn new(process: Process, variables: Vec<(&'static str, String)>) -> Self {
        Self { processes: vec![process], variables, details: Vec::new() }
    }
}

/// All servers of one run. When this value is dropped, they are stopped and their folder is removed.
pub(crate) struct Servers {
    // Fields are dropped in this order: first the servers, then their folder.
    servers: Vec<Server>,
    folders: Vec<Folder>,
}

impl Servers {
    /// Starts all servers, and returns when they accept connections.
    pub(crate) fn start() -> Result<Self> {
        let folder = Folder::temporary()?;
        let servers = vec![
            postgres::start(&folder, postgres::FORGETFUL)?,
            mariadb::start(&folder, None)?,
            rabbitmq::start(&folder)?,
            sftp::start(&folder)?,
        ];
        Ok(Self { servers, folders: vec![folder] })
    }

    /// Starts only the databases.
    pub(crate) fn databases() -> Result<Self> {
        let folder = Folder::temporary()?;
        let servers =
            vec![postgres::start(&folder, postgres::FORGETFUL)?, mariadb::start(&folder, None)?];
        Ok(Self { servers, folders: vec![folder] })
    }

    /// Starts what measurements need: a PostgreSQL that writes to the disk, and the broker.
    pub(crate) fn for_measurements() -> Result<Self> {
        let folder = Folder::temporary()?;
        let servers = vec![postgres::start(&folder, postgres::DURABLE)?, rabbitmq::start(&folder)?];
        Ok(Self { servers, folders: vec![folder] })
    }

    /// Starts only the broker.
    pub(crate) fn broker() -> Result<Self> {
        let folder = Folder::temporary()?;
        let servers = vec![rabbitmq::start(&folder)?];
        Ok(Self { servers, folders: vec![folder] })
    }

    /// Starts one more MariaDB, which says that it has this version. Returns its address.
    pub(crate) fn mariadb_of_version(&mut self, version: &str) -> Result<String> {
        let folder = Folder::temporary()?;
        let server = mariadb::start(&folder, Some(version))?;
        let address = server.variables.first().map(|(_, address)| address.clone());
        self.servers.push(server);
        self.folders.push(folder);
        address.context("MariaDB has no address")
    }

    /// The address in this environment variable.
    pub(crate) fn address(&self, name: &str) -> Result<String> {
        let address = self.environment().find(|(own, _)| *own == name);
        address.map(|(_, address)| address.to_owned()).with_context(|| name.to_owned())
    }

    /// What [`serve`] would print about a server in addition.
    pub(crate) fn detail(&self, name: &str) -> Result<&str> {
        let details = self.servers.iter().flat_map(|server| &server.details);
        let detail = details.into_iter().find(|(own, _)| *own == name);
        detail.map(|(_, value)| value.as_str()).with_context(|| name.to_owned())
    }

    /// The environment variables from which tests read the addresses.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let variables = self.servers.iter().flat_map(|server| &server.variables);
        variables.map(|(name, value)| (*name, value.as_str()))
    }
}
