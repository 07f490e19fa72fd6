//! The shipped channel files, pointed at the simulated city: its addresses instead of the real ones,
//! and the limits of the real sources a thousand times looser, as the city's are: the demo would
//! take days.

use std::{fs, io, path::Path};

use chrono::NaiveDate;

/// Where the shipped files begin.
const SHIPPED_START: &str = "\"2024-01-01\"";

/// Edits the files of the channels that are asked over HTTP, by name and address; their past begins
/// on the day `since`.
///
/// # Errors
/// A file cannot be read or written.
pub fn point_at(config: &Path, addresses: &[(&str, String)], since: NaiveDate) -> io::Result<()> {
    for (channel, address) in addresses {
        let file = config.join("channels").join(channel).join("channel.toml");
        let text = fs::read_to_string(&file)?;
        let lines = text.lines().filter(|line| !line.starts_with("window "));
        let lines = lines.map(|line| loosened(&with_address(line, address)));
        let lines = lines.map(|line| line.replace(SHIPPED_START, &format!("\"{since}\"")));
        fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n")?;
    }
    Ok(())
}

/// Every `https://HOST` of a line is `address` now; a comment may name what it likes.
fn with_address(line: &str, address: &str) -> String {
    let mut parts = line.split("\"https://");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let behind_host = part.find(['/', '"']).map_or("", |at| &part[at..]);
        format!("{line}\"{address}{behind_host}")
    })
}

/// A thousand times the rate, a thousandth of the wait.
fn loosened(line: &str) -> String {
    let Some((key, value)) = line.split_once("= ") else { return line.to_owned() };
    match key.trim() {
        "rate" => format!("{key}= {}", value.replacen("/", "000/", 1)),
        "per_day" => format!("{key}= {value}000"),
        _ => short_waits(line),
    }
}

/// `wait = "30s"` is `wait = "30ms"`, and a minute sixty of them.
fn short_waits(line: &str) -> String {
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
    fn every_address_of_a_line_is_the_citys_but_those_of_comments() {
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
            assert_eq!(loosened(line), loose);
        }
    }
}
