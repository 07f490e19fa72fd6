//! Runs a program to its end and measures it: time, CPU, memory.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use contract::Timestamp;
use gateway::clock::now;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// How often the memory of a program is read.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);
/// How long a run of 50,000 records may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(900);

/// What a program took from its start to its end.
pub(crate) struct Usage {
    pub(crate) began_at: Timestamp,
    pub(crate) wall: Duration,
    /// CPU time of all its threads and of the processes it started, in user and kernel mode.
    pub(crate) cpu: Duration,
    /// The most memory that it and the processes it started had at the same time.
    pub(crate) peak_kib: u64,
    /// What it wrote to standard output.
    pub(crate) output: File,
}

impl Usage {
    /// The text that it wrote to standard output.
    pub(crate) fn text(mut self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Runs a program to its end, or kills it after `limit`. Its output goes to a file, so that nobody's reading
/// slows it down.
///
/// # Errors
/// It cannot be started, fails, or takes too long; the error has what it wrote to standard error.
pub(crate) async fn run(command: &mut Command, limit: Duration) -> anyhow::Result<Usage> {
    // Without its folder: errors may be printed into a file that everybody reads.
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let (mut output, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(errors.try_clone()?);
    let (began, began_at) = (Instant::now(), now());
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let measured = watch(&mut child, began + limit).await;
    let (wall, ended) = (began.elapsed(), child.wait()?);
    let mut text = String::new();
    errors.rewind()?;
    errors.read_to_string(&mut text)?;
    let (cpu, peak_kib) = measured.with_context(|| format!("{name}: {text}"))?;
    anyhow::ensure!(ended.success(), "{name} ended with {ended}: {text}");
    output.rewind()?;
    Ok(Usage { began_at, wall, cpu, peak_kib, output })
}

/// Waits until a program has ended, but leaves it to be waited for: until then, its CPU time can be read.
async fn watch(child: &mut Child, deadline: Instant) -> anyhow::Result<(Duration, u64)> {
    let (id, mut peak_kib) = (child.id(), 0);
    let pid = Pid::from_child(child);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let mut samples = tokio::time::interval(SAMPLE_INTERVAL);
    loop {
        samples.tick().await;
        if waitid(WaitId::Pid(pid), options)?.is_some() {
            return Ok((cpu_time(id)?, peak_kib));
        }
        // A process that ends just now has no memory any more.
        peak_kib = peak_kib.max(peak_memory(id).unwrap_or(0)).max(tree_memory(id));
        if Instant::now() > deadline {
            child.kill()?;
            anyhow::bail!("it took too long and was killed");
        }
    }
}

/// User and kernel time of a process and of the ended processes that it started: proc(5), fields 14 to 17 of
/// `stat`, in ticks of 10 ms.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may contain spaces.
    let (_, fields) = stat.rsplit_once(") ").context("no name in /proc/…/stat")?;
    let ticks = fields.split(' ').skip(11).take(4).map(str::parse::<u64>);
    let ticks: u64 = ticks.collect::<Result<Vec<_>, _>>()?.iter().sum();
    Ok(Duration::from_millis(10 * ticks))
}

/// The most resident memory that a process has ever had, in KiB.
fn peak_memory(process: u32) -> Option<u64> {
    status_kib(process, "VmHWM:")
}

/// The resident memory of a process, in KiB.
pub(crate) fn memory_kib(process: u32) -> Option<u64> {
    status_kib(process, "VmRSS:")
}

/// The resident memory of a process and of all that it started, in KiB.
fn tree_memory(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|list| list.split_whitespace().map(str::parse).collect::<Vec<_>>())
        .flatten()
        .collect();
    let own = memory_kib(process).unwrap_or(0);
    own + children.into_iter().map(tree_memory).sum::<u64>()
}

fn status_kib(process: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().trim_end_matches("kB").trim().parse().ok()
}
