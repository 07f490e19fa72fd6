//! The way in: who the server is, and who we are.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use contract::{Fault, Secret, no_connection};
use russh::{
    client::{self, Handle},
    keys::{
        HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
        check_known_hosts_path, decode_secret_key, ssh_key::Fingerprint,
    },
};
use russh_sftp::{
    client::{Config as SftpConfig, RawSftpSession, error::Error},
    protocol::StatusCode,
};

use crate::{config::Config, folder::address::Server};

/// The least that a request may take: limits of requests are whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// How a server is entered.
pub(super) struct Entrance {
    server: Server,
    known: Known,
    key: Option<Arc<PrivateKey>>,
    timeout: Duration,
}

/// By what a server is known.
#[derive(Debug, Clone)]
enum Known {
    Fingerprint(Fingerprint),
    Hosts(PathBuf),
}

/// An open session.
pub(super) struct Session {
    handle: Handle<Doorkeeper>,
    sftp: Arc<RawSftpSession>,
}

impl Entrance {
    /// Refuses settings by which nobody could know the server, or enter it.
    pub(super) fn new(server: Server, config: &Config) -> Result<Self, Fault> {
        let settings = &config.sftp;
        let known = match (&settings.host_key, &settings.known_hosts) {
            (Some(text), None) => Known::Fingerprint(text.parse().map_err(|_| {
                Fault::stopped("`sftp.host_key` is not a fingerprint")
                    .remedy("write SHA256:… as `ssh-keygen -l -f KEY` shows it")
            })?),
            (None, Some(path)) => Known::Hosts(PathBuf::from(path)),
            _ => {
                return Err(Fault::stopped("nothing says by what the server is known")
                    .remedy("write either `sftp.host_key` or `sftp.known_hosts`"));
            }
        };
        let key = settings.key.as_ref();
        let key = key.map(|key| private_key(key, settings.passphrase.as_ref())).transpose()?;
        if key.is_none() && server.password.is_none() {
            return Err(Fault::stopped("nothing says how the server is entered")
                .remedy("put a password into `url`, or let `sftp.key` name a key"));
        }
        Ok(Self { server, known, key, timeout: config.timeout.0.max(SHORTEST) })
    }

    /// For faults.
    pub(super) fn place(&self) -> String {
        format!("server {}:{}", self.server.host, self.server.port)
    }

    /// Connects, makes sure of the server, and proves who we are.
    pub(super) async fn enter(&self) -> Result<Session, Fault> {
        let entered = tokio::time::timeout(self.timeout, self.connect()).await;
        let late = || Fault::transient(format!("no session within {:?}", self.timeout));
        let entered = entered.unwrap_or_else(|_| Err(late()));
        entered.map_err(|fault| fault.at(self.place()))
    }

    async fn connect(&self) -> Result<Session, Fault> {
        let config = client::Config {
            keepalive_interval: Some(self.timeout),
            nodelay: true,
            ..client::Config::default()
        };
        let host = self.server.host.trim_matches(['[', ']']).to_owned();
        let refused = Arc::new(OnceLock::new());
        let doorkeeper = Doorkeeper {
            known: self.known.clone(),
            host: host.clone(),
            port: self.server.port,
            refused: Arc::clone(&refused),
        };
        let address = (host.as_str(), self.server.port);
        let connected = client::connect(Arc::new(config), address, doorkeeper).await;
        let mut handle = connected.map_err(|error| match refused.get() {
            Some(shown) => stranger(shown),
            None => of_connection(&error),
        })?;
        self.prove(&mut handle).await?;
        let opened = async {
            let channel = handle.channel_open_session().await?;
            channel.request_subsystem(true, "sftp").await?;
            Ok(channel)
        };
        let channel = opened.await.map_err(|error| of_connection(&error))?;
        let seconds = self.timeout.as_secs();
        let limits = SftpConfig { request_timeout_secs: seconds, ..SftpConfig::default() };
        let sftp = RawSftpSession::new_with_config(channel.into_stream(), limits);
        sftp.init().await.map_err(|error| of_request(&error))?;
        Ok(Session { handle, sftp: Arc::new(sftp) })
    }

