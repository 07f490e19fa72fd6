//! Leases, requests and progress, tested with both databases.

use std::{collections::BTreeSet, time::Duration};

use contract::{
    ChannelId, Checkpoints, DemandBody, DemandShape, Position, ReadNo, Revision, Store as _,
    Timestamp,
};
use futures_util::future::join_all;
use serde_json::json;

use crate::store::{
    Claim, Database, Lease, Request, RequestKind, RequestState,
    database::sql::NO_ROWS,
    postgres::tests::PostgresTestStore,
    suite::{
        keep,
        sample::{at, confirm, hotline, id, intake, read, read_from, record, with_body},
    },
    tests::SqliteTestStore,
};

const LONG: Duration = Duration::from_secs(60);

fn ours(claim: Claim) -> Lease {
    match claim {
        Claim::Ours(lease) => lease,
        other => panic!("it is not ours: {other:?}"),
    }
}

async fn one_holder_at_a_time(store: &Database) {
    let claims = (0..8).map(|n| async move {
        let me = format!("process {n}");
        store.claim_lease("city", &me, true, LONG, None).await.unwrap()
    });
    let claims = join_all(claims).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        claims.into_iter().partition(|claim| matches!(claim, Claim::Ours(_)));
    assert_eq!((won.len(), lost.len()), (1, 7));
    let lease = ours(won.into_iter().next().unwrap());
    let holding = store.leases().await.unwrap().remove(0);
    assert_eq!((holding.upstream.as_str(), holding.serves), ("city", true));
    for claim in lost {
        assert_eq!(claim, Claim::Held(holding.clone()));
    }
    let other = ours(store.claim_lease("county", "process 9", false, LONG, None).await.unwrap());
    assert!(other.fence > lease.fence, "a channel may move from one upstream to another");
}

async fn a_lease_ends_when_it_is_not_renewed_and_when_it_is_given_back(store: &Database) {
    let first = ours(store.claim_lease("city", "one", false, Duration::ZERO, None).await.unwrap());
    let second = ours(store.claim_lease("city", "two", false, LONG, None).await.unwrap());
    assert!(second.fence > first.fence);
    assert!(!store.renew_lease(&first, LONG).await.unwrap(), "it has passed to another process");
    assert!(store.renew_lease(&second, LONG).await.unwrap());
    store.release_lease(&first).await.unwrap();
    let held = store.claim_lease("city", "three", false, LONG, None).await.unwrap();
    assert!(matches!(held, Claim::Held(_)), "who lost a lease cannot give it away: {held:?}");
    store.release_lease(&second).await.unwrap();
    assert_eq!(store.leases().await.unwrap(), []);
    ours(store.claim_lease("city", "three", false, LONG, None).await.unwrap());
}

async fn an_expired_lease_is_taken_by_one(store: &Database) {
    let expired = ours(store.claim_lease("city", "expired", true, LONG, None).await.unwrap());
    let heirs = (0..4).map(|n| async move {
        store
            .claim_lease("city", &format!("heir {n}"), true, LONG, Some(expired.fence))
            .await
            .unwrap()
    });
    let claims = join_all(heirs).await;
    let won = claims.iter().filter(|claim| matches!(claim, Claim::Ours(_))).count();
    assert_eq!(won, 1, "{claims:?}");
}

async fn requests_counted_for_a_day_outlive_the_holder(store: &Database) {
    let day = "2026-11-26".parse().unwrap();
    let first = ours(store.claim_lease("city", "one", true, LONG, None).await.unwrap());
    assert_eq!(first.last_requests, None);
    for n_requests in [20, 40, 31] {
        store.book_requests(&first, day, n_requests).await.unwrap();
    }
    let heir = store.claim_lease("city", "two", true, LONG, Some(first.fence)).await.unwrap();
    assert_eq!(ours(heir).last_requests, Some((day, 31)));
    let late = store.book_requests(&first, day, 7).await.unwrap_err();
    assert!(late.is_transient(), "{late}");
    let other = ours(store.claim_lease("county", "one", true, LONG, None).await.unwrap());
    assert_eq!(other.last_requests, None, "another upstream");
}

