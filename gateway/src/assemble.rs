//! Builds the running parts from checked settings: keys, store, mappings, channels.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use config::{
    BusSettings, ChannelSettings, Door, KeySource, Problem, Problems, Settings, StoreSettings,
    Topology, UNSET,
};
use connector_wire::{gate::Limits, guard::Guard};
use contract::{Fault, Inbox, Receiver, Secret};
use normalizer::{CodeTables, CodesProblem, Keys, Mapping, MappingConfig, Sealer, Suite};
use serde::Deserialize;
use sink::{
    bus::{Amqp, AmqpSettings, BusKey},
    store::{Access, Database, Postgres, Sqlite},
};

use crate::{
    channel::{ChannelHandle, ChannelSpec, LiveChannel},
    clock,
    keys::{self, file_fault},
    push::{PushEndpoint, Signatures},
    registry::{ConnectorKind, section_schemas},
    schedule::{Pace, Schedule},
    shipped, store_mark, transport,
};

/// Maximum number of entries in one batch: large enough that many share a commit, small enough that
/// several batches of large records fit into the memory limit.
const MAX_ENTRIES: usize = 1_000;

/// Maximum size of the file of a code table, in KiB; the normaliser reads no larger ones.
pub(crate) const MAX_CODES_KIB: u64 = 16 << 10;

/// Maximum number of bytes that wait for custody in one inbox.
const MAX_INBOX_BYTES: usize = 32 << 20;

/// Reads and checks the configuration in `folder`. Channels with problems are in [`Settings::broken`].
///
/// # Errors
/// All problems at once, if one of them concerns all channels.
pub fn settings(folder: &Path) -> Result<Settings, Problems> {
    config::resolve_usable(folder, &section_schemas(), &|name| std::env::var(name).ok())
        .and_then(transport::checked)
}

/// Like [`settings`], for commands that connect to no source: secrets need not be set, and an operator can look at
/// a store whose connection is not protected.
///
/// # Errors
/// All other problems at once, if one of them concerns all channels.
pub fn settings_without_secrets(folder: &Path) -> Result<Settings, Problems> {
    let unset = || Some(UNSET.to_owned());
    config::resolve_usable(folder, &section_schemas(), &|name| {
        std::env::var(name).ok().or_else(unset)
    })
}

/// Whether a secret is the placeholder, because it is not set.
pub(crate) fn is_unset(secret: &Secret) -> bool {
    secret.expose() == UNSET
}

/// Opens the store and reads its keys. The key file is created only at the first start of an embedded
/// store: a later start needs the keys that sealed the stored values, and all processes of a shared store
/// need the same keys.
///
/// # Errors
/// The store cannot be opened, the keys cannot be read, or they belong to another store.
pub async fn open(settings: &Settings) -> Result<(Database, Keys), Fault> {
    let keys = match (&settings.keys, &settings.store) {
        (KeySource::File(path), StoreSettings::Sqlite(file))
            if !file.exists() && !path.exists() =>
        {
            let marks =
                store_mark::forget_removed(settings, store_mark::find(settings, file)?, file)?;
            store_mark::check(&marks, file).await?;
            keys::make(path, keys::suite(settings))?
        }
        _ => keys::read(settings)?,
    };
    let store = open_store(settings, Access::ReadWrite).await?;
    store.bind_key(&keys.check_values()).await?;
    Ok((store, keys))
}

/// Opens the store without sealing keys, for a sink or for commands that only read.
///
/// # Errors
/// The store cannot be opened, or is not the one that was used last. With `Access::ReadOnly`, it must exist.
pub async fn open_store(settings: &Settings, access: Access) -> Result<Database, Fault> {
    let store = match &settings.store {
        StoreSettings::Postgres(url) if is_unset(url) => {
            return Err(Fault::stopped("the URL of the store is not set")
                .remedy("set the environment variable, or create the file, that `postgres` in gateway.toml names"));
        }
        StoreSettings::Postgres(url) => {
            Database::Postgres(Postgres::open(url.expose(), access).await?)
        }
        StoreSettings::Sqlite(file) => Box::pin(open_file(settings, file, access)).await?,
    };
    Ok(store.with_audit_key(keys::audit(settings)))
}

/// Opens the embedded store. A new one is made only where no mark says that there was one.
async fn open_file(settings: &Settings, file: &Path, access: Access) -> Result<Database, Fault> {
    let mut marks = store_mark::find(settings, file)?;
    if access == Access::ReadWrite {
        marks = store_mark::forget_removed(settings, marks, file)?;
    }
    store_mark::check(&marks, file).await?;
    if access == Access::ReadOnly {
        return Ok(Database::Sqlite(Sqlite::open(file, access).await?));
    }
    if let Some(folder) = file.parent() {
        keys::create_private_folder(folder)
            .map_err(|error| file_fault("cannot create the folder of the store", folder, error))?;
    }
    let store = Database::Sqlite(Sqlite::open(file, access).await?);
    store_mark::renew(settings, &store).await?;
    Ok(store)
}

