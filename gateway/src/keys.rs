//! The file of the keys that seal personal values.

use std::{fs, io::Write, path::Path};

use config::{KeySource, Settings};
use contract::Fault;
use normalizer::Keys;

/// Reads the keys of a store that has some.
///
/// # Errors
/// They cannot be read.
pub fn read(settings: &Settings) -> Result<Keys, Fault> {
    let path = match &settings.keys {
        KeySource::Env(secret) => return parse(secret.expose(), "the environment"),
        KeySource::File(path) => path,
    };
    let place = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        Fault::stopped("the key file cannot be read").at(place.as_str()).because(error).remedy(
            "restore the key file that this store was first used with; for a new store that \
                 processes share, make one with `tonghui key new FILE` and give it to all of them",
        )
    })?;
    parse(&text, &place)
}

fn parse(text: &str, place: &str) -> Result<Keys, Fault> {
    Keys::from_json(text).map_err(|error| {
        Fault::stopped("these are not the keys of a gateway").at(place.to_owned()).because(error)
    })
}

/// Makes keys and writes them to a new file that only its owner can read.
///
/// # Errors
/// There is such a file already, or it cannot be written.
pub fn make(path: &Path) -> Result<Keys, Fault> {
    let keys =
        Keys::generate().map_err(|error| Fault::stopped("no keys could be made").because(error))?;
    write_private(path, &keys.to_json()).map_err(|error| {
        Fault::stopped("the key file cannot be written")
            .at(path.display().to_string())
            .because(error)
    })?;
    Ok(keys)
}

/// Creates a file that only its owner can read; an existing one is never overwritten.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