async fn a_backfill_stands_where_it_was_moved_to_and_the_live_position_does_not(store: &Database) {
    let (channel, fence) = (hotline(), 3);
    let range = |text: &str| text.parse().unwrap();
    let backfill = store.backfill(range("2026-11-01T00:00:00Z/2026-11-02T00:00:00Z"));
    let other = store.backfill(range("2026-11-01T00:00:00Z/.."));
    let live = store.load(&channel, fence).await.unwrap();
    let mut at = backfill.load(&channel, fence).await.unwrap();
    assert_eq!(at, live);
    for read_no in 1..=2 {
        let confirmed = confirm(read_from(at.clone(), read_no, [record("a", "1")])).await;
        backfill.advance(&confirmed).await.unwrap();
        assert!(backfill.advance(&confirmed).await.unwrap_err().is_transient(), "it has moved");
        at = backfill.load(&channel, fence).await.unwrap();
        assert_eq!((at.step, at.cursor.as_ref()), (read_no, Some(confirmed.upto())));
    }
    assert_eq!(store.load(&channel, fence).await.unwrap(), live);
    assert_eq!(other.load(&channel, fence).await.unwrap().cursor, None);
    assert_eq!(
        store.missing_receipts(&channel, ReadNo(0), live.step).await.unwrap(),
        2,
        "in the same books"
    );

    // A process that has lost the channel moves nothing.
    let stale = confirm(read_from(at.clone(), 3, [record("a", "1")])).await;
    let later = backfill.load(&channel, fence + 1).await.unwrap();
    assert!(backfill.advance(&stale).await.unwrap_err().is_transient());
    assert!(backfill.load(&channel, fence).await.unwrap_err().is_transient());
    assert_eq!(later.cursor, at.cursor);

    backfill.end(&channel).await.unwrap();
    let stale = confirm(read_from(later, 4, [record("a", "1")])).await;
    assert!(backfill.advance(&stale).await.unwrap_err().is_transient(), "it is over");
    assert_eq!(backfill.load(&channel, fence + 1).await.unwrap().cursor, None);
}

async fn a_request_is_open_until_it_is_answered(store: &Database) {
    let channel = hotline();
    let sync = store.ask(RequestKind::Sync, Some(&channel), None, "me").await.unwrap();
    let all = store.ask(RequestKind::Reload, None, None, "me").await.unwrap();
    let open = store.open_requests().await.unwrap();
    let kinds: Vec<_> = open.iter().map(|it| (it.seq, it.channel.clone(), it.kind)).collect();
    let named = || Some(channel.clone());
    assert_eq!(kinds, [(sync, named(), RequestKind::Sync), (all, None, RequestKind::Reload)]);
    let range = "2026-11-01T00:00:00Z/..".parse().unwrap();
    let again = store.ask(RequestKind::Sync, Some(&channel), Some(range), "me").await.unwrap();
    let ranges: Vec<_> = store.open_requests().await.unwrap();
    let ranges: Vec<_> = ranges.iter().map(|it| it.range).collect();
    assert_eq!(ranges, [None, None, Some(range)]);
    let compare =
        async |range| store.ask(RequestKind::Reconcile, Some(&channel), range, "me").await;
    let (whole, part) = (compare(None).await.unwrap(), compare(Some(range)).await.unwrap());
    let compared: Vec<_> = store.open_requests().await.unwrap().into_iter().skip(3).collect();
    let request = |seq, range| Request {
        seq,
        channel: named(),
        kind: RequestKind::Reconcile,
        range,
        reject: None,
    };
    assert_eq!(compared, [request(whole, None), request(part, Some(range))]);
    let newer =
        "INSERT INTO request (kind, asked_by, asked_ms, state) VALUES ('unheard', 'me', 0, 'open')";
    store.write("ask what a newer program can do", newer, &[], NO_ROWS).await.unwrap();
    let reject = Some(id("a"));
    let retry = store.ask_to_map_rejected(&channel, reject, "me").await.unwrap();
    let asked = store.open_requests().await.unwrap().pop().unwrap();
    assert_eq!((asked.seq, asked.kind, asked.range), (retry, RequestKind::MapRejected, None));
    assert_eq!(asked.reject, reject);
    for seq in [whole, part, retry] {
        store
            .answer(seq, &RequestState::Done("{\"missing\":[\"a\\u0000\"]}".to_owned()))
            .await
            .unwrap();
    }
    store.answer(again, &RequestState::Done(String::new())).await.unwrap();
    assert_eq!(store.request(sync).await.unwrap(), RequestState::Open);
    for became in [RequestState::Done("7".to_owned()), RequestState::Failed("locked".to_owned())] {
        store.answer(sync, &became).await.unwrap();
        assert_eq!(store.request(sync).await.unwrap(), became);
    }
    assert_eq!(store.open_requests().await.unwrap().len(), 1);
    assert_eq!(store.last_request_to_all().await.unwrap(), all);
    assert!(store.request(all + 100).await.unwrap_err().is_stopped());
    store.forget_requests(LONG).await.unwrap();
    assert!(store.request(sync).await.is_ok(), "it has only just ended");
    store.forget_requests(Duration::ZERO).await.unwrap();
    for seq in [sync, whole, part, retry] {
        assert!(store.request(seq).await.unwrap_err().is_stopped());
    }
    assert_eq!(store.open_requests().await.unwrap().len(), 1);
}

