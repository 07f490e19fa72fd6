//! Tests of key rotation while a store is in use.

use std::sync::Arc;

use contract::{
    Batch, Body, Channel, ChannelId, Cursor, DemandId, Entry, Intake, MappingNo, Outbox, PassEnd,
    Position, RawRecord, ReadNo, RecordKey, Revision, Store, TextReport, Timestamp, pack,
};
use gateway::reseal;
use normalizer::{
    CodeTables, Keys, Mapping, Personal, Place, Sealer, Suite, open_raw, open_sealed, open_unmasked,
};
use serde_json::{Value, json};
use sink::store::{Access, Database, Index, Sqlite};

const DEMAND: &str = r#"
    content = "$.text"
    address = "$.address"
    people  = [{ name = "$.name", phone = "$.phone" }]
"#;

fn hotline() -> ChannelId {
    "hotline".parse().unwrap()
}

fn packed(keys: &Keys, records: &[(&str, Value)]) -> Outbox {
    let sealer = Arc::new(Sealer::new(keys));
    let config = toml::from_str(DEMAND).unwrap();
    let zone = chrono_tz::Asia::Shanghai;
    let mapping = Mapping::build(hotline(), &config, &CodeTables::default(), sealer, zone).unwrap();
    let channel = Channel { id: hotline(), mapping: MappingNo(1), normalizer: Arc::new(mapping) };
    let entries = records.iter().map(|(key, tree)| {
        Entry::Record(RawRecord {
            key: RecordKey::new(*key),
            revision: Revision::NONE,
            body: Body::new(tree.clone()),
            text: TextReport::default(),
        })
    });
    let batch = Batch {
        entries: entries.collect(),
        upto: Cursor::from_text("1"),
        end: Some(PassEnd::default()),
        trouble: Vec::new(),
    };
    pack(&channel, Position::default(), ReadNo(1), batch, Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn a_rotation_seals_everything_again_and_people_are_found_throughout() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.db");
    let store = Database::Sqlite(Sqlite::open(&file, Access::ReadWrite).await.unwrap());
    let old = Keys::generate(Suite::Aes).unwrap();
    store.bind_key(&old.check_values()).await.unwrap();
    let tree = json!({
        "text": "我叫张三丰，电话13800001234", "address": "镜湖区某路77号2栋", "name": "张三丰",
        "phone": "13800001234",
    });
    let outbox = packed(&old, &[("a", tree.clone()), ("b", json!({"text": "无人"}))]);
    let messages = outbox.messages().iter().map(|message| (0, message.clone()));
    store.store(&Intake::new(messages)).await.unwrap();

    let new = old.rotated(Suite::Sm).unwrap();
    store.bind_key(&new.check_values()).await.unwrap();
    assert!(store.bind_key(&old.check_values()).await.is_err(), "the old file alone opens no more");
    let sealer = Sealer::new(&new);
    let id = DemandId::of(&hotline(), &RecordKey::new("a"));
    let tokens = sealer.tokens(&Personal::phone("13800001234"));
    while store.index_batch(Index::People).await.unwrap() {}
    assert_eq!(store.sealed_rows_of(&tokens[1]).await.unwrap().len(), 1, "by the old token");

    let done = reseal::reseal_all(&store, &sealer).await.unwrap();
    assert_eq!((done.demands, done.raws), (1, 2));
    // A second run, as after an interruption, has nothing to do.
    assert_eq!(reseal::reseal_all(&store, &sealer).await.unwrap(), reseal::Resealed::default());

    // The new keys alone can open everything: nothing is sealed with the old ones any more.
    let mut file: Value = serde_json::from_str(&new.to_json()).unwrap();
    file["keys"].as_array_mut().unwrap().retain(|set| set["id"] == new.id());
    let alone = Sealer::new(&Keys::from_json(&file.to_string()).unwrap());
    let row = store.demand(&id).await.unwrap().unwrap();
    let place = Place::from(&row.demand);
    let phone = row.demand.body.people[0].phone.as_ref().unwrap();
    assert_eq!(open_sealed(&alone, place, "people.0.phone", phone).unwrap(), "13800001234");
    assert_eq!(phone.token.as_ref(), Some(&tokens[0]));
    assert_eq!(phone.mask, "138****1234");
    let address = row.demand.body.address.as_ref().unwrap();
    assert_eq!(open_sealed(&alone, place, "address", address).unwrap(), "镜湖区某路77号2栋");
    let texts = open_unmasked(&alone, &row.demand).unwrap();
    assert_eq!(texts["content"], "我叫张三丰，电话13800001234");
    let raw = open_raw(&alone, place, &row.demand.raw).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&raw).unwrap(), tree);
    for token in &tokens {
        assert_eq!(store.sealed_rows_of(token).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_rotation_goes_on_past_what_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.db");
    let store = Database::Sqlite(Sqlite::open(&file, Access::ReadWrite).await.unwrap());
    // The keys of the first record are lost.
    let (lost, old) = (Keys::generate(Suite::Sm).unwrap(), Keys::generate(Suite::Aes).unwrap());
    for (keys, key) in [(&lost, "a"), (&old, "b")] {
        let outbox = packed(keys, &[(key, json!({"text": "无", "phone": "13800001234"}))]);
        let messages = outbox.messages().iter().map(|message| (0, message.clone()));
        let mut intake: Vec<_> = messages.collect();
        for (_, message) in &mut intake {
            message.id.part = u32::from(key == "b");
        }
        store.store(&Intake::new(intake)).await.unwrap();
    }
    let sealer = Sealer::new(&old.rotated(Suite::Aes).unwrap());
    let resealed = reseal::reseal_all(&store, &sealer).await.unwrap();
    assert_eq!((resealed.demands, resealed.raws), (1, 1));
    let id = DemandId::of(&hotline(), &RecordKey::new("a")).to_string();
    assert_eq!(resealed.unopened.len(), 2, "{:?}", resealed.unopened);
    assert!(resealed.unopened.iter().all(|what| what.contains(&id)), "{:?}", resealed.unopened);
}
