//! `cargo xtask schema`: the public face of the configuration and of the demand, generated and
//! committed, so that editors and other programs can read it without building anything.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{build, root, say};

/// What `tonghui schema` can write, and where it belongs.
const SCHEMAS: &[(&str, &str)] = &[
    ("gateway", "config/schema/gateway.json"),
    ("channel", "config/schema/channel.json"),
    ("demand", "docs/schema/demand.json"),
];

/// Writes the schemas, or says which of the committed ones are out of date.
pub(crate) fn schema(check: bool) -> Result<()> {
    build(&["tonghui"])?;
    let mut outdated = Vec::new();
    for (name, file) in SCHEMAS {
        let schema = generate(name)?;
        let path = root().join(file);
        if !check {
            write(&path, &schema).with_context(|| format!("{file} cannot be written"))?;
            say(format_args!("wrote {file}"));
        } else if fs::read_to_string(&path).ok().as_deref() != Some(&schema) {
            outdated.push(*file);
        }
    }
    ensure!(outdated.is_empty(), "out of date: {}; run cargo xtask schema", outdated.join(", "));
    Ok(())
}

fn generate(name: &str) -> Result<String> {
    let program = env::current_exe()?.with_file_name("tonghui"); // built beside this one
    // Not through `run`: warnings on standard error are not part of the schema.
    let output = Command::new(program).args(["schema", name]).output()?;
    if !output.status.success() {
        bail!("`tonghui schema {name}` failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let schema = String::from_utf8(output.stdout).context("a schema is UTF-8")?;
    Ok(format!("{}\n", schema.trim_end()))
}

fn write(path: &Path, schema: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, schema)?;
    Ok(())
}
