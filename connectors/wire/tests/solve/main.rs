//! What the search for a signing scheme promises: it finds what the settings can say, from one signed request, and
//! nothing where the signature is another one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod document;
mod limits;
mod platforms;
mod vendors;

use connector_wire::auth::{
    Auth, Request, Scheme, SigningContext,
    solve::{Recipe, Sample, Solution, solve},
};
use contract::{Secret, Timestamp};
use serde_json::{Value, json};

/// Made up, as all values here are.
const SECRET: &str = "5f2b91c07d3e4a68b7c6";

/// The time and the random bytes of the sample, and those of the next request.
const FIRST: (i64, [u8; 16]) = (1_760_000_000, *b"\x21\xb2\xc3\x04567890123456");
const SECOND: (i64, [u8; 16]) = (1_760_086_401, *b"\xf1\x02\xc3\x04abcdef123456");

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn get(path: &str, query: &[(&str, &str)]) -> Request {
    Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: pairs(query),
        ..Request::default()
    }
}

fn post(path: &str, content_type: &str, body: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: pairs(&[("content-type", content_type)]),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    }
}

/// The request signed with these settings, and the signature.
fn sign(scheme: Scheme, request: &Request, at: (i64, [u8; 16])) -> (Request, String) {
    let now = Timestamp::from_timestamp(at.0, 0).unwrap();
    let context = SigningContext { now, nonce: at.1, zone: chrono_tz::Asia::Shanghai };
    let mut request = request.clone();
    let steps = Auth::build(scheme).unwrap().sign(&mut request, &context).unwrap();
    (request, steps.steps.last().unwrap().1.clone())
}

/// The settings of a scheme, in which the secret is in plain text.
fn scheme(settings: &Value) -> Scheme {
    serde_json::from_value(settings.clone()).unwrap()
}

/// The scheme of a recipe, with the secret in place of the variable.
fn scheme_of(recipe: &Recipe, secret: &str) -> Scheme {
    let settings = json!({ recipe.scheme: recipe.settings }).to_string();
    let settings = settings.replace(r#"{"env":"VENDOR_SECRET"}"#, &json!(secret).to_string());
    serde_json::from_str(&settings).unwrap()
}

fn sample(request: Request, signature: &str) -> Sample {
    Sample {
        request,
        signature: signature.to_owned(),
        secret: Secret::new(SECRET),
        variable: "VENDOR_SECRET".to_owned(),
        keys: Vec::new(),
        timestamp: None,
        nonce: None,
        text: None,
    }
}

/// The sample that these settings make of a request, which has the signature in it.
fn signed_sample(settings: &Value, request: &Request) -> Sample {
    let (request, signature) = sign(scheme(settings), request, FIRST);
    sample(request, &signature)
}

/// Checks that the first recipe signs another request as the settings do.
#[track_caller]
fn assert_signs_the_same(solution: &Solution, settings: &Value, other: &Request) {
    let first = solution.recipes.first().unwrap_or_else(|| panic!("nothing found: {solution:?}"));
    let (_, expected) = sign(scheme(settings), other, SECOND);
    let (_, signature) = sign(scheme_of(first, SECRET), other, SECOND);
    assert_eq!(signature, expected, "{solution:?}");
}

/// Checks that the settings are found from one request, and hold for another one.
#[track_caller]
fn check(settings: &Value, request: &Request, other: &Request) -> Solution {
    let solution = solve(&signed_sample(settings, request)).unwrap();
    assert_signs_the_same(&solution, settings, other);
    let shown = format!("{solution:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    solution
}

#[test]
fn several_recipes_that_fit_are_all_returned_and_a_second_sample_decides() {
    let settings = json!({ "sign": {
        "algorithm": "md5", "parts": [{ "param": "size" }, { "param": "page" }, { "secret": SECRET }],
        "put": { "param": "sign" },
    } });
    let ambiguous =
        solve(&signed_sample(&settings, &get("", &[("page", "1"), ("size", "1")]))).unwrap();
    assert_eq!(ambiguous.recipes.len(), 2, "{ambiguous:?}");
    let clear =
        solve(&signed_sample(&settings, &get("", &[("page", "2"), ("size", "1")]))).unwrap();
    assert_eq!(clear.recipes.len(), 1, "{clear:?}");
    assert!(ambiguous.recipes.contains(&clear.recipes[0]), "{ambiguous:?} {clear:?}");
}

#[test]
fn values_that_may_be_sorted_are_a_warning() {
    // The check of the server address of WeChat official accounts is the SHA-1 of token, time and random text, sorted
    // by their values (developers.weixin.qq.com, "接入概述"). The settings have a fixed order, which is true for this
    // sample only.
    let settings = json!({ "sign": {
        "algorithm": "sha1", "parts": ["timestamp", "nonce", { "secret": SECRET }],
        "timestamp": { "put": { "param": "timestamp" }, "unit": "s" },
        "nonce": { "param": "nonce" }, "put": { "param": "signature" },
    } });
    let solution = solve(&signed_sample(&settings, &get("", &[]))).unwrap();
    assert_eq!(solution.recipes.len(), 1, "{solution:?}");
    assert!(solution.notes.iter().any(|note| note.contains("alphabetical")), "{solution:?}");
}