/// The broker, with the key by which messages prove their sender. This does not connect to it yet.
pub fn broker(settings: &BusSettings, key: Option<BusKey>) -> Amqp {
    let BusSettings { amqp, ca, insecure: _, prefix, queue, topology } = settings;
    let settings = AmqpSettings {
        urls: amqp.expose().split_whitespace().map(str::to_owned).collect(),
        ca: ca.clone(),
        prefix: prefix.clone(),
        queue_bytes: queue.0,
        declare: *topology == Topology::Declare,
    };
    Amqp::with_key(settings, key)
}

/// Builds every channel of the settings: compiles its mapping, and checks its settings by building its
/// connector once.
///
/// # Errors
/// All problems at once.
pub fn channels(settings: &Settings, keys: &Keys) -> Result<Vec<LiveChannel>, Problems> {
    let mut settings = Settings { broken: BTreeMap::new(), ..settings.clone() };
    let built = usable_channels(&mut settings, keys)?;
    settings.all_problems().map_or(Ok(built), Err)
}

/// Like [`channels`], but a channel with problems is only left out, and moved to [`Settings::broken`]: one that uses
/// a code table with problems too.
///
/// # Errors
/// The shipped code tables cannot be used.
pub fn usable_channels(settings: &mut Settings, keys: &Keys) -> Result<Vec<LiveChannel>, Problems> {
    let (codes, unusable) = usable_codes(settings)?;
    let mut builder = Builder { settings, keys, codes, gates: HashMap::new() };
    let (mut built, mut broken) = (Vec::new(), BTreeMap::new());
    for channel in &settings.channels {
        let used = unusable.iter().filter(|(table, _)| uses_table(&channel.demand, table));
        let found: Vec<Problem> = used.flat_map(|(_, found)| found.iter().cloned()).collect();
        let result = if found.is_empty() { builder.build(channel) } else { Err(found) };
        match result {
            Ok(live) => built.push(live),
            Err(found) => {
                broken.extend(Problems::from_found(found).map(|found| (channel.id.clone(), found)))
            }
        }
    }
    settings.channels.retain(|channel| !broken.contains_key(&channel.id));
    settings.broken.extend(broken);
    Ok(built)
}

/// The same settings with the problems that only building the channels finds; for commands that connect to no
/// source. Channels whose secrets are not set here are not built.
///
/// # Errors
/// There is no randomness for temporary keys.
pub fn with_all_problems(settings: &Settings) -> anyhow::Result<Settings> {
    let mut built = settings.clone();
    built.channels.retain(|channel| !channel.section.has_secret(UNSET));
    if let Err(problems) = usable_channels(&mut built, &Keys::generate(Suite::default())?) {
        for id in settings.channel_ids() {
            built.broken.entry(id).or_insert_with(|| problems.clone());
        }
    }
    Ok(Settings { broken: built.broken, ..settings.clone() })
}

/// Like [`usable_channels`], for processes that read channels.
///
/// # Errors
/// All problems, if no channel can be used.
pub fn some_channels(settings: &mut Settings, keys: &Keys) -> Result<Vec<LiveChannel>, Problems> {
    let channels = usable_channels(settings, keys)?;
    match settings.all_problems() {
        Some(problems) if channels.is_empty() => Err(problems),
        _ => Ok(channels),
    }
}

/// The shipped code tables, overlaid with those of the configuration folder.
///
/// # Errors
/// All problems of all tables.
pub fn codes(settings: &Settings) -> Result<CodeTables, Problems> {
    let (tables, unusable) = usable_codes(settings)?;
    Problems::from_found(unusable.into_values().flatten()).map_or(Ok(tables), Err)
}

/// The problems of code tables that cannot be used, by the name of the table, or of a folder that cannot be read.
type UnusableTables = BTreeMap<String, Vec<Problem>>;

