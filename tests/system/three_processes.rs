//! Kills one ingest process and two sinks of the real binary again and again, while broker and database are
//! restarted, killed and disconnected, and a queue is deleted.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sandbox::{Clock, Pace, QuirkRates};
use sink::store::Database;
use system_tests::{
    gateway_process::{Gateway, Queue, Server, event, rabbitmqctl, signal},
    world::World,
};
use tokio::{
    runtime::Handle,
    time::{Instant, interval},
};
use tokio_util::sync::CancellationToken;

const RECORDS: u64 = 50_000;
const FILING_TIME: Duration = Duration::from_secs(60);
/// The number of records filed per second after that, so that the last processes have something to do.
const LATER_PER_SECOND: u64 = 20;
const KILLS_EACH: usize = 10;
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_lose_alter_and_add_nothing_whatever_breaks_between_them() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let start = |name: &str| Server::start(name, folder.path()).unwrap();
    let (postgres, broker) = (start("postgres"), start("rabbitmq"));

    let mut settings = sandbox::Settings::new(8, Clock::machine());
    settings.quirks =
        QuirkRates::parse("poison@500,late_commit@300,twin_serial@400,status_label@200").unwrap();
    let mut world = World::open(settings).await.unwrap();
    let urls = (postgres.property("TONGHUI_TEST_POSTGRES"), broker.property("TONGHUI_TEST_AMQP"));
    world.use_servers(Some(urls.0.unwrap()), Some(urls.1.unwrap())).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"50ms\"").unwrap();
    // The whole test takes less time than the usual overlap, so every pass would read all rows again.
    world.edit_channel("overlap = \"5m\"", "overlap = \"4s\"").unwrap();
    // Small pages: more reads, so that a kill can land between any two verbs of any of them.
    world.edit_channel("page    = 1000", "page    = 100").unwrap();
    let (store, _) = world.store().await.unwrap();
    let world = Arc::new(world);

    let filed = CancellationToken::new();
    // The city has a thread of its own, because the disturbances block. If they delayed the commit of a
    // demand after its time was set, it would become visible later than the overlap allows.
    let filing = tokio::task::spawn_blocking({
        let (world, filed) = (Arc::clone(&world), filed.clone());
        move || Handle::current().block_on(file(&world, filed))
    });
    let disturbing = async {
        let _filed = filed.clone().drop_guard(); // also when something fails: never file for ever
        let lives = [
            Lives::begin(&world, "ingest", &INGEST, 1),
            Lives::begin(&world, "sink", &SINK, 2),
            Lives::begin(&world, "sink", &SINK, 3),
        ];
        let killed = |n: usize| move |lives: &[Lives; 3]| lives.iter().all(|one| one.kills() >= n);

        until("two kills of each", || killed(2)(&lives)).await;
        rabbitmqctl(&broker, &["close_all_connections", "test"]).unwrap();
        until("four kills of each", || killed(4)(&lives)).await;
        postgres.stop().unwrap();
        let postgres = start("postgres");
        until("six kills of each", || killed(6)(&lives)).await;
        broker.kill().unwrap();
        let broker = start("rabbitmq");
        until("eight kills of each", || killed(8)(&lives)).await;
        broker.stop().unwrap();
        let broker = start("rabbitmq");
        until("all kills", || killed(KILLS_EACH)(&lives)).await;

        let [ingest, _, _] = &lives;
        let mut n_deleted = 0;
        while !ingest.watch.unroutable.load(SeqCst) {
            assert!(n_deleted < 12, "the lost queue is not noticed");
            delete_queue(ingest, &store, &broker).await;
            n_deleted += 1;
        }

        filed.cancel();
        until("the city rests", || filing.is_finished()).await;
        let before = ingest.passes();
        until("two passes", || ingest.passes() >= before + 2).await;
        let [ingest, one, two] = lives;
        let mut hits = vec![ingest.end()];
        until("all is kept", || in_flight(&store) == 0).await;
        hits.extend([one.end(), two.end()]);
        assert_eq!(
            messages(&broker, ".dead.letters"),
            Vec::<String>::new(),
            "a healthy message died"
        );
        (postgres, broker, hits)
    };
    let (_postgres, _broker, hits) = disturbing.await;
    filing.await.unwrap().unwrap();
    writeln!(std::io::stderr().lock(), "killed after: {hits:?}").unwrap();
    let kills: usize = hits.iter().flat_map(BTreeMap::values).sum();
    assert_eq!(kills, 3 * KILLS_EACH);

    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let books = store.books(None, None).await.unwrap();
    assert!(!books.is_empty());
    for book in books {
        assert_eq!((book.balanced, book.in_flight), (Some(true), 0), "{book:?}");
    }
}

