//! From checked settings to running parts: keys, store, mappings, channels.

use std::{collections::HashMap, fs, path::Path, sync::Arc, time::Duration};

use config::{BusSettings, ChannelSettings, KeySource, Problem, Problems, Settings, StoreSettings};
use connector_wire::gate::Limits;
use contract::{Fault, Gate, Inbox, Normalizer, Secret};
use normalizer::{CodeTables, CodesProblem, Keys, Mapping, MappingConfig, Sealer, Suite};
use sink::{
    bus::AmqpSettings,
    store::{Access, Database, Postgres, Sqlite},
};

use crate::{
    clock::Clock,
    keys,
    pace::Pace,
    registry::{self, Kind},
    schedule::Schedule,
    shipped,
    supervise::ChannelPlan,
    vocabulary::vocabulary,
    watch::ChannelWatch,
};

/// Entries of one batch: large enough that a commit is shared by many, small enough that a batch
/// of the largest usual records fits the memory bound many times.
const MAX_ENTRIES: usize = 1_000;

/// What waits in one inbox at most, until it is in custody.
const INBOX_BYTES: usize = 32 << 20;

/// Stands for a secret that nobody needs; a connector's settings hold together with it. 16 bytes: a
/// cipher's key has that length.
const UNSET: &str = "sqlite:not-given";

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
    let unset = || Some(UNSET.to_owned());
    config::resolve(folder, &vocabulary(), &|name| std::env::var(name).ok().or_else(unset))
}

/// Whether a secret is one of those that were not set.
pub(crate) fn is_unset(secret: &Secret) -> bool {
    secret.expose() == UNSET
}

/// Opens the store and the keys that belong to it. The first start of an embedded store makes the
/// key file; a later start without it must not invent another, and a store that processes share
/// never gets one by itself.
///
/// # Errors
/// The store cannot be opened, the keys cannot be read, or they belong to another store.
pub async fn open(settings: &Settings) -> Result<(Database, Keys), Fault> {
    let keys = match (&settings.keys, &settings.store) {
        (KeySource::File(path), StoreSettings::Sqlite(file))
            if !file.exists() && !path.exists() =>
        {
            keys::make(path, keys::suite(settings))?
        }
        _ => keys::read(settings)?,
    };
    let store = open_store(settings, Access::ReadWrite).await?;
    store.bind_key(&keys.check_values()).await?;
    Ok((store, keys))
}

/// Opens a store without keys: to look at it beside whoever writes it, or for a sink, which keeps
/// sealed values as they are.
///
/// # Errors
/// It cannot be opened; to look at, there is none yet.
pub async fn open_store(settings: &Settings, access: Access) -> Result<Database, Fault> {
    match &settings.store {
        StoreSettings::Postgres(url) if is_unset(url) => {
            Err(Fault::stopped("the variable that holds the URL of the store is not set here")
                .remedy("set what [store] in gateway.toml names"))
        }
        StoreSettings::Postgres(url) => {
            Ok(Database::Postgres(Postgres::open(url.expose(), access).await?))
        }
        StoreSettings::Sqlite(file) => {
            if let (Access::ReadWrite, Some(folder)) = (access, file.parent()) {
                fs::create_dir_all(folder).map_err(|error| {
                    Fault::stopped("the folder of the store cannot be made")
                        .at(folder.display().to_string())
                        .because(error)
                })?;
            }
            Ok(Database::Sqlite(Sqlite::open(file, access).await?))
        }
    }
}

/// The broker's settings, its certificate read.
///
/// # Errors
/// The file of the certificate cannot be read.
pub fn broker(settings: &BusSettings) -> Result<AmqpSettings, Fault> {
    let BusSettings { urls, ca, prefix, queue_bytes, declare } = settings;
    let ca = ca.as_ref().map(|file| {
        fs::read_to_string(file).map_err(|error| {
            Fault::stopped("the certificate of the broker's authority cannot be read")
                .at(file.display().to_string())
                .because(error)
        })
    });
    Ok(AmqpSettings {
        urls: urls.expose().split_whitespace().map(str::to_owned).collect(),
        ca: ca.transpose()?,
        prefix: prefix.clone(),
        queue_bytes: *queue_bytes,
        declare: *declare,
    })
}

/// Builds every channel: its mapping is compiled, its connector is built once to see that its
/// settings hold together.
///
/// # Errors
/// All problems at once.
pub fn channels(settings: &Settings, keys: &Keys) -> Result<Vec<ChannelPlan>, Problems> {
    let codes = codes(settings)?;
    let mut gates = Gates::new();
    let (mut plans, mut problems) = (Vec::new(), Vec::new());
    for channel in &settings.channels {
        match build(settings, channel, &codes, keys, &mut gates) {
            Ok(plan) => plans.push(plan),
            Err(found) => problems.extend(found),
        }
    }
    match Problems::new(problems) {
        None => Ok(plans),
        Some(problems) => Err(problems),
    }
}

