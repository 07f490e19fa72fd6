//! What strangers try at the doors: a request that was seen before, an open door, a request that two programs read
//! differently, and guessed secrets.

use std::{process::Command, time::Duration};

use anyhow::Result;

use super::{
    Attack,
    gateway::{CONSOLE_TOKEN, TOKEN, WEBHOOK},
    http, pause, wait_until,
};
use crate::run::output_of;

/// How long requests with the same signature are taken: senders write dates without fractions of a second.
const FRESH: Duration = Duration::from_secs(16);

/// A channel whose requests are signed, but not their bodies.
const SIGNED: &str = "{ x_bg = { access_key = \"AK\", secret_key = { file = \"push.token\" } } }";
const BEARER: &str = "{ bearer = { file = \"push.token\" } }";

/// The signature of a request that somebody saw, with another body.
pub(super) fn captured_signature(attack: &mut Attack) -> Result<()> {
    let gateway = attack.gateway()?;
    gateway.channel("app", &WEBHOOK.replace(BEARER, SIGNED))?;
    let _service = gateway.start()?;
    let date = output_of(
        Command::new("date").env("LC_ALL", "C").args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"]),
    )?;
    let signed = format!("POST\n/intake/app\n\nAK\n{date}");
    let script =
        "printf '%s\\n' \"$1\" | openssl dgst -sha256 -hmac \"$2\" -binary | openssl base64 -A";
    let signature =
        output_of(Command::new("sh").args(["-c", script, "sh", signed.trim_end(), TOKEN]))?;
    let headers = [
        format!("X-BG-DATE-TIME: {}", date.trim_end()),
        "X-BG-HMAC-ACCESS-KEY: AK".to_owned(),
        "X-BG-HMAC-ALGORITHM: hmac-sha256".to_owned(),
        format!("X-BG-HMAC-SIGNATURE: {}", signature.trim()),
    ];
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let push = |title: &str, revision: usize| {
        let body = format!("{{\"id\":\"1\",\"updated\":{revision},\"title\":\"{title}\"}}");
        http::post(gateway.intake, "/intake/app", &headers, body.as_bytes()).status
    };
    let title = || gateway.ask("SELECT max(title) FROM demand");
    let first = push("true", 1);
    let is_stored = wait_until(Duration::from_secs(10), || Ok(title()? == "true"))?;
    attack.note("a signed request", "200, stored", first, is_stored);
    // Each body is a new one: one that was taken may come again. At once, another body is taken: all requests that a
    // sender signs within one second have the same signature, which is why it is accepted over TLS only.
    for (n, (when, wait)) in
        [("after 16 s", FRESH), ("after 96 s", FRESH * 5)].into_iter().enumerate()
    {
        pause(wait);
        let forged = format!("FORGED {when}");
        let status = push(&forged, n + 2);
        pause(Duration::from_secs(2));
        let stored = title()?;
        let holds = status == 401 && stored != forged;
        let seen = format!("{status}, stored `{stored}`");
        let item = format!("the headers of that request with another body, {when}");
        attack.note(item, "401, and nothing changes", seen, holds);
    }
    Ok(())
}

/// Doors that other machines can reach without protection.
pub(super) fn listen(attack: &mut Attack) -> Result<()> {
    const SHORT: &str = "{ bearer = { file = \"short.token\" } }";
    let intake = |more: &str| format!("[intake]\nlisten = \"0.0.0.0:8421\"\n{more}");
    let console = |more: &str| format!("[console]\nlisten = \"[::]:8420\"\n{more}");
    let token = |file: &str| format!("proxy = true\ntoken = {{ file = \"{file}.token\" }}");
    for (item, section, auth, problem) in [
        ("intake without TLS or a proxy", intake(""), BEARER, "without TLS"),
        ("signed intake without TLS or a proxy", intake(""), SIGNED, "without TLS"),
        ("intake behind a proxy", intake("proxy = true"), BEARER, ""),
        (
            "intake without authentication",
            intake("proxy = true"),
            "\"none\"",
            "without authentication",
        ),
        (
            "intake with a token of one character",
            intake("proxy = true"),
            SHORT,
            "has fewer than 16 characters",
        ),
        (
            "console without TLS or a proxy",
            console("token = { file = \"console.token\" }"),
            BEARER,
            "without TLS",
        ),
        ("console behind a proxy", console(&token("console")), BEARER, ""),
        ("console without a token", console("proxy = true"), BEARER, "without authentication"),
        (
            "console with a token of one character",
            console(&token("short")),
            BEARER,
            "has fewer than 16 characters",
        ),
    ] {
        let gateway = attack.gateway()?;
        gateway.write("short.token", "x\n")?;
        gateway.set(&section)?;
        gateway.channel("app", &WEBHOOK.replace(BEARER, auth))?;
        attack.note_check(
            format_args!("on all addresses: {item}"),
            &gateway.run(&["check"])?,
            problem,
        );
    }
    Ok(())
}

