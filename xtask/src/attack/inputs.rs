//! What a source, an archive or the author of a configuration sends, to take the memory or the time of the
//! gateway.

use std::{fs::File, process::Command, time::Duration};

use anyhow::Result;

use super::{
    Attack,
    gateway::{Gateway, Service, WEBHOOK, polled},
    http::Source,
};
use crate::run::output_of;

/// How long an `explain` may take, and a `sync` with a deadline of 40 seconds.
const EXPLAIN_TIME: Duration = Duration::from_secs(2);
const PASS_TIME: Duration = Duration::from_secs(45);
/// The memory that is enough to read a secret.
const SMALL_KIB: u64 = 100 << 10;

/// The file of a channel that reads an HTTP source at a path, with more lines in its section.
pub(super) fn http_channel(source: &Source, path: &str, more: &str) -> String {
    let url = format!("http://127.0.0.1:{}/{path}", source.port);
    let lines = format!("url = \"{url}\"\nrecords = \"$.rows[*]\"\nkey = \"$.id\"\n{more}");
    polled("http", &lines)
}

/// The section of a channel that reads files of a folder.
const FILES: &str = r#"
url = { file = "folder.url" }
match = ["*"]
key = "$.id"
revision = { at = "$.rev" }
stable = "0s"
[files.columns]
id = []
rev = []
"#;

/// Pages that are small to send and large to read, while another channel works.
pub(super) fn pages(attack: &mut Attack) -> Result<()> {
    type Page = fn() -> String;
    let pages: [(&str, Page); 4] = [
        ("490,000 small records", || rows(&joined(490_000, |n| format!("{{\"id\":\"{n}\"}}")))),
        ("lists in lists", || rows(&"[".repeat(4_000_000))),
        ("a record of 950,000 lists", || {
            rows(&format!("{{\"id\":\"1\",\"x\":[{}]}}", joined(950_000, |_| "[]".to_owned())))
        }),
        ("a record of 900,000 keys", || {
            rows(&format!("{{\"id\":\"1\",{}}}", joined(900_000, |n| format!("\"k{n}\":1"))))
        }),
    ];
    for (what, page) in pages {
        let page = page().into_bytes();
        let source = Source::start(move |_| (String::new(), page.clone()))?;
        let gateway = attack.gateway()?;
        gateway.other_channel()?;
        gateway.channel("pages", &http_channel(&source, "page", ""))?;
        let service = gateway.start()?;
        read(attack, &format!("a page of {what}"), &gateway, &service, "pages")?;
    }
    Ok(())
}

/// An archive that lists a million files, which are all the same byte.
pub(super) fn zip_index(attack: &mut Attack) -> Result<()> {
    let gateway = attack.gateway()?;
    gateway.other_channel()?;
    gateway.write("drop/many.zip", many_files(1_000_000))?;
    gateway.write("folder.url", gateway.path("drop").to_string_lossy().as_bytes())?;
    gateway.channel("files", &polled("files", FILES))?;
    let service = gateway.start()?;
    read(attack, "an archive that lists a million files", &gateway, &service, "files")?;
    let n = gateway.ask("SELECT count(*) FROM demand WHERE channel = 'files'")?;
    attack.note("the same: demands", "none", &n, n == "0");
    Ok(())
}

/// Lets the service read a channel once, and notes what it costs.
fn read(
    attack: &mut Attack,
    item: &str,
    gateway: &Gateway,
    service: &Service,
    channel: &str,
) -> Result<()> {
    let sync = || gateway.run(&["sync", channel, "--deadline", "40s"]);
    let ended = attack.watch(item, gateway, service, sync)?;
    let holds = ended.code.is_some() && ended.took <= PASS_TIME;
    attack.note(format_args!("{item}: the pass"), "`sync` ends within 45 s", ended, holds);
    Ok(())
}

/// Paths that search the same values again and again.
pub(super) fn paths(attack: &mut Attack) -> Result<()> {
    const PATH: &str = "\"$..a..a..a..a..a\"";
    for key in ["key = \"$.id\"", "revision = \"$.updated\""] {
        let gateway = attack.gateway()?;
        let setting = key.split(' ').next().unwrap_or_default();
        gateway.channel("app", &WEBHOOK.replace(key, &format!("{setting} = {PATH}")))?;
        attack.note_check(
            format_args!("`{setting} = {PATH}`"),
            &gateway.run(&["check"])?,
            "again and again",
        );
    }
    let gateway = attack.gateway()?;
    let title = "title = { at = \"$.title\", clean = \"html\" }";
    gateway.channel("app", &WEBHOOK.replace(title, &format!("title = {PATH}")))?;
    gateway.other_channel()?;
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let record = format!("[{{\"id\":\"1\",\"updated\":1,\"d\":{deep}}}]");
    gateway.write("deep.json", &record)?;
    let ended = gateway.run(&["explain", "app", &gateway.path("deep.json").to_string_lossy()])?;
    let item = format!("`title = {PATH}` for 100 objects in one another");
    let is_fast = ended.took <= EXPLAIN_TIME;
    attack.note_peak(&format!("{item}, explained"), ended.kib);
    attack.note(format_args!("{item}, explained"), "within 2 s", ended, is_fast);
    let (item, service) = (format!("{item}, pushed"), gateway.start()?);
    let push = || Ok(gateway.push("app", record.as_bytes()));
    let answer = attack.watch(&item, &gateway, &service, push)?;
    let holds = answer.status != 0 && answer.took <= EXPLAIN_TIME;
    attack.note(format_args!("{item}: the sender"), "an answer within 2 s", answer, holds);
    Ok(())
}

