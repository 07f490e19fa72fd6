//! How the server is verified, and how the connector logs in.

use contract::{Connector as _, Fault, FaultKind};
use serde_json::Value;

use super::{drop::names, *};

/// The fault of a read with these settings. Checks that the read changed nothing in the folder.
async fn refused(settings: Value) -> Fault {
    let folder = sftp().with(settings);
    folder.announce("F_20261009103000.csv", "id,title\na,1\n", 1);
    let fault = folder.files().read(None, 10).await.unwrap_err();
    assert_eq!(names(&folder.path).len(), 2);
    fault
}

#[tokio::test]
async fn a_server_with_another_key_is_refused() {
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let fault = refused(json!({ "sftp": { "host_key": other, "key": key() } })).await;
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().starts_with("server 127.0.0.1:"), "{fault}");
    let offered = server("TONGHUI_TEST_SFTP_HOST_KEY");
    assert!(fault.to_string().contains(&offered), "{fault}");
}

#[tokio::test]
async fn a_known_hosts_file_verifies_the_server() {
    let path = PathBuf::from(server("TONGHUI_TEST_SFTP_KEY"));
    let public = path.with_file_name("host_key.pub");
    let public = std::fs::read_to_string(public).unwrap();
    let url = server("TONGHUI_TEST_SFTP");
    let port = split(&url).0.rsplit(':').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("known_hosts");
    let known = json!({ "sftp": { "known_hosts": hosts, "key": key() } });

    std::fs::write(&hosts, format!("[127.0.0.1]:{port} {public}")).unwrap();
    let drops = sftp().with(known.clone());
    drops.announce("F_20261009103000.csv", "id,title\na,1\n", 1);
    assert_eq!(drops.entries(None, 10).await.0.len(), 1);

    let login_key = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    for unknown in [String::new(), format!("[127.0.0.1]:{port} {login_key}")] {
        std::fs::write(&hosts, unknown).unwrap();
        assert_eq!(refused(known.clone()).await.kind(), FaultKind::Stopped);
    }
}

#[tokio::test]
async fn a_wrong_password_stops_the_channel_and_is_not_shown() {
    let url = server("TONGHUI_TEST_SFTP").replace('@', ":s3cret@");
    let host_key = server("TONGHUI_TEST_SFTP_HOST_KEY");
    let fault = refused(json!({ "url": url, "sftp": { "host_key": host_key } })).await;
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("refused the login"), "{fault}");
    assert!(!fault.to_string().contains("s3cret"), "{fault}");
}

#[tokio::test]
async fn an_unknown_or_invalid_login_key_stops_the_channel() {
    let host_key = server("TONGHUI_TEST_SFTP_HOST_KEY");
    // The server does not accept its own host key for a login.
    let other = PathBuf::from(server("TONGHUI_TEST_SFTP_KEY")).with_file_name("host_key");
    let other = std::fs::read_to_string(other).unwrap();
    let fault = refused(json!({ "sftp": { "host_key": host_key, "key": other } })).await;
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("refused the login"), "{fault}");
    let folder = sftp().with(json!({ "sftp": { "host_key": host_key, "key": "s3cret" } }));
    let Err(fault) = folder.build() else { panic!("accepted") };
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("is not a private key"), "{fault}");
    assert!(!fault.to_string().contains("s3cret"), "{fault}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_a_transient_fault() {
    let fault = refused(json!({ "url": "sftp://a@127.0.0.1:1/x", "timeout": "2s" })).await;
    assert!(fault.is_transient(), "{fault}");
}

#[tokio::test]
async fn each_address_that_is_not_an_sftp_server_has_its_own_sentence() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web = listener.local_addr().unwrap();
    let serving = async {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut client, b"HTTP/1.1 400 Bad\r\n\r\n").await;
        }
    };
    let checks = async {
        for (url, kind, what) in [
            ("sftp://a@127.0.0.1:1/x".to_owned(), "transient", "nobody listens on this port"),
            ("sftp://a@nosuch.invalid/x".to_owned(), "transient", "host name cannot be resolved"),
            (format!("sftp://a@{web}/x"), "stopped", "this is the port of a web server"),
        ] {
            let fault = refused(json!({ "url": url, "timeout": "5s" })).await;
            assert_eq!(fault.kind().name(), kind, "{fault}");
            assert!(fault.to_string().contains(what), "{fault}");
        }
    };
    tokio::select! { () = serving => {}, () = checks => {} }
    for (url, what) in [
        ("ftp://a:s3cret@127.0.0.1/x", "ftp://, which is not supported"),
        ("sftp://127.0.0.1/x", "names no user"),
    ] {
        let Err(fault) = sftp().with(json!({ "url": url })).build() else { panic!("accepted") };
        assert!(fault.to_string().contains(what), "{fault}");
    }
}
