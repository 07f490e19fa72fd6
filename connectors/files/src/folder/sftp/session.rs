//! Sessions: verifying the server, and logging in.

use std::{
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

/// The shortest timeout: timeouts of requests are whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// How to connect and log in.
pub(super) struct Login {
    server: Server,
    known: Known,
    key: Option<Arc<PrivateKey>>,
    timeout: Duration,
}

/// How a server is verified.
#[derive(Debug, Clone)]
enum Known {
    Fingerprint(Fingerprint),
    Hosts(PathBuf),
}

/// An open session.
pub(super) struct Session {
    pub(super) handle: Handle<HostKeyCheck>,
    pub(super) sftp: Arc<RawSftpSession>,
}

impl Login {
    /// Refuses settings that cannot verify the server, or cannot log in.
    pub(super) fn new(server: Server, config: &Config) -> Result<Self, Fault> {
        let settings = &config.sftp;
        let known = match (&settings.host_key, &settings.known_hosts) {
            (Some(text), None) => Known::Fingerprint(text.parse().map_err(|_| {
                Fault::stopped("`sftp.host_key` is not a fingerprint")
                    .remedy("write SHA256:… as `ssh-keygen -l -f KEY` shows it")
            })?),
            (None, Some(path)) => Known::Hosts(PathBuf::from(path)),
            _ => {
                return Err(Fault::stopped("the settings do not say how to verify the server")
                    .remedy("write either `sftp.host_key` or `sftp.known_hosts`"));
            }
        };
        let key = settings.key.as_ref();
        let key = key.map(|key| private_key(key, settings.passphrase.as_ref())).transpose()?;
        if key.is_none() && server.password.is_none() {
            return Err(Fault::stopped("the settings do not say how to log in to the server")
                .remedy("write a password in `url`, or name a key in `sftp.key`"));
        }
        Ok(Self { server, known, key, timeout: config.timeout.0.max(SHORTEST) })
    }

    /// For faults.
    pub(super) fn place(&self) -> String {
        format!("server {}:{}", self.server.host, self.server.port)
    }

    /// Connects, verifies the server, and logs in.
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
        let check = HostKeyCheck {
            known: self.known.clone(),
            host: host.clone(),
            port: self.server.port,
            refused: Arc::clone(&refused),
        };
        let address = (host.as_str(), self.server.port);
        let connected = client::connect(Arc::new(config), address, check).await;
        let mut handle = connected.map_err(|error| match refused.get() {
            Some(shown) => unknown_host(shown),
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

    async fn prove(&self, handle: &mut Handle<HostKeyCheck>) -> Result<(), Fault> {
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

fn unknown_host(shown: &str) -> Fault {
    Fault::stopped(format!("the host key of the server is another one: {shown}"))
        .remedy("ask its administrator whether the key has changed; if so, write the new one")
}

/// The text of a key is never quoted.
fn private_key(key: &Secret, passphrase: Option<&Secret>) -> Result<Arc<PrivateKey>, Fault> {
    decode_secret_key(key.expose(), passphrase.map(Secret::expose)).map(Arc::new).map_err(|_| {
        Fault::stopped("`sftp.key` is not a private key, or the passphrase is wrong")
            .remedy("name a file in OpenSSH format, as `ssh-keygen` makes it")
    })
}

/// Accepts no unknown host key.
pub(super) struct HostKeyCheck {
    known: Known,
    host: String,
    port: u16,
    /// The fingerprint of a host key that was refused.
    refused: Arc<OnceLock<String>>,
}

impl HostKeyCheck {
    fn knows(&self, key: &PublicKey) -> bool {
        match &self.known {
            Known::Fingerprint(known) => key.fingerprint(known.algorithm()) == *known,
            Known::Hosts(path) => {
                matches!(check_known_hosts_path(&self.host, self.port, key, path), Ok(true))
            }
        }
    }
}

impl client::Handler for HostKeyCheck {
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

/// The fault for a connection that fails.
fn of_connection(error: &russh::Error) -> Fault {
    match error {
        russh::Error::NoCommonAlgo { .. } => {
            Fault::stopped("the server supports no algorithm that is safe today")
                .remedy("have the SSH of the server updated")
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
