//! The canonical form, the proof and the page of a statement.

use chrono_tz::Asia::Shanghai;
use contract::{Complete, PassEnd};
use sink::{bus::BusKey, store::suite::sample};

use super::*;

fn key() -> BusKey {
    BusKey::new([7; 32])
}

fn statement(name: &str) -> Statement {
    let ids =
        vec![line(&sample::id("a"), Digest([1; 16])), line(&sample::id("b"), Digest([2; 16]))];
    let statement = Statement {
        gateway: "1.0.0".to_owned(),
        channel: sample::hotline(),
        name: Some(name.to_owned()),
        day: "2026-11-20".parse().unwrap(),
        zone: Shanghai,
        made_at: "2026-11-21T01:00:00Z".parse().unwrap(),
        last_read_at: Some("2026-11-20T17:00:00Z".parse().unwrap()),
        counts: Counts {
            read: 5,
            accepted: 4,
            skipped: 0,
            rejected: 1,
            published: 5,
            stored: 4,
            unchanged: 0,
            stale: 0,
            quarantined: 1,
            in_flight: 0,
            lost: 0,
            redelivered: 0,
        },
        balanced: Some(true),
        extra: 0,
        last_pass: Some(Pass {
            ended_at: "2026-11-20T15:59:00Z".parse().unwrap(),
            listed: Some(5),
            given: 5,
            distinct: Some(5),
            dropped: 0,
            complete: PassEnd { listed: Some(5), distinct: Some(5), ..PassEnd::default() }
                .complete(),
            missing: None,
        }),
        demands: ids.len() as u64,
        set_hash: set_hash(&ids),
        ids,
        previous: None,
        mac: String::new(),
    };
    statement.prove(&key()).unwrap()
}

#[test]
fn the_canonical_form_is_compact_and_in_the_order_of_the_fields() {
    let statement = statement("热线");
    let canonical = String::from_utf8(statement.canonical().unwrap()).unwrap();
    let begin = r#"{"gateway":"1.0.0","channel":"hotline","name":"热线","day":"2026-11-20","zone":"Asia/Shanghai","made_at":"2026-11-21T01:00:00Z","#;
    assert!(canonical.starts_with(begin), "{canonical}");
    let end = format!(r#","previous":null,"mac":"{}"}}"#, statement.mac);
    assert!(canonical.ends_with(&end), "{canonical}");
    let unproven = canonical.replace(&format!(r#","mac":"{}""#, statement.mac), "");
    assert!(key().proves_statement(unproven.as_bytes(), &statement.mac), "{unproven}");
    assert_eq!(statement.hash().unwrap(), hex::encode(Sha256::digest(&canonical)));
    assert_eq!(statement.last_pass.as_ref().unwrap().complete, Complete::Yes);
}

#[test]
fn a_statement_verifies_however_it_is_spaced_and_not_if_a_digit_is_altered() {
    let statement = statement("热线");
    let json = statement.to_json().unwrap();
    for same in [json.clone(), json.replace('\n', "\r\n"), json.replace('\n', "")] {
        assert_eq!(Statement::parse(&same, &key()).unwrap(), statement, "{same}");
    }
    let digits = json.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at);
    for at in digits {
        let other = if json.as_bytes()[at] == b'3' { "4" } else { "3" };
        let altered = format!("{}{other}{}", &json[..at], &json[at + 1..]);
        assert!(Statement::parse(&altered, &key()).is_err(), "{altered}");
    }
    let twice = json.replacen("\"read\": 5", "\"read\": 9,\n\"read\": 5", 1);
    let more = json.replacen("\"extra\": 0", "\"extra\": 0,\n\"note\": \"paid\"", 1);
    let unproven = json.replace(&statement.mac, "");
    for wrong in [twice, more, unproven, "{}".to_owned(), String::new()] {
        assert!(Statement::parse(&wrong, &key()).is_err(), "{wrong}");
    }
    assert!(Statement::parse(&json, &BusKey::new([8; 32])).is_err());
}

#[test]
fn a_page_shows_the_counts_has_no_script_and_verifies_as_it_is() {
    let statement = statement("<script>alert('1')</script>\u{202e}");
    let page = draw(&statement).unwrap();
    assert!(page.contains("读取 <small>read</small></th><td class=\"n\">5</td>"), "{page}");
    assert!(page.contains(&statement.set_hash) && page.contains(&statement.mac), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\\u202e"), "{page}");
    for active in ["<script", "http://", "https://", "src=", "href=", "url(", "\u{202e}"] {
        assert!(!page.contains(active), "{active}: {page}");
    }
    assert_eq!(Statement::parse(&page, &key()).unwrap(), statement);
    let shown = "</th><td class=\"n\">5</td>";
    let altered = page.replacen(shown, "</th><td class=\"n\">6</td>", 1);
    assert!(Statement::parse(&altered, &key()).is_err(), "the table says something else");
}

#[test]
fn a_statement_says_what_is_not_final_in_it() {
    let doubts = |statement: &Statement| statement.doubts().len();
    let closed = Statement { previous: Some(String::new()), ..statement("热线") };
    assert_eq!(doubts(&closed), 1, "that `reconcile` is not part of it is always said");
    let early = Some("2026-11-20T15:59:59Z".parse().unwrap());
    for unsure in [
        Statement { previous: None, ..closed.clone() },
        Statement { last_pass: None, ..closed.clone() },
        Statement { last_read_at: early, ..closed.clone() },
        Statement { balanced: Some(false), ..closed.clone() },
        Statement { counts: Counts { in_flight: 1, ..closed.counts.clone() }, ..closed.clone() },
    ] {
        assert_eq!(doubts(&unsure), 2, "{unsure:?}");
    }
}
