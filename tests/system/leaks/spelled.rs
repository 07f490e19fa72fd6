//! People whose values are in every text of their records, in every spelling: none leaves the program.

use std::{fs, path::PathBuf};

use chrono_tz::Asia::Shanghai;
use contract::{Body, Normalizer as _, RawRecord, RecordKey, Revision, TextReport, Verdict};
use normalizer::{CodeTables, Keys, Mapping, MappingConfig, Sealer, Suite};
use sandbox::{Clock, Settings};
use serde_json::{Value, json};
use system_tests::{
    gateway_process::{Gateway, Server, event},
    world::{Reply, TestServer, World},
};

use super::{
    Person,
    attacker::Attacker,
    dump, empty, ended, files, masks,
    spellings::{KINDS, parts, way, ways},
};
use crate::console::{address, get};

/// The number of people whose records are mapped.
const PEOPLE: u32 = 10_000;
/// In how many spellings each of them is written. In all, they are in all; `TONGHUI_SOAK_SPELLINGS=100` writes each in
/// all.
const ROUNDS: usize = 1;
/// The demand of every so many people is also written like in a log line.
const LOGGED: u32 = 20;
/// As many records as ways to write a kind of value.
const RECORDS: usize = 90;

const DEMAND: &str = r#"
source_no   = "$.no"
title       = "$.title"
content     = { at = "$.content", clean = "html" }
reply       = "$.reply"
org_raw     = "$.org"
address     = "$.address"
people      = [{ role = "main", name = "$.name", phone = "$.phone", id_no = "$.id_no" }, { phone = "$.landline" }]
trail       = { each = "$.steps[*]", note = "$.note" }
attachments = { each = "$.files[*]", name = "$.name", url = "$.url" }
"#;

#[test]
fn ten_thousand_people_in_every_spelling_leave_the_mapping_masked() {
    let keys = Keys::generate(Suite::default()).unwrap();
    let config: MappingConfig = toml::from_str(DEMAND).unwrap();
    let (channel, sealer) = ("marked".parse().unwrap(), Sealer::new(&keys).into());
    let mapping =
        Mapping::build(channel, &config, &CodeTables::default(), sealer, Shanghai).unwrap();
    let rounds = std::env::var("TONGHUI_SOAK_SPELLINGS").map_or(ROUNDS, |n| n.parse().unwrap());
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..n_threads {
            let mapping = &mapping;
            scope.spawn(move || {
                for seed in (0..PEOPLE).skip(first).step_by(n_threads) {
                    let person = Person::new(seed);
                    (0..rounds).for_each(|round| check(mapping, &person, seed, round));
                }
            });
        }
    });
}

