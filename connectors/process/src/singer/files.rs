//! The files a tap is started with: settings, catalog and state, in a private folder that is removed
//! after the run.

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

/// Bytes of a catalog.
const MAX_CATALOG_BYTES: u64 = 16 << 20;

/// The folder; dropping it removes it.
pub(crate) struct Files {
    _folder: TempDir,
    /// The options that name the files.
    pub(crate) arguments: Vec<OsString>,
}

impl Files {
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

/// The catalog in a file of the channel's folder.
pub(crate) fn catalog(plan: &Plan, name: &str) -> Result<Value, Fault> {
    let path = plan.context.folder.join(name);
    read(&path).map_err(|cause| {
        Fault::stopped(format!("the catalog cannot be read: {cause}"))
            .at(path.display().to_string())
    })
}

fn read(path: &Path) -> Result<Value, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_CATALOG_BYTES {
        return Err("it is above 16 MiB".to_owned());
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}
