//! The key file: it holds the keys that seal personal values.

use std::{
    fs,
    io::Write,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

use config::{KeySource, Settings};
use contract::Fault;
use normalizer::{Keys, Suite};
use sink::bus::BusKey;

use crate::assemble::is_unset;

/// Maximum size of a key file, in KiB. A key takes some hundred bytes.
const MAX_FILE_KIB: u64 = 1 << 10;

/// Reads the keys from the file or the environment variable in the settings.
///
/// # Errors
/// The key file or variable does not exist, cannot be read or holds no keys, or others can read the file.
pub fn read(settings: &Settings) -> Result<Keys, Fault> {
    let path = match &settings.keys {
        KeySource::Env(secret) => return parse(secret.expose(), "the environment"),
        KeySource::File(path) => path,
    };
    parse(&read_private(path)?, &path.display().to_string())
}

/// Reads the key by which messages on the broker prove their sender: from the key file, or from a file that has
/// nothing else (`tonghui key bus`), which is enough for a sink. `None` if there is no file or it has none: then
/// every message is believed that looks like one of ours.
///
/// # Errors
/// The key file or variable cannot be read, or others can read the file.
pub fn bus(settings: &Settings) -> Result<Option<BusKey>, Fault> {
    let text = match &settings.keys {
        KeySource::Env(secret) if is_unset(secret) => "{}".to_owned(),
        KeySource::Env(secret) => secret.expose().to_owned(),
        KeySource::File(path) => match path.try_exists() {
            Ok(false) => "{}".to_owned(),
            Ok(true) => read_private(path)?,
            Err(error) => return Err(file_fault("cannot read the key file", path, error)),
        },
    };
    let key = Keys::bus_from_json(&text)
        .map_err(|error| Fault::stopped("this is not the content of a key file").because(error))?;
    if key.is_none() {
        tracing::warn!(
            target: "tonghui",
            "there is no bus key, so whoever may write to the broker can invent demands; `tonghui key rotate` adds one \
             to the key file, and `tonghui key bus FILE` writes one for a sink"
        );
    }
    Ok(key.map(BusKey::new))
}

/// The bus key, with which the rows of the audit log are proved. `None` if there is none, or this account may not read it:
/// the store then refuses to write to a log that has such rows.
pub(crate) fn audit(settings: &Settings) -> Option<BusKey> {
    let text = match &settings.keys {
        KeySource::Env(secret) if is_unset(secret) => return None,
        KeySource::Env(secret) => secret.expose().to_owned(),
        KeySource::File(path) => read_private(path).ok()?,
    };
    Keys::bus_from_json(&text).ok().flatten().map(BusKey::new)
}

/// Writes the bus key, and no other one, to a new file that only its owner can read.
///
/// # Errors
/// There is no bus key, or the file exists already or cannot be written.
pub fn write_bus(settings: &Settings, path: &Path) -> Result<(), Fault> {
    let text = read(settings)?.bus_to_json().ok_or_else(|| {
        Fault::stopped("the key file has no bus key").remedy("run `tonghui key rotate`")
    })?;
    write_new(path, &text, true).map_err(|error| write_fault(path, error))
}

/// Reads a key file that nobody else can use.
fn read_private(path: &Path) -> Result<String, Fault> {
    let place = path.display().to_string();
    let bytes = config::file_bytes(path, MAX_FILE_KIB).map_err(|why| {
        Fault::stopped("cannot read the key file").at(&*place).because(why).remedy(
            "restore the key file of this store; for a new store that several processes share, create \
                 one with `tonghui key new FILE` and copy it to all of them",
        )
    })?;
    ensure_private(path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Refuses a key file that other users of this machine can read or change.
fn ensure_private(path: &Path) -> Result<(), Fault> {
    let place = path.display().to_string();
    let about =
        fs::metadata(path).map_err(|error| file_fault("cannot read the key file", path, error))?;
    let is_own = about.uid() == rustix::process::geteuid().as_raw();
    let forbidden = if is_provided(path) {
        // Nobody else is in the container.
        0o022
    } else if is_own {
        0o077
    } else {
        // This user reads it as a member of its group.
        0o007
    };
    if about.permissions().mode() & forbidden == 0 {
        return Ok(());
    }
    let remedy = match is_own {
        true => format!("run `chmod 600 {place}`"),
        false => format!("let its owner run `chmod o= {place}`"),
    };
    Err(Fault::stopped("other users of this machine can use the keys").at(place).remedy(remedy))
}

/// Whether a file is on a mount that cannot be written, as Docker and Kubernetes provide secrets.
fn is_provided(path: &Path) -> bool {
    rustix::fs::statvfs(path)
        .is_ok_and(|at| at.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
        || path.starts_with("/run/secrets")
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

/// Creates a folder, with those that contain it, that only its owner can enter. One that exists stays as it is.
pub(crate) fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Creates a file with its folders; only its owner can read it if it `is_private`. An existing file is
/// never overwritten.
pub(crate) fn write_new(path: &Path, text: &str, is_private: bool) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if is_private => create_private_folder(folder)?,
        Some(folder) => fs::create_dir_all(folder)?,
        None => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(if is_private { 0o600 } else { 0o666 });
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // On a full disk, an empty file would look like a key.
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_that_others_can_use_is_refused_until_it_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        make(&path, Suite::Aes).unwrap();
        for (mode, is_private) in
            [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let said = ensure_private(&path).map_err(|fault| fault.to_string());
            assert_eq!(said.is_ok(), is_private, "{mode:o}");
            let remedy = format!("chmod 600 {}", path.display());
            assert!(said.err().is_none_or(|why| why.contains(&remedy)), "{mode:o}");
        }
    }
}
