//! What the search does not find, and what it refuses.

use connector_wire::auth::solve::MAX_RECIPES;

use super::*;

fn settings() -> Value {
    json!({ "sign": {
        "algorithm": "md5", "parts": [{ "param": "appid" }, "timestamp", { "secret": SECRET }],
        "timestamp": { "put": { "param": "ts" }, "unit": "s" }, "put": { "param": "sign" },
    } })
}

fn request() -> Request {
    get("", &[("appid", "sim1"), ("page", "1")])
}

#[test]
fn ten_altered_signatures_find_no_recipe() {
    let sample = signed_sample(&settings(), &request());
    assert_eq!(solve(&sample).unwrap().recipes.len(), 1);
    for altered in 0..10 {
        let mut digits: Vec<char> = sample.signature.chars().collect();
        let digit = &mut digits[altered * 3];
        *digit = if *digit == '0' { '1' } else { '0' };
        let signature: String = digits.into_iter().collect();
        let request = get("", &[("appid", "sim1"), ("page", "1"), ("ts", "1760000000")]);
        let solution = solve(&super::sample(request, &signature)).unwrap();
        assert_eq!(solution.recipes, [], "{signature}");
        assert!(solution.groups.iter().all(|group| group.is_complete), "{solution:?}");
        let tried: u64 = solution.groups.iter().map(|group| group.tried).sum();
        assert!((1_000..=MAX_RECIPES).contains(&tried), "{tried}");
    }
}

#[test]
fn another_secret_finds_no_recipe() {
    let sample = signed_sample(&settings(), &request());
    let secret = Secret::new(format!("{SECRET} "));
    assert_eq!(solve(&Sample { secret, ..sample }).unwrap().recipes, []);
}

#[test]
fn a_signature_in_mixed_case_is_refused() {
    let sample = signed_sample(&settings(), &request());
    let mut is_first = true;
    let mixed = sample.signature.chars().map(|c| match c {
        'a'..='f' if std::mem::take(&mut is_first) => c.to_ascii_uppercase(),
        c => c,
    });
    let signature: String = mixed.collect();
    assert_ne!(signature, sample.signature);
    assert_ne!(signature, sample.signature.to_uppercase());
    let fault = solve(&Sample { signature, ..sample }).unwrap_err().to_string();
    assert!(fault.contains("of one case"), "{fault}");
}

#[test]
fn what_no_channel_file_can_say_is_refused_without_showing_a_value() {
    let sample = || signed_sample(&settings(), &request());
    let secret = || Secret::new(SECRET);
    for (wrong, what) in [
        (Sample { signature: "ab".repeat(48), ..sample() }, "no MD5"),
        (Sample { signature: SECRET.to_owned(), ..sample() }, "no MD5"),
        (Sample { signature: String::new(), ..sample() }, "empty"),
        (Sample { secret: Secret::new(""), ..sample() }, "empty"),
        (Sample { keys: vec![format!("id-{SECRET}")], secret: secret(), ..sample() }, "in it"),
        (Sample { timestamp: Some("30.11.2026 10:00".to_owned()), ..sample() }, "form"),
    ] {
        let fault = solve(&wrong).unwrap_err().to_string();
        assert!(fault.contains(what), "{fault}");
        assert!(!fault.contains(SECRET), "{fault}");
    }
}

/// The two codings differ only in `+` and `/`, which a signature may lack.
#[test]
fn a_coding_that_the_sample_does_not_decide_is_a_note() {
    let mut settings = settings();
    settings["sign"]["coding"] = "base64".into();
    let mut seen = [false, false];
    for page in 0..40 {
        let app = format!("sim{page}");
        let request = get("", &[("appid", app.as_str()), ("page", "1")]);
        let sample = signed_sample(&settings, &request);
        let is_clear = sample.signature.contains(['+', '/']);
        if std::mem::replace(&mut seen[usize::from(is_clear)], true) {
            continue;
        }
        let solution = solve(&sample).unwrap();
        assert_eq!(solution.recipes[0].settings["coding"], "base64");
        let notes = solution.notes.iter().filter(|note| note.contains("base64_url"));
        assert_eq!(notes.count(), usize::from(!is_clear), "{solution:?}");
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn what_the_sample_does_not_show_is_named() {
    let (_, signature) = sign(scheme(&settings()), &request(), FIRST);
    let timestamp = Some(FIRST.0.to_string());
    let solution = solve(&Sample { timestamp, ..sample(request(), &signature) }).unwrap();
    assert_eq!(solution.recipes[0].settings["put"], json!({ "header": "X-Signature" }));
    for what in ["signature", "time"] {
        let named = |note: &String| note.contains(&format!("where the {what} is sent"));
        assert!(solution.notes.iter().any(named), "{solution:?}");
    }
}
