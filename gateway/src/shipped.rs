//! The configuration that is shipped, compiled in: the demo writes it to a folder of its own and
//! then reads it like anybody else's.

mod point;

use std::{borrow::Cow, fs, io, path::Path};

use rust_embed::RustEmbed;

pub use point::point_at;

/// What lies in `config/` beside the crate of that name.
#[derive(RustEmbed)]
#[folder = "../config"]
#[include = "gateway.toml"]
#[include = "channels/*"]
#[include = "codes/*"]
#[include = "schema/*"]
struct Shipped;

/// The code tables among them: their files below `codes`, and their content.
pub fn codes() -> impl Iterator<Item = (String, String)> {
    let tables = Shipped::iter().filter_map(|file| {
        let name = file.strip_prefix("codes/")?.to_owned();
        Some((name, text(&file)?))
    });
    tables.filter(|(name, _)| name.ends_with(".csv"))
}

/// Writes the files of the gateway and of these channels below `folder`, over older ones of the same
/// names.
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

fn text(file: &str) -> Option<String> {
    String::from_utf8(Shipped::get(file)?.data.into_owned()).ok()
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
