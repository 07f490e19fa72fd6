//! From checked settings to running parts: keys, store, mappings, channels.

use std::{fs, io::Write, path::Path, sync::Arc};

use config::{ChannelSettings, KeySource, Problem, Problems, Settings};
use contract::{Fault, Normalizer};
use normalizer::{CodeTables, CodesProblem, Keys, Mapping, MappingConfig, Sealer};
use sink::store::{Access, Sqlite};

use crate::{
    pace::Pace,
    registry::{self, Kind},
    supervise::ChannelPlan,
    vocabulary::vocabulary,
    watch::ChannelWatch,
};

/// Entries of one batch: large enough that a commit is shared by many, small enough that a batch
/// of the largest usual records fits the memory bound many times.
const MAX_ENTRIES: usize = 1_000;

/// Reads and checks the configuration in `folder`.
///
/// # Errors
/// All problems at once.
pub fn settings(folder: &Path) -> Result<Settings, Problems> {
    config::resolve(folder, &vocabulary(), &|name| std::env::var(name).ok())
}

/// The same for commands that connect to nothing: a secret that is not set in this shell is no
/// problem for them.
///
/// # Errors
/// All other problems at once.
pub fn settings_without_secrets(folder: &Path) -> Result<Settings, Problems> {
    let unset = || Some("sqlite:unset".to_owned());
    config::resolve(folder, &vocabulary(), &|name| std::env::var(name).ok().or_else(unset))
}

/// Opens the store and the keys that belong to it. The first start of an embedded store makes the
/// key file; a later start without it must not invent another.
///
/// # Errors
/// The store cannot be opened, the keys cannot be read, or they belong to another store.
pub async fn open(settings: &Settings) -> Result<(Sqlite, Keys), Fault> {
    let file = &settings.store.sqlite;
    let is_new = !file.exists();
    let keys = match &settings.keys {
        KeySource::File(path) if is_new && !path.exists() => make_keys(path)?,
        KeySource::File(_) | KeySource::Env(_) => existing_keys(settings)?,
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| {
            Fault::stopped("the folder of the store cannot be made")
                .at(folder.display().to_string())
                .because(error)
        })?;
    }
    let store = Sqlite::open(file, Access::ReadWrite).await?;
    store.bind_key(keys.id(), &keys.check_value()).await?;
    Ok((store, keys))
}

/// Opens a store to look at it, beside whoever writes it.
///
/// # Errors
/// There is none yet, or it cannot be opened.
pub async fn open_existing(settings: &Settings) -> Result<Sqlite, Fault> {
    Sqlite::open(&settings.store.sqlite, Access::ReadOnly).await
}

/// Reads the keys of a store that has some.
///
/// # Errors
/// They cannot be read.
pub fn existing_keys(settings: &Settings) -> Result<Keys, Fault> {
    let path = match &settings.keys {
        KeySource::Env(secret) => return read_keys(secret.expose(), "the environment"),
        KeySource::File(path) => path,
    };
    let place = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        Fault::stopped("the key file cannot be read")
            .at(place.as_str())
            .because(error)
            .remedy("restore the key file that was made beside this store")
    })?;
    read_keys(&text, &place)
}

fn read_keys(text: &str, place: &str) -> Result<Keys, Fault> {
    Keys::from_json(text).map_err(|error| {
        Fault::stopped("these are not the keys of a gateway").at(place.to_owned()).because(error)
    })
}

fn make_keys(path: &Path) -> Result<Keys, Fault> {
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

/// Builds every channel: its mapping is compiled, its connector is built once to see that its
/// settings hold together.
///
/// # Errors
/// All problems at once.
pub fn channels(settings: &Settings, keys: &Keys) -> Result<Vec<ChannelPlan>, Problems> {
    let codes = codes(settings)?;
    let (mut plans, mut problems) = (Vec::new(), Vec::new());
    for channel in &settings.channels {
        match build(settings, channel, &codes, keys) {
            Ok(plan) => plans.push(plan),
            Err(found) => problems.extend(found),
        }
    }
    match Problems::new(problems) {
        None => Ok(plans),
        Some(problems) => Err(problems),
    }
}

/// Builds one channel for the desk, with keys that are made for the occasion.
///
/// # Errors
/// Its problems.
pub fn on_the_desk(settings: &Settings, channel: &ChannelSettings) -> anyhow::Result<ChannelPlan> {
    let found = build(settings, channel, &codes(settings)?, &Keys::generate()?);
    found.map_err(|problems| match Problems::new(problems) {
        Some(problems) => problems.into(),
        None => anyhow::anyhow!("channel {} cannot be built", channel.id),
    })
}

fn codes(settings: &Settings) -> Result<CodeTables, Problems> {
    let place = |problem: &CodesProblem| {
        let file = problem.file.strip_prefix(&settings.codes_dir).unwrap_or(&problem.file);
        format!("codes/{}:{}", file.display(), problem.line)
    };
    let found = match CodeTables::load(&settings.codes_dir) {
        Ok(codes) => return Ok(codes),
        Err(found) => found,
    };
    let problems = found.iter().map(|each| Problem::of_file(place(each), &*each.message));
    Problems::new(problems).map_or_else(|| Ok(CodeTables::default()), Err)
}

fn build(
    settings: &Settings,
    channel: &ChannelSettings,
    codes: &CodeTables,
    keys: &Keys,
) -> Result<ChannelPlan, Vec<Problem>> {
    let mapping = mapping(settings, channel, codes, keys)?;
    plan(settings, channel, mapping)
        .map_err(|fault| vec![channel.problem(&[&channel.connector], fault)])
}

fn mapping(
    settings: &Settings,
    channel: &ChannelSettings,
    codes: &CodeTables,
    keys: &Keys,
) -> Result<Mapping, Vec<Problem>> {
    let found = |path: &[&str], message: String| vec![channel.problem(path, message)];
    let demand: MappingConfig = serde_json::from_value(channel.demand.clone())
        .map_err(|error| found(&["demand"], error.to_string()))?;
    let sealer = Arc::new(Sealer::new(keys));
    Mapping::build(channel.id.clone(), &demand, codes, sealer, settings.zone).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| {
                let path = ["demand"].into_iter().chain(problem.path.split('.'));
                channel.problem(&path.collect::<Vec<_>>(), problem.message)
            })
            .collect()
    })
}

fn plan(
    settings: &Settings,
    channel: &ChannelSettings,
    mapping: Mapping,
) -> Result<ChannelPlan, String> {
    let kind = kind_of(channel)?;
    let means = contract::Means {
        channel: channel.id.clone(),
        zone: settings.zone,
        budget: channel.budget,
    };
    kind.build(&channel.section, means.clone()).map_err(|fault| fault.to_string())?;
    Ok(ChannelPlan {
        id: channel.id.clone(),
        fingerprint: mapping.fingerprint(),
        normalizer: Arc::new(mapping) as Arc<dyn Normalizer>,
        kind: Arc::new(kind),
        section: channel.section.clone(),
        means,
        pace: Pace { max_entries: MAX_ENTRIES, pause: Some(channel.every.0) },
        watch: Arc::new(ChannelWatch::new(channel.id.clone())),
    })
}

fn kind_of(channel: &ChannelSettings) -> Result<Kind, String> {
    registry::kinds()
        .into_iter()
        .find(|kind| kind.name == channel.connector)
        .ok_or_else(|| format!("there is no connector `{}`", channel.connector))
}
