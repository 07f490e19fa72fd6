//! Sends ten thousand marked personal values, half of them also in prose, through every output of the program:
//! none may appear in plain text.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use sandbox::{Clock, Gbk, Settings};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, query_scalar};
use system_tests::{
    gateway_process::{Gateway, Server, command, event},
    pipeline::Pipeline,
    world::World,
};

use crate::console::{address, get};

mod attacker;
mod person;
mod spelled;
mod spellings;

use person::Person;

/// The number of people. Each has four values: name, telephone, identity number and address.
const PEOPLE: u32 = 2_500;

#[tokio::test(flavor = "multi_thread")]
async fn no_output_contains_any_of_ten_thousand_marked_values() {
    let (world, marks) = marked_world().await;

    // The bus.
    let url = vec![("HOTLINE_DATABASE_URL", world.hotline.url().to_owned())];
    let pipeline = Pipeline::new("hotline", url).unwrap();
    pipeline.pull().await.unwrap();
    let rejected: HashSet<_> = pipeline.bus.rejected().into_iter().collect();
    assert_eq!(rejected.len(), 50);
    for message in pipeline.bus.messages() {
        marks.look("a message", &message.body);
        marks.look("a message", format!("{message:?}").as_bytes());
    }

    tokio::task::block_in_place(|| {
        // The whole log, and the requests to the running service.
        let file = world.config().join("gateway.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text + "\n[console]\nlisten = \"127.0.0.1:0\"\n").unwrap();
        let mut gateway = Gateway::start_with(&world, "all", "trace").unwrap();
        let address = address(&mut gateway);
        let (mut n_lines, mut caught_up) = (0, false);
        while let Some(line) = gateway.line().unwrap() {
            n_lines += 1;
            marks.look("the log", line.as_bytes());
            caught_up |= event(&line) == Some("read") && line.contains("caught_up=true");
            if caught_up && event(&line) == Some("settled") {
                break;
            }
        }
        assert!(n_lines > 10, "{n_lines} lines");
        for path in
            ["/metrics", "/api/v1/channels", "/api/v1/index", "/api/v1/processes", "/health/ready"]
        {
            let (code, page) = get(&address, path, None);
            assert_eq!(code, 200, "{path}");
            marks.look(path, page.as_bytes());
        }
        gateway.stop().unwrap();

        // What people ask for.
        let list = ended(&world, &["quarantine", "list", "--format", "json"]);
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&list.stdout).unwrap();
        assert!(rows.len() >= 50);
        let id = rows[0]["id"].as_str().unwrap();
        for asked in [
            &["quarantine", "list"][..],
            &["quarantine", "list", "--format", "json"],
            &["quarantine", "list", "--by-reason"],
            &["quarantine", "retry", "hotline", "--dry-run"],
            &["quarantine", "show", id],
            &["replay", "hotline", "--dry-run"],
            &["preview", "hotline", "--limit", "40"],
            &["status"],
            &["books"],
            &["codes", "missing"],
            &["audit"],
            &["check"],
        ] {
            let Output { stdout, stderr, .. } = ended(&world, asked);
            marks.look(&asked.join(" "), &stdout);
            marks.look(&asked.join(" "), &stderr);
        }
    });

    // The database.
    let mut n_bytes = 0;
    for name in ["tonghui.db", "tonghui.db-wal"] {
        let bytes = fs::read(world.config().join("data").join(name)).unwrap_or_default();
        n_bytes += bytes.len();
        marks.look(name, &bytes);
    }
    assert!(n_bytes > 1 << 20, "{n_bytes} bytes");

    // And where they are, they are found.
    let front = world.hotline.url().trim_start_matches("sqlite:").trim_start_matches("//");
    let front = fs::read(front.split('?').next().unwrap()).unwrap();
    assert!(marks.first_in(&front).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_files_of_a_broker_nor_a_dump_of_a_shared_store_hold_them() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let start = |name: &str| Server::start(name, folder.path()).unwrap();
    let (postgres, broker) = (start("postgres"), start("rabbitmq"));
    let (mut world, marks) = marked_world().await;
    let urls = (postgres.property("TONGHUI_TEST_POSTGRES"), broker.property("TONGHUI_TEST_AMQP"));
    world.use_servers(Some(urls.0.unwrap()), Some(urls.1.unwrap())).await.unwrap();
    world.store().await.unwrap();

    // All messages wait in the broker, because no sink runs.
    let mut ingest = Gateway::start_as(&world, "ingest").unwrap();
    let mut n_read = 0;
    while let Some(line) = ingest.line().unwrap() {
        marks.look("the log of ingest", line.as_bytes());
        n_read += usize::from(event(&line) == Some("confirmed"));
        if n_read > 0 && line.contains("caught_up=true") {
            break;
        }
    }
    ingest.stop().unwrap();
    broker.stop().unwrap();
    let mut n_masks = 0;
    for file in files(&folder.path().join("rabbitmq")) {
        let bytes = fs::read(&file).unwrap();
        n_masks += masks(&bytes);
        marks.look(&file.display().to_string(), &bytes);
    }
    assert!(n_masks >= 2_450, "{n_masks} masks: the messages are not among these files");

    let broker = start("rabbitmq");
    let sink = Gateway::start_as(&world, "sink").unwrap();
    empty(&world, sink, |line| marks.look("the log of a sink", line)).await;
    let mut n_rows = 0;
    for (table, row) in dump(&world).await {
        n_rows += usize::from(table == "demand" && masks(row.as_bytes()) > 0);
        marks.look(&table, row.as_bytes());
    }
    assert_eq!(n_rows, 2_450);
    drop((broker, postgres));
}