/// Like [`codes`], but tables of the configuration folder that cannot be used are left out. A channel that uses one
/// of them must not run: the shipped table of that name may have other codes.
fn usable_codes(settings: &Settings) -> Result<(CodeTables, UnusableTables), Problems> {
    let folder = &settings.codes_dir;
    let problem = |file: &str, line: u64, message: &str| {
        Problem::of_file(format!("codes/{file}:{line}"), message)
    };
    let load = |files: &[(String, String)]| {
        let tables = CodeTables::shipped(files.iter().map(|(name, text)| (&**name, &**text)));
        tables.or_else(|found| {
            let file = |each: &CodesProblem| each.file.display().to_string();
            let problems = found.iter().map(|each| problem(&file(each), each.line, &each.message));
            Problems::from_found(problems).map_or_else(|| Ok(CodeTables::default()), Err)
        })
    };
    let mut files: Vec<_> = shipped::codes().collect();
    let mut unusable = UnusableTables::new();
    let shipped = load(&files)?;
    if !folder.is_dir() {
        return Ok((shipped, unusable));
    }
    let found = match shipped.overridden_by(folder) {
        Ok(tables) => return Ok((tables, unusable)),
        Err(found) => found,
    };
    for CodesProblem { file, line, message } in found {
        let file = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        let table = file.strip_suffix(".csv").unwrap_or(&file).to_owned();
        unusable.entry(table).or_default().push(problem(&file, line, &message));
    }
    // The other tables override the shipped ones as above.
    for table in config::code_tables(folder) {
        let file = format!("{table}.csv");
        let bytes = config::file_bytes(&folder.join(&file), MAX_CODES_KIB).unwrap_or_default();
        match normalizer_text::decode_file(&bytes) {
            _ if unusable.contains_key(&table) => {}
            Some(text) if !text.is_empty() => files.push((file, text.into_owned())),
            _ => unusable.entry(table).or_default().push(problem(
                &file,
                0,
                "the file cannot be read",
            )),
        }
    }
    Ok((load(&files)?, unusable))
}

/// Whether a mapping uses the code table `table`, or a table in the folder `table`; the empty name is that of the
/// folder of all tables.
fn uses_table(mapping: &serde_json::Value, table: &str) -> bool {
    match mapping {
        serde_json::Value::Array(items) => items.iter().any(|item| uses_table(item, table)),
        serde_json::Value::Object(fields) => fields.iter().any(|(key, value)| {
            let used = match key.as_str() {
                "region" => Some("region"),
                "codes" => value.as_str(),
                _ => None,
            };
            let rest = used.and_then(|used| used.strip_prefix(table));
            rest.is_some_and(|rest| table.is_empty() || rest.is_empty() || rest.starts_with('/'))
                || uses_table(value, table)
        }),
        _ => false,
    }
}

/// Builds the channels of a configuration.
struct Builder<'a> {
    settings: &'a Settings,
    keys: &'a Keys,
    codes: CodeTables,
    /// By name of the upstream: what enforces its limits.
    gates: HashMap<String, Arc<Limits>>,
}