/// Maps the record of a person in a spelling, and looks for the values in what is sent.
fn check(mapping: &Mapping, person: &Person, seed: u32, round: usize) {
    let index = usize::try_from(seed).unwrap() + round;
    let attacker = Attacker::new(person, |kind| vec![way(kind, index)]);
    let record = RawRecord {
        key: RecordKey::new(format!("K{index}")),
        revision: Revision::NONE,
        body: Body::new(record(person, index)),
        text: TextReport::default(),
    };
    let Verdict::Accept(accepted) = mapping.normalize(&record) else { panic!("{seed} is refused") };
    let wire = serde_json::to_string(&accepted.body).unwrap();
    let found = attacker.find(&wire);
    assert_eq!(found, None, "person {seed}, spelling {index}: {:?}", accepted.body.title);
    // A log line has the same fields.
    if seed.is_multiple_of(LOGGED) {
        let found = attacker.find(&format!("{accepted:?}"));
        assert_eq!(found, None, "person {seed}, spelling {index} in a log line");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_contains_a_value_in_any_spelling() {
    let (mut world, attacker, _source) = spelled_world().await;
    let temporary = tempfile::tempdir().unwrap();
    world.set("TMPDIR", temporary.path().to_str().unwrap().to_owned());
    tokio::task::block_in_place(|| {
        let file = world.config().join("gateway.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text + "\n[console]\nlisten = \"127.0.0.1:0\"\n").unwrap();
        let mut gateway = Gateway::start_with(&world, "all", "trace").unwrap();
        let console = address(&mut gateway);
        until(&mut gateway, "settled", &attacker);
        for path in ["/metrics", "/api/v1/channels", "/api/v1/processes", "/health/ready"] {
            let (code, page) = get(&console, path, None);
            assert_eq!(code, 200, "{path}");
            attacker.look(path, page.as_bytes());
        }
        gateway.stop().unwrap();

        let fixture = world.config().join("saved");
        let list = ended(&world, &["quarantine", "list", "--format", "json"]);
        let rows: Vec<Value> = serde_json::from_slice(&list.stdout).unwrap();
        assert_eq!(rows.len(), RECORDS / 3, "the records with a value as key");
        for asked in [
            &["quarantine", "list"][..],
            &["quarantine", "list", "--format", "json"],
            &["quarantine", "show", rows[0]["id"].as_str().unwrap()],
            &["preview", "marked", "--limit", "200"],
            &["preview", "marked", "--limit", "200", "--save", fixture.to_str().unwrap()],
            &["status"],
            &["books"],
            &["codes", "missing"],
            &["audit"],
        ] {
            let output = ended(&world, asked);
            attacker.look(&asked.join(" "), &output.stdout);
            attacker.look(&asked.join(" "), &output.stderr);
        }
        assert!(fixture.join("page.json").exists());
    });
    let mut n_masks = 0;
    for file in [files(&world.config()), files(temporary.path())].concat() {
        let bytes = fs::read(&file).unwrap();
        n_masks += masks(&bytes);
        attacker.look(&file.display().to_string(), &bytes);
    }
    assert!(n_masks >= RECORDS, "{n_masks} masks: the store is not among the files");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_broker_nor_a_shared_store_holds_a_value_in_any_spelling() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let start = |name: &str| Server::start(name, folder.path()).unwrap();
    let (postgres, broker) = (start("postgres"), start("rabbitmq"));
    let (mut world, attacker, _source) = spelled_world().await;
    let store = postgres.property("TONGHUI_TEST_POSTGRES").unwrap();
    let bus = broker.property("TONGHUI_TEST_AMQP").unwrap();
    world.use_servers(Some(store), Some(bus)).await.unwrap();
    world.store().await.unwrap();
    let mut ingest = Gateway::start_with(&world, "ingest", "trace").unwrap();
    until(&mut ingest, "confirmed", &attacker);
    ingest.stop().unwrap();
    broker.stop().unwrap();
    let mut n_masks = 0;
    for file in files(&folder.path().join("rabbitmq")) {
        let bytes = fs::read(&file).unwrap();
        n_masks += masks(&bytes);
        attacker.look(&file.display().to_string(), &bytes);
    }
    assert!(n_masks >= RECORDS, "{n_masks} masks: the messages are not among these files");

    let broker = start("rabbitmq");
    let sink = Gateway::start_with(&world, "sink", "trace").unwrap();
    empty(&world, sink, |line| attacker.look("the log of a sink", line)).await;
    let mut n_demands = 0;
    for (table, row) in dump(&world).await {
        n_demands += usize::from(table == "demand");
        attacker.look(&table, row.as_bytes());
    }
    assert_eq!(n_demands, RECORDS);
    drop((broker, postgres));
}

/// Looks at the log of a process until `last` follows the last read of the source.
fn until(process: &mut Gateway, last: &str, attacker: &Attacker) {
    let mut caught_up = false;
    while let Some(line) = process.line().unwrap() {
        attacker.look("the log", line.as_bytes());
        caught_up |= event(&line) == Some("read") && line.contains("caught_up=true");
        if caught_up && event(&line) == Some(last) {
            return;
        }
    }
    panic!("the process ended before {last}");
}

/// A source of one page with all spellings, the configuration of a gateway that reads it, and who looks for the values.
async fn spelled_world() -> (World, Attacker, TestServer) {
    let person = Person::new(7_919);
    let attacker = Attacker::new(&person, ways);
    let mut rows: Vec<Value> = (0..RECORDS).map(|index| record(&person, index)).collect();
    for index in (0..RECORDS).step_by(3) {
        let kind = KINDS[index / 3 % KINDS.len()];
        let key = way(kind, index).write(&parts(&person, kind));
        let mut row = record(&person, index);
        // Some ways to write a value are the same for it.
        row["id"] = json!(format!("K{}-{key}", "x".repeat(index / 3)));
        rows.push(row);
    }
    let page = json!({ "rows": rows }).to_string();
    assert!(attacker.find(&page).is_some());
    let source = TestServer::open(move |_| Reply::json(page.clone())).await.unwrap();

    let world = World::open(Settings::new(18, Clock::machine())).await.unwrap();
    let channels: PathBuf = world.config().join("channels");
    fs::remove_dir_all(&channels).unwrap();
    fs::create_dir_all(channels.join("marked")).unwrap();
    let channel = format!(
        "name = \"marked\"\nconnector = \"http\"\n[schedule]\nevery = \"1h\"\n\
         [http]\nurl = \"{}/rows\"\nrecords = \"$.rows[*]\"\nkey = \"$.id\"\n[demand]{DEMAND}",
        source.url()
    );
    fs::write(channels.join("marked/channel.toml"), channel).unwrap();
    (world, attacker, source)
}

/// A record of a person, whose values are in all its texts, in one way of each kind.
fn record(person: &Person, index: usize) -> Value {
    let [name, phone, landline, id, home] =
        KINDS.map(|kind| way(kind, index).write(&parts(person, kind)));
    let prose =
        format!("本人{name}，电话{phone}，座机{landline}，身份证{id}，家住{home}，反映夜间施工。");
    json!({
        "id": format!("K{index}"), "no": format!("GD-{name}-{phone}-{landline}-{id}-{home}"),
        "title": prose, "content": format!("<p>{prose}</p>"), "reply": prose, "org": prose,
        "name": person.name, "phone": person.phone, "landline": person.landline, "id_no": person.id,
        "address": format!("镜湖区{}", person.home), "steps": [{ "note": prose }],
        "files": [{
            "name": format!("{name}的照片{phone}.jpg"),
            "url": format!("https://x.example/{name}/{phone}?id={id}&tel={landline}&home={home}"),
        }],
    })
}
