//! The whole city: every shipped channel reads its source over the real transport, into the store.

use std::path::Path;

use contract::{ChannelId, DemandId, RecordKey};
use gateway::{
    assemble,
    registry::section_schemas,
    service::{Role, serve},
    shipped,
    stop::Stop,
};
use normalizer::Sealer;
use sandbox::{
    City, CityPlan,
    truth::{Outcome, Record},
};
use sink::store::Database;
use system_tests::compare::altered_field;
use tempfile::TempDir;

/// A city and the gateway that reads it.
struct World {
    folder: TempDir,
    city: City,
}

impl World {
    async fn open(records: u64, quirks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = CityPlan::demonstration(5, folder.path().to_owned(), records);
        let quirks = plan.channels.iter().map(|name| ((*name).to_owned(), quirks.to_owned()));
        let plan =
            CityPlan { quirks: quirks.collect(), retention: sandbox::Retention::All, ..plan };
        let city = City::open(&plan).await.unwrap();
        let config = folder.path().join("config");
        shipped::write(&config, &plan.channels).unwrap();
        let since = plan.clock.now().date() - chrono::TimeDelta::days(60);
        shipped::point_at(&config, &city.addresses, since).unwrap();
        Self { folder, city }
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("config")
    }

    /// Reads every channel until it has caught up.
    async fn pull(&self) -> (Database, Sealer) {
        let known = &self.city.environment;
        let environment =
            |name: &str| known.iter().find(|(one, _)| *one == name).map(|(_, value)| value.clone());
        let settings = config::resolve(&self.config(), &section_schemas(), &environment).unwrap();
        let (store, keys) = assemble::open(&settings).await.unwrap();
        let channels = assemble::channels(&settings, &keys).unwrap().into_iter();
        let channels = channels.map(|channel| channel.with_schedule(None)).collect();
        let stop = Stop::default();
        let ended = Box::pin(serve(&settings, Role::All, channels, &store, &stop)).await.unwrap();
        for (channel, end) in ended {
            end.unwrap_or_else(|fault| panic!("{channel}: {fault}"));
        }
        (store, Sealer::new(&keys))
    }

    /// All differences between what the city served and what the store contains.
    async fn differences(&self, store: &Database, sealer: &Sealer) -> Vec<String> {
        let mut found = Vec::new();
        for truth in self.city.truths().await.unwrap() {
            let channel: ChannelId = truth.channel.parse().unwrap();
            for thing in truth.records() {
                let difference = difference(&channel, thing, store, sealer).await;
                found.extend(difference.map(|what| format!("{channel} {}: {what}", thing.key)));
            }
        }
        found
    }
}

async fn difference(
    channel: &ChannelId,
    thing: &Record,
    store: &Database,
    sealer: &Sealer,
) -> Option<String> {
    let key = RecordKey::new(thing.key.as_str());
    let quarantined = store.quarantine_show(&DemandId::of(channel, &key)).await.unwrap();
    match (&thing.last().outcome, store.current(channel, &key).await.unwrap(), quarantined) {
        // It may have been deleted before it was read.
        _ if thing.deleted_at.is_some() => None,
        (Outcome::Demand(fields), Some(demand), _) => altered_field(fields, &demand, sealer),
        (Outcome::Demand(_), None, Some(row)) => Some(format!("quarantined: {}", row.detail)),
        (Outcome::Demand(_), None, None) => Some("lost".to_owned()),
        (Outcome::Reject(_), _, Some(_)) => None,
        // It was readable in an earlier state.
        (Outcome::Reject(_), Some(_), None) if thing.states.len() > 1 => None,
        // A record without a readable key is in quarantine under another id.
        (Outcome::Reject(_), None, None) => None,
        (Outcome::Reject(reason), Some(_), None) => Some(format!("stored, though {reason:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_of_the_city_arrives_as_it_was_served() {
    let world = World::open(400, "").await;
    let (store, sealer) = world.pull().await;
    assert_eq!(world.differences(&store, &sealer).await, Vec::<String>::new());
    let books = store.books(None, None).await.unwrap();
    assert_eq!(books.len(), world.city.split.len());
    for book in books {
        assert_eq!((book.balanced, book.in_flight), (Some(true), 0), "{book:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_quirk_of_the_city_at_once_loses_and_alters_nothing() {
    let world = World::open(600, "all").await;
    let mut pulled = world.pull().await;
    for _ in 0..2 {
        // The next pass reads what a quirk prevented the last one from reading.
        pulled = world.pull().await;
    }
    let (store, sealer) = pulled;
    assert_eq!(world.differences(&store, &sealer).await, Vec::<String>::new());
    for book in store.books(None, None).await.unwrap() {
        assert_eq!((book.balanced, book.in_flight), (Some(true), 0), "{book:?}");
    }
}

#[test]
fn every_shipped_channel_is_short() {
    let channels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/channels");
    for entry in std::fs::read_dir(channels).unwrap() {
        let file = entry.unwrap().path().join("channel.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert!(lines <= 120, "{} has {lines} lines", file.display());
    }
}

#[test]
fn every_shipped_channel_passes_its_check() {
    let mut check = system_tests::gateway_process::command().unwrap();
    check.args(["check", "--config"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../config"));
    for (name, value) in [
        ("HOTLINE_DATABASE_URL", "sqlite:hotline.db"),
        ("ENTERPRISE_DROP_URL", "drops"),
        ("MESSAGE_BOARD_APP_CODE", "SIM0a1b2c3d4e5f60"),
        ("PETITION_SHARED_TEXT", "sim-shared-340200"),
        ("INSPECTION_STATE_APPKEY", "SIMAPPKEY340200"),
        ("INSPECTION_PROVINCE_APPKEY", "SIMAPPKEY340200"),
        ("MOBILE_SECRET_KEY", "made-up"),
        ("SOCRATA_APP_TOKEN", "made-up"),
    ] {
        check.env(name, value);
    }
    let ended = check.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
