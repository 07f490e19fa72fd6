//! The promises.

use std::{collections::BTreeSet, future::Future, pin::pin, task::Poll, time::Duration};

use contract::{Connector, Cursor};

use crate::{Seen, Source, read, run, settle};

const HOUR: Duration = Duration::from_secs(3600);

/// Building needs neither a network nor a runtime.
pub async fn builds_without_network<S: Source>(source: S) {
    std::thread::scope(|scope| {
        // A thread of its own has no runtime.
        let built = scope.spawn(|| drop(source.connector()));
        assert!(built.join().is_ok(), "building needs a runtime");
    });
}

/// A channel that was never read is read from its beginning.
pub async fn starts_from_none<S: Source>(mut source: S) {
    let keys = rows(&mut source, "r", 7).await;
    let (seen, _) = run(&mut source.connector(), None, 3).await;
    assert_found(&seen, &keys);
}

/// A read is a question: asked again it answers with the same things again.
pub async fn the_same_question_gets_the_same_keys<S: Source>(mut source: S) {
    rows(&mut source, "r", 9).await;
    let (mut connector, mut at) = (source.connector(), None);
    for _ in 0..8 {
        let (first, upto, _) = read(&mut connector, at.as_ref(), 4).await;
        let (again, ..) = read(&mut connector, at.as_ref(), 4).await;
        let (elsewhere, ..) = read(&mut source.connector(), at.as_ref(), 4).await;
        assert_eq!(first, again);
        assert_eq!(first, elsewhere);
        settle(&mut connector, &upto).await;
        at = Some(upto);
    }
}

/// A run that is cut at any cursor, and goes on in another process, finds the same keys.
pub async fn resumes_after_any_cursor<S: Source>(mut source: S) {
    for cut in 0..12 {
        // New ones each time: a source that is told what was fetched gives nothing twice.
        let expected = rows(&mut source, &format!("c{cut}-"), 5).await;
        let (mut seen, mut at) = (Seen::new(), None);
        let mut connector = source.connector();
        for _ in 0..cut {
            let (keys, upto, _) = read(&mut connector, at.as_ref(), 2).await;
            seen.extend(keys.into_iter().map(|key| (key, 1)));
            settle(&mut connector, &upto).await;
            at = Some(upto);
        }
        let (rest, _) = run(&mut source.connector(), at, 2).await;
        seen.extend(rest);
        assert_found(&seen, &expected);
    }
}

/// What is written down and read back is the same position.
pub async fn a_cursor_survives_json<S: Source>(mut source: S) {
    rows(&mut source, "r", 5).await;
    let (_, upto, _) = read(&mut source.connector(), None, 3).await;
    let decoded: <S::Connector as Connector>::Cursor =
        upto.decode().unwrap_or_else(|fault| panic!("{fault}"));
    let again = Cursor::encode(&decoded).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(upto.as_str(), again.as_str());
}

/// A read that is dropped anywhere has changed nothing.
pub async fn a_read_can_be_dropped_at_every_await<S: Source>(mut source: S) {
    let keys = rows(&mut source, "r", 6).await;
    let mut connector = source.connector();
    for n_polls in 0..40 {
        let mut reading = pin!(connector.read(None, 3));
        for _ in 0..n_polls {
            let mut once = true;
            // Polls once and then lets the others (a database's thread, the timer) run.
            let is_done = std::future::poll_fn(|context| match reading.as_mut().poll(context) {
                Poll::Ready(_) => Poll::Ready(true),
                Poll::Pending if once => {
                    once = false;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => Poll::Ready(false),
            });
            if is_done.await {
                break;
            }
        }
    }
    let (seen, _) = run(&mut connector, None, 3).await;
    assert_found(&seen, &keys);
}

/// Records whose batch was lost before it was settled come again.
pub async fn what_is_not_settled_is_returned_again<S: Source>(mut source: S) {
    rows(&mut source, "r", 5).await;
    let (first, ..) = read(&mut source.connector(), None, 5).await;
    let (again, ..) = read(&mut source.connector(), None, 5).await;
    assert!(!first.is_empty(), "nothing was read");
    assert_eq!(first, again);
}

/// A batch is never larger than what was asked for.
pub async fn respects_max<S: Source>(mut source: S) {
    let keys = rows(&mut source, "r", 7).await;
    for max in [1, 2, 7, 500] {
        let (mut connector, mut at, mut seen) = (source.connector(), None, Seen::new());
        loop {
            let (found, upto, caught_up) = read(&mut connector, at.as_ref(), max).await;
            assert!(found.len() <= max, "{} entries, {max} were asked for", found.len());
            seen.extend(found.into_iter().map(|key| (key, 1)));
            at = Some(upto);
            if caught_up {
                break;
            }
        }
        assert_found(&seen, &keys);
    }
}

/// One batch holds one state of a thing.
pub async fn no_key_comes_twice_in_a_batch<S: Source>(mut source: S) {
    rows(&mut source, "r", 5).await;
    source.change("r1").await;
    let (mut connector, mut at) = (source.connector(), None);
    for _ in 0..8 {
        let (keys, upto, _) = read(&mut connector, at.as_ref(), 100).await;
        let distinct: BTreeSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "a key came twice");
        settle(&mut connector, &upto).await;
        at = Some(upto);
    }
}

