//! Reads the hotline into one database, in this process.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use contract::{DemandId, Fault, Normalizer, RawRecord, Reason, SealedBytes, Verdict};
use gateway::{
    assemble,
    service::{Role, serve},
    stop::Stop,
    watch::State,
};
use sandbox::{Clock, QuirkRates, Settings, Storage};
use system_tests::{corpus, gateway_process::command, world::World};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn world_with(quirks: &str) -> World {
    let mut settings = Settings::new(11, Clock::machine());
    settings.quirks = QuirkRates::parse(quirks).unwrap();
    World::open(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_quirk_of_the_hotline_arrives_as_it_was_served() {
    let world = world_with("all").await;
    world.hotline.file(1_500).await.unwrap();
    world.pull().await.unwrap();
    world.hotline.add_pressings(40).await.unwrap();
    world.hotline.advance_random(60).await.unwrap();
    world.hotline.commit_late(Duration::from_secs(3600)).await.unwrap();
    world.pull().await.unwrap();
    // The overlap of the next pass finds rows that changed while the gateway acknowledged them.
    world.pull().await.unwrap();
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let (store, _) = world.store().await.unwrap();
    let books = store.books(None, None).await.unwrap();
    assert_eq!(books[0].balanced, Some(true), "{books:?}");
    assert!(books[0].quarantined > 0, "no poison row: {books:?}");
    assert_eq!(world.hotline.counters().await.unwrap().refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_load_reads_every_row_about_once() {
    let world = world_with("").await;
    world.hotline.file(2_000).await.unwrap();
    world.pull().await.unwrap();
    let (store, _) = world.store().await.unwrap();
    let books = store.books(None, None).await.unwrap();
    assert_eq!(books[0].stored, 2_000, "{books:?}");
    assert!(books[0].unchanged <= 200, "{books:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urge_reaches_a_demand_whose_own_row_did_not_change() {
    let world = world_with("").await;
    world.hotline.file(20).await.unwrap();
    world.pull().await.unwrap();
    let urged = world.hotline.add_pressings(1).await.unwrap().remove(0);
    world.pull().await.unwrap();
    let (store, _) = world.store().await.unwrap();
    let history = world.hotline.case_history().await.unwrap();
    let case = history.cases().iter().find(|case| case.last().row.serialnum == urged).unwrap();
    let key = contract::RecordKey::new(case.last().row.rowguid.as_str());
    let demand = store.current(&"hotline".parse().unwrap(), &key).await.unwrap().unwrap();
    let trail = demand.body.trail.iter().filter_map(|step| step.step.as_deref());
    let additions = trail.filter(|step| ["补充", "催办"].contains(step)).count();
    assert_eq!(additions, 1, "the addition is not in the trail");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_texts_arrive_as_they_were_sent() {
    let file = repository().join("sandbox/corpus/generated-500.jsonl");
    let whole = corpus::send(&file, Storage::Clob).await.unwrap();
    assert_eq!((whole.texts, whole.truncated, whole.altered.len()), (500, 0, 0), "{whole}");
    assert!(whole.over_4000 >= 8 && whole.beyond_gbk > 0, "{whole}");
    let cut = corpus::send(&file, Storage::Varchar4000).await.unwrap();
    assert_eq!((cut.altered.len(), cut.truncated), (0, whole.over_4000), "{cut}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_source_is_waited_for_and_nothing_is_lost() {
    let world = world_with("").await;
    world.edit_channel("timeout = \"30s\"", "timeout = \"200ms\"").unwrap();
    world.hotline.file(200).await.unwrap();
    let guard = world.hotline.lock().await.unwrap();
    let release = async {
        tokio::time::timeout(Duration::from_millis(900), std::future::pending::<()>()).await.ok();
        guard.release().await.unwrap();
    };
    let (pulled, ()) = tokio::join!(world.pull(), release);
    pulled.unwrap();
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_keeps_a_channel_from_being_read() {
    let world = world_with("").await;
    world.hotline.file(10).await.unwrap();
    let status = || {
        let mut status = command().unwrap();
        status.args(["status", "--config"]).arg(world.config());
        let output = status.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    world.edit_channel("\"CNS_CINFO\"", "\"NO_SUCH_TABLE\"").unwrap();
    world.pull().await.unwrap_err();
    let stopped = status();
    assert!(stopped.contains("\nhotline: ") && stopped.contains("NO_SUCH_TABLE"), "{stopped}");
    world.edit_channel("\"NO_SUCH_TABLE\"", "\"CNS_CINFO\"").unwrap();
    world.pull().await.unwrap();
    assert!(!status().contains("NO_SUCH_TABLE"), "a fault of yesterday");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_channel_does_not_stop_another() {
    let world = world_with("").await;
    world.hotline.file(300).await.unwrap();
    let settings = world.settings().unwrap();
    let (store, keys) = assemble::open(&settings).await.unwrap();
    let mut channels = assemble::channels(&settings, &keys).unwrap();
    // The same channel under another name, reading a table that is not there.
    let path = world.config().join("channels/broken/channel.toml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text =
        std::fs::read_to_string(world.config().join("channels/hotline/channel.toml")).unwrap();
    let text = text.replace("CNS_CINFO", "NO_SUCH_TABLE").replace("12345政务", "坏");
    let text = text.split("[[example]]").next().unwrap().to_owned();
    std::fs::write(path, text).unwrap();
    let both = world.settings().unwrap();
    let mut broken = assemble::channels(&both, &keys).unwrap();
    broken.retain(|channel| channel.id().as_str() == "broken");
    channels.append(&mut broken);
    let channels = channels.into_iter().map(|channel| channel.with_schedule(None)).collect();

    let ended = serve(&settings, Role::All, channels, &store, &Stop::default()).await.unwrap();
    let end = |name: &str| -> &Result<(), Fault> {
        &ended.iter().find(|(id, _)| id.as_str() == name).unwrap().1
    };
    assert!(end("hotline").is_ok());
    let fault = end("broken").as_ref().unwrap_err().to_string();
    assert!(fault.contains("NO_SUCH_TABLE"), "{fault}");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}

/// Rejects every record, and then panics in `seal`, where only the supervisor catches it.
struct Panicking;

impl Normalizer for Panicking {
    fn normalize(&self, _: &RawRecord) -> Verdict {
        Verdict::Reject(Reason::new("tested", ""))
    }

    fn seal(&self, _: &DemandId, _: &[u8]) -> SealedBytes {
        panic!("on purpose")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_one_channel_does_another_is_read_to_its_end() {
    let world = world_with("").await;
    world.hotline.file(300).await.unwrap();
    let channels = world.config().join("channels");
    let hotline = std::fs::read_to_string(channels.join("hotline/channel.toml")).unwrap();
    let panics = hotline.split("[[example]]").next().unwrap().replace("12345政务", "恐慌");
    let panics = panics.replace("page    = 1000", "page    = 900"); // no two are the same
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!(
        "name = \"沉默\"\nconnector = \"http\"\n[schedule]\nevery = \"1m\"\n\
         [http]\nurl = \"http://{}/\"\nrecords = \"$.rows[*]\"\nkey = \"$.no\"\n\
         [demand]\nsource_no = \"$.no\"\n",
        silent.local_addr().unwrap()
    );
    for (id, text) in [("silent", silent.as_str()), ("panics", panics.as_str())] {
        std::fs::create_dir_all(channels.join(id)).unwrap();
        std::fs::write(channels.join(id).join("channel.toml"), text).unwrap();
    }
    let settings = world.settings().unwrap();
    let (store, keys) = assemble::open(&settings).await.unwrap();
    let channels = assemble::channels(&settings, &keys).unwrap().into_iter();
    let mut channels: Vec<_> = channels.map(|channel| channel.with_schedule(None)).collect();
    for channel in &mut channels {
        if channel.id().as_str() == "panics" {
            channel.normalizer = Arc::new(Panicking);
        }
    }
    let watch = |id: &str| {
        let channel = channels.iter().find(|channel| channel.id().as_str() == id).unwrap();
        Arc::clone(&channel.handle.watch)
    };
    let (hotline, silent, panics) = (watch("hotline"), watch("silent"), watch("panics"));
    let read_to_its_end = async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while hotline.state() != State::Ended {
            look.tick().await;
        }
    };
    let stop = Stop::default();
    tokio::select! {
        ended = serve(&settings, Role::All, channels, &store, &stop) => panic!("ended: {ended:?}"),
        () = read_to_its_end => {}
    }
    assert_eq!((silent.state(), silent.entries()), (State::Running, 0));
    assert_eq!(panics.entries(), 0);
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_personal_value_is_found_downstream() {
    let world = world_with("").await;
    world.hotline.file(400).await.unwrap();
    world.pull().await.unwrap();
    let folder = world.config().join("data");
    let mut store_bytes = Vec::new();
    for name in ["tonghui.db", "tonghui.db-wal"] {
        store_bytes.extend(std::fs::read(folder.join(name)).unwrap_or_default());
    }
    let history = world.hotline.case_history().await.unwrap();
    let found = |needle: &[u8]| store_bytes.windows(needle.len()).any(|window| window == needle);
    let mut looked_for = 0;
    for case in history.cases().iter().take(60) {
        let row = &case.last().row;
        for phone in [&row.linknumber, &row.rqstnumber].into_iter().flatten() {
            let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
            assert!(digits.len() < 11 || !found(digits.as_bytes()), "a phone is in the store");
            looked_for += 1;
        }
        let name = row.rqstperson.read().unwrap();
        // Two characters may be a common word; three and more are a name.
        if name.chars().count() >= 3 {
            assert!(!found(name.as_bytes()), "a name is in the store");
            looked_for += 1;
        }
    }
    assert!(looked_for > 60);
    let title = history.cases()[0].last().row.rqstcontent.read().unwrap();
    let clause: String = title.chars().take(4).collect();
    assert!(found(clause.as_bytes()), "the search itself does not find what is there");
}