async fn a_channel_is_paused_until_it_is_told_to_resume(store: &Database) {
    let (hotline, board): (_, ChannelId) = (hotline(), "board".parse().unwrap());
    let told = async |kind, channel: &ChannelId| {
        let seq = store.ask(kind, Some(channel), None, "me").await.unwrap();
        let before = store.paused().await.unwrap();
        store.answer(seq, &RequestState::Done(String::new())).await.unwrap();
        (before, store.paused().await.unwrap())
    };
    let (before, after) = told(RequestKind::Pause, &hotline).await;
    assert_eq!((before, after), (vec![], vec![hotline.clone()]));
    told(RequestKind::Pause, &board).await;
    told(RequestKind::Pause, &hotline).await;
    let (_, after) = told(RequestKind::Resume, &hotline).await;
    let paused = [board];
    assert_eq!(after, paused);
    store.forget_requests(Duration::ZERO).await.unwrap();
    assert_eq!(store.paused().await.unwrap(), paused);
}

async fn what_has_no_receipt_yet_is_counted_up_to_a_move(store: &Database) {
    let channel = hotline();
    assert_eq!(store.progress(&channel).await.unwrap(), Default::default());
    let mut at = Position::default();
    for read_no in 1..=3 {
        let outbox = read_from(at.clone(), read_no, [record("a", &format!("{read_no}"))]);
        let confirmed = confirm(outbox).await;
        store.advance(&confirmed).await.unwrap();
        at = at.moved(confirmed.upto().clone());
    }
    assert_eq!(store.progress(&channel).await.unwrap().step, 3);
    store.store(&intake([&read(2, [record("a", "2")])])).await.unwrap();
    let owed =
        async |after, step| store.missing_receipts(&channel, ReadNo(after), step).await.unwrap();
    assert_eq!((owed(0, 0).await, owed(0, 1).await, owed(0, 2).await), (0, 1, 1));
    assert_eq!((owed(0, u64::MAX).await, owed(1, u64::MAX).await, owed(3, 9).await), (2, 1, 0));
    assert_eq!(store.last_read(&channel).await.unwrap(), ReadNo(3));
}

async fn old_months_go_whole_and_what_is_current_stays(store: &Database) {
    let minute = |text: &str| (text.parse::<Timestamp>().unwrap() - at(0)).num_minutes();
    let read_at = |text| u64::try_from(minute(text) + 1).unwrap();
    let old = read(read_at("2027-03-31T23:58:00Z"), ["a", "c"].map(|key| record(key, "old")));
    let new = read(read_at("2027-04-01T00:00:00Z"), [record("a", "new"), record("b", "new")]);
    keep(store, &intake([&old, &new])).await;
    let drop_before = async |text: &str| store.drop_before(text.parse().unwrap()).await.unwrap();
    let kept = async |key: &str| store.history(&id(key)).await.unwrap().len();
    drop_before("2027-03-31T23:59:59Z").await; // the month of the test itself, perhaps
    assert_eq!((kept("a").await, kept("b").await), (2, 1));
    assert!(drop_before("2027-04-01T00:00:00Z").await);
    assert_eq!((kept("a").await, kept("b").await), (1, 1));
    assert!(!drop_before("2027-04-30T23:59:59Z").await);
    let current = async |key: &str| store.demand(&id(key)).await.unwrap().unwrap().demand;
    assert_eq!(current("a").await.body.content.as_deref(), Some("new"));
    assert!(!current("a").await.raw.0.is_empty());
    // Of what has not changed since, the record goes and the demand stays.
    assert_eq!((kept("c").await, current("c").await.raw.0.len()), (0, 0));
    assert_eq!(current("c").await.body.content.as_deref(), Some("old"));
    let again = read(read_at("2027-04-30T00:00:00Z"), [record("c", "old")]);
    assert_eq!(keep(store, &intake([&again])).await.unchanged, 1);
}

