//! The files a tap is started with: settings, catalog and state, in a folder that only we may enter
//! and that goes with the run.

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

use crate::{child::option, plan::Plan};

/// A catalog above this is a mistake.
const LARGEST_CATALOG: u64 = 16 << 20;

/// The folder; dropping it removes it.
pub(crate) struct Files {
    folder: TempDir,
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
        let mut files = Self { folder, arguments: Vec::new() };
        files
            .add("--config", "config.json", &Value::Object(plan.config.clone()))
            .map_err(failed)?;
        if let Some(catalog) = catalog {
            files.add("--catalog", "catalog.json", catalog).map_err(failed)?;
        }
        if let Some(state) = state {
            files.add("--state", "state.json", state).map_err(failed)?;
        }
        Ok(files)
    }

    fn add(&mut self, name: &str, file: &str, value: &Value) -> std::io::Result<()> {
        let path = self.folder.path().join(file);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        out.write_all(value.to_string().as_bytes())?;
        self.arguments.extend(option(name, path.as_os_str()));
        Ok(())
    }
}

/// The catalog in a file of the channel's folder.
pub(crate) fn catalog(plan: &Plan, name: &str) -> Result<Value, Fault> {
    let path = plan.folder.join(name);
    read(&path).map_err(|why| {
        Fault::stopped(format!("the catalog cannot be read: {why}")).at(path.display().to_string())
    })
}

fn read(path: &Path) -> Result<Value, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST_CATALOG {
        return Err("it is above 16 MiB".to_owned());
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}