/// Once caught up, nothing that was there is still unread, and what comes later is found.
pub async fn caught_up_means_caught_up<S: Source>(mut source: S) {
    let (nothing, at) = run(&mut source.connector(), None, 4).await;
    assert!(nothing.is_empty(), "an empty source gave something");
    let keys = rows(&mut source, "r", 9).await;
    let (seen, at) = run(&mut source.connector(), Some(at), 4).await;
    assert_found(&seen, &keys);
    source.add(&["later".to_owned()], Duration::ZERO).await;
    let (seen, at) = run(&mut source.connector(), Some(at), 4).await;
    assert_found(&seen, &BTreeSet::from(["later".to_owned()]));
    let (_, at) = run(&mut source.connector(), Some(at), 4).await;
    let (_, rested) = run(&mut source.connector(), Some(at.clone()), 4).await;
    assert_eq!(at.as_str(), rested.as_str(), "a source at rest moves its cursor");
}

/// A restart settles what was settled already.
pub async fn settled_twice_is_harmless<S: Source>(mut source: S) {
    let keys = rows(&mut source, "r", 5).await;
    let mut connector = source.connector();
    let (_, upto, _) = read(&mut connector, None, 5).await;
    settle(&mut connector, &upto).await;
    source.change("r2").await;
    settle(&mut connector, &upto).await;
    settle(&mut source.connector(), &upto).await;
    let (seen, _) = run(&mut connector, Some(upto), 5).await;
    assert!(seen.contains_key("r2"), "a change was settled away");
    let (seen, _) = run(&mut connector, None, 5).await;
    assert!(seen.keys().all(|key| keys.contains(key)));
}

/// A record that changes after it was read is read again.
pub async fn a_change_is_seen_again<S: Source>(mut source: S) {
    rows(&mut source, "r", 6).await;
    let mut connector = source.connector();
    let (_, at) = run(&mut connector, None, 4).await;
    source.change("r3").await;
    let (seen, _) = run(&mut connector, Some(at), 4).await;
    assert!(seen.contains_key("r3"), "the change was not seen");
}

/// Many records of one moment, more than a page holds.
pub async fn a_flood_of_one_moment_loses_nothing<S: Source>(mut source: S) {
    let keys: Vec<String> = (0..57).map(|n| format!("flood{n}")).collect();
    source.add(&keys, HOUR).await;
    let (seen, at) = run(&mut source.connector(), None, 4).await;
    assert_found(&seen, &keys.iter().cloned().collect());
    let more: Vec<String> = (0..33).map(|n| format!("more{n}")).collect();
    source.add(&more, Duration::ZERO).await;
    let (seen, _) = run(&mut source.connector(), Some(at), 4).await;
    assert_found(&seen, &more.into_iter().collect());
}

/// A record that becomes visible after newer ones were read, with its old time.
pub async fn late_commits_lose_nothing<S: Source>(mut source: S) {
    source.add(&["early".to_owned()], HOUR).await;
    source.add(&["newest".to_owned()], Duration::ZERO).await;
    let (_, at) = run(&mut source.connector(), None, 10).await;
    source.add(&["late".to_owned()], S::LATE.mul_f64(0.8)).await;
    let (seen, _) = run(&mut source.connector(), Some(at), 10).await;
    assert_found(&seen, &BTreeSet::from(["late".to_owned()]));
}

/// Records that are added while the walk is under way.
pub async fn rows_that_arrive_during_a_walk_are_found<S: Source>(mut source: S) {
    let mut keys = rows(&mut source, "r", 8).await;
    let (mut connector, mut at, mut seen) = (source.connector(), None, Seen::new());
    for n in 0..6 {
        let (found, upto, _) = read(&mut connector, at.as_ref(), 2).await;
        seen.extend(found.into_iter().map(|key| (key, 1)));
        settle(&mut connector, &upto).await;
        at = Some(upto);
        let key = format!("a{n}");
        source.add(std::slice::from_ref(&key), Duration::ZERO).await;
        keys.insert(key);
    }
    for _ in 0..2 {
        let (rest, upto) = run(&mut connector, at, 2).await;
        seen.extend(rest);
        at = Some(upto);
    }
    assert_found(&seen, &keys);
}

/// Records of different ages, oldest last.
async fn rows<S: Source>(source: &mut S, name: &str, n: u32) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for index in 0..n {
        let key = format!("{name}{index}");
        source.add(std::slice::from_ref(&key), HOUR * (index + 1)).await;
        keys.insert(key);
    }
    keys
}

fn assert_found(seen: &Seen, keys: &BTreeSet<String>) {
    let missing: Vec<&String> = keys.iter().filter(|key| !seen.contains_key(*key)).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
}
