//! What `tonghui sign solve` prints: settings that a channel reads and that sign the same, and never the secret.

use std::{
    fs,
    process::{Command, Output},
};

use connector_wire::auth::{Auth, Request, Scheme, SigningContext};
use contract::Timestamp;
use gateway::{registry, shipped};
use serde::Deserialize;
use serde_json::{Value, json};

const SECRET: &str = "5f2b91c07d3e4a68b7c6";

/// A channel file without `auth`; the settings are put in place of the last line.
const CHANNEL: &str = r#"
name      = "园林局"
connector = "http"

[schedule]
every = "5m"

[budget]
rate = "1/s"

[http]
url     = "https://parks.example/v2/tickets"
records = "$.tickets[*]"
key     = "$.ticket"

AUTH

[demand]
source_no   = "$.ticket"
title       = "$.topic"
content     = "$.text"
received_at = { at = "$.opened", as = "datetime" }
"#;

/// The section of the channel, as far as it is about signing.
#[derive(Deserialize)]
struct Http {
    auth: Scheme,
}

/// Runs the command with the secret in the environment.
fn solve(arguments: &[&str]) -> Output {
    solve_as("json", arguments)
}

fn solve_as(format: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tonghui"));
    command.args(["--format", format, "sign", "solve"]).args(arguments);
    command.env("VENDOR_SECRET", SECRET).output().unwrap()
}

/// What the command prints, of which no line may show the secret.
fn shown(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    text
}

/// The scheme that a channel has with these settings.
fn channel_with(toml: &str) -> Scheme {
    let folder = tempfile::tempdir().unwrap();
    shipped::write(folder.path(), &[]).unwrap();
    let channel = folder.path().join("channels/parks");
    fs::create_dir_all(&channel).unwrap();
    fs::write(channel.join("channel.toml"), CHANNEL.replace("AUTH", toml)).unwrap();
    let environment = |name: &str| (name == "VENDOR_SECRET").then(|| SECRET.to_owned());
    let settings =
        config::resolve(folder.path(), &registry::section_schemas(), &environment).unwrap();
    settings.channels[0].section.parse::<Http>().unwrap().auth
}

/// The signature of a request.
fn sign(scheme: Scheme, request: &Request) -> String {
    let now = Timestamp::from_timestamp(1_760_000_000, 0).unwrap();
    let context = SigningContext { now, nonce: [7; 16], zone: chrono_tz::UTC };
    let steps = Auth::build(scheme).unwrap().sign(&mut request.clone(), &context).unwrap();
    steps.steps.last().unwrap().1.clone()
}

#[test]
fn a_channel_reads_the_printed_settings_and_signs_the_same() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = Request {
        method: "GET".to_owned(),
        path: "/v2/tickets".to_owned(),
        query: vec![pair("page", "2"), pair("appid", "sim1"), pair("sign", "")],
        headers: vec![pair("gjzwfwpt_rid", "sim@340200"), pair("gjzwfwpt_sid", "s_1")],
        ..Request::default()
    };
    let time = json!({ "put": { "header": "X-Time" }, "unit": "s" });
    for known in [
        json!({ "sign": {
            "algorithm": "md5", "coding": "hex_upper",
            "parts": ["params", { "text": "&key=" }, { "secret": SECRET }], "put": { "param": "sign" },
        } }),
        json!({ "sign": {
            "algorithm": "hmac_sm3", "key": SECRET, "parts": ["method", "path", "timestamp"],
            "join": "\n", "timestamp": time, "put": { "header": "X-Sign" },
        } }),
        json!({ "gjzwfwpt": { "rid": "sim@340200", "sid": "s_1", "secret": SECRET } }),
    ] {
        let signature = sign(serde_json::from_value(known).unwrap(), &request);
        let output = solve(&[
            "--secret-env",
            "VENDOR_SECRET",
            "--expect",
            &signature,
            "--method",
            "GET",
            "--path",
            "/v2/tickets",
            "--param",
            "page=2",
            "--param",
            "appid=sim1",
            "--header",
            "gjzwfwpt_rid: sim@340200",
            "--header",
            "gjzwfwpt_sid=s_1",
            "--timestamp",
            // The platform sends milliseconds, the others seconds.
            if signature.ends_with('=') { "1760000000000" } else { "1760000000" },
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let toml = found["toml"][0].as_str().unwrap();
        assert_eq!(sign(channel_with(toml), &request), signature, "{toml}");
        shown(&output);
    }
}

#[test]
fn recipes_are_printed_for_a_channel_file_and_several_ask_for_a_second_sample() {
    let settings = json!({ "sign": {
        "algorithm": "md5", "parts": [{ "param": "size" }, { "param": "page" }, { "secret": SECRET }],
        "put": { "header": "X-Sign" },
    } });
    let printed = |page: &str| {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let query = vec![pair("page", page), pair("size", "1")];
        let request = Request { query, ..Request::default() };
        let signature = sign(serde_json::from_value(settings.clone()).unwrap(), &request);
        let (page, header) = (format!("page={page}"), format!("X-Sign: {signature}"));
        let arguments = ["--param", &page, "--param", "size=1", "--header", &header];
        let secret = ["--secret-env", "VENDOR_SECRET", "--expect", &signature];
        let output = solve_as("text", &[&arguments[..], &secret].concat());
        shown(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    let several = printed("1");
    for text in ["# recipe 1 of 2\n", "# recipe 2 of 2; differs from the first in: parts\n"] {
        assert!(several.contains(text), "{several}");
    }
    assert!(several.contains("a second sample"), "{several}");
    let one: toml::Table = printed("2").parse().unwrap();
    let expected: toml::Table = r#"
        [http.auth.sign]
        algorithm = "md5"
        parts = [{ param = "size" }, { param = "page" }, { secret = { env = "VENDOR_SECRET" } }]
        put = { header = "X-Sign" }
    "#
    .parse()
    .unwrap();
    assert_eq!(one, expected);
}

#[test]
fn a_signature_that_no_recipe_gives_says_how_far_the_search_went() {
    let output = solve(&[
        "--secret-env",
        "VENDOR_SECRET",
        "--expect",
        "0123456789abcdef0123456789abcdef",
        "--param",
        "page=2",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["toml"], json!([]));
    let groups = found["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["is_complete"] == true), "{found}");
    assert!(groups.iter().any(|group| group["tried"].as_u64() > Some(100)), "{found}");
    assert!(found["not_searched"].as_array().unwrap().len() > 5);
}

#[test]
fn no_error_shows_the_secret() {
    let expect = ["--expect", "0123456789abcdef0123456789abcdef"];
    for (arguments, code) in [
        (&["--secret", SECRET][..], 1),
        (&["--secret", SECRET, "--key", SECRET], 1),
        (&["--secret", SECRET, "--param", SECRET], 1),
        (&["--secret", SECRET, "--header", SECRET], 1),
        (&["--secret", SECRET, "--timestamp", SECRET], 1),
        (&["--secret", SECRET, "--text", SECRET, "--param", "a=5f2b91c07d3e4a68b7c6"], 1),
        (&["--secret", SECRET, "--secret-env", "VENDOR_SECRET"], 2),
        // The secret in the place of the name of its variable.
        (&["--secret-env", SECRET], 1),
        (&[], 2),
    ] {
        let output = solve(&[&expect[..], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", shown(&output));
        shown(&output);
    }
    // A secret may begin like an option.
    let output = solve(&[&expect[..], &["--secret", "-5f2b91c07d3e4a68b7c6"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
}