/// Deletes the queue while nothing is in it and its publisher believes in it. The publisher is stopped meanwhile: if that
/// takes so long that the broker disconnects it, it makes the queue again, and notices nothing. So this asks the broker
/// itself.
async fn delete_queue(ingest: &Lives, store: &Database, broker: &Server) {
    let before = ingest.passes();
    until("it is connected again", || ingest.passes() >= before + 2).await;
    let queues = rabbitmqctl(broker, &["list_queues", "name", "--no-table-headers"]).unwrap();
    let name = queues.lines().find(|name| name.ends_with(".hotline")).unwrap();
    let url = broker.property("TONGHUI_TEST_AMQP").unwrap();
    let queue = Queue::open(url, name).await.unwrap();
    signal("STOP", ingest.process()).unwrap();
    until("nothing is in flight", || in_flight(store) == 0).await;
    // The books do not contain a read that is confirmed and not advanced; the sinks soon keep it.
    let mut empty_since = None;
    until("the queue stays empty", || {
        let since = *empty_since.get_or_insert_with(Instant::now);
        if Handle::current().block_on(queue.n_messages()).unwrap() > 0 {
            empty_since = None;
        }
        empty_since.is_some() && since.elapsed() > Duration::from_secs(1)
    })
    .await;
    queue.delete().await.unwrap();
    let before = ingest.passes();
    signal("CONT", ingest.process()).unwrap();
    let is_noticed = || ingest.watch.unroutable.load(SeqCst) || ingest.passes() >= before + 40;
    until("it reads again", is_noticed).await;
}

/// Everything that happens in the city.
async fn file(world: &World, filed: CancellationToken) -> anyhow::Result<()> {
    let first = Pace { records: RECORDS, over: FILING_TIME, then_per_second: 0 };
    let then = Pace { records: 0, over: Duration::from_secs(1), then_per_second: LATER_PER_SECOND };
    world.hotline.live(first, CancellationToken::new()).await?;
    world.hotline.live(then, filed).await
}

const INGEST: [&str; 5] = ["read", "packed", "confirmed", "advanced", "settled"];
const SINK: [&str; 3] = ["taken", "kept", "acked"];

/// The number of published events without a receipt; not zero if the database does not answer.
fn in_flight(store: &Database) -> u64 {
    let books = Handle::current().block_on(store.books(None, None));
    books.map_or(u64::MAX, |books| books.iter().map(|book| book.in_flight).sum())
}

/// The queues that contain messages, by the end of their name.
fn messages(broker: &Server, end: &str) -> Vec<String> {
    let said = rabbitmqctl(broker, &["list_queues", "name", "messages", "--no-table-headers"]);
    let rows = said.unwrap();
    rows.lines()
        .filter_map(|row| row.split_once('\t'))
        .filter(|(name, n)| name.ends_with(end) && *n != "0")
        .map(|(name, n)| format!("{name}: {n}"))
        .collect()
}

/// Repeats a check until it succeeds.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    let mut again = interval(Duration::from_millis(50));
    while !tokio::task::block_in_place(&mut is_so) {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        again.tick().await;
    }
}

/// The log of a process and all its successors.
#[derive(Default)]
struct Watch {
    process: AtomicU32,
    kills: AtomicUsize,
    caught_up: AtomicUsize,
    unroutable: AtomicBool,
    ending: AtomicBool,
    last_lines: Mutex<Vec<String>>,
}

type Hits = BTreeMap<&'static str, usize>;

/// A process that is killed at random (seeded) times and started again; the last one keeps running.
struct Lives {
    role: &'static str,
    watch: Arc<Watch>,
    thread: Option<JoinHandle<anyhow::Result<Hits>>>,
}

