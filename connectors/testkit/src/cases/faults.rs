//! Faults have the right kind, and lose nothing.

use std::time::Duration;

use contract::{Fault, FaultKind};

use super::add_rows;
use crate::{
    Broken, Forbidden, HasSecret, HasTimeout, KeyCounts, Refuses, Silent, Throttled, Unauthorized,
    WrongFormat,
    drive::{add_keys, assert_found, try_read},
    read, run, settle,
};

/// The credentials are wrong: only a person can correct them.
pub async fn wrong_credentials_stop_the_channel<S: Refuses<Unauthorized>>(mut source: S) {
    let fault = fault_of(&mut source, Unauthorized).await;
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
}

/// The account has no permission: only the owner of the source can grant it.
pub async fn a_forbidden_account_stops_the_channel<S: Refuses<Forbidden>>(mut source: S) {
    let fault = fault_of(&mut source, Forbidden).await;
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
}

/// The source says how long to wait. The fault says the same or longer.
pub async fn a_throttled_read_waits_as_requested<S: Refuses<Throttled>>(mut source: S) {
    let wait = Duration::from_secs(7);
    let fault = fault_of(&mut source, Throttled(wait)).await;
    let FaultKind::Throttled(requested) = fault.kind() else { panic!("not throttled: {fault}") };
    assert!(requested >= wait, "{requested:?}, but the source said {wait:?}");
}

/// The source itself fails, which may go away by itself.
pub async fn a_broken_source_is_retried<S: Refuses<Broken>>(mut source: S) {
    let fault = fault_of(&mut source, Broken).await;
    assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
}

/// The source never answers. The read ends with a fault after its timeout.
pub async fn a_silent_source_times_out<S: HasTimeout>(mut source: S) {
    let limit = S::TIMEOUT * 3 + Duration::from_secs(2);
    let fault = tokio::time::timeout(limit, fault_of(&mut source, Silent)).await;
    let Ok(fault) = fault else { panic!("still waiting after {limit:?}") };
    assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
}

/// An answer that cannot be read is a fault or an unreadable entry. If it were taken for an empty
/// answer, the cursor would move past it.
pub async fn garbage_is_not_read_as_an_empty_answer<S: Refuses<WrongFormat>>(mut source: S) {
    add_rows(&mut source, "r", 3).await;
    source.refuse(WrongFormat).await;
    if let Ok(batch) = try_read(&mut source.connector(), None, 10).await {
        assert!(!batch.entries.is_empty(), "garbage was taken for an empty answer");
    }
}

/// After a fault, reading continues at the same position.
pub async fn a_fault_loses_nothing<S: Refuses<Broken>>(mut source: S) {
    let keys = add_rows(&mut source, "r", 8).await;
    let (mut connector, mut seen) = (source.connector(), KeyCounts::new());
    let (found, upto, _) = read(&mut connector, None, 3).await;
    add_keys(&mut seen, found);
    settle(&mut connector, &upto).await;
    source.refuse(Broken).await;
    let refused = try_read(&mut connector, Some(&upto), 3).await;
    assert!(refused.is_err(), "the source did not refuse the read");
    source.stop_refusing().await;
    let (rest, _) = run(&mut connector, Some(upto), 3).await;
    seen.extend(rest);
    assert_found(&seen, &keys);
}

/// Faults are logged and shown to people, so they must not contain secrets.
pub async fn a_fault_contains_no_secret<S: HasSecret>(mut source: S) {
    let secret = source.secret();
    let fault = fault_of(&mut source, Unauthorized).await;
    let text = format!("{fault} {fault:?}");
    assert!(!text.contains(&secret), "a fault contains the secret");
}

/// The fault of a read that the source refuses in the way `how`.
async fn fault_of<S: Refuses<R>, R>(source: &mut S, how: R) -> Fault {
    add_rows(source, "r", 3).await;
    source.refuse(how).await;
    match try_read(&mut source.connector(), None, 10).await {
        Err(fault) => fault,
        Ok(_) => panic!("the source refused, but the read did not fail"),
    }
}
