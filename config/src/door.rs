//! The doors of the gateway: where it listens, and what protects it there.

use std::net::SocketAddr;

use contract::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

/// Minimum number of characters of a token: a shorter one can be found by trying.
const MIN_TOKEN: usize = 16;

/// The certificate of a door.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate, followed by those of the authorities between it and the root; relative to the
    /// configuration folder. `tonghui reload` reads it and the key again.
    // The format `content` makes the reader of the configuration put the content of the file here.
    #[schemars(extend("format" = "content"))]
    pub certificate: String,
    /// PEM file with the private key of the certificate. A secret.
    pub key: Secret,
}

/// An address on which the gateway listens.
#[derive(Debug, Clone, PartialEq)]
pub struct Door {
    /// Address and port.
    pub listen: SocketAddr,
    /// Its certificate; without it, requests are not encrypted.
    pub tls: Option<Tls>,
    /// Whether a proxy with TLS stands in front of it, which passes on the requests of all clients.
    pub proxy: bool,
}

impl Door {
    /// Checks that nobody on the way can read what is sent to it.
    ///
    /// # Errors
    /// It can. The text continues a sentence that begins with the name of the door.
    pub(crate) fn check_network(&self) -> Result<(), String> {
        if self.is_local() || self.tls.is_some() || self.proxy {
            return Ok(());
        }
        Err(format!("listens on {}, which other machines can reach, without TLS", self.listen))
    }

    /// Checks that its clients prove who they are, if other machines can reach it.
    ///
    /// # Errors
    /// Anybody may come in. The text continues a sentence that begins with the name of the door.
    pub fn check_clients(&self, has_authentication: bool) -> Result<(), String> {
        if has_authentication || !self.is_reached() {
            return Ok(());
        }
        let listen = self.listen;
        Err(format!("listens on {listen}, which other machines can reach, without authentication"))
    }

    /// Checks that the token or the key by which its clients prove who they are cannot be found by trying. It counts
    /// on a loopback address too: every program and user of this machine can try.
    ///
    /// # Errors
    /// The token is too short. The text continues a sentence that begins with the name of the token.
    pub fn check_token(token: &Secret) -> Result<(), String> {
        if token.expose().chars().count() >= MIN_TOKEN {
            return Ok(());
        }
        Err(format!(
            "has fewer than {MIN_TOKEN} characters, so it can be found by trying: make one with \
             `openssl rand -hex 32`"
        ))
    }

    /// Whether other machines can reach it, directly or through a proxy.
    fn is_reached(&self) -> bool {
        !self.is_local() || self.proxy
    }

    fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }
}
