//! Tests that the gateway finds the same person and the same demand in two channels, with both stores.

use std::path::Path;

use gateway::{
    assemble, keys,
    registry::section_schemas,
    service::{Role, serve},
    shipped,
    stop::Stop,
};
use sandbox::{Gbk, Hotline};
use sink::store::{Database, Postgres};
use sqlx::Connection as _;
use system_tests::gateway_process::server;

use super::*;

const STORE: &str = "TONGHUI_STORE_URL";

/// Two channels that have the same text from the same telephone number, and other texts of other people.
async fn pulled(store: Option<&str>) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::machine();
    let bureau = <Petitions as Source>::open("", Limits::Loose, &clock).await;
    let settings = sandbox::Settings::new(3, clock.clone());
    let hotline = Hotline::create(&folder.path().join("hotline.db"), settings).await.unwrap();
    bureau.file(3);
    let truth = bureau.truth();
    let told = truth.records()[1].last().expected_fields().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (phone, content) = (text(&told["people"][0]["phone"]), text(&told["content"]));
    let keys = hotline.file(3).await.unwrap();
    for (key, words) in [(&keys[0], content.as_str()), (&keys[1], "别的事情")] {
        let phone = phone.clone();
        let edit = |row: &mut sandbox::Row| {
            row.rqstcontent = Gbk::new(words);
            row.rqstperson = Gbk::new("");
            row.linknumber = Some(phone);
        };
        hotline.change(key, edit).await.unwrap();
    }

    let config = folder.path().join("config");
    shipped::write(&config, &["hotline", "petition"]).unwrap();
    let since = clock.now().date() - chrono::TimeDelta::days(7);
    shipped::point_at(&config, &[("petition", bureau.url().to_owned())], since).unwrap();
    let mut known = Source::environment(&bureau);
    known.push(("HOTLINE_DATABASE_URL", hotline.url().to_owned()));
    if let Some(url) = store {
        let corner = format!("twice_{}", std::process::id());
        Postgres::create_schema(url, &corner).await.unwrap();
        keys::make(&config.join("data/keys.json"), normalizer::Suite::default()).unwrap();
        shipped::set_servers(&config, Some(STORE), None).unwrap();
        known.push((STORE, Postgres::in_schema(url, &corner)));
    }
    let store = pull(&config, &known).await;
    (folder, store)
}

async fn pull(config: &Path, known: &[(&'static str, String)]) -> Database {
    let environment =
        |name: &str| known.iter().find(|(one, _)| *one == name).map(|(_, value)| value.clone());
    let settings = config::resolve(config, &section_schemas(), &environment).unwrap();
    let (store, keys) = assemble::open(&settings).await.unwrap();
    let channels = assemble::channels(&settings, &keys).unwrap().into_iter();
    let channels = channels.map(|channel| channel.with_schedule(None)).collect();
    for (channel, end) in
        Box::pin(serve(&settings, Role::All, channels, &store, &Stop::default())).await.unwrap()
    {
        end.unwrap_or_else(|fault| panic!("{channel}: {fault}"));
    }
    while store.index_lag().await.unwrap().iter().any(|lag| lag.rows > 0) {}
    store
}

type Link = (String, String, String, i64, i64);

const LINKS: &str = "SELECT a.channel, b.channel, l.reason, CAST(l.score AS bigint),
         CAST(CASE WHEN a.content = b.content THEN 1 ELSE 0 END AS bigint)
     FROM demand_link l JOIN demand a ON a.seq = l.a JOIN demand b ON b.seq = l.b";

#[tokio::test(flavor = "multi_thread")]
async fn t16_the_same_demand_through_two_channels_is_two_records_and_a_link() {
    let (folder, _store) = pulled(None).await;
    let url = format!("sqlite://{}", folder.path().join("config/data/tonghui.db").display());
    let mut file = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let links: Vec<Link> = sqlx::query_as(LINKS).fetch_all(&mut file).await.unwrap();
    check(links);
}

#[tokio::test(flavor = "multi_thread")]
async fn t16_in_a_shared_store_too() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    let (_folder, _store) = pulled(Some(&url)).await;
    let url = Postgres::in_schema(&url, &format!("twice_{}", std::process::id()));
    let mut server = sqlx::PgConnection::connect(&url).await.unwrap();
    let links: Vec<Link> = sqlx::query_as(LINKS).fetch_all(&mut server).await.unwrap();
    check(links);
}

fn check(mut links: Vec<Link>) {
    assert_eq!(links.len(), 1, "{links:?}");
    let (a, b, reason, score, same_text) = links.remove(0);
    let mut channels = [a, b];
    channels.sort();
    assert_eq!(channels, ["hotline", "petition"]);
    assert_eq!((reason.as_str(), score, same_text), ("same person, same text", 100, 1));
}
