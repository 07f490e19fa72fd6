//! The gateway that one case is run on: a configuration folder of its own, and what its store holds.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::judge::{Fields, Seen, Sync};

/// The name of the channel of every case.
pub(super) const CHANNEL: &str = "x";
/// What channels find in the variable `SECRET`. It must not be in any output.
pub(super) const SECRET: &str = "s3cret";
/// How long a `sync` may take by itself, and after how many seconds any command is killed.
const SYNC_DEADLINE: &str = "20s";
const KILL_AFTER: &str = "30";

/// One JSON text about the store, for SQLite; [`for_postgres`] translates it.
const QUERY: &str = "SELECT json_object(
    'history', (SELECT count(*) FROM demand_history),
    'quarantined', (SELECT count(*) FROM quarantine WHERE resolved_at IS NULL),
    'demands', (SELECT json_group_array(json_object('key', source_key, 'title', title, 'content', content,
        'received_at', received_at, 'updated_at', updated_at, 'revision', revision, 'kind', kind,
        'status', status, 'org', org_raw, 'quality', quality, 'name', people ->> '$[0].name.token')) FROM demand))";

/// Runs a query on an SQLite file, and keeps what it changes. Python is needed for the sources of cases anyway.
const ASK_SQLITE: &str = "import sqlite3, sys
print(sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2]).fetchone()[0])";

/// The answer to the query.
#[derive(Debug, Default, Deserialize)]
struct Stored {
    history: u64,
    quarantined: u64,
    demands: Option<Vec<BTreeMap<String, Value>>>,
}

/// A gateway with an empty store and one channel.
pub(super) struct Gateway<'a> {
    program: &'a Path,
    /// The folder of this case: `config`, `drop` and what a source needs.
    pub(super) folder: PathBuf,
    variables: Vec<(String, String)>,
    /// The URL of a PostgreSQL database that is the store, instead of a file.
    store: Option<String>,
    pub(super) seen: Seen,
}

impl<'a> Gateway<'a> {
    /// Writes a configuration with the channel of a case.
    pub(super) fn new(
        program: &'a Path,
        folder: &Path,
        variables: &[(String, String)],
    ) -> Result<Self> {
        let folder = folder.to_owned();
        let variables = variables.to_vec();
        let mut gateway = Self { program, folder, variables, store: None, seen: Seen::default() };
        let config = gateway.folder.join("config");
        ensure!(
            gateway.run(&["init", &config.to_string_lossy()])? == Some(0),
            "{}",
            gateway.seen.output
        );
        fs::create_dir_all(gateway.channel())?;
        gateway.seen.output.clear();
        Ok(gateway)
    }

    /// The folder of the channel.
    pub(super) fn channel(&self) -> PathBuf {
        self.folder.join("config/channels").join(CHANNEL)
    }

    /// Keeps the demands in this PostgreSQL database.
    pub(super) fn store_in(&mut self, url: &str) -> Result<()> {
        let file = self.folder.join("config/gateway.toml");
        let is_sqlite = |line: &&str| line.trim_start().starts_with("sqlite");
        let text = fs::read_to_string(&file)?;
        let line = text.lines().find(is_sqlite).context("gateway.toml has no line `sqlite`")?;
        fs::write(&file, text.replace(line, "postgres = { file = \"store.url\" }"))?;
        fs::write(self.folder.join("config/store.url"), url)?;
        // A store that processes may share wants a key file that somebody made.
        fs::create_dir_all(self.folder.join("config/data"))?;
        let keys = self.folder.join("config/data/keys.json");
        self.run(&["key", "new", &keys.to_string_lossy()])?;
        self.store = Some(url.to_owned());
        Ok(())
    }

    /// Runs a command, keeps its output, and returns its exit code; `None` if it had to be killed.
    pub(super) fn run(&mut self, arguments: &[&str]) -> Result<Option<i32>> {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=2", KILL_AFTER]).arg(self.program).args(arguments);
        command.env("TONGHUI_CONFIG", self.folder.join("config")).env("NO_COLOR", "1");
        command.env("SECRET", SECRET).envs(self.variables.iter().cloned());
        let output = command.current_dir(&self.folder).output().context("cannot run `timeout`")?;
        for bytes in [output.stdout, output.stderr] {
            self.seen.output.push_str(&String::from_utf8_lossy(&bytes));
        }
        // `timeout` ends with 124 if it ended the command, and dies with it if it had to kill it.
        Ok(output.status.code().filter(|code| ![124, 137].contains(code)))
    }

    /// Reads the source once.
    pub(super) fn sync(&mut self) -> Result<()> {
        let code = self.run(&["sync", CHANNEL, "--deadline", SYNC_DEADLINE])?;
        let stored = self.stored()?;
        let demands = stored.demands.unwrap_or_default();
        self.seen.syncs.push(Sync { code, demands: demands.len() as u64 });
        self.seen.history = stored.history;
        self.seen.quarantined = stored.quarantined;
        self.seen.demands = demands.into_iter().map(fields).collect();
        Ok(())
    }

    /// Runs the commands that say what an administrator can see.
    pub(super) fn look(&mut self, commands: &[&[&str]]) -> Result<()> {
        commands.iter().try_for_each(|command| self.run(command).map(drop))
    }

    fn stored(&self) -> Result<Stored> {
        let file = self.folder.join("config/data/tonghui.db");
        let mut command = match &self.store {
            Some(url) => {
                let mut psql = Command::new("psql");
                psql.args([url, "-At", "-c", &for_postgres(QUERY)]);
                psql
            }
            None if file.exists() => ask_sqlite(&file, QUERY),
            None => return Ok(Stored::default()),
        };
        let output = command.output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        // A store that was not created yet has no tables.
        if errors.contains("no such table") || errors.contains("does not exist") {
            return Ok(Stored::default());
        }
        ensure!(output.status.success(), "cannot ask the store: {errors}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Asks an SQLite file for one value.
pub(crate) fn ask_sqlite(file: &Path, query: &str) -> Command {
    let mut python = Command::new("python3");
    python.args(["-c", ASK_SQLITE]).arg(file).arg(query);
    python
}

fn for_postgres(query: &str) -> String {
    query
        .replace("json_object", "json_build_object")
        .replace("json_group_array", "json_agg")
        .replace("people ->> '$[0].name.token'", "people #>> '{0,name,token}'")
}

/// The fields that have a value, as text.
fn fields(values: BTreeMap<String, Value>) -> Fields {
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    values.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}
