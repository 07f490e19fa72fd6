//! The file of the keys that seal personal values.

use std::{fs, io::Write, path::Path};

use config::{KeySource, Settings};
use contract::Fault;
use normalizer::{Keys, Suite};

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
        Fault::stopped("the key file holds no keys of a gateway")
            .at(place.to_owned())
            .because(error)
    })
}

/// Makes keys and writes them to a new file that only its owner can read.
///
/// # Errors
/// There is such a file already, or it cannot be written.
pub fn make(path: &Path, suite: Suite) -> Result<Keys, Fault> {
    let keys = Keys::generate(suite)
        .map_err(|error| Fault::stopped("keys cannot be generated").because(error))?;
    write_private(path, &keys.to_json()).map_err(|error| unwritten(path, error))?;
    Ok(keys)
}

/// Algorithms of the keys that are made from now on.
pub fn suite(settings: &Settings) -> Suite {
    if settings.national { Suite::Sm } else { Suite::Aes }
}

/// Puts another set in use and keeps those before it. The file is written beside and moved over the
/// old one: whoever is cut off in between has one of the two, whole.
///
/// # Errors
/// Keys that come from the environment cannot be changed here; or the file cannot be written.
pub fn rotate(settings: &Settings) -> Result<Keys, Fault> {
    let keys = read(settings)?;
    let rotated = keys
        .rotated(suite(settings))
        .map_err(|error| Fault::stopped("keys cannot be generated").because(error))?;
    replace(settings, &rotated)?;
    Ok(rotated)
}

/// Writes keys over those of the key file.
///
/// # Errors
/// As [`rotate`].
pub fn replace(settings: &Settings, keys: &Keys) -> Result<(), Fault> {
    let KeySource::File(path) = &settings.keys else {
        return Err(Fault::stopped("the keys come from the environment")
            .remedy("write them to a file, name it in [keys], and change them there"));
    };
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    let beside = Path::new(&beside);
    // What a cut-off rotation left was never in use.
    let _ = fs::remove_file(beside);
    write_private(beside, &keys.to_json())
        .and_then(|()| fs::rename(beside, path))
        .and_then(|()| path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all()))
        .map_err(|error| unwritten(path, error))
}

/// Copies the keys to a new file that only its owner can read, and reads the copy back.
///
/// # Errors
/// There is such a file already, or it cannot be written.
pub fn backup(settings: &Settings, copy: &Path) -> Result<Keys, Fault> {
    let keys = read(settings)?;
    write_private(copy, &keys.to_json()).map_err(|error| unwritten(copy, error))?;
    let text = fs::read_to_string(copy).map_err(|error| unwritten(copy, error))?;
    parse(&text, &copy.display().to_string())
}

fn unwritten(path: &Path, error: std::io::Error) -> Fault {
    Fault::stopped("the key file cannot be written")
        .at(path.display().to_string())
        .because(error)
        .remedy("see that its folder is one, and that this account may make a new file in it")
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
