//! The shipped configuration, compiled into the program. The demo writes it to a folder of its own, points its
//! channels at the simulated city, and then reads it like any other configuration.

use std::{borrow::Cow, fs, io, path::Path};

use chrono::NaiveDate;
use rust_embed::RustEmbed;

/// The files in `config/`, beside the crate of that name.
#[derive(RustEmbed)]
#[folder = "../config"]
#[include = "gateway.toml"]
#[include = "channels/*"]
#[include = "codes/*"]
#[include = "schema/*"]
struct Shipped;

/// The shipped code tables: the file name below `codes/`, and the content.
pub fn codes() -> impl Iterator<Item = (String, String)> {
    let tables = Shipped::iter().filter_map(|file| {
        let name = file.strip_prefix("codes/")?.to_owned();
        Some((name, text(&file)?))
    });
    tables.filter(|(name, _)| name.ends_with(".csv"))
}

/// Writes the files of the gateway and of these channels below `folder`; existing files are replaced.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path, channels: &[&str]) -> io::Result<()> {
    let is_wanted = |name: &str| match name.strip_prefix("channels/") {
        Some(below) => channels.iter().any(|channel| below.split('/').next() == Some(channel)),
        None => true,
    };
    for name in Shipped::iter().filter(|name| is_wanted(name)) {
        let path = folder.join(&*name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let bytes = Shipped::get(&name).map_or(Cow::Borrowed(&[][..]), |file| file.data);
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// The text of a shipped file.
fn text(file: &str) -> Option<String> {
    String::from_utf8(Shipped::get(file)?.data.into_owned()).ok()
}

/// Writes the servers into the `gateway.toml` in `folder`. `store` is the environment variable that will
/// hold the URL of the store; `broker` is that of the broker, and the prefix of the names on the broker.
///
/// # Errors
/// The file cannot be read or written.
pub fn set_servers(
    folder: &Path,
    store: Option<&str>,
    broker: Option<(&str, &str)>,
) -> io::Result<()> {
    let file = folder.join("gateway.toml");
    let mut text = fs::read_to_string(&file)?;
    if let Some(variable) = store {
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some((key, _)) if key.trim() == "sqlite" => {
                format!("postgres = {{ env = \"{variable}\" }}")
            }
            _ => line.to_owned(),
        });
        text = lines.collect::<Vec<_>>().join("\n") + "\n";
    }
    if let Some((variable, prefix)) = broker {
        text.push_str("\n[bus]\n");
        text.push_str(&format!("amqp   = {{ env = \"{variable}\" }}\n"));
        text.push_str(&format!("prefix = \"{prefix}\"\n"));
    }
    fs::write(file, text)
}

/// The first day that the shipped channels read.
const SHIPPED_START: &str = "\"2024-01-01\"";

/// Points HTTP channels, given by name and address, at the simulated city. Their limits become a thousand
/// times looser, like those of the city; the demo would take days otherwise. `since` is the first day
/// that they read.
///
/// # Errors
/// A file cannot be read or written.
pub fn point_at(config: &Path, addresses: &[(&str, String)], since: NaiveDate) -> io::Result<()> {
    for (channel, address) in addresses {
        let file = config.join("channels").join(channel).join("channel.toml");
        let text = fs::read_to_string(&file)?;
        let lines = text.lines().filter(|line| !line.starts_with("window "));
        let lines = lines.map(|line| loosen(&with_address(line, address)));
        let lines = lines.map(|line| line.replace(SHIPPED_START, &format!("\"{since}\"")));
        fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n")?;
    }
    Ok(())
}

/// Replaces every `https://HOST` at the start of a string with `address`; comments stay as they are.
fn with_address(line: &str, address: &str) -> String {
    let mut parts = line.split("\"https://");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let after_host = part.find(['/', '"']).map_or("", |at| &part[at..]);
        format!("{line}\"{address}{after_host}")
    })
}

/// A line of a channel file, with its rate or its day's limit a thousand times higher, or its waits a
/// thousand times shorter.
fn loosen(line: &str) -> String {
    let Some((key, value)) = line.split_once("= ") else { return line.to_owned() };
    match key.trim() {
        "rate" => format!("{key}= {}", value.replacen("/", "000/", 1)),
        "per_day" => format!("{key}= {value}000"),
        _ => shorten_waits(line),
    }
}

/// `wait = "30s"` becomes `wait = "30ms"`, and `"1m"` becomes `"60ms"`.
fn shorten_waits(line: &str) -> String {
    let mut parts = line.split("wait");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let short = match part.split('"').nth(1) {
            Some(period) if part.trim_start().starts_with('=') => {
                let (number, unit) = period.split_at(period.len().saturating_sub(1));
                let seconds = if unit == "m" { 60 } else { 1 };
                let millis = number.parse::<u64>().unwrap_or(1) * seconds;
                let millis = format!("{millis}ms");
                part.replacen(period, &millis, 1)
            }
            _ => part.to_owned(),
        };
        format!("{line}wait{short}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_in_a_line_is_replaced_except_in_comments() {
        let line = "url = \"https://board.example/v1/list?a=b\"    # see https://board.example";
        let pointed = "url = \"http://127.0.0.1:9/v1/list?a=b\"    # see https://board.example";
        assert_eq!(with_address(line, "http://127.0.0.1:9"), pointed);
        assert_eq!(with_address("u = \"https://a.b\"", "http://c"), "u = \"http://c\"");
    }

    #[test]
    fn limits_are_a_thousand_times_looser() {
        for (line, loose) in [
            ("rate  = \"40/m\"   # 429", "rate  = \"40000/m\"   # 429"),
            ("per_day = 2000", "per_day = 2000000"),
            ("wait   = \"30s\"", "wait   = \"30ms\""),
            (
                "{ kind = \"throttled\", wait = \"30m\" },",
                "{ kind = \"throttled\", wait = \"1800ms\" },",
            ),
            ("name = \"waiting\"", "name = \"waiting\""),
        ] {
            assert_eq!(loosen(line), loose);
        }
    }
}