impl Lives {
    fn begin(
        world: &Arc<World>,
        role: &'static str,
        aims: &'static [&'static str],
        seed: u64,
    ) -> Self {
        let (world, watch) = (Arc::clone(world), Arc::new(Watch::default()));
        let thread = std::thread::spawn({
            let watch = Arc::clone(&watch);
            move || live(&world, role, aims, seed, &watch)
        });
        Self { role, watch, thread: Some(thread) }
    }

    fn kills(&self) -> usize {
        self.of_the_living(&self.watch.kills)
    }

    fn passes(&self) -> usize {
        self.of_the_living(&self.watch.caught_up)
    }

    /// Reads a count of a process that still runs; panics if it has ended, so that no test waits for it.
    fn of_the_living(&self, count: &AtomicUsize) -> usize {
        assert!(self.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "it ended");
        count.load(SeqCst)
    }

    fn process(&self) -> u32 {
        self.watch.process.load(SeqCst)
    }

    /// Asks the last process to stop.
    fn end(mut self) -> Hits {
        self.watch.ending.store(true, SeqCst);
        signal("TERM", self.process()).unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap()
    }
}

impl Drop for Lives {
    /// If the test fails, prints the last lines of each process.
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(last) = self.watch.last_lines.lock()
        {
            let _ = writeln!(std::io::stderr().lock(), "{}: {last:#?}", self.role);
        }
    }
}

fn live(
    world: &World,
    role: &'static str,
    aims: &[&'static str],
    seed: u64,
    watch: &Watch,
) -> anyhow::Result<Hits> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut hits = Hits::new();
    for life in 0..KILLS_EACH {
        let aim = aims[life % aims.len()];
        let mut left = dice.random_range(1..=4);
        let mut gateway = Gateway::start_as(world, role)?;
        watch.process.store(gateway.id(), SeqCst);
        let hit = loop {
            let Some(line) = gateway.line()? else { anyhow::bail!("{role} ended by itself") };
            note(watch, &line);
            left -= usize::from(event(&line) == Some(aim));
            if left == 0 {
                break gateway.kill_after(aim)?;
            }
        };
        *hits.entry(hit).or_default() += 1;
        watch.kills.fetch_add(1, SeqCst);
    }
    let mut gateway = Gateway::start_as(world, role)?;
    watch.process.store(gateway.id(), SeqCst);
    while let Some(line) = gateway.line()? {
        note(watch, &line);
    }
    anyhow::ensure!(watch.ending.load(SeqCst), "{role} ended by itself");
    Ok(hits)
}

fn note(watch: &Watch, line: &str) {
    let caught_up = event(line) == Some("read") && line.contains("caught_up=true");
    watch.caught_up.fetch_add(usize::from(caught_up), SeqCst);
    watch.unroutable.fetch_or(line.contains("no queue takes message"), SeqCst);
    let mut last = watch.last_lines.lock().unwrap();
    last.push(line.to_owned());
    let surplus = last.len().saturating_sub(10);
    last.drain(..surplus);
}

/// Reads the log of a process until a line matches.
fn read_until(gateway: &mut Gateway, says: impl Fn(&str) -> bool) -> String {
    while let Some(line) = gateway.line().unwrap() {
        if says(&line) {
            return line;
        }
    }
    panic!("the gateway ended before it said so");
}

fn reads(line: &str) -> bool {
    event(line) == Some("read")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reads_the_other_steps_back_and_takes_over_when_it_dies() {
    let world = World::open(sandbox::Settings::new(3, Clock::machine())).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"50ms\"").unwrap();
    world.hotline.file(300).await.unwrap();
    tokio::task::block_in_place(|| {
        let mut first = Gateway::start(&world).unwrap();
        read_until(&mut first, reads);
        let mut second = Gateway::start(&world).unwrap();
        let line = read_until(&mut second, |line| line.contains("is read by") || reads(line));
        let name = format!("process {} on ", first.id());
        assert!(line.contains(&name), "it does not step back and name the other: {line}");

        drop(first); // its lease has seconds to go
        read_until(&mut second, reads);
        let mut third = Gateway::start(&world).unwrap();
        let line = read_until(&mut third, |line| line.contains("is read by") || reads(line));
        assert!(line.contains(&format!("process {} on ", second.id())), "{line}");

        second.stop().unwrap(); // gives the lease back
        read_until(&mut third, |line| reads(line) && line.contains("caught_up=true"));
        third.stop().unwrap();
    });
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let (store, _) = world.store().await.unwrap();
    let books = store.books(None, None).await.unwrap();
    // The first process may have been killed after it had stored a read and before it advanced.
    let stored = books[0].stored + books[0].stored_by_orphans;
    assert_eq!((books[0].balanced, stored), (Some(true), 300), "{books:?}");
}
