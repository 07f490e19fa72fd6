//! Users without access or with read-only access: the message, and what to do.

use contract::{Checkpoints, Fault};

use super::{PostgresTestStore, faults::stops_with, new_database, server, tell};
use crate::store::{
    Access, Database, Postgres,
    suite::{
        keep,
        sample::{hotline, id, intake, read, record},
    },
};

async fn refused(url: &str) -> Fault {
    Postgres::open(url, Access::ReadWrite).await.unwrap_err()
}

#[tokio::test]
async fn who_is_not_let_in_is_told_what_to_do_and_not_his_password() {
    let url = new_database("ENCODING 'UTF8'").await;
    let password = url.split_once("postgres:").unwrap().1.rsplit_once('@').unwrap().0;
    let password = password.rsplit_once(':').map_or(password, |(_, password)| password);
    let fault = refused(&url.replace(password, "wr0ng")).await;
    stops_with(&fault, "check the user and the password");
    assert!(!format!("{fault} {fault:?}").contains("wr0ng"), "{fault:?}");
    stops_with(&refused(&format!("{url}_missing")).await, "CREATE DATABASE");
    let latin = new_database("ENCODING 'LATIN1' LOCALE 'C'").await;
    stops_with(&refused(&latin).await, "LATIN1, not UTF8");
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_grant_is_missing() {
    let url = new_database("ENCODING 'UTF8'").await;
    let guest = format!("guest_{}", std::process::id());
    tell(&url, &format!("REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {guest} LOGIN"))
        .await;
    let (_, address) = url.rsplit_once('@').unwrap();
    let fault = refused(&format!("postgres://{guest}@{address}")).await;
    stops_with(&fault, "permission denied for schema public");
    stops_with(&fault, "GRANT USAGE, CREATE ON SCHEMA");
    tell(&server(), &format!("DROP ROLE {guest}")).await;
}

#[tokio::test]
async fn tables_of_a_newer_version_are_left_alone() {
    let served = PostgresTestStore::new().await;
    served
        .tell(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', true, '', 1)",
        )
        .await;
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let fault = Postgres::open(&served.url, access).await.unwrap_err();
        stops_with(&fault, "another version of the gateway created the tables");
    }
}

#[tokio::test]
async fn who_looks_cannot_write_and_makes_no_tables() {
    let served = PostgresTestStore::new().await;
    keep(&served.store, &intake([&read(1, [record("a", "one")])])).await;
    let looking = Postgres::open(&served.url, Access::ReadOnly).await.unwrap();
    let store = Database::Postgres(looking.clone());
    assert!(store.demand(&id("a")).await.unwrap().is_some());
    stops_with(&store.reserve(&hotline(), 0, 1).await.unwrap_err(), "reading only");
    let readers = looking.link.pools().await.unwrap().readers;
    let error = sqlx::query("DELETE FROM demand").execute(&readers).await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    let empty = new_database("ENCODING 'UTF8'").await;
    let fault = Postgres::open(&empty, Access::ReadOnly).await.unwrap_err();
    stops_with(&fault, "start the gateway once");
}