/// Requests by a name that a stranger pointed here, and requests with two ends.
pub(super) fn requests(attack: &mut Attack) -> Result<()> {
    let gateway = attack.gateway()?;
    gateway.channel("app", WEBHOOK)?;
    let _service = gateway.start()?;
    for path in ["/api/v1/channels", "/metrics"] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\
             Authorization: Bearer {CONSOLE_TOKEN}\r\n\r\n"
        );
        let status = http::send(gateway.console, &[head.as_bytes()]).status;
        let item = format!("Host: evil.example at {path} of the console");
        attack.note(
            &item,
            "400, 403 or 421",
            status.to_string(),
            matches!(status, 400 | 403 | 421),
        );
    }
    let body = "{\"id\":\"1\",\"updated\":1}";
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (item, headers, body, right) in [
        (
            "a length and chunks",
            format!("{token}{length}Transfer-Encoding: chunked\r\n"),
            &*chunked,
            400,
        ),
        (
            "chunks and a length",
            format!("{token}Transfer-Encoding: chunked\r\n{length}"),
            &*chunked,
            400,
        ),
        ("two lengths", format!("{token}{length}Content-Length: 9\r\n"), body, 400),
        ("two tokens", format!("Authorization: Bearer x\r\n{token}{length}"), body, 401),
    ] {
        let head = format!(
            "POST /intake/app HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        );
        let status = http::send(gateway.intake, &[head.as_bytes(), body.as_bytes()]).status;
        attack.note(format_args!("a push with {item}"), right, status.to_string(), status == right);
    }
    Ok(())
}

/// A hundred guessed secrets.
pub(super) fn refused_sign_ins(attack: &mut Attack) -> Result<()> {
    let gateway = attack.gateway()?;
    gateway.channel("app", WEBHOOK)?;
    let _service = gateway.start()?;
    let before = refused(&http::get(gateway.console, "/metrics", Some(CONSOLE_TOKEN)).text);
    let mut statuses = Vec::new();
    for n in 0..50 {
        let guess = format!("Authorization: Bearer guess-{n}");
        statuses.push(http::post(gateway.intake, "/intake/app", &[&guess], b"{}").status);
        statuses.push(http::get(gateway.console, "/metrics", Some("guess")).status);
    }
    statuses.dedup();
    attack.note("100 guessed tokens", "401 each", format!("{statuses:?}"), statuses == [401]);
    let after = refused(&http::get(gateway.console, "/metrics", Some(CONSOLE_TOKEN)).text);
    let seen = format!("from {before} to {after}");
    attack.note("100 guessed tokens: /metrics", "counts 100 more", seen, after == before + 100);
    let log = gateway.log()?;
    let n = log.lines().filter(|line| line.contains("refused")).count();
    attack.note(
        "100 guessed tokens: the log",
        "1 to 20 lines",
        format!("{n} lines"),
        (1..=20).contains(&n),
    );
    let holds = !log.contains("guess");
    attack.note(
        "100 guessed tokens: the log",
        "shows none of them",
        format!("none: {holds}"),
        holds,
    );
    Ok(())
}

/// The sum of the counters of refused requests.
fn refused(metrics: &str) -> u32 {
    let lines =
        metrics.lines().filter(|line| line.starts_with("tonghui_") && line.contains("refused"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok()).sum()
}
