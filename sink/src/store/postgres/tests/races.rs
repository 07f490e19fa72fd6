//! Several sinks that write the same demands.

use contract::{Intake, Outcomes};

use super::PostgresTestStore;
use crate::store::{
    Database,
    demands::{
        known,
        plan::{Exclusions, plan},
        write::write,
    },
    suite::{
        keep,
        sample::{id, intake, read, record},
        stored,
    },
};

/// One sink has written the intake `first` and commits it only when another sink, which keeps `second`, waits for
/// its locks. Returns the outcomes of `second`.
async fn meet(served: &PostgresTestStore, first: &Intake, second: &Intake) -> Outcomes {
    let two = served.again().await;
    served.store.create_months(first).await.unwrap();
    let mut tx = served.store.begin("keep").await.unwrap();
    let known = known::load(&mut tx, first).await.unwrap();
    let mut planned = plan(first, &known, &Exclusions::new());
    known::assign_numbers(&mut tx, &mut planned).await.unwrap();
    write(&mut tx, &planned).await.unwrap();
    let commit = async {
        served.until_waiting(1).await;
        tx.commit().await.unwrap();
    };
    let (outcomes, ()) = tokio::join!(keep(&two, second), commit);
    outcomes
}

#[tokio::test]
async fn two_sinks_that_add_the_same_demand_judge_one_after_the_other() {
    let served = PostgresTestStore::new().await;
    let (newer, older) = (read(2, [record("a", "newer")]), read(1, [record("a", "older")]));
    let outcomes = Box::pin(meet(&served, &intake([&newer]), &intake([&older]))).await;
    assert_eq!(outcomes, Outcomes { stale: 1, ..Outcomes::default() });
    let history = served.store.history(&id("a")).await.unwrap();
    let reads: Vec<_> = history.iter().map(|row| row.version.read_no.0).collect();
    assert_eq!(reads, [2, 1], "history is in the order of judgement");
}

#[tokio::test]
async fn a_message_that_two_sinks_have_at_once_is_kept_once() {
    let served = PostgresTestStore::new().await;
    for records in [vec![record("a", "one")], vec![record("b", "one"), record("a", "one")]] {
        let read_no = u64::try_from(records.len()).unwrap();
        let message = read(read_no, records);
        let both = intake([&message]);
        let events = u64::from(message.messages()[0].events);
        let outcomes = Box::pin(meet(&served, &both, &both)).await;
        assert_eq!(outcomes, Outcomes { redelivered: events, ..Outcomes::default() });
    }
    let deliveries = "SELECT sum(deliveries)::bigint FROM receipt";
    assert_eq!(served.ask::<i64>(deliveries).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_on_the_same_demands_lose_nothing_and_no_deadlock_is_seen() {
    let served = PostgresTestStore::new().await;
    let (one, two) = (served.again().await, served.again().await);
    let work = async |store: &Database, reads: Vec<u64>, backwards: bool| {
        for read_no in reads {
            let mut keys: Vec<_> = (0..20).map(|n| format!("k{n}")).collect();
            // A few of them are new each time.
            keys.extend((0..5).map(|n| format!("n{}-{n}", read_no / 4)));
            if backwards {
                keys.reverse();
            }
            let texts = keys.iter().map(|key| record(key, &format!("text {read_no}")));
            let outcomes = keep(store, &intake([&read(read_no, texts)])).await;
            assert_eq!(outcomes.stored + outcomes.stale, 25);
        }
    };
    let odd = (1..60).filter(|n| n % 2 == 1).collect();
    let even = (1..60).filter(|n| n % 2 == 0).collect();
    tokio::join!(work(&one, odd, false), work(&two, even, true));
    assert_eq!(served.ask::<i64>("SELECT count(*) FROM demand_history").await, 59 * 25);
    let newest = "SELECT count(*) FROM demand WHERE content = 'text 59' AND source_key LIKE 'k%'";
    assert_eq!(served.ask::<i64>(newest).await, 20);
    // The current state of every demand is the newest one in its history, and the last one with `stored`.
    let wrong = "SELECT count(*) FROM demand d WHERE (d.read_no, d.digest) IS DISTINCT FROM (
                     SELECT (h.read_no, h.digest) FROM demand_history h WHERE h.demand = d.seq
                     AND h.outcome = 'stored' ORDER BY h.seq DESC LIMIT 1)
                 OR d.read_no <> (SELECT max(h.read_no) FROM demand_history h
                                  WHERE h.demand = d.seq)";
    assert_eq!(served.ask::<i64>(wrong).await, 0);
}

#[tokio::test]
async fn sinks_that_lock_against_each_other_are_told_apart_by_the_database() {
    let served = PostgresTestStore::new().await;
    keep(&served.store, &intake([&read(1, [record("a", "one"), record("b", "one")])])).await;
    let two = served.again().await;
    let lock = |key: &'static str| {
        sqlx::query("SELECT 1 FROM demand WHERE source_key = $1 FOR UPDATE").bind(key)
    };
    // Whichever transaction the database ends, the sink tries again and succeeds.
    let mut other = served.postgres.begin().await.unwrap();
    lock("b").execute(&mut *other).await.unwrap();
    let both = intake([&read(2, [record("a", "two"), record("b", "two")])]);
    let against = async {
        served.until_waiting(1).await;
        let ended = lock("a").execute(&mut *other).await;
        let _ = if ended.is_ok() { other.commit().await } else { other.rollback().await };
    };
    let (outcomes, ()) = tokio::join!(keep(&two, &both), against);
    assert_eq!(outcomes, stored(2));
}
