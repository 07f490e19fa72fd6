//! Rows of other tables that belong to a record.

use super::*;

#[tokio::test]
async fn an_unchanged_order_is_read_again_when_an_urge_arrives() {
    let mut city = city().await;
    city.add(&["a".into(), "b".into()], 2 * HOUR).await;
    city.run("INSERT INTO urges (id, serial, note) VALUES (3, 'S-a', x'b4df'), (1, 'S-a', NULL)")
        .await;
    let (_, at) = city.entries(None, 10).await;
    city.run("INSERT INTO urges (id, serial) VALUES (2, 'S-a')").await;
    let (entries, _) = city.entries(Some(at), 10).await;
    let a = entries.iter().find(|entry| key(entry) == "a").unwrap();
    let ids: Vec<i64> = body(a)["urges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|urge| urge["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(body(a)["urges"][2]["note"], "催");
    assert_eq!(city.count("SELECT COUNT(*) FROM urges WHERE isfetch = 0").await, 0);
}

#[tokio::test]
async fn an_urge_without_an_order_is_read_with_the_order() {
    let mut city = city().await;
    city.run("INSERT INTO urges (id, serial) VALUES (1, 'S-a'), (2, 'S-b'), (3, 'S-c')").await;
    let (entries, at) = city.entries(None, 1).await;
    assert!(entries.is_empty());
    assert_eq!(city.count("SELECT COUNT(*) FROM urges WHERE isfetch = 0").await, 0);
    city.add(&["a".into()], NOW).await;
    let (entries, _) = city.entries(Some(at), 1).await;
    assert_eq!(body(&entries[0])["urges"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_urge_of_many_orders_is_acknowledged_after_the_last_order() {
    let mut city = city().await;
    let keys: Vec<String> = (0..7).map(|n| format!("k{n}")).collect();
    city.add(&keys, HOUR).await;
    city.run("UPDATE orders SET serial = 'same'").await;
    let (_, at) = city.entries(None, 10).await;
    city.run("INSERT INTO urges (id, serial) VALUES (1, 'same'), (2, 'same')").await;
    let (mut table, mut at) = (city.table(), Some(at.decode().unwrap()));
    let mut found = BTreeSet::new();
    loop {
        let batch = table.read(at.as_ref(), 2).await.unwrap();
        assert!(batch.entries.len() <= 2);
        let before = city.count("SELECT COUNT(*) FROM urges WHERE isfetch = 0").await;
        found.extend(keys_of(&batch.entries));
        table.settled(&batch.upto).await.unwrap();
        let after = city.count("SELECT COUNT(*) FROM urges WHERE isfetch = 0").await;
        assert!(before == after || found.len() == keys.len(), "acknowledged too early");
        if batch.end.is_some() {
            break;
        }
        at = Some(batch.upto);
    }
    assert_eq!(found, keys.into_iter().collect());
    assert_eq!(city.count("SELECT COUNT(*) FROM urges WHERE isfetch = 0").await, 0);
}

#[tokio::test]
async fn a_part_can_be_found_by_its_own_time() {
    let city = city().await;
    city.run("ALTER TABLE urges ADD COLUMN at TEXT").await;
    let mut city = city.with(json!({ "part": [{
        "name": "urges", "table": "urges", "key": "id", "parent": "serial", "column": "serial",
        "changes": { "column": "at" },
    }]}));
    city.add(&["a".into()], 2 * HOUR).await;
    let (_, at) = city.entries(None, 10).await;
    let now = city.ago(NOW);
    city.run(&format!("INSERT INTO urges (id, serial, at) VALUES (1, 'S-a', {now})")).await;
    let (entries, _) = city.entries(Some(at), 10).await;
    assert_eq!(body(&entries[0])["urges"][0]["id"], 1);
}

#[tokio::test]
async fn rows_that_move_their_record_come_with_it() {
    let mut city = city().await.with(json!({ "part": [{
        "name": "urges", "table": "urges", "key": "id", "parent": "serial", "column": "serial",
        "moves_record": true,
    }]}));
    city.add(&["a".into(), "b".into()], 2 * HOUR).await;
    let (_, at) = city.entries(None, 10).await;
    city.run("INSERT INTO urges (id, serial) VALUES (1, 'S-a'), (2, 'S-a')").await;
    city.change("a").await;
    let (entries, _) = city.entries(Some(at), 10).await;
    let a = entries.iter().find(|entry| key(entry) == "a").unwrap();
    assert_eq!(body(a)["urges"].as_array().unwrap().len(), 2);
}

/// airbytehq/airbyte#9465: at each sync, a destination got the rows of nested arrays once more, although the source
/// had nothing new.
#[tokio::test]
async fn a_record_with_parts_is_not_read_again_for_nothing() {
    let mut city = city().await;
    city.add(&["a".into(), "b".into()], 2 * HOUR).await;
    city.run("INSERT INTO urges (id, serial) VALUES (1, 'S-a'), (2, 'S-a'), (3, 'S-b')").await;
    let (entries, mut at) = city.entries(None, 10).await;
    assert_eq!(keys_of(&entries).len(), 2);
    for pass in 0..4 {
        let (entries, next) = city.entries(Some(at), 10).await;
        // The first look after an acknowledgement may see it as a change; the rows are the same.
        for entry in &entries {
            let n_urges = if key(entry) == "a" { 2 } else { 1 };
            assert_eq!(body(entry)["urges"].as_array().unwrap().len(), n_urges);
        }
        assert!(pass == 0 || entries.is_empty(), "{pass}: {:?}", keys_of(&entries));
        at = next;
    }
}
