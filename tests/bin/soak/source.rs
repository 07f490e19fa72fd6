//! The source: two lists of records that grow and change all the time. What a record says follows from the
//! seed, its list, its number and its revision, so the oracle knows every state that was ever served.
//!
//! At times the source is slow, fails, closes connections, sends half an answer, or lies about its totals.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use gateway::clock::now;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

/// The lists, which are also the names of their channels.
pub(crate) const LISTS: [&str; 2] = ["changes", "pages"];
/// The number of records of each list at the beginning.
const FIRST_RECORDS: usize = 400;
/// The number of records in a page of the first list; the second one is told it.
const PAGE_ROWS: usize = 200;
/// How often a list changes.
const TICK: Duration = Duration::from_millis(50);
/// How probable at each tick a new record of each list is, and a new revision.
const CHANCES: [(f64, f64); 2] = [(0.6, 0.4), (0.3, 0.2)];
/// How long an answer of a slow source takes.
const SLOW: Duration = Duration::from_millis(1_500);
/// Each record with such a number names a person.
const PERSON_EVERY: usize = 25;

/// How the source behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mood {
    Honest,
    Slow,
    /// Answers with status 500.
    Failing,
    /// Closes each connection instead of answering.
    Closing,
    /// Every second answer is cut in the middle: by the end of the connection, or as broken JSON.
    Truncating,
    /// Every second total is too small, the others too large.
    Lying,
}

/// The last state of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub(crate) revision: u32,
    /// The number of the change, which orders the list.
    change: usize,
    updated: i64,
}

/// The running source.
pub(crate) struct Source {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    seed: u64,
    /// How many more records the first list gets each second.
    rate: u32,
    lists: [Mutex<List>; 2],
    mood: watch::Sender<Mood>,
    /// Counts the changes with which the faults keep time.
    n_changes: watch::Sender<u64>,
    /// Whether it changes.
    lives: AtomicBool,
}

#[derive(Default)]
struct List {
    records: Vec<State>,
    /// The numbers of the records in the order of their last changes.
    order: BTreeMap<usize, usize>,
    n_changes: usize,
    n_requests: u64,
}

/// The key of a record.
pub(crate) fn key(number: usize) -> String {
    format!("S{number}")
}

/// The number of the record with this key.
pub(crate) fn number(key: &str) -> Option<usize> {
    key.strip_prefix('S')?.parse().ok()
}

/// Whether this record names a person.
pub(crate) fn names_a_person(number: usize) -> bool {
    number.is_multiple_of(PERSON_EVERY)
}

impl Source {
    pub(crate) async fn open(seed: u64, rate: u32) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (mood, n_changes) = (watch::Sender::new(Mood::Honest), watch::Sender::new(0));
        let (lists, lives) = (Default::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { seed, rate, lists, mood, n_changes, lives });
        for list in 0..LISTS.len() {
            for _ in 0..FIRST_RECORDS {
                shared.add(list);
            }
        }
        let mut server = JoinSet::new();
        server.spawn(live(Arc::clone(&shared)));
        let serving = Arc::clone(&shared);
        server.spawn(async move {
            let mut peers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while peers.try_join_next().is_some() {}
                peers.spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Ok(Self { url, shared, _server: server })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The lists that grow no faster than faults need.
    pub(crate) fn small_lists(&self) -> &'static [&'static str] {
        if self.shared.rate == 0 { &LISTS } else { &LISTS[1..] }
    }

    /// From now on, it adds records and revisions all the time, or rests.
    pub(crate) fn set_living(&self, lives: bool) {
        self.shared.lives.store(lives, SeqCst);
    }

    /// Waits for so many changes.
    pub(crate) async fn changes(&self, count: u64) {
        let end = *self.shared.n_changes.borrow() + count;
        let _ = self.shared.n_changes.subscribe().wait_for(|n| *n >= end).await;
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.shared.mood.send_replace(mood);
    }

    /// Adds one record to each list; returns their keys.
    pub(crate) fn fresh(&self) -> [String; 2] {
        [0, 1].map(|list| key(self.shared.add(list)))
    }

    /// The last states of the records of a list, by their numbers.
    pub(crate) fn states(&self, list: usize) -> Vec<State> {
        self.shared.lists.get(list).map(|list| lock(list).records.clone()).unwrap_or_default()
    }

    /// What the source says of a record in its last state.
    pub(crate) fn row(&self, list: usize, number: usize, state: &State) -> Value {
        self.shared.row(list, number, state)
    }

    /// Title and content of a revision.
    pub(crate) fn texts(&self, list: usize, number: usize, revision: u32) -> (String, String) {
        texts(self.shared.seed, list, number, revision)
    }
}

impl Shared {
    /// Adds a record; returns its number.
    fn add(&self, list: usize) -> usize {
        let Some(mut list) = self.lists.get(list).map(lock) else { return 0 };
        self.n_changes.send_modify(|n| *n += 1);
        list.add()
    }

