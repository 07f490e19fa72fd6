//! Tests of a door with TLS.

use axum::routing::get;
use contract::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

use super::*;

/// A certificate for `localhost`, its key, and the key of another one. They serve for nothing else.
const CERTIFICATE: &str = include_str!("tests/door.pem");
const KEY: &str = include_str!("tests/door.key");
const OTHER_KEY: &str = include_str!("tests/other.key");

const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn tls(certificate: &str, key: &str) -> Tls {
    Tls { certificate: certificate.to_owned(), key: Secret::new(key) }
}

async fn listener(tls: Tls) -> Listener {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let door = Door { listen, tls: Some(tls), proxy: false };
    let router = Router::new().route("/health/live", get(|| async { "alive\n" }));
    Listener::open("console", &door, Arc::default(), router, HEAD_TIMEOUT).await.unwrap()
}

/// A client that trusts the certificate.
fn client() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn a_door_with_a_certificate_answers_by_https_only() {
    let listener = listener(tls(CERTIFICATE, KEY)).await;
    let (address, stop) = (listener.address().unwrap(), Stop::default());
    let asking = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = client().connect(name, stream).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        // The server may close the connection without ending TLS first.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive\n"), "{answer}");

        let mut plain = TcpStream::connect(address).await.unwrap();
        plain.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        stop.request();
    };
    tokio::join!(listener.serve(&stop), asking);
}

#[test]
fn a_certificate_and_a_key_that_do_not_belong_together_are_refused_and_not_shown() {
    assert!(acceptor("intake", &tls(CERTIFICATE, KEY)).is_ok());
    for (certificate, key) in [
        (CERTIFICATE, OTHER_KEY),
        (CERTIFICATE, "hunter2"),
        (CERTIFICATE, CERTIFICATE),
        ("", KEY),
        (KEY, KEY),
    ] {
        let fault = acceptor("intake", &tls(certificate, key)).err().unwrap();
        let text = format!("{fault} {fault:?}");
        assert!(text.contains("`tls` in [intake]") && !text.contains("hunter2"), "{text}");
    }
}