/// A hotline that nobody has read yet, and its marked values.
async fn marked_world() -> (World, Marks) {
    let world = World::open(Settings::new(17, Clock::machine())).await.unwrap();
    let mut marks =
        Marks { of_len: BTreeMap::new(), beginnings: vec![false; 1 << 16], n_values: 0 };
    for (seed, key) in (0..).zip(world.hotline.file(PEOPLE.into()).await.unwrap()) {
        let person = Person::new(seed);
        marks.add(&person);
        let content = person.content(seed);
        world
            .hotline
            .change(&key, |row| {
                row.rqstperson = Gbk::new(&person.name);
                row.linknumber = Some(person.phone.clone());
                row.rqstaddress = Gbk::new(&format!("镜湖区沿河路{}", person.house));
                row.rqstcontent = content;
            })
            .await
            .unwrap();
    }
    assert_eq!(marks.n_values, 10_000);
    (world, marks)
}

/// Lets a sink store all messages, gives each line of its log to `look`, and stops it.
async fn empty(world: &World, mut sink: Gateway, look: impl Fn(&[u8])) {
    let (store, _) = world.store().await.unwrap();
    loop {
        look(sink.line().unwrap().unwrap().as_bytes());
        let books = store.books(None, None).await.unwrap();
        if books.iter().all(|book| book.in_flight == 0) {
            break;
        }
    }
    sink.stop().unwrap();
}

/// The number of masked telephone numbers.
fn masks(bytes: &[u8]) -> usize {
    bytes.windows(7).filter(|window| window == b"139****").count()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Every row of every table, bytes in hexadecimal.
async fn dump(world: &World) -> Vec<(String, String)> {
    let (_, url) = world.environment().find(|(name, _)| name.contains("STORE")).unwrap();
    let mut store = PgConnection::connect(url).await.unwrap();
    let all = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
    let tables: Vec<String> = query_scalar(all).fetch_all(&mut store).await.unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut rows = Vec::new();
    for table in tables {
        let select = AssertSqlSafe(format!("SELECT to_jsonb(t)::text FROM \"{table}\" t"));
        let found: Vec<String> = query_scalar(select).fetch_all(&mut store).await.unwrap();
        rows.extend(found.into_iter().map(|row| (table.clone(), row)));
    }
    rows
}

/// The output of a command, which must succeed.
fn ended(world: &World, arguments: &[&str]) -> Output {
    let mut asked = command().unwrap();
    asked.args(arguments).arg("--config").arg(world.config()).envs(world.environment());
    let output = asked.env("TONGHUI_LOG", "trace").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output
}

/// The byte strings to look for, by length: in UTF-8, in GBK, and in hexadecimal of both.
struct Marks {
    of_len: BTreeMap<usize, HashSet<Vec<u8>>>,
    /// The first two bytes of each: most positions are ruled out by these.
    beginnings: Vec<bool>,
    n_values: usize,
}

impl Marks {
    fn add(&mut self, person: &Person) {
        for value in [&person.name, &person.phone, &person.id, &person.house] {
            self.n_values += usize::from(self.insert(value.as_bytes()));
            for bytes in [value.as_bytes(), Gbk::new(value).bytes()] {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                self.insert(bytes);
                self.insert(hex.as_bytes());
            }
        }
    }

    fn insert(&mut self, mark: &[u8]) -> bool {
        self.beginnings[beginning(mark)] = true;
        self.of_len.entry(mark.len()).or_default().insert(mark.to_vec())
    }

    fn look(&self, place: &str, bytes: &[u8]) {
        if let Some(mark) = self.first_in(bytes) {
            panic!("{place} holds {}", String::from_utf8_lossy(mark));
        }
    }

    fn first_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let places =
            bytes.windows(2).enumerate().filter(|(_, two)| self.beginnings[beginning(two)]);
        places.map(|(at, _)| &bytes[at..]).find_map(|rest| {
            let of_len = |(len, marks): (&usize, &HashSet<Vec<u8>>)| {
                rest.get(..*len).filter(|mark| marks.contains(*mark))
            };
            self.of_len.iter().find_map(of_len)
        })
    }
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}