    /// Adds so many records to the first list.
    fn fill(&self, count: u32) {
        if let Some(mut list) = self.lists.first().map(lock) {
            for _ in 0..count {
                list.add();
            }
        }
    }

    /// Changes a record; not one that names a person, who may have been erased.
    fn revise(&self, list: usize, dice: &mut ChaCha8Rng) {
        let Some(mut list) = self.lists.get(list).map(lock) else { return };
        let number = dice.random_range(0..list.records.len());
        if !names_a_person(number) {
            list.change(number);
            self.n_changes.send_modify(|n| *n += 1);
        }
    }

    fn row(&self, list: usize, number: usize, state: &State) -> Value {
        let (title, content) = texts(self.seed, list, number, state.revision);
        let mut row = json!({
            "id": key(number), "rev": state.revision, "seq": state.change, "updated": state.updated,
            "title": title, "content": content, "grid": format!("G{}", number % 7),
            "office": format!("O{}", number % 5),
        });
        if let Some(row) = row.as_object_mut().filter(|_| names_a_person(number)) {
            row.insert("name".to_owned(), "张小明".into());
            row.insert("phone".to_owned(), format!("13{list}{:08}", 10_000_000 + number).into());
        }
        row
    }

    /// The answer to a request.
    fn answer(&self, target: &str) -> (u64, String) {
        let index = usize::from(target.starts_with("/pages"));
        let Some(mut list) = self.lists.get(index).map(lock) else { return (0, String::new()) };
        list.n_requests += 1;
        let parameter = |name: &str| {
            let mut pairs = target.split(['?', '&']).filter_map(|pair| pair.split_once('='));
            pairs.find(|(own, _)| *own == name).and_then(|(_, value)| value.parse::<usize>().ok())
        };
        let since = i64::try_from(parameter("since").unwrap_or(0)).unwrap_or(0);
        let (size, after) = (parameter("size").unwrap_or(PAGE_ROWS), parameter("after"));
        let first = after.map_or(0, |after| after + 1);
        let listed = list.order.range(first..).filter_map(|(_, number)| {
            let state = list.records.get(*number).filter(|state| state.updated >= since)?;
            Some((*number, *state))
        });
        let listed: Vec<_> = listed.collect();
        let skipped = parameter("page").unwrap_or(1).saturating_sub(1).saturating_mul(size);
        let rows = listed.iter().skip(skipped).take(size);
        let rows: Vec<_> = rows.map(|(n, state)| self.row(index, *n, state)).collect();
        let total = match (*self.mood.borrow(), list.n_requests % 2) {
            (Mood::Lying, 0) => listed.len() / 2,
            (Mood::Lying, _) => listed.len() + 1_000,
            _ => listed.len(),
        };
        (list.n_requests, json!({ "total": total, "rows": rows }).to_string())
    }
}

impl List {
    /// Adds a record; returns its number.
    fn add(&mut self) -> usize {
        let number = self.records.len();
        self.records.push(State { revision: 0, change: 0, updated: 0 });
        self.change(number);
        number
    }

