//! What must not be lost, read by others or changed unseen: states, files and the audit log.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, time::Duration};

use anyhow::{Context, Result};

use super::{Attack, gateway::WEBHOOK, wait_until};

/// How long a demand may take to be stored.
const STORE_TIME: Duration = Duration::from_secs(10);

/// A false state from the future, and the true one after it.
pub(super) fn future(attack: &mut Attack) -> Result<()> {
    let gateway = attack.gateway()?;
    gateway.channel("app", WEBHOOK)?;
    let _service = gateway.start()?;
    let push = |key: &str, updated: &str, title: &str| {
        let body = format!("{{\"id\":\"{key}\",\"updated\":\"{updated}\",\"title\":\"{title}\"}}");
        gateway.push("app", body.as_bytes()).status
    };
    for (key, updated) in
        [("a", "9999-12-31 00:00:00"), ("b", "2099-01-01T00:00:00Z"), ("c", "9999-12-31")]
    {
        let first = push(key, updated, "false");
        let second = push(key, "2026-01-02 00:00:00", "true");
        let title = format!("SELECT max(title) FROM demand WHERE source_key = '{key}'");
        let is_true = wait_until(STORE_TIME, || Ok(gateway.ask(&title)? == "true"))?;
        let why = format!("SELECT max(reason) FROM quarantine WHERE source_key = '{key}'");
        let (stored, why) = (gateway.ask(&title)?, gateway.ask(&why)?);
        let seen = format!("answers {first} and {second}, stored `{stored}`, quarantine: {why}");
        let item = format!("updated = {updated}, and the true state later");
        let right = "the true state is stored, the other is in quarantine";
        attack.note(item, right, seen, is_true && why != "None");
    }
    Ok(())
}

/// Files with persons, keys and secrets.
pub(super) fn modes(attack: &mut Attack) -> Result<()> {
    let gateway = attack.gateway()?;
    gateway.channel("app", WEBHOOK)?;
    let service = gateway.start()?;
    gateway.push("app", b"{\"id\":\"1\",\"updated\":1,\"title\":\"t\"}");
    let mut modes = BTreeMap::new();
    let data = gateway.path("data");
    modes.insert("data".to_owned(), mode(&data)?);
    for entry in fs::read_dir(&data)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        modes.insert(name, mode(&path)?);
    }
    let seen: Vec<_> = modes.iter().map(|(name, mode)| format!("{name} {mode:o}")).collect();
    let holds = modes.len() >= 3 && modes.values().all(|mode| mode & 0o077 == 0);
    attack.note(
        "the store and the key file",
        "only their user can read them",
        seen.join(", "),
        holds,
    );
    let copy = gateway.path("copy/keys.json");
    gateway.run(&["key", "backup", &copy.to_string_lossy()])?;
    let copied = mode(&copy)?;
    attack.note("`key backup`", "600", format!("{copied:o}"), copied == 0o600);
    drop(service);
    let keys = gateway.path("data/keys.json");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644))?;
    let ended = gateway.run(&["sync", "--all"])?;
    let is_refused = ended.code.is_some_and(|code| code != 0);
    attack.note("a key file that others can read", "is refused", ended, is_refused);
    Ok(())
}

fn mode(path: &std::path::Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

/// Rows of the audit log that somebody changes in the file of the store.
pub(super) fn audit(attack: &mut Attack) -> Result<()> {
    let mut gateway = attack.gateway()?;
    gateway.variables.push(("SUDO_USER", "somebody-else".to_owned()));
    gateway.channel("app", WEBHOOK)?;
    let service = gateway.start()?;
    for command in [["pause", "app"], ["resume", "app"], ["index", "rebuild"]] {
        gateway.run(&command)?;
    }
    drop(service);
    let rows = gateway.ask("SELECT group_concat(who || ' ' || action, '; ') FROM audit")?;
    let holds = ["pause", "resume", "rebuild"].iter().all(|action| rows.contains(action));
    attack.note("commands that change something", "are in the audit log", &rows, holds);
    let holds = rows.contains("uid");
    attack.note("who ran them", "the number of the user, not only a name", &rows, holds);
    let verified = gateway.run(&["audit", "verify"])?;
    let holds = verified.code == Some(0);
    attack.note("an audit log that nobody changed", "`audit verify` is content", verified, holds);
    let (file, copy) = (gateway.path("data/tonghui.db"), gateway.path("copy.db"));
    gateway.ask("PRAGMA wal_checkpoint(TRUNCATE)")?;
    fs::copy(&file, &copy)?;
    for change in [
        "DELETE FROM audit WHERE rowid = 1",
        "DELETE FROM audit WHERE rowid = (SELECT max(rowid) FROM audit)",
        "UPDATE audit SET subject = 'other' WHERE rowid = 2",
    ] {
        gateway.ask(&format!("{change} RETURNING 1"))?;
        let verified = gateway.run(&["audit", "verify"])?;
        let holds = verified.code == Some(1);
        attack.note(change, "`audit verify` finds it", verified, holds);
        gateway.ask("PRAGMA wal_checkpoint(TRUNCATE)")?;
        fs::copy(&copy, &file)?;
    }
    Ok(())
}
