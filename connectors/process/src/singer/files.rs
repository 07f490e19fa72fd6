//! The files with which a tap is started: settings, catalog and state, in a private folder that is
//! removed after the run.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use contract::Fault;
use serde_json::Value;
use tempfile::TempDir;

use crate::plan::Plan;

/// Maximum size of a catalog, in bytes.
const MAX_CATALOG_BYTES: u64 = 16 << 20;

/// The folder with the files. Dropping it removes the folder.
pub(crate) struct TapFiles {
    _folder: TempDir,
    /// The options that name the files.
    pub(crate) arguments: Vec<OsString>,
}

impl TapFiles {
    pub(crate) fn write(
        plan: &Plan,
        catalog: Option<&Value>,
        state: Option<&Value>,
    ) -> Result<Self, Fault> {
        let failed = |error: std::io::Error| {
            Fault::transient("the files of the tap cannot be written")
                .at(plan.place())
                .because(error)
        };
        let folder = tempfile::Builder::new().prefix("tonghui-tap-").tempdir().map_err(failed)?;
        let mut arguments = Vec::new();
        let config = Value::Object(plan.settings.clone());
        for (name, value) in [("config", Some(&config)), ("catalog", catalog), ("state", state)] {
            let Some(value) = value else { continue };
            let path = folder.path().join(format!("{name}.json"));
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let written = file.and_then(|mut file| file.write_all(value.to_string().as_bytes()));
            written.map_err(failed)?;
            arguments.extend([format!("--{name}").into(), path.into_os_string()]);
        }
        Ok(Self { _folder: folder, arguments })
    }
}

/// Reads the catalog from a file in the channel's folder.
pub(crate) fn read_catalog(plan: &Plan, name: &str) -> Result<Value, Fault> {
    let path = plan.context.folder.join(name);
    read_json(&path).map_err(|cause| {
        Fault::stopped(format!("the catalog cannot be read: {cause}"))
            .at(path.display().to_string())
    })
}

fn read_json(path: &Path) -> Result<Value, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_CATALOG_BYTES {
        return Err("it is larger than 16 MiB".to_owned());
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}
