//! Somebody who may write to the broker: a forged state of a demand that the gateway has.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Attack, gateway::WEBHOOK, pause, wait_until};
use crate::{
    run::{output_of, root},
    servers::Servers,
};

/// How long a message may take from a channel to the store.
const STORE_TIME: Duration = Duration::from_secs(20);

/// Publishes a message to our exchange, inside the broker: no AMQP client is needed.
const PUBLISH: &str = r#"rabbit_basic:publish(rabbit_misc:r(<<"/">>, exchange, <<"tonghui">>), <<"app">>,
    {'P_basic', <<"application/cloudevents-batch+json">>, undefined,
     [{<<"wire-version">>, signedint, 1}, {<<"events">>, signedint, 1}], 2, undefined, undefined, undefined, undefined,
     <<"app/9000001/0">>, undefined, undefined, undefined, undefined, undefined}, <<BODY>>)."#;

/// Sends a true state, a forged one with a very high revision, and another true one.
pub(super) fn forged(attack: &mut Attack) -> Result<()> {
    let servers = Servers::broker()?;
    let gateway = attack.gateway()?;
    gateway.channel("app", WEBHOOK)?;
    gateway.write("bus.url", servers.address("TONGHUI_TEST_AMQP")?)?;
    let keys = gateway.path("data/keys.json").display().to_string();
    fs::create_dir_all(gateway.path("data"))?;
    gateway.run(&["key", "new", &keys])?;
    gateway.set("[bus]\namqp = { file = \"bus.url\" }\n")?;
    let _service = gateway.start()?;
    let title = || gateway.ask("SELECT max(title) FROM demand");
    let push = |title: &str, updated: u32| {
        let body = format!("{{\"id\":\"V1\",\"updated\":{updated},\"title\":\"{title}\"}}");
        gateway.push("app", body.as_bytes()).status
    };
    // The queues may not be there yet.
    let is_stored = wait_until(STORE_TIME, || Ok(push("true", 1) == 200 && title()? == "true"))?;
    attack.note("a true state", "it is stored", title()?, is_stored);
    publish(&servers, &forgery(gateway.run(&["id", "app", "V1"])?.text.trim())?)?;
    let quarantined = "SELECT count(*) FROM quarantine WHERE channel = 'app'";
    let is_kept = wait_until(STORE_TIME, || Ok(gateway.ask(quarantined)? != "0"))?;
    pause(Duration::from_secs(1));
    let seen = format!("stored `{}`, in quarantine: {is_kept}", title()?);
    let holds = title()? == "true" && is_kept;
    attack.note("a forged state, revision 2^62", "quarantine, nothing changes", seen, holds);
    push("newer", 2);
    let is_stored = wait_until(STORE_TIME, || Ok(title()? == "newer"))?;
    attack.note("the next true state", "it is stored", title()?, is_stored);
    Ok(())
}

/// A message with a false state of the demand with this id: the demand of the golden file, with other values.
fn forgery(id: &str) -> Result<Vec<u8>> {
    let text = fs::read_to_string(root().join("contract/golden/demand-v1.json"))?;
    let mut events: Value = serde_json::from_str(&text)?;
    let event = events.get_mut(0).context("the golden file has no event")?;
    for (place, value) in [
        ("/id", json!(format!("app/9000001/0/{id}"))),
        ("/source", json!("/tonghui/app")),
        ("/subject", json!(id)),
        ("/data/id", json!(id)),
        ("/data/channel", json!("app")),
        ("/data/source_key", json!("V1")),
        ("/data/version", json!({ "revision": 1_u64 << 62, "read_no": 9_000_001, "mapping": 1 })),
        ("/data/origin/message", json!("app/9000001/0")),
        ("/data/people", json!([])),
        ("/data/title", json!("FORGED")),
    ] {
        *event.pointer_mut(place).with_context(|| place.to_owned())? = value;
    }
    Ok(serde_json::to_vec(&events)?)
}

fn publish(servers: &Servers, body: &[u8]) -> Result<()> {
    let bytes: Vec<_> = body.iter().map(ToString::to_string).collect();
    let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl");
    command.args(["--quiet", "--node", servers.detail("node")?, "eval"]);
    command.arg(PUBLISH.replace("BODY", &bytes.join(",")));
    command.env("HOME", servers.detail("home")?).env("ERL_EPMD_PORT", servers.detail("epmd_port")?);
    output_of(command).map(drop)
}
