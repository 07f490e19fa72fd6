//! Real servers for the tests, started for one run and gone after it.
//!
//! Tests against a replacement would only prove that the replacement works. So each run gets PostgreSQL,
//! MariaDB, RabbitMQ and OpenSSH of its own: free ports on loopback, data in a temporary folder, an
//! unprivileged user, new passwords. A further server needs one more file here, and one more line in
//! [`Servers::start`] and [`PACKAGES`].

mod folder;
mod mariadb;
mod postgres;
mod process;
mod rabbitmq;
mod sftp;

use std::{path::Path, process::Command, time::Duration};

use anyhow::Result;

use self::{folder::Folder, process::Process};
use crate::{
    run::{self, print, run},
    setup,
};

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A Debian package that a server, or what talks to one, comes in: its name for apt-get, and whether its
/// programs are there.
type Package = (&'static str, fn() -> bool);

/// What has to be installed.
pub(crate) const PACKAGES: &[Package] = &[
    ("postgresql", || postgres::program("initdb").is_some()),
    ("mariadb-server", || are_files(&[mariadb::INSTALL, mariadb::SERVER])),
    ("rabbitmq-server", || are_files(&[rabbitmq::SERVER, rabbitmq::PORT_MAPPER])),
    ("openssl", || are_files(&[rabbitmq::OPENSSL])),
    ("python3-venv", setup::has_venv),
    ("openssh-server", || are_files(&[sftp::SERVER, sftp::KEY_MAKER])),
];

fn are_files(paths: &[&str]) -> bool {
    paths.iter().all(|path| Path::new(path).is_file())
}

/// Runs one command while the servers are there.
pub(crate) fn with(command: &[String]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let servers = Servers::start()?;
    run(Command::new(program).args(arguments).envs(servers.environment()))
}

/// Runs one server in `folder`, with the data of an earlier run there, until it ends or a signal
/// arrives: for a test that kills it, or for a person who needs one. Prints its variables, a line
/// each, and then `ready`.
pub(crate) fn serve(name: Name, folder: &Path) -> Result<()> {
    let folder = Folder::at(folder)?;
    let server = match name {
        Name::Postgres => postgres::start(&folder)?,
        Name::Mariadb => mariadb::start(&folder)?,
        Name::Rabbitmq => rabbitmq::start(&folder)?,
        Name::Sftp => sftp::start(&folder)?,
    };
    let pid = server.processes.first().map(|process| ("pid", process.id().to_string()));
    for (name, value) in server.variables.iter().chain(&pid).chain(&server.facts) {
        print(format_args!("{name}={}", value.trim_end().replace('\n', "\\n")));
    }
    print(format_args!("ready"));
    let ended = || server.processes.first().is_none_or(|one| one.ended_within(POLL_INTERVAL));
    while !run::is_interrupted() && !ended() {}
    Ok(())
}

/// A server that can be started alone.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Name {
    Postgres,
    Mariadb,
    Rabbitmq,
    Sftp,
}

/// A running server, and how to reach it.
struct Server {
    /// Stopped in this order; the first one is the server itself.
    processes: Vec<Process>,
    /// Names and values of the environment variables by which tests find it.
    variables: Vec<(&'static str, String)>,
    /// What only those need who stop it or look into it.
    facts: Vec<(&'static str, String)>,
}

impl Server {
    /// A server of one process, without further facts.
    fn new(process: Process, variables: Vec<(&'static str, String)>) -> Self {
        Self { processes: vec![process], variables, facts: Vec::new() }
    }
}

/// All servers of one run. Dropping it stops them and removes their folder.
pub(crate) struct Servers {
    // Fields are dropped in this order: first the servers, then the folder under them.
    servers: Vec<Server>,
    _folder: Folder,
}

impl Servers {
    /// Starts them; they answer when this returns.
    pub(crate) fn start() -> Result<Self> {
        let folder = Folder::create()?;
        let servers = vec![
            postgres::start(&folder)?,
            mariadb::start(&folder)?,
            rabbitmq::start(&folder)?,
            sftp::start(&folder)?,
        ];
        Ok(Self { servers, _folder: folder })
    }

    /// The environment variables by which the tests find them.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let variables = self.servers.iter().flat_map(|server| &server.variables);
        variables.map(|(name, value)| (*name, value.as_str()))
    }
}