impl Builder<'_> {
    fn build(&mut self, channel: &ChannelSettings) -> Result<LiveChannel, Vec<Problem>> {
        let mapping = Arc::new(self.mapping(channel)?);
        let wrong = |message: String| vec![channel.problem(&[&channel.connector], message)];
        let kind = ConnectorKind::by_name(&channel.connector)
            .ok_or_else(|| wrong(format!("there is no connector `{}`", channel.connector)))?;
        let receiver = (kind.receiver)(&channel.section).map_err(wrong)?;
        let endpoint = receiver.map(|receiver| self.endpoint(channel, receiver)).transpose()?;
        let zone = self.settings.zone;
        let schedule = match kind.is_pushed {
            false => Schedule::new(channel.schedule.clone(), zone),
            // A push channel needs no pause: its inbox signals new records.
            true => Schedule::every(Duration::ZERO, zone),
        };
        let spec = ChannelSpec {
            id: channel.id.clone(),
            upstream: channel.upstream().to_owned(),
            connector: kind.name,
            section: channel.section.clone(),
            folder: channel.dir.clone(),
            zone,
            budget: channel.budget,
            mapping: mapping.fingerprint(),
            mapped: texts(&channel.demand, true).into(),
            key_checks: self.keys.check_values(),
            pace: Pace { max_entries: MAX_ENTRIES, schedule: Some(schedule) },
            range: None,
        };
        let live = LiveChannel {
            kind: Arc::new(kind),
            normalizer: mapping.clone(),
            mapping,
            gate: self.gate(&spec),
            endpoint,
            handle: ChannelHandle::new(spec.id.clone()),
            spec: Arc::new(spec),
        };
        live.connector(live.context()).map_err(|fault| {
            // Where its place names keys, the problem stands there.
            let place = fault.place().iter().map(String::as_str);
            let path: Vec<&str> = [channel.connector.as_str()].into_iter().chain(place).collect();
            vec![channel.problem(&path, fault.to_string())]
        })?;
        Ok(live)
    }

    /// Where a push channel receives its requests.
    fn endpoint(
        &self,
        channel: &ChannelSettings,
        receiver: Arc<dyn Receiver>,
    ) -> Result<PushEndpoint, Vec<Problem>> {
        let wrong = |setting: &str, what: String| {
            vec![channel.problem(&[channel.connector.as_str(), setting], what)]
        };
        let of_auth = |what| wrong("auth", what);
        let Senders { auth, challenge } = channel.section.parse().map_err(of_auth)?;
        let checked = self.settings.intake.check_clients(!receiver.admits_anybody());
        checked.map_err(|why| of_auth(format!("[intake] of gateway.toml {why}")))?;
        let guard = auth.unwrap_or(Guard::None);
        for (what, secret) in guard.secrets() {
            let checked = Door::check_token(secret);
            checked.map_err(|why| of_auth(format!("the {what} {why}")))?;
        }
        if let Some(Token { value }) = challenge.and_then(|challenge| challenge.token) {
            let checked = Door::check_token(&value);
            checked.map_err(|why| wrong("challenge", format!("the token {why}")))?;
        }
        let window = guard.window();
        let signatures =
            window.map(|window| Arc::new(Signatures::new(window, guard.is_used_once())));
        Ok(PushEndpoint::new(receiver, Inbox::new(epoch(), MAX_INBOX_BYTES), signatures))
    }

    fn mapping(&self, channel: &ChannelSettings) -> Result<Mapping, Vec<Problem>> {
        let demand: MappingConfig = serde_json::from_value(channel.demand.clone())
            .map_err(|error| vec![channel.problem(&["demand"], error.to_string())])?;
        let (sealer, zone) = (Arc::new(Sealer::new(self.keys)), self.settings.zone);
        Mapping::build(channel.id.clone(), &demand, &self.codes, sealer, zone).map_err(|problems| {
            let problem = |problem: normalizer::MappingProblem| {
                let path = ["demand"].into_iter().chain(problem.path.split('.'));
                channel.problem(&path.collect::<Vec<_>>(), problem.message)
            };
            problems.into_iter().map(problem).collect()
        })
    }

    fn gate(&mut self, spec: &ChannelSpec) -> Arc<Limits> {
        let gate = self.gates.entry(spec.upstream.clone()).or_insert_with(|| {
            Arc::new(Limits::new(&spec.upstream, spec.budget, spec.zone, clock::machine()))
        });
        Arc::clone(gate)
    }
}

/// How the senders of a push channel prove who they are, in the settings of its connector.
#[derive(Deserialize)]
struct Senders {
    auth: Option<Guard>,
    challenge: Option<Asked>,
}

/// How a platform asks before it sends, in the same settings.
#[derive(Deserialize)]
struct Asked {
    token: Option<Token>,
}

/// The token in what it asks.
#[derive(Deserialize)]
struct Token {
    value: Secret,
}

/// A random name for the inboxes of this process, so that a position in an inbox of another process is
/// recognised as such.
fn epoch() -> String {
    // A failure leaves zeros. It is ignored, because sealing fails too without random numbers.
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

/// The texts of a mapping, as [`ConnectorContext::mapped`](contract::ConnectorContext::mapped) has them.
/// `of_record` says whether `$` is the record here, and not a node of `each`.
fn texts(tree: &serde_json::Value, of_record: bool) -> String {
    use serde_json::Value;
    let line = |text: &str| match text.strip_prefix('$') {
        Some(rest) if !of_record => format!("@{rest}\n"),
        _ => format!("{text}\n"),
    };
    match tree {
        Value::String(text) => line(text) + "\n",
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(line).collect::<String>() + "\n"
        }
        Value::Array(items) => items.iter().map(|item| texts(item, of_record)).collect(),
        Value::Object(fields) => {
            let each = fields.get("each").and_then(Value::as_str);
            let is_record = of_record && each.is_none_or(|each| each == "$");
            let text = |(name, value): (&String, &Value)| {
                texts(value, if name == "each" { of_record } else { is_record })
            };
            fields.iter().map(text).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::texts;

    #[test]
    fn the_texts_of_a_mapping_say_which_paths_are_alternatives_and_which_begin_at_the_record() {
        let mapping = serde_json::json!({
            "title": "$.title",
            "region": { "at": ["$.area", "$.town"], "as": "region", "required": true },
            "trail": { "each": "$.steps[*]", "note": "$.note", "org": ["$.a", "$"] },
            "evaluation": { "each": "$", "by": "$.by" },
        });
        let texts = texts(&mapping, true);
        let mut groups: Vec<&str> = texts.split("\n\n").filter(|group| !group.is_empty()).collect();
        groups.sort_unstable();
        let expected =
            ["$", "$.area\n$.town", "$.by", "$.steps[*]", "$.title", "@.a\n@", "@.note", "region"];
        assert_eq!(groups, expected);
    }
}
