//! A password leaves only over a connection that is encrypted and verified.

use std::sync::Arc;

use contract::OpenGate;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

#[tokio::test]
async fn another_machine_is_verified_unless_the_settings_say_that_it_is_insecure() {
    for (address, is_safe) in [
        ("mysql://u:s3cret@db.example/x", false),
        ("mysql://u:s3cret@10.0.0.5/x?ssl-mode=REQUIRED", false),
        ("mariadb://u:s3cret@db.example/x?ssl-mode=DISABLED", false),
        ("mysql://u:s3cret@db.example/x?ssl-mode=VERIFY_CA", true),
        ("mysql://u:s3cret@db.example/x?ssl-mode=VERIFY_IDENTITY", true),
        ("mysql://u:s3cret@127.0.0.1/x", true),
        ("mysql://u:s3cret@localhost:3307/x", true),
        ("mysql://u:s3cret@db.example/x?socket=/run/mysqld.sock", true),
        ("postgres://u:s3cret@db.example/x", false),
        ("postgres://u:s3cret@db.example/x?sslmode=require", false),
        ("postgres://u:s3cret@localhost/x?hostaddr=10.0.0.5", false),
        ("postgresql://u:s3cret@db.example/x?sslmode=verify-full", true),
        ("postgres://u:s3cret@db.example/x?sslmode=verify-ca", true),
        ("postgres://u:s3cret@[::1]/x", true),
        ("postgres://u:s3cret@%2Frun%2Fpg/x", true),
    ] {
        let city = city().await.with(json!({ "url": address }));
        match city.build(Arc::new(OpenGate)) {
            Ok(_) => assert!(is_safe, "{address} was taken"),
            Err(fault) => {
                assert!(!is_safe && fault.is_stopped(), "{address}: {fault}");
                let fault = fault.to_string();
                assert!(fault.contains("insecure = true") && !fault.contains("s3cret"), "{fault}");
            }
        }
        let city = city.with(json!({ "insecure": true }));
        assert!(city.build(Arc::new(OpenGate)).is_ok(), "{address}");
    }
}

const KEY_OF_ANOTHER: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq6Q6/boXc8EOrVXorRun
Au+bTnIfUe82TyBy3jVo8xtWaBraF2xSMa3YO1Q5fW4/kc83w5/2HRiMeTbn9uYk
qYUYbQvgWpMXwJXpq5/pA5dRn37lF1zzgcFsMprcbVfbutyUJJZx61Iy2ULF+K+V
wu/hOp/AezAiDkaOFOBnm9iDgI6R9J5pB5ssyhyWka9zDIQPPFzN2V8n6A90E4p5
nZfbeiV4Hl6FbqQlCAQnqJwwG8MtWERZqiTgcpoAthBMpbppmphJS0XR/HBVWaBY
WhBCkEQ3bQl+Xp7fcBoiXdyhkxst0qqQkOsSSStc6rG+XSlaG9bNL5P1Y+5+sX0I
dwIDAQAB
-----END PUBLIC KEY-----
";

/// A packet of MySQL.
fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

/// The greeting of a server without TLS, whose accounts log in with caching_sha2_password.
fn greeting() -> Vec<u8> {
    let abilities: u32 = 0x0fff_ffff & !0x800;
    let [first, second, third, fourth] = abilities.to_le_bytes();
    let parts: [&[u8]; 5] = [
        b"\x0a8.0.0\0\x01\0\0\0AAAAAAAA\0",
        &[first, second, 0x21, 2, 0, third, fourth, 21],
        &[0; 10],
        b"BBBBBBBBBBBB\0",
        b"caching_sha2_password\0",
    ];
    packet(0, &parts.concat())
}

#[tokio::test]
async fn a_false_mysql_server_gets_no_password_for_a_key_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mysql://u:s3cret@{}/x", listener.local_addr().unwrap());
    let serving = async {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            client.write_all(&greeting()).await.unwrap();
            let mut said = [0; 4096];
            let n_login = client.read(&mut said).await.unwrap();
            assert!(n_login > 0);
            // It demands the password itself, and offers a key to encrypt it with.
            client.write_all(&packet(2, &[1, 4])).await.unwrap();
            let n_asked = client.read(&mut said).await.unwrap_or_default();
            assert!(n_asked <= 5, "more than a request for the key");
            let key = [&[1][..], KEY_OF_ANOTHER.as_bytes()].concat();
            let _ = client.write_all(&packet(4, &key)).await;
            let n_more = client.read(&mut said).await.unwrap_or_default();
            assert_eq!(n_more, 0, "bytes that were encrypted with its key");
        }
    };
    let reading = async {
        let city = city().await.with(json!({ "url": url }));
        let fault = city.table().read(None, 10).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        let fault = fault.to_string();
        assert!(fault.contains("the connection is not encrypted"), "{fault}");
        assert!(!fault.contains("s3cret"), "{fault}");
    };
    tokio::select! { () = serving => {}, () = reading => {} }
}