    async fn prove(&self, handle: &mut Handle<Doorkeeper>) -> Result<(), Fault> {
        let user = self.server.user.as_str();
        let answer = match &self.key {
            Some(key) => {
                let hash = match handle.best_supported_rsa_hash().await {
                    Ok(Some(best)) => best,
                    Ok(None) => Some(HashAlg::Sha256),
                    Err(error) => return Err(of_connection(&error)),
                };
                handle
                    .authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::clone(key), hash))
                    .await
            }
            None => {
                let password = self.server.password.as_ref().map_or("", Secret::expose);
                handle.authenticate_password(user, password).await
            }
        };
        match answer {
            Ok(answer) if answer.success() => Ok(()),
            Ok(_) => Err(Fault::stopped("the server refused the account")
                .remedy("check account and password in `url`, or the key that `sftp.key` names")),
            Err(error) => Err(of_connection(&error)),
        }
    }
}

fn stranger(shown: &str) -> Fault {
    Fault::stopped(format!("the server is not the one that is known: it shows {shown}"))
        .remedy("ask its administrator whether its key has changed; if so, write the new one")
}

/// The text of a key is never quoted.
fn private_key(key: &Secret, passphrase: Option<&Secret>) -> Result<Arc<PrivateKey>, Fault> {
    decode_secret_key(key.expose(), passphrase.map(Secret::expose)).map(Arc::new).map_err(|_| {
        Fault::stopped("`sftp.key` is no private key, or the passphrase is another one")
            .remedy("let it name a file in OpenSSH's form, as `ssh-keygen` makes it")
    })
}

impl fmt::Debug for Entrance {
    // A key is nothing for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("server", &self.server.host).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn is_open(&self) -> bool {
        !self.handle.is_closed()
    }

    pub(super) fn sftp(&self) -> Arc<RawSftpSession> {
        Arc::clone(&self.sftp)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// Lets nobody in whom it does not know.
struct Doorkeeper {
    known: Known,
    host: String,
    port: u16,
    /// The fingerprint of a stranger.
    refused: Arc<OnceLock<String>>,
}

impl Doorkeeper {
    fn knows(&self, key: &PublicKey) -> bool {
        match &self.known {
            Known::Fingerprint(known) => key.fingerprint(known.algorithm()) == *known,
            Known::Hosts(path) => {
                matches!(check_known_hosts_path(&self.host, self.port, key, path), Ok(true))
            }
        }
    }
}

impl client::Handler for Doorkeeper {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let knows = self.knows(key);
        if !knows {
            let _ = self.refused.set(key.fingerprint(HashAlg::Sha256).to_string());
        }
        Ok(knows)
    }
}

/// The fault for a request that was refused or not answered.
pub(super) fn of_request(error: &Error) -> Fault {
    let Error::Status(status) = error else {
        return match error {
            Error::Timeout => Fault::transient("the server does not answer in time"),
            _ => Fault::transient("the connection broke off"),
        };
    };
    match status.status_code {
        StatusCode::NoSuchFile => Fault::stopped("it is not there")
            .remedy("check the path in `url`, and make the folders `archive` and `error`"),
        StatusCode::PermissionDenied => Fault::stopped("the account may not use it")
            .remedy("give it the right to read and to rename there"),
        StatusCode::OpUnsupported => Fault::stopped("the server does not allow what is needed")
            .remedy("have reading, listing and renaming allowed"),
        code => Fault::transient(format!("the server refused with code {}", code as u32)),
    }
}

/// The fault for a connection that does not come about, or breaks before it is of use.
fn of_connection(error: &russh::Error) -> Fault {
    match error {
        russh::Error::NoCommonAlgo { .. } => {
            Fault::stopped("the server knows none of the algorithms that are safe today")
                .remedy("have the server's SSH brought up to date")
        }
        russh::Error::IO(error) if let Some(why) = no_connection(error) => {
            Fault::transient("cannot connect")
                .because(why)
                .remedy("check host and port in `url`, and that the server runs there")
        }
        russh::Error::ConnectionTimeout
        | russh::Error::InactivityTimeout
        | russh::Error::KeepaliveTimeout => Fault::transient("the server does not answer in time"),
        russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP => {
            Fault::transient("the server closed the connection")
        }
        _ => Fault::transient("the server does not speak SSH as expected")
            .remedy("check host and port in `url`"),
    }
}