/// Configurations with very many mistakes: a file that is too large, and the largest one.
pub(super) fn configuration(attack: &mut Attack) -> Result<()> {
    for (n, problem) in [(300_000, "larger than 1024 KiB"), (60_000, "unknown key")] {
        for section in ["[webhook]\n", "\n[unknown]\n"] {
            let gateway = attack.gateway()?;
            let keys: String = (0..n).map(|n| format!("key{n:06} = 1\n")).collect();
            let text = match WEBHOOK.contains(section) {
                true => WEBHOOK.replace(section, &format!("{section}{keys}")),
                false => format!("{WEBHOOK}{section}{keys}"),
            };
            gateway.channel("app", &text)?;
            let ended = gateway.run(&["check"])?;
            let item = format!("{n} unknown keys in {}", section.trim());
            attack.note_peak(&item, ended.kib);
            attack.note_check(item, &ended, problem);
        }
    }
    Ok(())
}

/// Secrets in files that never end, or never begin.
pub(super) fn secret_files(attack: &mut Attack) -> Result<()> {
    for (what, name, problem) in [
        ("/dev/zero", "/dev/zero", "it is a device or a pipe"),
        ("a FIFO", "fifo", "it is a device or a pipe"),
        ("1 GiB", "large", "larger than 64 KiB"),
    ] {
        let gateway = attack.gateway()?;
        let path = gateway.path(name);
        match name {
            "fifo" => output_of(Command::new("mkfifo").arg(&path)).map(drop)?,
            "large" => File::create(&path)?.set_len(1 << 30)?,
            _ => {}
        }
        gateway.channel("app", &WEBHOOK.replace("push.token", &path.to_string_lossy()))?;
        let ended = gateway.run(&["check"])?;
        let item = format!("a secret in {what}");
        attack.note_check(&item, &ended, problem);
        let (seen, holds) = (format!("{} MiB", ended.kib / 1024), ended.kib <= SMALL_KIB);
        attack.note(format_args!("{item}: memory"), "at most 100 MiB", seen, holds);
    }
    Ok(())
}

fn rows(records: &str) -> String {
    format!("{{\"rows\":[{records}]}}")
}

fn joined(n: usize, value: impl Fn(usize) -> String) -> String {
    (0..n).map(value).collect::<Vec<_>>().join(",")
}

/// A zip archive whose index has `n` entries, of one and the same empty file.
fn many_files(n: u32) -> Vec<u8> {
    let mut zip = Vec::new();
    // The file: version, ten fields without a meaning here, and the length of its name.
    part(&mut zip, 3, 4, &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    zip.push(b'a');
    let begin = zip.len() as u64;
    for index in 0..n {
        // An entry: versions, the length of its name, and the place of the file.
        let fields = [20, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        part(&mut zip, 1, 2, &fields);
        zip.extend(format!("{index:08x}").into_bytes());
    }
    let end = zip.len() as u64;
    // The long form of the end, its place, and the short form, whose numbers are too small.
    part(&mut zip, 6, 6, &[44, 0, 0, 0, 45, 45, 0, 0, 0, 0]);
    let numbers = [u64::from(n), u64::from(n), end - begin, begin];
    zip.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    part(&mut zip, 6, 7, &[0, 0]);
    zip.extend(end.to_le_bytes());
    zip.extend(1_u32.to_le_bytes());
    const MANY: u16 = u16::MAX;
    part(&mut zip, 5, 6, &[0, 0, MANY, MANY, MANY, MANY, MANY, MANY, 0]);
    zip
}

/// Adds a part of an archive: its mark, and numbers.
fn part(zip: &mut Vec<u8>, kind: u8, form: u8, numbers: &[u16]) {
    zip.extend([b'P', b'K', kind, form]);
    zip.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_archive_lists_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.zip");
        fs::write(&file, many_files(70_000)).unwrap();
        let script = "import sys, zipfile; print(len(zipfile.ZipFile(sys.argv[1]).namelist()))";
        let names = output_of(Command::new("python3").args(["-c", script]).arg(&file)).unwrap();
        assert_eq!(names.trim(), "70000");
    }
}
