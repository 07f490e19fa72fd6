//! The processes of a service and their answers, tested with both databases.

use std::time::Duration;

use crate::store::{
    Database, RequestKind, RequestState, postgres::tests::PostgresTestStore, tests::SqliteTestStore,
};

const LONG: Duration = Duration::from_secs(60);

async fn a_process_is_there_until_it_ends_or_is_not_seen_for_long(store: &Database) {
    let says = |role| [role, "gw1", "1.2.3"];
    store.renew_process("gw1 77 5 m", says("sink"), None).await.unwrap();
    store.renew_process("gw1 78 6 m", says("ingest"), None).await.unwrap();
    let before = store.processes().await.unwrap();
    let roles: Vec<_> = before.iter().map(|process| process.role.as_str()).collect();
    assert_eq!(roles, ["ingest", "sink"]);
    let sink = &before[1];
    assert_eq!((sink.id.as_str(), sink.host.as_str()), ("gw1 77 5 m", "gw1"));
    assert_eq!((sink.version.as_str(), &sink.fault), ("1.2.3", &None));
    assert!(sink.next_try_at.is_none() && sink.unseen_for < LONG, "{sink:?}");

    let fault = Some(("permission denied\0", LONG));
    store.renew_process("gw1 77 5 m", says("sink"), fault).await.unwrap();
    let after = store.processes().await.unwrap();
    let sink = &after[1];
    assert_eq!((after.len(), sink.since), (2, before[1].since));
    assert_eq!(sink.fault.as_deref(), Some("permission denied␀"));
    assert!(sink.seen_at >= before[1].seen_at);
    let wait = (sink.next_try_at.unwrap() - sink.seen_at).num_milliseconds();
    assert!((59_000..61_000).contains(&wait), "{wait} ms");
    store.renew_process("gw1 77 5 m", says("sink"), None).await.unwrap();
    assert_eq!(store.processes().await.unwrap()[1].next_try_at, None);

    store.end_process("gw1 78 6 m").await.unwrap();
    store.forget_processes(LONG).await.unwrap();
    assert_eq!(store.processes().await.unwrap().len(), 1, "the other one was seen just now");
    store.forget_processes(Duration::ZERO).await.unwrap();
    assert_eq!(store.processes().await.unwrap(), []);
}

async fn each_process_answers_a_request_to_all_for_itself(store: &Database) {
    assert_eq!(store.last_request_to_all().await.unwrap(), 0);
    let ask = async |kind| store.ask(kind, None, None, "me").await.unwrap();
    let reload = ask(RequestKind::Reload).await;
    let last = ask(RequestKind::Retry).await;
    let other = ask(RequestKind::Sync).await;
    let retry = ask(RequestKind::RetrySinks).await;
    let kinds = async |seq| -> Vec<_> {
        let requests = store.requests_to_all(seq).await.unwrap();
        requests.into_iter().map(|request| (request.seq, request.kind)).collect()
    };
    assert_eq!(kinds(reload).await, [(last, RequestKind::Retry), (retry, RequestKind::RetrySinks)]);
    assert_eq!(store.last_request_to_all().await.unwrap(), retry);

    assert_eq!(store.answers(reload).await.unwrap(), []);
    let failed = RequestState::Failed("not\0 reloaded".to_owned());
    for state in [RequestState::Done("9 channels".to_owned()), failed] {
        store.answer_as("gw1 77", reload, &state).await.unwrap();
    }
    store.answer_as("gw1 78", reload, &RequestState::Done(String::new())).await.unwrap();
    let answers = [
        ("gw1 77".to_owned(), RequestState::Failed("not␀ reloaded".to_owned())),
        ("gw1 78".to_owned(), RequestState::Done(String::new())),
    ];
    assert_eq!(store.answers(reload).await.unwrap(), answers);
    assert_eq!(store.answers(retry).await.unwrap(), [], "another request");

    // What is old goes, but not the number of the last one: it would be given again.
    for seq in [reload, last, other, retry] {
        store.answer(seq, &RequestState::Done(String::new())).await.unwrap();
    }
    store.forget_requests(LONG).await.unwrap();
    assert_eq!(store.answers(reload).await.unwrap(), answers);
    store.forget_requests(Duration::ZERO).await.unwrap();
    assert_eq!(store.answers(reload).await.unwrap(), []);
    assert_eq!(kinds(0).await, [(retry, RequestKind::RetrySinks)]);
    assert!(ask(RequestKind::Reload).await > retry);
}

of_both! {
    a_process_is_there_until_it_ends_or_is_not_seen_for_long,
    each_process_answers_a_request_to_all_for_itself,
}
