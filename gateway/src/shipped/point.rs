//! The shipped channel files, pointed at the simulated city: its addresses instead of the real ones,
//! and none of the real sources' limits, which would make the demo take days.

use std::{fs, io, path::Path};

/// Edits the files of the channels that are asked over HTTP, by name and address.
///
/// # Errors
/// A file cannot be read or written.
pub fn point_at(config: &Path, addresses: &[(&str, String)]) -> io::Result<()> {
    for (channel, address) in addresses {
        let file = config.join("channels").join(channel).join("channel.toml");
        let text = fs::read_to_string(&file)?;
        fs::write(&file, pointed(&text, address))?;
    }
    Ok(())
}

fn pointed(text: &str, address: &str) -> String {
    let mut is_budget = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_budget = line.starts_with("[budget]");
        } else if is_budget && line.contains('=') {
            continue;
        }
        lines.push(with_address(line, address));
    }
    lines.join("\n") + "\n"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_replaced_and_limits_left_out() {
        let text = "[budget]\nrate = \"1/s\"\n\n[http]\nurl = \"https://board.example/v1/list?a=b\"\n\
                    warm_up = \"https://board.example\"    # see https://board.example\nrate = 1\n";
        let expected = "[budget]\n\n[http]\nurl = \"http://127.0.0.1:9/v1/list?a=b\"\n\
                    warm_up = \"http://127.0.0.1:9\"    # see https://board.example\nrate = 1\n";
        assert_eq!(pointed(text, "http://127.0.0.1:9"), expected);
    }
}
