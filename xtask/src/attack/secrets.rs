//! Secrets in the wrong places of a configuration: no command may print them.

use anyhow::Result;

use super::{Attack, gateway::WEBHOOK, http::Source, inputs::http_channel};

/// What stands in the wrong place.
const SECRET: &str = "hunter2secretvalue";

/// Lines of the section of a channel.
const LINES: &[&str] = &[
    "headers = { Authorization = \"Bearer SECRET\", \"X-Custom\" = \"SECRET\" }",
    "headers = { \"X-Pass\" = 1, X-A = \"SECRET\", bad = [\"SECRET\"] }",
    "query = { appkey = \"SECRET\", access_token = \"SECRET\" }",
    "auth = { bearer = \"SECRET\" }",
    "auth = { basic = { user = \"u\", password = \"SECRET\" } }",
    "auth = \"SECRET\"",
    "auth = { bearer = \"SECRET }",
    "auth = { bearer = SECRET\" }",
    "query = { token = \"SECRET\n, b = 1 }",
    "auth = { bearer = { env = \"SECRET\" } }",
    "auth = { bearer = { env = \"SECRET-x\" } }",
    "auth = { bearer = { file = \"SECRET\" } }",
    "passphrase = \"SECRET\"",
    "appcode = \"SECRET\"",
    "credentials = [\"SECRET\"]",
];

/// Addresses of a source.
const URLS: &[&str] = &[
    "http://127.0.0.1:PORT/x?token=SECRET",
    "http://u:SECRET@127.0.0.1:PORT/x",
    "htp//x?token=SECRET",
];

/// Sections of gateway.toml.
const SECTIONS: &[&str] = &[
    "[bus]\namqp = \"amqp://u:SECRET@h/v\"",
    "[store]\npostgres = \"postgres://u:SECRET@h/v\"",
    "[console]\ntoken = \"SECRET\"",
];

/// Runs `check` and `preview --trace` with each of them.
pub(super) fn printed(attack: &mut Attack) -> Result<()> {
    let answer = b"{\"rows\":[{\"id\":\"1\",\"title\":\"t\"}]}";
    let source = Source::start(|_| (String::new(), answer.to_vec()))?;
    let plain = http_channel(&source, "x", "");
    let url = format!("http://127.0.0.1:{}/x", source.port);
    let lines = LINES.iter().map(|line| (*line, http_channel(&source, "x", line)));
    let urls = URLS
        .iter()
        .map(|own| (*own, plain.replace(&url, &own.replace("PORT", &source.port.to_string()))));
    for (place, text) in lines.chain(urls) {
        let gateway = attack.gateway()?;
        gateway.channel("source", &text.replace("SECRET", SECRET))?;
        let check = gateway.run(&["check"])?;
        let preview = gateway.run(&["preview", "source", "--trace"])?;
        note(attack, place, &[("check", &check.text), ("preview", &preview.text)]);
    }
    for place in SECTIONS {
        let gateway = attack.gateway()?;
        gateway.channel("app", WEBHOOK)?;
        gateway.set(&place.replace("SECRET", SECRET))?;
        note(attack, place, &[("check", &gateway.run(&["check"])?.text)]);
    }
    Ok(())
}

fn note(attack: &mut Attack, place: &str, outputs: &[(&str, &str)]) {
    let shows = |(command, text): &(&str, &str)| {
        let line = text.lines().find(|line| line.contains(SECRET))?;
        Some(format!("{command} prints: {}", line.trim()))
    };
    let shown: Vec<_> = outputs.iter().filter_map(shows).collect();
    let said = outputs.iter().all(|(_, text)| !text.trim().is_empty());
    let seen = if shown.is_empty() { "not printed".to_owned() } else { shown.join("; ") };
    attack.note(
        format_args!("`{place}`"),
        "no command prints SECRET",
        seen,
        shown.is_empty() && said,
    );
}
