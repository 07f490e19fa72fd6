//! The configuration that is shipped, compiled in: the demo writes it to a folder of its own and
//! then reads it like anybody else's.

use std::{fs, io, path::Path};

const FILES: &[(&str, &str)] = &[
    ("gateway.toml", include_str!("../../config/gateway.toml")),
    ("channels/hotline/channel.toml", include_str!("../../config/channels/hotline/channel.toml")),
    (
        "channels/hotline/fixtures/rows.json",
        include_str!("../../config/channels/hotline/fixtures/rows.json"),
    ),
    (
        "channels/hotline/fixtures/rows.expected.json",
        include_str!("../../config/channels/hotline/fixtures/rows.expected.json"),
    ),
    ("codes/region.csv", include_str!("../../config/codes/region.csv")),
    ("codes/hotline/kind.csv", include_str!("../../config/codes/hotline/kind.csv")),
    ("codes/hotline/pressing.csv", include_str!("../../config/codes/hotline/pressing.csv")),
    ("codes/hotline/source.csv", include_str!("../../config/codes/hotline/source.csv")),
    ("codes/hotline/status.csv", include_str!("../../config/codes/hotline/status.csv")),
    ("codes/hotline/urgency.csv", include_str!("../../config/codes/hotline/urgency.csv")),
];

/// The code tables among them: their files below `codes`, and their content.
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().filter_map(|(file, text)| Some((file.strip_prefix("codes/")?, *text)))
}

/// Writes all files below `folder`, over older ones of the same names.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// Names servers in the `gateway.toml` below `folder`: environment variables that will hold their
/// URLs, and how the broker's names begin.
///
/// # Errors
/// The file cannot be read or written.
pub fn name_servers(
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
