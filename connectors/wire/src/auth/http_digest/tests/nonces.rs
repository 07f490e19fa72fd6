//! How long a nonce is used, and to whom it is sent.

use super::*;

/// What happens to a channel in its order, and what it does then.
enum Event {
    /// A request is sent; this is the nonce that it answers, and its number.
    Sent(Option<(&'static str, &'static str)>),
    /// A challenge comes; this is whether the request is repeated.
    Challenge(&'static str, bool),
    /// The challenge is a fault of this kind.
    Fault(&'static str, FaultKind),
    /// The answer is a success, with this header `Authentication-Info`.
    Accepted(Option<&'static str>),
}

#[test]
fn a_nonce_is_used_until_it_ends_and_a_refused_answer_is_not_repeated() {
    use Event::{Accepted, Challenge, Fault, Sent};
    let a = "Digest realm=\"r\", nonce=\"a\", qop=\"auth\"";
    let b = "Digest realm=\"r\", nonce=\"b\", qop=\"auth\"";
    let other_realm = "Digest realm=\"s\", nonce=\"a\", qop=\"auth\"";
    let stale = "Digest realm=\"r\", nonce=\"b\", qop=\"auth\", stale=TRUE";
    let stale_again = "Digest realm=\"r\", nonce=\"c\", qop=\"auth\", stale=\"true\"";
    let sent = |nonce, count| Sent(Some((nonce, count)));
    for (name, events) in [
        (
            "the count rises",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(None),
                sent("a", "00000002"),
                Accepted(None),
                sent("a", "00000003"),
            ],
        ),
        (
            "refused",
            vec![Sent(None), Challenge(a, true), sent("a", "00000001"), Challenge(b, false)],
        ),
        (
            "the same nonce again",
            vec![Sent(None), Challenge(a, true), sent("a", "00000001"), Challenge(a, false)],
        ),
        (
            "after a refusal, it begins again",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Challenge(b, false),
                Sent(None),
                Challenge(b, true),
                sent("b", "00000001"),
                Accepted(None),
            ],
        ),
        (
            "a stale nonce is no refusal",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Challenge(stale, true),
                sent("b", "00000001"),
                Accepted(None),
                sent("b", "00000002"),
                Challenge(stale_again, true),
                sent("c", "00000001"),
            ],
        ),
        (
            "each nonce is stale",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Challenge(stale, true),
                sent("b", "00000001"),
                Fault(stale_again, FaultKind::Transient),
                Sent(None),
            ],
        ),
        (
            "a nonce that was accepted may end without a word",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(None),
                sent("a", "00000002"),
                Challenge(b, true),
                sent("b", "00000001"),
                Challenge(a, false),
            ],
        ),
        (
            "the next nonce",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(Some("rspauth=\"x\", nextnonce=\"d=\"")),
                sent("d=", "00000001"),
            ],
        ),
        (
            "a next nonce that is lost",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(Some("nextnonce=\"\u{fffd}\"")),
                sent("a", "00000002"),
            ],
        ),
        // transithq/tropel#328: another realm is another password, even with the same nonce.
        (
            "another realm with the same nonce",
            vec![
                Sent(None),
                Challenge(a, true),
                sent("a", "00000001"),
                Accepted(None),
                sent("a", "00000002"),
                Challenge(other_realm, true),
                sent("a", "00000001"),
                Challenge(a, false),
            ],
        ),
        (
            "nothing came back",
            vec![Sent(None), Challenge(a, true), sent("a", "00000001"), Sent(None)],
        ),
    ] {
        let (settings, mut held) = (digest("ting", "s3cretWord"), Challenges::default());
        for event in events {
            match event {
                Sent(expected) => {
                    held.begin();
                    let (value, _) = settings.answer(&mut held, ORIGIN, get(TARGET));
                    assert_eq!(value.is_some(), expected.is_some(), "{name}: {value:?}");
                    if let (Some(value), Some((nonce, count))) = (value, expected) {
                        let is_it = value.contains(&format!("nonce=\"{nonce}\""))
                            && value.contains(&format!("nc={count}"));
                        assert!(is_it, "{name}: {value} has not {nonce} {count}");
                    }
                }
                Challenge(header, repeats) => {
                    assert_eq!(held.take(ORIGIN, header, NONCE).unwrap(), repeats, "{name}");
                }
                Fault(header, kind) => {
                    assert_eq!(
                        held.take(ORIGIN, header, NONCE).unwrap_err().kind(),
                        kind,
                        "{name}"
                    );
                }
                Accepted(info) => held.accept(ORIGIN, info),
            }
        }
    }
}

#[test]
fn a_challenge_is_answered_only_to_the_origin_that_has_sent_it() {
    let (settings, mut held) = (digest("ting", "s3cretWord"), Challenges::default());
    assert!(held.take(ORIGIN, "Digest realm=\"r\", nonce=\"a\"", NONCE).unwrap());
    for other in ["https://b.example", "http://a.example", "https://a.example:8443"] {
        assert!(settings.answer(&mut held, other, get(TARGET)).0.is_none(), "{other}");
    }
    assert!(settings.answer(&mut held, ORIGIN, get(TARGET)).0.is_some());
}