/// The mapping of every channel.
///
/// # Errors
/// All problems at once.
pub fn mappings(
    settings: &Settings,
    keys: &Keys,
) -> Result<HashMap<contract::ChannelId, Mapping>, Problems> {
    let codes = codes(settings)?;
    let (mut mappings, mut problems) = (HashMap::new(), Vec::new());
    for channel in &settings.channels {
        match mapping(settings, channel, &codes, keys) {
            Ok(mapping) => drop(mappings.insert(channel.id.clone(), mapping)),
            Err(found) => problems.extend(found),
        }
    }
    Problems::new(problems).map_or(Ok(mappings), Err)
}

/// A channel to be looked at: nothing of it runs.
pub struct Desk {
    /// The channel.
    pub plan: ChannelPlan,
    /// Its mapping.
    pub mapping: Arc<Mapping>,
}

/// Builds one channel for the desk, with keys that are made for the occasion.
///
/// # Errors
/// Its problems.
pub fn on_the_desk(settings: &Settings, channel: &ChannelSettings) -> anyhow::Result<Desk> {
    let keys = Keys::generate(Suite::default())?;
    let found = desk(settings, channel, &codes(settings)?, &keys, &mut Gates::new());
    found.map_err(|problems| match Problems::new(problems) {
        Some(problems) => problems.into(),
        None => anyhow::anyhow!("channel {} cannot be built", channel.id),
    })
}

/// Gates by the names of their upstreams.
type Gates = HashMap<String, Arc<Limits>>;

/// One gate per upstream: channels that share one share its budget.
fn gate(settings: &Settings, channel: &ChannelSettings, gates: &mut Gates) -> Arc<Limits> {
    let upstream = channel.upstream();
    let gate = gates
        .entry(upstream.to_owned())
        .or_insert_with(|| Arc::new(Limits::new(upstream, channel.budget, settings.zone, clock())));
    Arc::clone(gate)
}

fn clock() -> contract::Clock {
    contract::Clock::new(|| Clock.now())
}

/// The shipped code tables with those of the configuration folder over them.
///
/// # Errors
/// All problems of all tables.
pub fn codes(settings: &Settings) -> Result<CodeTables, Problems> {
    let place = |problem: &CodesProblem| {
        let file = problem.file.strip_prefix(&settings.codes_dir).unwrap_or(&problem.file);
        format!("codes/{}:{}", file.display(), problem.line)
    };
    let files: Vec<_> = shipped::codes().collect();
    let shipped = CodeTables::shipped(files.iter().map(|(name, text)| (&**name, &**text)));
    let found = match shipped.and_then(|tables| match settings.codes_dir.is_dir() {
        true => tables.overlaid(&settings.codes_dir),
        false => Ok(tables),
    }) {
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
    gates: &mut Gates,
) -> Result<ChannelPlan, Vec<Problem>> {
    desk(settings, channel, codes, keys, gates).map(|desk| desk.plan)
}

fn desk(
    settings: &Settings,
    channel: &ChannelSettings,
    codes: &CodeTables,
    keys: &Keys,
    gates: &mut Gates,
) -> Result<Desk, Vec<Problem>> {
    let mapping = Arc::new(mapping(settings, channel, codes, keys)?);
    let plan = plan(settings, channel, mapping.clone(), keys, gates)
        .map_err(|fault| vec![channel.problem(&[&channel.connector], fault)])?;
    Ok(Desk { plan, mapping })
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
    mapping: Arc<Mapping>,
    keys: &Keys,
    gates: &mut Gates,
) -> Result<ChannelPlan, String> {
    let kind = kind_of(channel)?;
    let limits = gate(settings, channel, gates);
    let means = contract::Means {
        channel: channel.id.clone(),
        zone: settings.zone,
        budget: channel.budget,
        gate: Arc::clone(&limits) as Arc<dyn Gate>,
        clock: clock(),
        folder: channel.dir.clone(),
        inbox: kind.guard.map(|_| Inbox::new(epoch(), INBOX_BYTES)),
    };
    kind.build(&channel.section, means.clone()).map_err(|fault| fault.to_string())?;
    let guard = kind.guard.map(|build| build(&channel.section)).transpose();
    let schedule = match kind.guard {
        None => Schedule::new(channel.schedule.clone(), settings.zone),
        // What is pushed is never waited for: the inbox says when there is something.
        Some(_) => Schedule::every(Duration::ZERO, settings.zone),
    };
    Ok(ChannelPlan {
        id: channel.id.clone(),
        upstream: channel.upstream().to_owned(),
        fingerprint: mapping.fingerprint(),
        keys: keys.check_values().into(),
        normalizer: mapping as Arc<dyn Normalizer>,
        kind: Arc::new(kind),
        section: channel.section.clone(),
        limits,
        means,
        pace: Pace { max_entries: MAX_ENTRIES, schedule: Some(Arc::new(schedule)) },
        guard: guard.map_err(|fault| fault.to_string())?.map(Arc::new),
        range: None,
        numbers: Arc::default(),
        watch: Arc::new(ChannelWatch::new(channel.id.clone())),
        orders: Arc::default(),
    })
}

/// Names the inboxes of this process: those of an earlier one are gone.
fn epoch() -> String {
    // Without randomness the process could not make keys either.
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

fn kind_of(channel: &ChannelSettings) -> Result<Kind, String> {
    registry::kinds()
        .into_iter()
        .find(|kind| kind.name == channel.connector)
        .ok_or_else(|| format!("there is no connector `{}`", channel.connector))
}
