//! What a program that reads a source tries with the gateway that started it.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;

use super::{
    Attack,
    gateway::{CONSOLE_TOKEN, polled},
    wait_until,
};
use crate::run::send_signal;

/// A variable of the gateway that no plugin may see, and its value.
const VARIABLE: &str = "ATTACK_SECRET";
const SECRET: &str = "secret-of-the-gateway-process";

/// The section of a channel that runs the program below.
const PROCESS: &str = r#"
command = ["sh", "plugin.sh"]
timeout = "10s"
"#;

/// Writes what it could read into files of its folder, leaves a process of another session behind, and is a
/// plugin then.
const PLUGIN: &str = r#"
tr '\0' '\n' < /proc/$PPID/environ > environ.txt
(: < /proc/$PPID/mem) && echo opened > mem.txt || : > mem.txt
cat /proc/$PPID/cmdline > /dev/null && ls -l /proc/$PPID/fd > fds.txt
ulimit -v > limits.txt; ulimit -f >> limits.txt; ulimit -n >> limits.txt
setsid sh -c 'echo $$ > child.tmp; mv child.tmp child.pid; exec sleep 300' < /dev/null > /dev/null 2>&1 &
printf '\033]0;title\007 138-0000-1234 138 0000 1234\n' >&2
i=0; while [ $i -lt 2000 ]; do echo flood >&2; i=$((i + 1)); done
while read -r line; do
    case $line in
    *'"open"'*) echo '{"ready":{}}' ;;
    *'"read"'*)
        echo '{"record":{"key":"k","revision":1,"body":{"id":"1","title":"t"}}}'
        echo '{"end":{"upto":1,"caught_up":true}}' ;;
    *'"settled"'*) echo '{"ok":{}}' ;;
    esac
done
"#;

/// Runs the plugin, stops the gateway, and looks what the plugin got.
pub(super) fn parent(attack: &mut Attack) -> Result<()> {
    let mut gateway = attack.gateway()?;
    gateway.variables.push((VARIABLE, SECRET.to_owned()));
    gateway.channel("plugin", &polled("process", PROCESS))?;
    gateway.write("channels/plugin/plugin.sh", PLUGIN)?;
    let service = gateway.start()?;
    let child = gateway.path("channels/plugin/child.pid");
    let is_done = wait_until(Duration::from_secs(20), || {
        Ok(child.exists() && gateway.ask("SELECT count(*) FROM demand")? == "1")
    })?;
    let log = gateway.log()?;
    attack.note("the plugin", "it runs", format!("1 demand: {is_done}"), is_done);
    let stolen = |name: &str| {
        fs::read_to_string(gateway.path(&format!("channels/plugin/{name}.txt"))).unwrap_or_default()
    };
    let environ = stolen("environ");
    let seen = format!("{} bytes, the secret: {}", environ.len(), environ.contains(SECRET));
    attack.note("/proc/PPID/environ", "denied", seen, environ.is_empty());
    let opened = stolen("mem").contains("opened");
    attack.note("/proc/PPID/mem", "denied", format!("opened: {opened}"), !opened);
    let opened = stolen("fds").contains("->");
    attack.note("/proc/PPID/fd", "denied", format!("read: {opened}"), !opened);
    let limits = stolen("limits").replace('\n', " ");
    let holds = !limits.is_empty() && !limits.contains("unlimited");
    attack.note("limits of memory, files and open files", "all are set", limits, holds);
    let shown = ["\u{1b}]0", "138-0000", "138 0000", SECRET, CONSOLE_TOKEN]
        .iter()
        .any(|part| log.contains(part));
    let lines = log.lines().filter(|line| line.contains("plugin")).count();
    let seen = format!("controls or telephones shown: {shown}, {lines} lines");
    let right = "no controls, no telephones, at most 40 lines";
    attack.note("2,000 lines of standard error", right, seen, !shown && (1..=40).contains(&lines));
    let process = fs::read_to_string(&child).unwrap_or_default();
    let place = format!("/proc/{}", process.trim());
    let lived = !process.trim().is_empty() && Path::new(&place).exists();
    drop(service);
    let has_ended = wait_until(Duration::from_secs(2), || Ok(!Path::new(&place).exists()))?;
    if lived && !has_ended {
        send_signal("KILL", process.trim());
    }
    let seen = format!("it ran: {lived}, it has ended: {has_ended}");
    attack.note(
        "a process that has left the session",
        "ends with the gateway",
        seen,
        lived && has_ended,
    );
    Ok(())
}
