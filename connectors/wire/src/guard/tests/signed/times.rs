//! Times that are too far away, and requests that lack what is signed.

use super::*;

#[test]
fn a_time_counts_within_its_window_and_is_a_whole_number_in_its_unit() {
    let Platform(settings, query, _) = wechat();
    let ms = json!({ "timestamp": { "from": { "param": "timestamp" }, "unit": "ms" } });
    let wide = json!({ "timestamp": { "from": { "param": "timestamp" }, "window": "1h" } });
    let (seconds, no_number) = (json!({}), "the time is no number");
    let old = "the clocks differ by more than `window` of `timestamp`, or the request is old";
    let unit = "the time is in another unit than `unit` of `timestamp` says";
    for (time, more, later, why) in [
        ("1764547200", &seconds, 0, None),
        ("1764547200", &seconds, 300_000, None),
        ("1764547200", &seconds, -300_000, None),
        ("1764547200", &seconds, 300_001, Some(old)),
        ("1764547200", &seconds, -300_001, Some(old)),
        ("1764547200", &wide, 3_600_000, None),
        ("1764547200", &wide, 3_600_001, Some(old)),
        ("1764547200", &ms, 0, Some(unit)),
        ("1764547200000", &seconds, 0, Some(unit)),
        ("17645472000", &seconds, 0, Some(old)),
        ("1764547200x", &seconds, 0, Some(no_number)),
        ("1764547200.0", &seconds, 0, Some(no_number)),
        ("%2B1764547200", &seconds, 0, Some(no_number)),
        ("-1764547200", &seconds, 0, Some(no_number)),
        ("01764547200", &seconds, 0, Some(no_number)),
        ("%EF%BC%91764547200", &seconds, 0, Some(no_number)),
        ("99999999999999999999", &seconds, 0, Some(no_number)),
        ("999999999999999", &seconds, 0, Some(old)),
        ("NaN", &seconds, 0, Some(no_number)),
        ("", &seconds, 0, Some(no_number)),
    ] {
        let query = query.replace("1764547200", time);
        let said = said(&guard(settings.clone(), more), &query, "", b"", later);
        assert_eq!(said.err(), why, "{time} {more} {later}");
    }
}

#[test]
fn what_is_missing_twice_or_of_another_form_is_refused() {
    let missing = "the signature, its time or its nonce is missing";
    let twice = "the signature, its time or its nonce occurs twice";
    let wrong = "the signature is wrong";
    let prefix = "the signature does not begin with `prefix`";
    let changed = |platform: Platform, from: &str, to: &str| {
        let Platform(settings, query, headers) = platform;
        assert!(from.is_empty() || query.contains(from) || headers.contains(from), "{from}");
        let (query, headers) = match from {
            "" if to.starts_with('&') => (format!("{query}{to}"), headers.to_owned()),
            "" => (query.to_owned(), format!("{headers}{to}")),
            _ => (query.replace(from, to), headers.replace(from, to)),
        };
        said(&guard(settings, &json!({})), &query, &headers, BODY.as_bytes(), 0).err()
    };
    for (platform, from, to, why) in [
        (github(), "x-hub-signature-256", "x-hub-signature", Some(missing)),
        (github(), "sha256=", "", Some(prefix)),
        (github(), "sha256=", "sha1=", Some(prefix)),
        (github(), "sha256=", "sha256= ", None),
        (github(), "0c4d3c49", "0C4D3C49", None),
        (github(), "0c4d3c49", "0c4d3c48", Some(wrong)),
        (github(), "b95e4829", "b95e48", Some(wrong)),
        (
            github(),
            "0c4d3c4911bdd8bf0d2f174c9dbddce52eb2416a91489e6089ae28adb95e4829",
            "",
            Some(wrong),
        ),
        (github(), "", "\nX-Hub-Signature-256: sha256=00", Some(twice)),
        (wechat(), "timestamp=1764547200", "time=1764547200", Some(missing)),
        (wechat(), "nonce=n0nce7", "", Some(missing)),
        (wechat(), "", "&nonce=n0nce8", Some(twice)),
        (wechat(), "", "&timestamp=1764547201", Some(twice)),
        (wechat(), "nonce=n0nce7", "nonce=n0nce7%00", Some(wrong)),
        // Digits that move from the nonce to the time make the same text, but not a time of today.
        (
            feishu(),
            "1764547200\nx-lark-request-nonce: n",
            "176454720\nx-lark-request-nonce: 0n",
            Some("the clocks differ by more than `window` of `timestamp`, or the request is old"),
        ),
        (dingtalk(), "74rOkM2", "74ROKm2", Some(wrong)),
        (dingtalk(), "FA=", "FA", Some(wrong)),
    ] {
        let place = format!("{} {from:?} {to:?}", platform.0);
        assert_eq!(changed(platform, from, to), why, "{place}");
    }
}
