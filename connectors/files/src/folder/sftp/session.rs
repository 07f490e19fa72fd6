//! Opens sessions: connects, verifies the server, and logs in.

use std::{
    io::ErrorKind,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use contract::{ConnectFailure, Fault, Secret, ServerSettings, server_of};
use russh::{
    MethodKind,
    client::{self, AuthResult, Handle},
    keys::{
        HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
        check_known_hosts_path, decode_secret_key, ssh_key::Fingerprint,
    },
};
use russh_sftp::{
    client::{Config as SftpConfig, RawSftpSession, error::Error},
    protocol::StatusCode,
};
use tokio::net::TcpStream;

use crate::{config::Config, folder::address::SftpAddress};

/// The shortest timeout, because the timeout of a request is set in whole seconds.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);

/// How to connect and log in.
pub(super) struct Login {
    pub(super) address: SftpAddress,
    verification: HostVerification,
    key: Option<Arc<PrivateKey>>,
    timeout: Duration,
}

/// How the server is verified.
#[derive(Debug, Clone)]
enum HostVerification {
    Fingerprint(Fingerprint),
    KnownHosts(PathBuf),
}

/// An open session.
pub(super) struct Session {
    pub(super) handle: Handle<HostKeyCheck>,
    pub(super) sftp: Arc<RawSftpSession>,
}

impl Login {
    /// Refuses settings that do not say how to verify the server, or how to log in.
    pub(super) fn new(address: SftpAddress, config: &Config) -> Result<Self, Fault> {
        let settings = &config.sftp;
        let verification = match (&settings.host_key, &settings.known_hosts) {
            (Some(text), None) => HostVerification::Fingerprint(text.parse().map_err(|_| {
                Fault::stopped("`sftp.host_key` is not a fingerprint")
                    .remedy("write `SHA256:…`, as `ssh-keygen -l -f KEY` shows it")
            })?),
            (None, Some(path)) => HostVerification::KnownHosts(PathBuf::from(path)),
            _ => {
                return Err(Fault::stopped("the settings do not say how to verify the server")
                    .remedy("set either `sftp.host_key` or `sftp.known_hosts`"));
            }
        };
        let key = settings.key.as_ref();
        let key = key.map(|key| private_key(key, settings.passphrase.as_ref())).transpose()?;
        if key.is_none() && address.password.is_none() {
            return Err(Fault::stopped("the settings do not say how to log in to the server")
                .remedy("write a password in `url`, or set `sftp.key`"));
        }
        Ok(Self { address, verification, key, timeout: config.timeout.0.max(MIN_TIMEOUT) })
    }

    /// Names the server in a fault.
    pub(super) fn server_name(&self) -> String {
        format!("server {}:{}", self.address.host, self.address.port)
    }

    /// Connects, verifies the server, and logs in.
    pub(super) async fn open_session(&self) -> Result<Session, Fault> {
        let session = async {
            let host = self.address.host.trim_matches(['[', ']']);
            let connecting = TcpStream::connect((host, self.address.port));
            let connected = tokio::time::timeout(self.timeout, connecting).await;
            let stream = connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
            let stream = stream.map_err(|error| connection_fault(&error.into()))?;
            let logging_in = tokio::time::timeout(self.timeout, self.log_in(host, stream)).await;
            logging_in.unwrap_or_else(|_| {
                Err(Fault::transient("the server accepts the connection, but does not complete the login in time")
                    .remedy("check the port in `url`; ask the administrator for the cause, or raise `timeout`"))
            })
        };
        session.await.map_err(|fault| fault.at(self.server_name()))
    }

    async fn log_in(&self, host: &str, stream: TcpStream) -> Result<Session, Fault> {
        // An SSH server speaks first. What it says stays in the stream.
        let mut greeting = [0; 16];
        let n_bytes =
            stream.peek(&mut greeting).await.map_err(|error| connection_fault(&error.into()))?;
        if let Some(who) = greeting.get(..n_bytes).and_then(server_of)
            && !greeting.starts_with(b"SSH-")
        {
            return Err(Fault::stopped(format!("this is the port of {who}"))
                .remedy("check the host and port in `url`: SFTP usually uses port 22"));
        }
        let _ = stream.set_nodelay(true);
        let config =
            client::Config { keepalive_interval: Some(self.timeout), ..client::Config::default() };
        // The handler stores the fingerprint of a refused key here. Its error would be lost if
        // closing the connection failed too.
        let refused_fingerprint = Arc::new(OnceLock::new());
        let check = HostKeyCheck {
            verification: self.verification.clone(),
            host: host.to_owned(),
            port: self.address.port,
            refused_fingerprint: Arc::clone(&refused_fingerprint),
        };
        let connected = client::connect_stream(Arc::new(config), stream, check).await;
        let mut handle = connected.map_err(|error| match refused_fingerprint.get() {
            Some(fingerprint) => unknown_host(fingerprint),
            None => connection_fault(&error),
        })?;
        self.authenticate(&mut handle).await?;
        let opened = async {
            let channel = handle.channel_open_session().await?;
            channel.request_subsystem(true, "sftp").await?;
            Ok(channel)
        };
        let channel = opened.await.map_err(|error| connection_fault(&error))?;
        let seconds = self.timeout.as_secs();
        let limits = SftpConfig { request_timeout_secs: seconds, ..SftpConfig::default() };
        let sftp = RawSftpSession::new_with_config(channel.into_stream(), limits);
        sftp.init().await.map_err(|error| request_fault(&error))?;
        Ok(Session { handle, sftp: Arc::new(sftp) })
    }

    async fn authenticate(&self, handle: &mut Handle<HostKeyCheck>) -> Result<(), Fault> {
        let user = self.address.user.as_str();
        let answer = match &self.key {
            Some(key) => {
                let hash = match handle.best_supported_rsa_hash().await {
                    Ok(Some(best)) => best,
                    Ok(None) => Some(HashAlg::Sha256),
                    Err(error) => return Err(connection_fault(&error)),
                };
                handle
                    .authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::clone(key), hash))
                    .await
            }
            None => {
                let password = self.address.password.as_ref().map_or("", Secret::expose);
                handle.authenticate_password(user, password).await
            }
        };
        match answer {
            Ok(AuthResult::Success) => Ok(()),
            Ok(AuthResult::Failure { partial_success: true, .. }) => Err(Fault::stopped(
                "the server demands a second proof besides the first one, which it accepted",
            )
            .remedy("ask the administrator for an account that needs only a key or a password")),
            Ok(AuthResult::Failure { remaining_methods, .. })
                if self.key.is_none() && !remaining_methods.contains(&MethodKind::Password) =>
            {
                Err(Fault::stopped("the server refused the login: it admits no passwords")
                    .remedy("ask the administrator to admit a key, and set `sftp.key`"))
            }
            Ok(_) => Err(Fault::stopped("the server refused the login")
                .remedy("check the user and password in `url`, or the key in `sftp.key`")),
            Err(error) => Err(connection_fault(&error)),
        }
    }
}