async fn read_numbers_that_many_reserve_at_once_are_given_once(store: &Database) {
    // As gateways do that are all sent to.
    let reserving = (0..16).map(|_| async {
        let (mine, mut numbers) = (store.separate_handle(), Vec::new());
        for _ in 0..10 {
            numbers.extend(mine.reserve(&hotline(), Position::UNLEASED, 10).await.unwrap());
        }
        assert!(numbers.is_sorted(), "a later read has a greater number");
        numbers
    });
    let numbers: BTreeSet<_> = join_all(reserving).await.into_iter().flatten().collect();
    assert_eq!(numbers.len(), 16 * 10 * 10);
}

async fn shapes_are_those_of_the_newest_demands_since_a_change_was_accepted(store: &Database) {
    let body = json!({"text": "said", "person": "T1", "status": "pending"});
    let undated = with_body("u", Revision::NONE, json!({"undated": true}));
    let first = [record("a", "said"), undated, with_body("b", Revision::NONE, body)];
    keep(store, &intake([&read(1, first)])).await;
    let shapes = store.shapes(&hotline()).await.unwrap();
    let has = |shape: &DemandShape| -> Vec<&str> {
        let fields = DemandShape::FIELDS.iter().enumerate();
        fields.filter(|(at, _)| shape.has(*at)).map(|(_, name)| *name).collect()
    };
    let seen: Vec<_> = shapes.iter().map(|(of, shape)| (*of, has(shape))).collect();
    let all_of_b = vec!["content", "received_at", "status", "people", "people.phone"];
    let all_of_a = vec!["content", "received_at"];
    assert_eq!(seen, [(id("b"), all_of_b), (id("u"), vec![]), (id("a"), all_of_a)]);
    store.accept_shape(&hotline(), "tester").await.unwrap();
    keep(store, &intake([&read(2, [with_body("c", Revision::NONE, json!({}))])])).await;
    let timed = DemandBody { received_at: Some(at(0)), ..DemandBody::default() };
    assert_eq!(store.shapes(&hotline()).await.unwrap(), [(id("c"), DemandShape::of(&timed))]);
    assert_eq!(store.shapes(&"other".parse().unwrap()).await.unwrap(), []);
}

of_both! {
    one_holder_at_a_time,
    a_lease_ends_when_it_is_not_renewed_and_when_it_is_given_back,
    an_expired_lease_is_taken_by_one,
    requests_counted_for_a_day_outlive_the_holder,
    a_backfill_stands_where_it_was_moved_to_and_the_live_position_does_not,
    a_request_is_open_until_it_is_answered,
    a_channel_is_paused_until_it_is_told_to_resume,
    what_has_no_receipt_yet_is_counted_up_to_a_move,
    old_months_go_whole_and_what_is_current_stays,
    read_numbers_that_many_reserve_at_once_are_given_once,
    shapes_are_those_of_the_newest_demands_since_a_change_was_accepted,
}

#[test]
fn the_stored_names_of_requests_are_those_of_every_build() {
    use crate::store::RequestKind::{
        Accept, MapRejected, Pause, Reconcile, Reload, Replay, Resume, Retry, RetrySinks, Sync,
    };
    let names = json!([
        Sync,
        Reconcile,
        Replay,
        MapRejected,
        Pause,
        Resume,
        Reload,
        Accept,
        Retry,
        RetrySinks
    ]);
    let stored = [
        "sync",
        "reconcile",
        "replay",
        "maprejected",
        "pause",
        "resume",
        "reload",
        "accept",
        "retry",
        "retrysinks",
    ];
    assert_eq!(names, json!(stored));
}
