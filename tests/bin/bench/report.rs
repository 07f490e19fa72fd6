//! The figures of all runs, and how they are printed: as Markdown for docs/performance.md, or as JSON.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{process::Usage, stages::Stage};

/// `n` per second.
pub(crate) fn rate(n: u64, duration: Duration) -> f64 {
    real(n) / duration.as_secs_f64()
}

/// A count as a number to calculate with.
pub(crate) fn real(n: u64) -> f64 {
    // All counts here are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let n = n as f64;
    n
}

/// What one run took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// From the start of the program until the last record was committed.
    pub(crate) records_per_s: f64,
    /// From the start of the program to its end.
    pub(crate) whole_per_s: f64,
    pub(crate) cpu_us_per_record: f64,
    pub(crate) peak_rss_mb: Option<f64>,
    pub(crate) bytes_per_demand: Option<f64>,
    /// From the start of the program to its first request.
    pub(crate) start_ms: Option<f64>,
}

impl Figures {
    /// The figures of a program that committed `n` records within `stored`.
    pub(crate) fn new(usage: &Usage, n: u64, stored: Duration) -> Self {
        Self {
            records_per_s: rate(n, stored),
            whole_per_s: rate(n, usage.wall),
            cpu_us_per_record: usage.cpu.as_secs_f64() * 1e6 / real(n),
            peak_rss_mb: Some(real(usage.peak_kib) / 1_024.0),
            ..Self::default()
        }
    }
}

/// All runs of a program.
pub(crate) struct Program {
    pub(crate) name: String,
    /// Its settings, or why it was not measured.
    pub(crate) note: String,
    pub(crate) runs: Vec<Figures>,
}

impl Program {
    /// The median of a figure; `None` if no run has it.
    fn median(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
        median(self.runs.iter().filter_map(figure).collect())
    }

    /// The median of its rates; `None` if it was not measured.
    pub(crate) fn records_per_s(&self) -> Option<f64> {
        self.median(|run| Some(run.records_per_s))
    }

    fn json(&self) -> Value {
        let all = |figure: fn(&Figures) -> f64| -> Vec<_> {
            self.runs.iter().map(|run| round(Some(figure(run)))).collect()
        };
        json!({
            "program": self.name,
            "note": self.note,
            "records_per_s": round(self.records_per_s()),
            "records_per_s_of_runs": all(|run| run.records_per_s),
            "records_per_s_to_the_end": round(self.median(|run| Some(run.whole_per_s))),
            "cpu_us_per_record": round(self.median(|run| Some(run.cpu_us_per_record))),
            "peak_rss_mb": round(self.median(|run| run.peak_rss_mb)),
            "bytes_per_demand": round(self.median(|run| run.bytes_per_demand)),
        })
    }
}

/// Programs that did the same work in turn. The first one is ours.
pub(crate) struct Comparison {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) programs: Vec<Program>,
}

impl Comparison {
    pub(crate) fn new(key: &'static str, title: &'static str) -> Self {
        Self { key, title, programs: Vec::new() }
    }

    /// Adds a run of a program; without a run, `note` says why there is none.
    pub(crate) fn add(&mut self, name: &str, note: &str, run: Option<Figures>) {
        match self.programs.iter_mut().find(|program| program.name == name) {
            Some(program) => {
                // Else the median would look like that of all rounds.
                if run.is_none() {
                    program.note = format!("{}; then {note}", program.note);
                }
                program.runs.extend(run);
            }
            None => self.programs.push(Program {
                name: name.to_owned(),
                note: note.to_owned(),
                runs: run.into_iter().collect(),
            }),
        }
    }

    /// Our rate divided by that of a program, whose name begins with `name`.
    fn ratio(&self, name: &str) -> Option<f64> {
        let theirs = self.programs.iter().find(|program| program.name.starts_with(name))?;
        Some(self.programs.first()?.records_per_s()? / theirs.records_per_s()?)
    }

    fn markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n| {} | records/s, median (lowest to highest) | ours to theirs | to its end | \
             CPU µs per record | peak MiB | bytes stored per record |",
            self.title
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|")?;
        for program in &self.programs {
            let rates: Vec<_> = program.runs.iter().map(|run| run.records_per_s).collect();
            let lowest = rates.iter().copied().reduce(f64::min);
            let highest = rates.iter().copied().reduce(f64::max);
            writeln!(
                out,
                "| {} | {} ({} to {}) | {} | {} | {} | {} | {} |",
                program.name,
                whole(program.records_per_s()),
                whole(lowest),
                whole(highest),
                self.ratio(&program.name).map_or("–".into(), |ratio| format!("{ratio:.2}")),
                whole(program.median(|run| Some(run.whole_per_s))),
                whole(program.median(|run| Some(run.cpu_us_per_record))),
                whole(program.median(|run| run.peak_rss_mb)),
                whole(program.median(|run| run.bytes_per_demand)),
            )?;
        }
        Ok(())
    }
}

