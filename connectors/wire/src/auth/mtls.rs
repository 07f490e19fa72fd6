//! A client certificate. Nothing of a request changes: whoever builds the connection asks for it.

use contract::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

/// A certificate with which the connection itself proves who it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    /// The certificate and the chain that leads to its authority, in PEM.
    pub certificate: Secret,
    /// Its private key, in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    pub key: Secret,
}

impl Mtls {
    /// Key and certificates in one text, as client builders take them.
    pub fn pem(&self) -> String {
        format!("{}\n{}\n", self.key.expose(), self.certificate.expose())
    }
}
