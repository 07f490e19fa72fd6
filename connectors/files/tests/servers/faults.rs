//! Faults of the server, and how the connector continues after them.

use contract::{Connector as _, FaultKind};

use super::{drop::keys, proxy::Proxy, *};

const NAME: &str = "F_20261009103000.csv";

#[tokio::test]
async fn a_lost_connection_is_a_transient_fault_and_loses_no_record() {
    let url = server("TONGHUI_TEST_SFTP");
    let (address, _) = split(&url);
    let (user, host) = address["sftp://".len()..].split_once('@').unwrap();
    let proxy = Proxy::to(host.parse().unwrap()).await;
    let folder = sftp();
    let own_url = format!("sftp://{user}@{}{}", proxy.address, folder.path.display());
    let folder = folder.with(json!({ "url": own_url, "timeout": "3s" }));
    folder.announce(NAME, "id,title\na,1\nb,2\n", 2);
    let mut files = folder.files();
    let batch = files.read(None, 1).await.unwrap();
    assert_eq!(keys(&batch.entries), ["a"]);
    let rest = files.read(Some(&batch.upto), 1).await.unwrap();
    let last = files.read(Some(&rest.upto), 1).await.unwrap();
    assert!(last.upto == rest.upto || last.entries.is_empty());
    proxy.stop();
    let fault = files.settled(&rest.upto).await;
    let fault = match fault {
        Err(fault) => fault,
        Ok(()) => files.read(None, 1).await.unwrap_err(),
    };
    assert!(fault.is_transient(), "{fault}");
    // Read without the proxy, the folder is unchanged.
    let url = format!("{address}{}", folder.path.display());
    let folder = folder.with(json!({ "url": url }));
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(keys(&entries), ["a", "b"]);
}

#[tokio::test]
async fn a_large_file_arrives_whole() {
    let folder = sftp();
    let rows: String = (0..40_000).map(|n| format!("k{n},{n:0>60}\n")).collect();
    folder.announce(NAME, format!("id,title\n{rows}"), 40_000);
    let (entries, _) = folder.entries(None, 7_000).await;
    assert_eq!(entries.len(), 40_000);
    assert_eq!(folder.names("archive").len(), 2);
}

#[tokio::test]
async fn a_link_on_the_server_is_not_followed() {
    let folder = sftp();
    let outside = folder.path.with_extension("outside.csv");
    std::fs::write(&outside, "id,title\nstolen,1\n").unwrap();
    std::os::unix::fs::symlink(&outside, folder.path.join(NAME)).unwrap();
    folder.announce("F_20261009110000.csv", "id,title\na,1\n", 1);
    let batch = folder.files().read(None, 10).await.unwrap();
    assert_eq!(keys(&batch.entries), ["a"]);
    assert_eq!(batch.trouble[0].1.kind(), FaultKind::Stopped);
}

#[tokio::test]
async fn a_folder_without_write_permission_stops_with_a_remedy() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = sftp();
    folder.announce(NAME, "id,title\na,1\n", 1);
    let closed = std::fs::Permissions::from_mode(0o555);
    std::fs::set_permissions(folder.path.join("archive"), closed).unwrap();
    let mut files = folder.files();
    let batch = files.read(None, 10).await.unwrap();
    let fault = files.settled(&batch.upto).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("rename"), "{fault}");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path.join("archive"), open).unwrap();
    files.settled(&batch.upto).await.unwrap();
    assert_eq!(folder.names("archive").len(), 2);
}

#[tokio::test]
async fn all_files_of_a_long_listing_are_read() {
    let folder = sftp().with(json!({ "listing": 300 }));
    for n in 0..200 {
        let name = format!("F_202610091{n:0>5}.csv");
        folder.announce(&name, format!("id,title\nk{n},1\n"), 1);
    }
    let (entries, _) = folder.entries(None, 10).await;
    assert_eq!(entries.len(), 200);
    assert!(folder.names("").is_empty());
}

#[tokio::test]
async fn a_file_that_is_removed_after_the_listing_is_reported() {
    let folder = sftp();
    folder.announce(NAME, "id,title\na,1\nb,2\n", 2);
    let batch = folder.files().read(None, 1).await.unwrap();
    std::fs::remove_file(folder.path.join(NAME)).unwrap();
    let batch = folder.files().read(Some(&batch.upto), 1).await.unwrap();
    assert!(batch.entries.is_empty() && batch.caught_up());
    assert_eq!(batch.trouble[0].0.0, NAME);
}