/// How fast new records come into a store that has many.
#[derive(Debug, Serialize)]
pub(crate) struct Growth {
    pub(crate) rows_present: u64,
    pub(crate) embedded_records_per_s: f64,
    pub(crate) brokered_records_per_s: f64,
}

/// How late demands are stored at half of the highest rate.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) offered_per_s: f64,
    pub(crate) records: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What a service takes that has nothing to do.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) channels: u64,
    /// In hundredths of a core.
    pub(crate) cpu_percent: f64,
    pub(crate) rss_mb: f64,
}

/// Everything that was measured.
pub(crate) struct Report {
    pub(crate) records: u64,
    pub(crate) rounds: usize,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) idle: Idle,
    pub(crate) latency: Latency,
    pub(crate) growth: Vec<Growth>,
    pub(crate) stages: Vec<Stage>,
}

impl Report {
    /// One JSON object. `end_to_end` has the figures of JSON pages through RabbitMQ into PostgreSQL; those of
    /// all other ways are beside it, in `comparisons`.
    pub(crate) fn json(&self) -> Value {
        let main = self.comparisons.first();
        let ours = main.and_then(|main| main.programs.first());
        let ratio = |name: &str| round(main.and_then(|main| main.ratio(name)));
        let figure =
            |figure: fn(&Figures) -> Option<f64>| round(ours.and_then(|ours| ours.median(figure)));
        let comparisons = self.comparisons.iter().map(|comparison| {
            let programs: Vec<_> = comparison.programs.iter().map(Program::json).collect();
            (comparison.key.to_owned(), programs.into())
        });
        json!({
            "records": self.records,
            "rounds": self.rounds,
            "end_to_end": {
                "records_per_s": figure(|run| Some(run.records_per_s)),
                "ratio_dlt": ratio("dlt"),
                "ratio_floor": ratio("floor"),
                "ratio_faucet": ratio("faucet"),
                "peak_rss_mb": figure(|run| run.peak_rss_mb),
                "cpu_us_per_record": figure(|run| Some(run.cpu_us_per_record)),
                "bytes_per_demand": figure(|run| run.bytes_per_demand),
            },
            "comparisons": comparisons.collect::<Map<_, _>>(),
            "start_ms": round(self.start_ms()),
            "idle": self.idle,
            "latency": self.latency,
            "growth": self.growth,
            "stages": self.stages,
        })
    }

    fn start_ms(&self) -> Option<f64> {
        let programs = self.comparisons.iter().flat_map(|comparison| &comparison.programs);
        let runs = programs.flat_map(|program| &program.runs);
        median(runs.filter_map(|run| run.start_ms).collect())
    }

    pub(crate) fn markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        writeln!(
            out,
            "{} records, {} rounds in which all programs run in turn, {cores} cores; servers and the source \
             share them. A record is stored when its receipt is written. \"To its end\" includes the indexes \
             that `tonghui` builds (people and links), which nobody else has. The floor parses, maps, seals \
             and judges nothing: it fetches the same pages, publishes the same messages with confirms, and \
             writes the same rows into the same tables.",
            self.records, self.rounds
        )?;
        for comparison in &self.comparisons {
            comparison.markdown(&mut out)?;
        }
        let programs = self.comparisons.iter().flat_map(|comparison| &comparison.programs);
        writeln!(out)?;
        for program in programs.filter(|program| !program.note.is_empty()) {
            writeln!(out, "- {}: {}", program.name, program.note)?;
        }
        writeln!(out, "\n| stage | CPU µs per record | records/s of one core |\n|---|---|---|")?;
        for stage in &self.stages {
            let Stage { name, cpu_us, per_core_per_s } = stage;
            writeln!(out, "| {name} | {cpu_us:.1} | {per_core_per_s:.0} |")?;
        }
        writeln!(out, "\n| also | measured |\n|---|---|")?;
        writeln!(out, "| from start to first request, ms | {} |", whole(self.start_ms()))?;
        let Idle { channels, cpu_percent, rss_mb } = &self.idle;
        let label = format!("idle with {channels} channels that poll every 10 s");
        writeln!(out, "| {label} | {cpu_percent:.1} % of a core, {rss_mb:.0} MiB |")?;
        let Latency { offered_per_s, records, p50_ms, p99_ms } = &self.latency;
        let label =
            format!("from served to stored at {offered_per_s:.0}/s, half of the rate above");
        writeln!(out, "| {label} ({records} records) | p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms |")?;
        for Growth { rows_present, embedded_records_per_s, brokered_records_per_s } in &self.growth
        {
            writeln!(
                out,
                "| {rows_present} demands present | embedded {embedded_records_per_s:.0}/s, through \
                 RabbitMQ into PostgreSQL {brokered_records_per_s:.0}/s |"
            )?;
        }
        Ok(out)
    }
}

/// The middle value.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(upper, *values.get(middle.checked_sub(1)?)?))
}

/// With two decimals, which is more than anything here is exact to.
fn round(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| json!((value * 100.0).round() / 100.0))
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"))
}