    /// Gives a record its next revision.
    fn change(&mut self, number: usize) {
        let Some(state) = self.records.get_mut(number) else { return };
        self.n_changes += 1;
        self.order.remove(&state.change);
        self.order.insert(self.n_changes, number);
        let (revision, change) = (state.revision + 1, self.n_changes);
        *state = State { revision, change, updated: now().timestamp() };
    }
}

const CLAUSES: [&str; 8] = [
    "夜里仍能听到机器的声音，住户都睡不好。",
    "老人和孩子每天都要绕行#米。",
    "物业答复说正在协调，已经过去#天。",
    "前后有#户居民反映过同样的情况。",
    "下雨的时候水深超过#厘米。",
    "当时修好之后只管用了#天。",
    "围挡占用了人行道，宽度不足#厘米。",
    "请有关部门派人到现场查看，并告知处理的期限。",
];

fn texts(seed: u64, list: usize, number: usize, revision: u32) -> (String, String) {
    let numbers = [seed, list as u64, number as u64, u64::from(revision)];
    let mixed = numbers.iter().fold(7_u64, |sum, n| sum.wrapping_mul(1_000_003).wrapping_add(*n));
    let mut dice = ChaCha8Rng::seed_from_u64(mixed);
    let mut content = format!("第{revision}次反映。");
    for _ in 0..dice.random_range(3..12) {
        let clause = CLAUSES.get(dice.random_range(0..CLAUSES.len())).copied().unwrap_or_default();
        content.push_str(&clause.replace('#', &dice.random_range(2..900).to_string()));
    }
    (format!("反映事项{number}之{revision}"), content)
}

/// Adds records and revisions, unless the source rests.
async fn live(shared: Arc<Shared>) {
    let mut dice = ChaCha8Rng::seed_from_u64(shared.seed ^ 1);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut due = Duration::ZERO;
    loop {
        ticks.tick().await;
        if shared.lives.load(SeqCst) {
            due += TICK * shared.rate;
            shared.fill(u32::try_from(due.as_secs()).unwrap_or_default());
            due = Duration::from_nanos(due.subsec_nanos().into());
        }
        for (list, (new, revised)) in CHANCES.into_iter().enumerate() {
            if shared.lives.load(SeqCst) && dice.random_bool(new) {
                shared.add(list);
            }
            if shared.lives.load(SeqCst) && dice.random_bool(revised) {
                shared.revise(list, &mut dice);
            }
        }
    }
}

/// Answers the requests on a connection: a request line and headers, without a body.
async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let (mut request, mut header) = (String::new(), String::new());
    while stream.read_line(&mut request).await? > 0 {
        while stream.read_line(&mut header).await? > 2 {
            header.clear();
        }
        let target = request.split(' ').nth(1).unwrap_or_default();
        let (n, mut body) = shared.answer(target);
        let mood = *shared.mood.borrow();
        let (mut status, mut length) = (200, body.len());
        match mood {
            Mood::Slow => {
                let mut moods = shared.mood.subscribe();
                let _ = timeout(SLOW, moods.wait_for(|mood| *mood != Mood::Slow)).await;
            }
            Mood::Failing => {
                (status, body) = (500, "out of order".to_owned());
                length = body.len();
            }
            Mood::Closing => return Ok(()),
            Mood::Truncating if n % 2 == 1 => {
                let half = body.char_indices().nth(body.chars().count() / 2);
                body.truncate(half.map_or(0, |(at, _)| at));
                length = if n % 4 == 1 { length } else { body.len() };
            }
            _ => {}
        }
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        if length != body.len() {
            return stream.shutdown().await;
        }
        request.clear();
        header.clear();
    }
    Ok(())
}

/// Locks a value that no panic leaves half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
