//! Feeds of changes: a pass ends with what the next one begins with.

use contract::{Complete, PassEnd};

use super::{walks::answer, *};

const LINK: &str = "$['@odata.deltaLink']";

/// A source with six records in pages of two, whose last page links to the changes since. `asked` gets the links
/// to changes that were asked for; they are refused with this status if there is one.
async fn feed(kind: &str, refusal: Option<u16>) -> City {
    let page = match kind {
        "next" => json!({ "kind": "next", "at": "$['@odata.nextLink']", "changes": LINK }),
        _ => {
            json!({ "kind": "token", "param": "t", "at": "$['@odata.nextLink']", "changes": LINK })
        }
    };
    let city = City::new(json!({ "page": page })).await;
    let is_link = kind == "next";
    let mut n_changes = 0;
    city.answer(move |request| {
        let token = request.query.get("t").cloned().unwrap_or_else(|| "p0".to_owned());
        let name = |token: String| if is_link { format!("/list?t={token}") } else { token };
        if let Some(page) = token.strip_prefix('p') {
            let page: usize = page.parse().unwrap();
            let rows: Value =
                (2 * page..2 * page + 2).map(|n| json!({ "id": format!("r{n}") })).collect();
            let more = match page {
                2 => json!({ "@odata.deltaLink": name("c0".to_owned()) }),
                _ => json!({ "@odata.nextLink": name(format!("p{}", page + 1)) }),
            };
            return Some(answer(&rows, more));
        }
        if refusal == Some(204) {
            return Some(Reply::new(204, ""));
        }
        if let Some(status) = refusal {
            return Some(Reply::new(status, r#"{"error":{"code":"syncStateNotFound"}}"#));
        }
        n_changes += 1;
        let rows = match n_changes {
            1 => json!([{ "id": "r1", "v": 2 }]),
            _ => json!([]),
        };
        Some(answer(&rows, json!({ "@odata.deltaLink": name(format!("c{n_changes}")) })))
    });
    city
}

/// Reads a pass. Returns the keys, the account and the position.
async fn pass(city: &City, after: Option<Cursor>) -> (BTreeSet<String>, PassEnd, Cursor) {
    let (mut http, mut keys) = (city.http(), BTreeSet::new());
    let mut at = after.map(|cursor| cursor.decode().unwrap());
    for _ in 0..100 {
        let batch = http.read(at.as_ref(), 100).await.unwrap();
        keys.extend(batch.entries.iter().map(key));
        if let Some(end) = batch.end {
            return (keys, end, Cursor::encode(&batch.upto).unwrap());
        }
        at = Some(batch.upto);
    }
    panic!("the pass does not end");
}

fn tokens(city: &City) -> Vec<String> {
    let requests = std::mem::take(&mut city.state().requests);
    requests.iter().map(|request| request.query.get("t").cloned().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_next_pass_lists_only_what_has_changed_even_after_a_restart() {
    for kind in ["next", "token"] {
        let city = feed(kind, None).await;
        let (keys, end, at) = pass(&city, None).await;
        assert_eq!((keys.len(), end.complete()), (6, Complete::Unknown), "{kind}: {end:?}");
        assert_eq!(tokens(&city), ["", "p1", "p2"]);
        let (keys, end, at) = pass(&city, Some(at)).await;
        assert_eq!((keys, end.complete()), (set(&["r1"]), Complete::Unknown), "{kind}: {end:?}");
        let (keys, ..) = pass(&city, Some(at.clone())).await;
        assert!(keys.is_empty(), "{keys:?}");
        assert_eq!(tokens(&city), ["c0", "c1"], "{kind}");
        // Another place of the link means another feed: everything is read again.
        let mut other = city.settings["page"].clone();
        other["changes"] = json!("$.delta");
        let city = city.with(json!({ "page": other }));
        let (keys, end, _) = pass(&city, Some(at)).await;
        assert_eq!((keys.len(), end.complete()), (6, Complete::Unknown), "{kind}: {end:?}");
        assert!(end.doubt.unwrap().contains("the next pass reads everything"));
    }
}

/// Tokens expire after some weeks, and a restart of the client finds out with 410
/// (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/2350>).
#[tokio::test]
async fn a_forgotten_token_means_that_everything_is_read_again_and_not_that_nothing_changed() {
    for (kind, status) in [("next", 410), ("token", 410), ("next", 404), ("token", 400)] {
        let city = feed(kind, Some(status)).await;
        let (_, _, at) = pass(&city, None).await;
        tokens(&city);
        let (keys, end, _) = pass(&city, Some(at)).await;
        assert_eq!(
            (keys.len(), end.complete()),
            (6, Complete::Unknown),
            "{kind}, {status}: {end:?}"
        );
        assert!(end.doubt.unwrap().contains("everything is read again"));
        assert_eq!(tokens(&city).last().unwrap(), "p2");
    }
}

#[tokio::test]
async fn no_content_at_a_link_to_changes_means_that_nothing_has_changed() {
    for kind in ["next", "token"] {
        let city = feed(kind, Some(204)).await;
        let (_, _, mut at) = pass(&city, None).await;
        tokens(&city);
        for _ in 0..3 {
            let (keys, end, after) = pass(&city, Some(at)).await;
            assert!(keys.is_empty(), "{kind}: {keys:?}");
            assert_eq!((end.complete(), end.doubt), (Complete::Unknown, None), "{kind}");
            at = after;
        }
        assert_eq!(tokens(&city), ["c0", "c0", "c0"], "{kind}");
    }
}

#[tokio::test]
async fn a_long_link_to_changes_does_not_fit_beside_those_of_other_values() {
    for kind in ["next", "token"] {
        for (n_bytes, is_fit) in [(100, true), (201, false)] {
            let each = json!({ "each": { "param": "area", "values": ["a"] } });
            let city = feed(kind, None).await.with(each);
            city.answer(move |_| {
                let link = format!("/list?t={}", "x".repeat(n_bytes));
                Some(answer(&json!([{ "id": "a" }]), json!({ "@odata.deltaLink": link })))
            });
            let read = city.read(None).await;
            let is_refused =
                read.is_err_and(|fault| fault.to_string().contains("exceeds 200 bytes"));
            assert_eq!(is_refused, !is_fit, "{kind}, {n_bytes}");
        }
    }
}

#[tokio::test]
async fn an_address_that_repeats_tokens_is_stored_without_any_of_them() {
    let city = one_page().await;
    let login = json!({
        "url": format!("{}/login", city.url), "secrets": { "pwd": "hunter2" },
        "tokens": [
            { "at": "$.ticket", "put": { "param": "ticket" } },
            { "at": "$.user", "put": { "param": "uid" } },
        ],
    });
    let city = city.with(json!({
        "login": login, "auth": { "api_key": { "param": "k", "key": "s3cret" } },
        "page": { "kind": "next", "at": "$.next" },
    }));
    city.answer(|request| {
        if request.path == "/login" {
            return Some(Reply::new(200, r#"{"code":0,"ticket":"t1cket","user":"us3r"}"#));
        }
        let is_first = !request.query.contains_key("p");
        let next = is_first.then(|| format!("{}&p=2", request.target));
        Some(answer(&json!([{ "id": if is_first { "a" } else { "b" } }]), json!({ "next": next })))
    });
    let first = city.read(None).await.unwrap();
    let stored = Cursor::encode(&first.upto).unwrap();
    for secret in ["t1cket", "us3r", "s3cret"] {
        assert!(!stored.as_str().contains(secret), "{}", stored.as_str());
    }
    let (entries, _) = city.entries(Some(stored), 100).await;
    assert_eq!(keys_of(&entries), set(&["b"]));
    let last = city.state().requests.last().unwrap().clone();
    for pair in ["ticket=t1cket", "uid=us3r", "k=s3cret"] {
        assert_eq!(last.target.matches(pair).count(), 1, "{}", last.target);
    }
}

#[tokio::test]
async fn a_link_that_is_lost_in_mid_walk_is_a_gap_and_a_list_of_changes_needs_no_start() {
    let city = feed("next", None).await;
    city.answer(|request| match request.query.get("t") {
        None => Some(answer(&json!([{ "id": "a" }]), json!({ "@odata.nextLink": "/list?t=p1" }))),
        Some(_) => Some(Reply::new(410, "")),
    });
    let (_, end, at) = pass(&city, None).await;
    assert_eq!(end.complete(), Complete::No, "{end:?}");
    tokens(&city);
    pass(&city, Some(at)).await;
    assert_eq!(tokens(&city)[0], "", "the list is read from its start");

    let since = json!({ "param": "from", "format": "%s", "at": "$.t" });
    let fault = feed("next", None).await.with(json!({ "since": since })).build().unwrap_err();
    assert!(fault.to_string().contains("`changes`"), "{fault}");
}

/// Behind a proxy, links have the wrong scheme or host, or no port
/// (<https://github.com/paperless-ngx/paperless-ngx/issues/3130>, and `tcp://` in
/// <https://github.com/alphagov/pay-connector/pull/325>).
#[tokio::test]
async fn a_source_that_names_itself_wrongly_is_still_asked_at_its_own_address() {
    for name in [
        "http://internal:8080/list",
        "tcp://localhost/list",
        "https://127.0.0.1/list",
        "//inner/list",
    ] {
        for kind in ["next", "link"] {
            let mut page = json!({ "kind": kind });
            if kind == "next" {
                page["at"] = json!("$.next");
            }
            let strict = one_page().await.with(json!({ "page": page }));
            page["path_only"] = json!(true);
            let city = one_page().await.with(json!({ "page": page }));
            for city in [&strict, &city] {
                city.answer(move |request| {
                    let is_second = request.query.contains_key("p");
                    let next = format!("{name}?p=2&q=x%2Fy");
                    let rows = json!([{ "id": if is_second { "b" } else { "a" } }]);
                    let reply = match is_second {
                        true => answer(&rows, json!({ "next": null })),
                        false => answer(&rows, json!({ "next": next }))
                            .with("link", format!("<{next}>; rel=next")),
                    };
                    Some(reply)
                });
            }
            let (entries, _) = city.entries(None, 100).await;
            assert_eq!(keys_of(&entries), set(&["a", "b"]), "{name}");
            assert_eq!(city.state().requests[1].target, "/list?p=2&q=x%2Fy");
            let mut http = strict.http();
            let first = http.read(None, 100).await.unwrap();
            let fault = http.read(Some(&first.upto), 100).await.unwrap_err().to_string();
            assert!(fault.contains("`path_only`"), "{fault}");
            // What the fault says helps: the address that was stored is not asked for again.
            let mended = strict.with(json!({ "page": page }));
            let at = Cursor::encode(&first.upto).unwrap();
            assert_eq!(keys_of(&mended.entries(Some(at), 100).await.0), set(&["a", "b"]), "{name}");
        }
    }
}

#[tokio::test]
async fn a_hostile_path_of_a_next_page_stays_at_the_host_of_the_channel() {
    let page = json!({ "kind": "next", "at": "$.next", "path_only": true });
    let city = one_page().await.with(json!({ "page": page }));
    city.answer(|request| {
        let is_first = request.path == "/list";
        let next = if is_first { json!("http://inner//evil.example/x") } else { Value::Null };
        Some(answer(&json!([{ "id": request.path }]), json!({ "next": next })))
    });
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["/list", "//evil.example/x"]));
}

#[tokio::test]
async fn a_record_that_says_that_it_is_removed_is_left_out_and_counted() {
    for (removed, record, is_left_out) in [
        (None, json!({ "id": "b", "@removed": { "reason": "deleted" } }), true),
        (None, json!({ "id": "b", "@odata.context": "$metadata#t/$deletedEntity" }), true),
        (None, json!({ "id": "b", "@removed": null, "v": 2 }), false),
        (None, json!({ "id": "b", "deleted": true }), false),
        (Some("$.deleted"), json!({ "id": "b", "deleted": true }), true),
        (Some("$.deleted"), json!({ "id": "b", "deleted": "2026-10-09" }), true),
        (Some("$.deleted"), json!({ "id": "b", "deleted": { "by": "x" } }), true),
        (Some("$.deleted"), json!({ "id": "b", "deleted": false }), false),
        (Some("$.deleted"), json!({ "id": "b", "deleted": "0" }), false),
        (Some("$.deleted"), json!({ "id": "b", "deleted": "" }), false),
        (Some("$.deleted"), json!({ "id": "b", "v": 2 }), false),
    ] {
        for kind in ["next", "token"] {
            let mut page = json!({ "kind": kind, "at": "$.next", "changes": LINK });
            if kind == "token" {
                page["param"] = json!("t");
            }
            if let Some(removed) = removed {
                page["removed"] = json!(removed);
            }
            let city = City::new(json!({ "page": page })).await;
            let served = record.clone();
            city.answer(move |request| {
                let link = if kind == "next" { "/list?t=c" } else { "c" };
                let rows = match request.query.contains_key("t") {
                    true => json!([{ "id": "a", "v": 2 }, served, { "id": "b", "v": 3 }]),
                    false => json!([{ "id": "a" }, { "id": "b" }]),
                };
                // A state and a removal of one record are no two records of one key.
                let rows = if is_left_out { rows } else { json!([rows[0], rows[1]]) };
                Some(answer(&rows, json!({ "@odata.deltaLink": link })))
            });
            let (_, _, at) = pass(&city, None).await;
            let batch = city.read(Some(&at.decode().unwrap())).await.unwrap();
            let is_tombstone = |entry: &&Entry| *tree(entry) == record;
            assert_eq!(
                batch.entries.iter().filter(is_tombstone).count(),
                usize::from(!is_left_out),
                "{record}: {:?}",
                batch.entries
            );
            assert_eq!(batch.entries.len(), 2, "{record}");
            let end = batch.end.unwrap();
            let n_removed = end.dropped.get(&contract::DropReason::Filtered).copied();
            assert_eq!(n_removed, is_left_out.then_some(1), "{record}: {end:?}");
            assert_eq!(end.to_string().contains("has removed records (1)"), is_left_out, "{end}");
        }
    }
}

#[tokio::test]
async fn a_list_of_all_records_has_none_that_are_removed() {
    let record = json!({ "id": "b", "@removed": { "reason": "deleted" } });
    let city = City::new(json!({ "page": { "kind": "next", "at": "$.next" } })).await;
    city.answer(move |_| Some(answer(&json!([record]), json!({ "next": null }))));
    assert_eq!(city.read(None).await.unwrap().entries.len(), 1);
    let page = json!({ "kind": "next", "at": "$.next", "removed": "$.deleted" });
    let fault = city.with(json!({ "page": page })).build().unwrap_err().to_string();
    assert!(fault.contains("`removed`") && fault.contains("set `changes`"), "{fault}");
}
