//! What must reach nobody but the source it is for: passwords on the way, keys at other hosts, files of the
//! gateway.

use std::os::unix::fs::symlink;

use anyhow::Result;

use super::{
    Attack,
    gateway::{WEBHOOK, polled},
    http::Source,
    inputs::http_channel,
};

/// A key that only the configured source may get.
const KEY: &str = "key-of-the-one-source";

/// The section of a channel that reads a table.
const TABLE: &str = r#"
url = { file = "source.url" }
table = "orders"
key = "id"
changes = { column = "updated" }
"#;

/// Servers on other machines, whose connection everybody on the way can read, or whose server nobody verifies.
pub(super) fn transport(attack: &mut Attack) -> Result<()> {
    for (url, problem) in [
        ("mysql://u:p@db.example/x", "another machine"),
        ("mysql://u:p@db.example/x?ssl-mode=REQUIRED", "another machine"),
        ("mysql://u:p@db.example/x?ssl-mode=VERIFY_IDENTITY", ""),
        ("postgres://u:p@db.example/x", "another machine"),
        ("postgres://u:p@db.example/x?sslmode=prefer", "another machine"),
        ("postgres://u:p@db.example/x?sslmode=require", "another machine"),
        ("postgres://u:p@db.example/x?sslmode=verify-full", ""),
    ] {
        let gateway = attack.gateway()?;
        gateway.write("source.url", url)?;
        gateway.channel("source", &polled("table", TABLE))?;
        attack.note_check(url, &gateway.run(&["check"])?, problem);
    }
    for (section, url, problem) in [
        ("[bus]\namqp", "amqp://u:p@broker.example/v", "another machine"),
        ("[bus]\namqp", "amqps://u:p@broker.example/v", ""),
        ("[store]\npostgres", "postgres://u:p@db.example/x", "another machine"),
        ("[store]\npostgres", "postgres://u:p@db.example/x?sslmode=require", "another machine"),
        ("[store]\npostgres", "postgres://u:p@db.example/x?sslmode=verify-full", ""),
    ] {
        let gateway = attack.gateway()?;
        gateway.write("remote.url", url)?;
        gateway.set(&format!("{section} = {{ file = \"remote.url\" }}\n"))?;
        gateway.channel("app", WEBHOOK)?;
        let item = format!("{} {url}", section.replace('\n', " "));
        attack.note_check(item, &gateway.run(&["check"])?, problem);
    }
    Ok(())
}

/// A source that sends the gateway to another host, which would like to have the key.
pub(super) fn other_hosts(attack: &mut Attack) -> Result<()> {
    const WAYS: [(&str, &str); 3] = [
        ("next", "page = { kind = \"next\", at = \"$.next\" }"),
        ("link", "page = { kind = \"link\" }"),
        ("moved", ""),
    ];
    let key = "{ file = \"source.key\" }";
    let auths = [
        ("bearer", format!("auth = {{ bearer = {key} }}")),
        ("header", format!("auth = {{ api_key = {{ header = \"X-Key\", key = {key} }} }}")),
        ("parameter", format!("auth = {{ api_key = {{ param = \"key\", key = {key} }} }}")),
        ("plain header", format!("headers = {{ \"X-Tenant\" = \"{KEY}\" }}")),
    ];
    for (way, page) in WAYS {
        for (what, auth) in &auths {
            let thief = Source::start(|_| (String::new(), b"{\"rows\":[]}".to_vec()))?;
            let there = format!("http://127.0.0.1:{}/steal", thief.port);
            let place = there.clone();
            let source = Source::start(move |path| {
                let row = "{\"rows\":[{\"id\":\"1\",\"title\":\"t\"}]";
                match path.split('?').next().unwrap_or_default() {
                    "/next" => {
                        (String::new(), format!("{row},\"next\":\"{place}\"}}").into_bytes())
                    }
                    "/link" => (
                        format!("200 OK\r\nLink: <{place}>; rel=\"next\"\r\n"),
                        format!("{row}}}").into_bytes(),
                    ),
                    _ => (format!("302 Found\r\nLocation: {place}\r\n"), Vec::new()),
                }
            })?;
            let more = format!("redirects = [\"http://127.0.0.1:{}\"]\n{auth}\n{page}", thief.port);
            let gateway = attack.gateway()?;
            gateway.write("source.key", KEY)?;
            gateway.channel("source", &http_channel(&source, way, &more))?;
            let ended = gateway.run(&["sync", "source", "--deadline", "20s"])?;
            let (here, there) = (source.asked(), thief.asked());
            let n = there.matches("HTTP/1.1").count();
            let seen = format!(
                "the other host was asked {n} times, with the key: {}; {ended}",
                there.contains(KEY)
            );
            let right = "the source gets the key, the other host does not";
            let holds = here.contains(KEY) && !there.contains(KEY);
            attack.note(format_args!("{way} to another host, {what}"), right, seen, holds);
        }
    }
    Ok(())
}

/// Files that are none of the author of a channel.
pub(super) fn paths(attack: &mut Attack) -> Result<()> {
    let body = ("body = \"NAME\"", "is not in the folder of the channel");
    let secret = ("auth = { bearer = { file = \"NAME\" } }", "belongs to the gateway");
    for ((setting, problem), name) in [
        (body, "../../data/keys.json"),
        (body, "../../private.txt"),
        (body, "/etc/passwd"),
        (body, "link.json"),
        (secret, "data/keys.json"),
        (secret, "data/tonghui.db"),
    ] {
        let source = Source::start(|_| (String::new(), b"{\"rows\":[]}".to_vec()))?;
        let gateway = attack.gateway()?;
        gateway.write("private.txt", "private")?;
        gateway.channel("app", WEBHOOK)?;
        // Makes the key file and the store.
        drop(gateway.start()?);
        let setting = setting.replace("NAME", name);
        gateway.channel("source", &http_channel(&source, "x", &setting))?;
        symlink("../../data/keys.json", gateway.path("channels/source/link.json"))?;
        attack.note_check(&setting, &gateway.run(&["check"])?, problem);
        let ended = gateway.run(&["sync", "source", "--deadline", "10s"])?;
        let is_silent = source.asked().is_empty();
        attack.note(format_args!("{setting}: the source"), "gets nothing", ended, is_silent);
    }
    Ok(())
}
