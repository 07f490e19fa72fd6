//! The key file: it holds the keys that seal personal values.

use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use config::{KeySource, Settings};
use contract::Fault;
use normalizer::{Keys, Suite};

/// Reads the keys from the file or the environment variable in the settings.
///
/// # Errors
/// The key file or variable does not exist, cannot be read or holds no keys.
pub fn read(settings: &Settings) -> Result<Keys, Fault> {
    let path = match &settings.keys {
        KeySource::Env(secret) => return parse(secret.expose(), "the environment"),
        KeySource::File(path) => path,
    };
    let text = fs::read_to_string(path).map_err(|error| {
        file_fault("cannot read the key file", path, error).remedy(
            "restore the key file of this store; for a new store that several processes share, create \
                 one with `tonghui key new FILE` and copy it to all of them",
        )
    })?;
    let keys = parse(&text, &path.display().to_string())?;
    let mode = fs::metadata(path).map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(target: "tonghui", "{path}: other users of this machine can use the keys; run `chmod 600 {path}`");
    }
    Ok(keys)
}

/// The keys in the content of a key file; `place` says where the content is from.
fn parse(text: &str, place: &str) -> Result<Keys, Fault> {
    Keys::from_json(text).map_err(|error| {
        Fault::stopped("this is not the content of a key file").at(place.to_owned()).because(error)
    })
}

/// Generates keys and writes them to a new file that only its owner can read.
///
/// # Errors
/// The file exists already or cannot be written.
pub fn make(path: &Path, suite: Suite) -> Result<Keys, Fault> {
    let keys = Keys::generate(suite)
        .map_err(|error| Fault::stopped("cannot generate keys").because(error))?;
    write_new(path, &keys.to_json(), true).map_err(|error| write_fault(path, error))?;
    Ok(keys)
}

/// Algorithms of new keys.
pub fn suite(settings: &Settings) -> Suite {
    if settings.uses_national_algorithms { Suite::Sm } else { Suite::Aes }
}

/// Adds a new key, which is used from now on, and keeps the older ones. The new file is written beside
/// the old one and renamed over it, so after a crash there is a complete file, old or new.
///
/// # Errors
/// The keys come from the environment, or the file cannot be written.
pub fn rotate(settings: &Settings) -> Result<Keys, Fault> {
    let KeySource::File(path) = &settings.keys else {
        return Err(Fault::stopped("the keys come from the environment")
            .remedy("write them to a file, set `file` in [keys] to it, and repeat the command"));
    };
    let rotated = read(settings)?
        .rotated(suite(settings))
        .map_err(|error| Fault::stopped("cannot generate keys").because(error))?;
    let mut new_path = path.clone().into_os_string();
    new_path.push(".new");
    let new_path = Path::new(&new_path);
    // An interrupted rotation may have left this file; it was never in use.
    let _ = fs::remove_file(new_path);
    write_new(new_path, &rotated.to_json(), true)
        .and_then(|()| fs::rename(new_path, path))
        .and_then(|()| path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all()))
        .map_err(|error| write_fault(path, error))?;
    Ok(rotated)
}

/// Copies the keys to a new file that only its owner can read, and reads the copy back.
///
/// # Errors
/// The file exists already or cannot be written.
pub fn backup(settings: &Settings, copy: &Path) -> Result<Keys, Fault> {
    let keys = read(settings)?;
    write_new(copy, &keys.to_json(), true).map_err(|error| write_fault(copy, error))?;
    let text = fs::read_to_string(copy).map_err(|error| write_fault(copy, error))?;
    parse(&text, &copy.display().to_string())
}

fn write_fault(path: &Path, error: std::io::Error) -> Fault {
    file_fault("cannot write the key file", path, error)
        .remedy("check that its folder exists and that this user may create a new file in it")
}

/// The fault of a failed operation on a file or folder; `what` says what failed.
pub(crate) fn file_fault(what: &str, path: &Path, error: std::io::Error) -> Fault {
    Fault::stopped(what).at(path.display().to_string()).because(error)
}

/// Creates a file with its folders; only its owner can read it if it `is_private`. An existing file is
/// never overwritten.
pub(crate) fn write_new(path: &Path, text: &str, is_private: bool) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(if is_private { 0o600 } else { 0o666 });
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