fn unknown_host(fingerprint: &str) -> Fault {
    Fault::stopped(format!("the server has an unknown host key: {fingerprint}"))
        .remedy("if its administrator confirms the key, update `sftp.host_key` or `known_hosts`")
}

/// Parses a private key. No fault shows its text.
fn private_key(key: &Secret, passphrase: Option<&Secret>) -> Result<Arc<PrivateKey>, Fault> {
    decode_secret_key(key.expose(), passphrase.map(Secret::expose)).map(Arc::new).map_err(|_| {
        Fault::stopped("`sftp.key` is not a private key, or the passphrase is wrong")
            .remedy("set `sftp.key` to a key in OpenSSH format, and check `sftp.passphrase`")
    })
}

/// Checks the host key of the server.
pub(super) struct HostKeyCheck {
    verification: HostVerification,
    host: String,
    port: u16,
    /// Receives the fingerprint of a host key that is refused.
    refused_fingerprint: Arc<OnceLock<String>>,
}

impl HostKeyCheck {
    fn accepts(&self, key: &PublicKey) -> bool {
        match &self.verification {
            HostVerification::Fingerprint(known) => key.fingerprint(known.algorithm()) == *known,
            HostVerification::KnownHosts(path) => {
                matches!(check_known_hosts_path(&self.host, self.port, key, path), Ok(true))
            }
        }
    }
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        offered: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = offered else { return Ok(false) };
        let is_accepted = self.accepts(key);
        if !is_accepted {
            let _ = self.refused_fingerprint.set(key.fingerprint(HashAlg::Sha256).to_string());
        }
        Ok(is_accepted)
    }
}

/// The fault for a request that the server refused or did not answer.
pub(super) fn request_fault(error: &Error) -> Fault {
    let status = match error {
        Error::Status(status) => status,
        Error::Timeout => return no_answer(),
        // The library says so if the connection ends while a request waits.
        Error::UnexpectedBehavior(text) if text.contains("dropped") => {
            return Fault::transient("the connection was lost");
        }
        Error::UnexpectedBehavior(text) => {
            return Fault::stopped("the server does not follow the SFTP protocol")
                .because(text.clone())
                .remedy("ask its administrator to update the server");
        }
        _ => return Fault::transient("the connection was lost"),
    };
    match status.status_code {
        StatusCode::NoSuchFile => Fault::stopped("this file or folder does not exist")
            .remedy("check the path in `url`, and create the folders `archive` and `error`"),
        StatusCode::PermissionDenied => Fault::stopped("the server denied access to this path")
            .remedy("ask its administrator to let the account read and rename files there"),
        StatusCode::OpUnsupported => Fault::stopped("the server refused a necessary operation")
            .remedy("ask the administrator to allow reading, listing and renaming"),
        code => Fault::transient(format!("the server reported error code {}", code as u32)),
    }
}

fn no_answer() -> Fault {
    Fault::transient("the server did not answer in time")
        .remedy("ask its administrator for the cause, or raise `timeout`")
}

/// The names of the settings, for remedies.
const SETTINGS: ServerSettings = ServerSettings { address: "`url`", ca: "`sftp.known_hosts`" };

/// The fault for a connection that fails.
fn connection_fault(error: &russh::Error) -> Fault {
    match error {
        russh::Error::NoCommonAlgo { .. } => {
            Fault::stopped("the server supports no algorithm that is considered safe")
                .remedy("ask the administrator to update the SSH server")
        }
        russh::Error::IO(error) if let Some(failure) = ConnectFailure::of(error) => {
            failure.fault(SETTINGS)
        }
        russh::Error::ConnectionTimeout
        | russh::Error::InactivityTimeout
        | russh::Error::KeepaliveTimeout => no_answer(),
        russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP => Fault::transient(
            "the server closed the connection",
        )
        .remedy(
            "if this lasts, check the port in `url`, and whether the server admits more sessions",
        ),
        _ => Fault::stopped("the server does not follow the SSH protocol")
            .remedy("check the host and port in `url`: SFTP usually uses port 22"),
    }
}
