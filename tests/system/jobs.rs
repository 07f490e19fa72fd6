//! `tonghui sync` as schedulers start it: cron, a timer, and a shell that kills it and tries again. They run at
//! the same time, for thirty simulated days, while a service runs, is killed, and comes back.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sandbox::{Clock, QuirkRates};
use sqlx::{Connection as _, SqliteConnection};
use system_tests::{gateway_process::command, gateway_process::signal, world::World};
use tempfile::TempDir;

const DAYS: u64 = 30;
/// The number of rounds in the suite; `cargo xtask soak --tests` asks for 200.
const ROUNDS: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_every_kind_overlap_nowhere_and_lose_nothing() {
    let rounds = std::env::var("TONGHUI_SOAK_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    let days = TimeDelta::days(i64::try_from(DAYS).unwrap());
    let clock = Clock::starting(Clock::machine().now() - days);
    let mut settings = sandbox::Settings::new(9, clock.clone());
    settings.quirks = QuirkRates::parse("poison@50,late_commit@40,status_label@30").unwrap();
    let world = World::open(settings).await.unwrap();
    let jobs = Arc::new(Jobs::new(&world));
    let step = Duration::from_secs(DAYS * 86_400 / rounds);
    let mut service = Some(jobs.service());
    for round in 0..rounds {
        clock.advance(step);
        world.hotline.file(3).await.unwrap();
        world.hotline.advance_random(2).await.unwrap();
        match round % 10 {
            4 => kill(&mut service.take().unwrap()),
            7 => service = Some(jobs.service()),
            _ => {}
        }
        let all = [0, 1, 2].map(|kind| {
            let jobs = Arc::clone(&jobs);
            tokio::task::spawn_blocking(move || match kind {
                0 => jobs.cron(),
                1 => jobs.timer(),
                _ => jobs.impatient_shell(round),
            })
        });
        for (kind, job) in all.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), 0, "round {round}, job {kind}: {}", jobs.last_words());
        }
    }
    kill(&mut service.unwrap());

    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let (store, _) = world.store().await.unwrap();
    for book in store.books(None, None).await.unwrap() {
        assert_eq!((book.balanced, book.in_flight), (Some(true), 0), "{book:?}");
    }
    assert_eq!(jobs.overlaps(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_what_a_scheduler_has_to_do() {
    let world = World::open(sandbox::Settings::new(9, Clock::machine())).await.unwrap();
    world.hotline.file(20).await.unwrap();
    let jobs = Arc::new(Jobs::new(&world));
    let run = |arguments: &'static [&'static str]| {
        let jobs = Arc::clone(&jobs);
        tokio::task::spawn_blocking(move || jobs.run(arguments))
    };
    assert_eq!(run(&["sync", "--all"]).await.unwrap(), 0);
    assert_eq!(run(&["sync", "nowhere"]).await.unwrap(), 2, "there is no such channel");
    assert_eq!(run(&["sync"]).await.unwrap(), 2, "which?");
    assert_eq!(run(&["sync", "--all", "--strict"]).await.unwrap(), 0);

    // An unreadable text goes to quarantine, and is resolved when it is corrected.
    let key = world.hotline.case_history().await.unwrap().cases()[0].last().row.rowguid.clone();
    let was = Arc::new(Mutex::new(sandbox::Gbk::new("")));
    let (spoil, mend) = (Arc::clone(&was), Arc::clone(&was));
    let unreadable = sandbox::Gbk::from_bytes(b"\xff\xfe\xff\x81\xff....".to_vec());
    let swap = |row: &mut sandbox::Row| {
        *spoil.lock().unwrap() = std::mem::replace(&mut row.rqstcontent, unreadable);
    };
    world.hotline.change(&key, swap).await.unwrap();
    assert_eq!(run(&["sync", "--all"]).await.unwrap(), 0, "nobody asked");
    assert_eq!(run(&["sync", "--all", "--strict"]).await.unwrap(), 3, "one is in quarantine");
    let swap = |row: &mut sandbox::Row| row.rqstcontent = mend.lock().unwrap().clone();
    world.hotline.change(&key, swap).await.unwrap();
    assert_eq!(run(&["sync", "--all", "--strict"]).await.unwrap(), 0, "it was mended");

    // What is read must be acknowledged at the source.
    world.hotline.file(5).await.unwrap();
    let lock = world.hotline.lock().await.unwrap();
    assert_eq!(run(&["sync", "--all", "--deadline", "1s"]).await.unwrap(), 75, "it is locked");
    lock.release().await.unwrap();

    let mut service = jobs.service();
    assert_eq!(run(&["sync", "hotline"]).await.unwrap(), 0);
    assert_eq!(run(&["pause", "hotline"]).await.unwrap(), 0);
    assert_eq!(run(&["sync", "hotline"]).await.unwrap(), 4, "it is paused");
    kill(&mut service);
    let mut service = jobs.service(); // another one knows that it is to rest
    assert_eq!(run(&["sync", "hotline"]).await.unwrap(), 4, "it is paused still");
    assert_eq!(run(&["resume", "hotline"]).await.unwrap(), 0);
    assert_eq!(run(&["reload"]).await.unwrap(), 0);
    assert_eq!(run(&["sync", "hotline"]).await.unwrap(), 0);
    world.edit_channel("key     = \"ROWGUID\"", "kye     = \"ROWGUID\"").unwrap();
    assert_eq!(run(&["reload"]).await.unwrap(), 2, "a folder with a mistake is not even sent");
    world.edit_channel("kye     = \"ROWGUID\"", "key     = \"ROWGUID\"").unwrap();
    world.edit_channel("table   = \"CNS_CINFO\"", "table   = \"CNS_CINFOX\"").unwrap();
    assert_eq!(run(&["reload"]).await.unwrap(), 0);
    assert_eq!(run(&["sync", "hotline"]).await.unwrap(), 4, "there is no such table");
    kill(&mut service);
    assert_eq!(run(&["sync", "--all"]).await.unwrap(), 4, "nor without the service");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());

    // A receipt is changed, so that the books do not balance.
    world.edit_channel("table   = \"CNS_CINFOX\"", "table   = \"CNS_CINFO\"").unwrap();
    assert_eq!(run(&["sync", "--all"]).await.unwrap(), 0);
    let store = format!("sqlite:{}", world.config().join("data/tonghui.db").display());
    let mut store = SqliteConnection::connect(&store).await.unwrap();
    let forged =
        "UPDATE receipt SET stored = stored + 1 WHERE read_no = (SELECT max(read_no) FROM read)";
    sqlx::raw_sql(forged).execute(&mut store).await.unwrap();
    assert_eq!(run(&["sync", "--all"]).await.unwrap(), 1, "the books do not balance");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_grants_no_new_day_to_an_upstream_that_counts() {
    // A day that begins in between grants what it has: then it is done once more.
    let (codes, said) = loop {
        let day = Clock::machine().now().date();
        let done = run_out_and_restart().await;
        if Clock::machine().now().date() == day {
            break done;
        }
    };
    let n_done = codes.iter().take_while(|code| **code == 0).count();
    assert!((1..10).contains(&n_done), "{codes:?}");
    assert!(codes[n_done..].iter().all(|code| *code == 75), "{codes:?}");
    assert!(!said.contains("tonghui: read "), "{said}");
}

/// Runs until the day's requests are used up, then two services one after the other: the exit codes,
/// and what the second service said.
async fn run_out_and_restart() -> (Vec<i32>, String) {
    let world = World::open(sandbox::Settings::new(10, Clock::machine())).await.unwrap();
    world.edit_channel("concurrent = 2 ", "concurrent = 2\nper_day = 60 # ").unwrap();
    world.hotline.file(20).await.unwrap();
    let jobs = Jobs::new(&world);
    world.edit_channel("every = \"6h\"", "every = \"50ms\"").unwrap();
    tokio::task::spawn_blocking(move || {
        // Each asks the source at least six times.
        let mut codes = Vec::new();
        while codes.len() < 10 && codes.iter().filter(|code| **code == 75).count() < 2 {
            codes.push(jobs.run(&["sync", "--all", "--deadline", "3s"]));
        }
        let mut service = jobs.service();
        until(&jobs.log(service.id()), "allows 60 requests a day");
        kill(&mut service);
        let mut service = jobs.service();
        let said = until(&jobs.log(service.id()), "allows 60 requests a day");
        kill(&mut service);
        (codes, said)
    })
    .await
    .unwrap()
}

/// What a process has logged up to a matching line.
fn until(log: &Path, says: &str) -> String {
    let began = Instant::now();
    loop {
        let said = fs::read_to_string(log).unwrap_or_default();
        if said.contains(says) {
            return said;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "it never said `{says}`: {said}");
        std::thread::yield_now();
    }
}

/// Starts the binary with an empty environment; the log of each process goes into a file of its own.
pub(crate) struct Jobs {
    config: PathBuf,
    logs: TempDir,
}

impl Jobs {
    pub(crate) fn new(world: &World) -> Self {
        // A job of cron has no environment to take a secret from.
        fs::write(world.config().join("hotline.url"), world.hotline.url()).unwrap();
        world.edit_channel("env = \"HOTLINE_DATABASE_URL\"", "file = \"hotline.url\"").unwrap();
        world.edit_channel("every = \"15s\"", "every = \"6h\"").unwrap();
        Self { config: world.config(), logs: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn service(&self) -> Child {
        self.start(command().unwrap(), &["run"])
    }

    /// As cron does: no terminal, a session of its own, an almost empty environment.
    fn cron(&self) -> i32 {
        let tonghui = command().unwrap();
        let mut setsid = Command::new("setsid");
        setsid.arg("--wait").arg(tonghui.get_program());
        code(self.start(setsid, &["sync", "--all"]))
    }

    /// As a timer unit does: one path, and a time limit from outside.
    fn timer(&self) -> i32 {
        let tonghui = command().unwrap();
        let mut limited = Command::new("timeout");
        limited.args(["--signal=TERM", "300"]).arg(tonghui.get_program());
        code(self.start(limited, &["sync", "hotline", "--deadline", "4m"]))
    }

    /// Kills the whole process group sometimes, and tries again.
    fn impatient_shell(&self, seed: u64) -> i32 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..2 {
            let mut tonghui = command().unwrap();
            tonghui.process_group(0);
            let mut child = self.start(tonghui, &["sync", "--all"]);
            let lines = dice.random_range(0..12);
            if self.until_it_says(&mut child, lines) {
                signal_group("KILL", child.id());
            }
            child.wait().unwrap();
        }
        code(self.start(command().unwrap(), &["sync", "--all"]))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> i32 {
        code(self.job(arguments))
    }

    pub(crate) fn job(&self, arguments: &[&str]) -> Child {
        self.start(command().unwrap(), arguments)
    }

    fn start(&self, mut command: Command, arguments: &[&str]) -> Child {
        let log = tempfile::Builder::new().suffix(".log").tempfile_in(self.logs.path()).unwrap();
        let (log, path) = log.keep().unwrap();
        let child = command
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TONGHUI_LOG", "info,tonghui=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        fs::rename(&path, self.log(child.id())).unwrap();
        child
    }

    pub(crate) fn log(&self, process: u32) -> PathBuf {
        self.logs.path().join(format!("{process}.log"))
    }

    /// Waits until a process has logged that many lines; false if it ends before.
    fn until_it_says(&self, child: &mut Child, lines: usize) -> bool {
        loop {
            let said = fs::read_to_string(self.log(child.id())).unwrap_or_default();
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if said.lines().count() >= lines {
                return true;
            }
            std::thread::yield_now();
        }
    }

    /// The times at which a process read while another one was reading.
    fn overlaps(&self) -> Vec<String> {
        let logs = fs::read_dir(self.logs.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut moments: Vec<_> = logs
            .flat_map(|log| {
                let name = log.file_stem().unwrap().to_string_lossy().into_owned();
                let text = fs::read_to_string(&log).unwrap();
                let verbs = text.lines().filter(|line| READING.iter().any(|it| line.contains(it)));
                verbs.map(|line| (line[..27].to_owned(), name.clone())).collect::<Vec<_>>()
            })
            .collect();
        moments.sort();
        // A job comes once and goes: it must not be seen again behind somebody else. The services
        // are seen again and again.
        let mut gone: Vec<&str> = Vec::new();
        let mut found = Vec::new();
        for pair in moments.windows(2) {
            let [(_, before), (at, now)] = pair else { continue };
            if before == now {
                continue;
            }
            if !self.is_service(before) {
                gone.push(before);
            }
            if gone.contains(&now.as_str()) {
                found.push(format!("{at}: process {now} reads behind process {before}"));
            }
        }
        found
    }

    fn is_service(&self, process: &str) -> bool {
        let log = fs::read_to_string(self.logs.path().join(format!("{process}.log"))).unwrap();
        log.contains("gateway::cli::run: running")
    }

    fn last_words(&self) -> String {
        let newest = fs::read_dir(self.logs.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut newest: Vec<_> = newest.collect();
        newest.sort_by_key(|path| modified(path));
        let words = newest.iter().rev().take(4).map(|path| fs::read_to_string(path).unwrap());
        words.collect::<Vec<_>>().join("\n---\n")
    }
}

const READING: [&str; 4] =
    ["tonghui: read ", "tonghui: packed ", "tonghui: advanced", "tonghui: settled"];

fn modified(path: &Path) -> std::time::SystemTime {
    File::open(path).unwrap().metadata().unwrap().modified().unwrap()
}

fn code(mut child: Child) -> i32 {
    child.wait().unwrap().code().unwrap_or(-1)
}

pub(crate) fn kill(service: &mut Child) {
    signal("KILL", service.id()).unwrap();
    service.wait().unwrap();
}

fn signal_group(name: &str, group: u32) {
    // It may have ended by itself.
    let _ = Command::new("kill").args(["-s", name, "--", &format!("-{group}")]).status();
}
