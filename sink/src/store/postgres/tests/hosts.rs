//! Several hosts, and a host that becomes read-only.

use contract::Store;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{PostgresTestStore, connect, new_database, open, tell};
use crate::store::{
    Access, Database, Postgres,
    suite::{
        keep,
        sample::{intake, read, record},
        stored,
    },
};

/// A port at which nobody listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// The URL with another host before its own.
fn with_host_before(url: &str, port: u16) -> String {
    let (user, address) = url.rsplit_once('@').unwrap();
    format!("{user}@127.0.0.1:{port},{address}?target_session_attrs=read-write")
}

#[tokio::test]
async fn the_first_host_that_will_do_is_taken() {
    let url = new_database("ENCODING 'UTF8'").await;
    let store = open(&with_host_before(&url, closed_port().await)).await;
    assert_eq!(keep(&store, &intake([&read(1, [record("a", "one")])])).await, stored(1));
}

#[tokio::test]
async fn where_no_host_answers_it_may_pass() {
    let (one, two) = (closed_port().await, closed_port().await);
    let url = format!("postgres://u:secret@127.0.0.1:{one},127.0.0.1:{two}/db");
    let fault = Postgres::open(&url, Access::ReadWrite).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    let text = fault.to_string();
    assert!(text.contains(&one.to_string()) && text.contains(&two.to_string()), "{text}");
    assert!(!format!("{fault:?}").contains("secret"), "{fault:?}");
}

#[tokio::test]
async fn the_store_goes_on_with_another_host_when_the_first_is_gone() {
    let url = new_database("ENCODING 'UTF8'").await;
    let (_, address) = url.rsplit_once('@').unwrap();
    let server = address.split_once('/').unwrap().0.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut first = JoinSet::new();
    first.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut here, _)) = listener.accept().await {
            let mut there = TcpStream::connect(&server).await.unwrap();
            connections.spawn(async move {
                let _ = copy_bidirectional(&mut here, &mut there).await;
            });
        }
    });
    let store = open(&with_host_before(&url, port)).await;
    keep(&store, &intake([&read(1, [record("a", "one")])])).await;
    first.shutdown().await;
    let second = intake([&read(2, [record("a", "two")])]);
    let fault = store.store(&second).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    assert_eq!(keep(&store, &second).await, stored(1));
}

#[tokio::test]
async fn a_host_that_takes_no_writes_for_a_while_is_found_again() {
    let served = PostgresTestStore::new().await;
    keep(&served.store, &intake([&read(1, [record("a", "one")])])).await;
    let (_, name) = served.url.rsplit_once('/').unwrap();
    let cut_off = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let set = |to: &str| format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}");
    served.tell(&set("on")).await;
    served.tell(cut_off).await;
    let second = intake([&read(2, [record("a", "two")])]);
    // First the pool opens a new connection to the same host, and then the host is probed.
    for why in ["read-only transaction", "the server does not accept writes"] {
        let fault = served.store.store(&second).await.unwrap_err();
        assert!(fault.is_transient() && fault.to_string().contains(why), "{fault}");
    }
    let writing = format!("{}?options=-c%20default_transaction_read_only%3Doff", served.url);
    tell(&writing, &set("off")).await;
    assert_eq!(keep(&served.store, &second).await, stored(1));
}

/// A primary that was replaced, and a standby, answer what was there once.
#[tokio::test]
async fn a_host_that_accepts_no_writes_is_read_only_if_the_url_names_it_alone() {
    let served = PostgresTestStore::new().await;
    keep(&served.store, &intake([&read(1, [record("a", "one")])])).await;
    let several = with_host_before(&served.url, closed_port().await);
    let (_, name) = served.url.rsplit_once('/').unwrap();
    let set = |to: &str| format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}");
    let cut_off = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let (writing, looking) =
        (connect(&several).await, Postgres::open(&several, Access::ReadOnly).await.unwrap());
    let books = async |store: &Postgres| Database::Postgres(store.clone()).books(None, None).await;
    for store in [&writing, &looking] {
        assert_eq!(books(store).await.unwrap().len(), 1);
    }

    served.tell(&set("on")).await;
    served.tell(cut_off).await;
    let refused = Postgres::open(&several, Access::ReadOnly).await.unwrap_err();
    assert!(refused.to_string().contains("name it alone"), "{refused}");
    let alone = Postgres::open(&served.url, Access::ReadOnly).await.unwrap();
    assert_eq!(books(&alone).await.unwrap().len(), 1);
    for store in [&writing, &looking] {
        store.link.let_time_pass();
        let fault = books(store).await.unwrap_err();
        let why = "the server does not accept writes";
        assert!(fault.is_transient() && fault.to_string().contains(why), "{fault}");
    }

    let writing_options =
        format!("{}?options=-c%20default_transaction_read_only%3Doff", served.url);
    tell(&writing_options, &set("off")).await;
    for store in [&writing, &looking] {
        assert_eq!(books(store).await.unwrap().len(), 1);
    }
}
