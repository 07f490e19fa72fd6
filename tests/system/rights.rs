//! Runs the gateway with the accounts of docs/rights: they are enough for it, and for nothing else.

use std::{fs, path::Path, time::Duration};

use sandbox::{Clock, Settings};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, query_scalar};
use system_tests::{
    gateway_process::{Gateway, Server, command, rabbitmqctl, signal},
    world::{BROKER, STORE, World},
};
use tokio::time::{interval, timeout};

/// The columns that the role for analysis cannot read. A new column is one of these, or docs/rights names it.
const HIDDEN: [&str; 21] = [
    "audit.detail",
    "audit.hash",
    "audit.who",
    "audit_end.hash",
    "audit_end.id",
    "demand.address",
    "demand.people",
    "demand.unmasked",
    "demand_history.tokens",
    "demand_person.demand",
    "demand_person.token",
    "demand_raw.history",
    "demand_raw.raw",
    "demand_raw.seen_at",
    "failed_exchange.at",
    "failed_exchange.channel",
    "failed_exchange.sealed",
    "quarantine.event",
    "quarantine.raw",
    "sealing_key.check_value",
    "sealing_key.key_id",
];

/// A file of docs/rights.
fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rights").join(name))
        .unwrap()
}

/// The same URL with another user, and perhaps a password.
fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    format!("{scheme}://{user}@{}", rest.split_once('@').unwrap().1)
}

/// A connection to the schema of the store.
async fn connect(url: &str, schema: &str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    tell(&mut connection, &format!("SET search_path TO {schema}")).await.unwrap();
    connection
}

async fn tell(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_needs_no_more_than_the_documented_rights() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let start = |name: &str| Server::start(name, folder.path()).unwrap();
    let (postgres, broker) = (start("postgres"), start("rabbitmq"));
    let server = postgres.property("TONGHUI_TEST_POSTGRES").unwrap();
    let queues = broker.property("TONGHUI_TEST_AMQP").unwrap();
    let mut world = World::open(Settings::new(61, Clock::machine())).await.unwrap();
    world.hotline.file(60).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"50ms\"").unwrap();
    world.use_servers(Some(server), Some(queues)).await.unwrap();
    let (_, store) = world.environment().find(|(name, _)| *name == STORE).unwrap();
    let owned = store.to_owned();
    let (_, schema) = owned.rsplit_once("%3D").unwrap();
    let file = world.config().join("gateway.toml");
    let feed = format!("\n[feed]\nexchange = \"{schema}.feed\"\n");
    fs::write(&file, fs::read_to_string(&file).unwrap() + &feed).unwrap();

    // The owner makes the tables and the queues, and then the roles.
    world.pull().await.unwrap();
    let mut owner = connect(server, schema).await;
    for _ in 0..2 {
        tell(&mut owner, &page("postgres.sql")).await.unwrap();
    }
    for role in ["ingest", "sink", "operator", "reader", "auditor"] {
        let account = format!("CREATE ROLE {role}1 LOGIN IN ROLE tonghui_{role}");
        tell(&mut owner, &account).await.unwrap();
    }
    let manual = page("README.md");
    let lines: Vec<_> = manual.lines().filter(|line| line.starts_with("rabbitmqctl ")).collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        // The queues have the name of the schema.
        let line = line.replace("tonghui", schema).replace('\'', "");
        let arguments: Vec<_> = line.split(' ').skip(1).collect();
        rabbitmqctl(&broker, &arguments).unwrap();
    }
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\n[bus]\n", "\n[bus]\ntopology = \"check\"\n")).unwrap();

    // They read, publish and store what is new.
    world.hotline.file(60).await.unwrap();
    let mut running = Vec::new();
    for role in ["ingest", "sink"] {
        world.set(STORE, with_user(&owned, &format!("{role}1")));
        world.set(BROKER, with_user(queues, &format!("{role}1:PASSWORD")));
        running.push(Gateway::start_with(&world, role, "warn").unwrap());
    }
    world.set(STORE, owned.clone());
    let stored = async {
        let mut tick = interval(Duration::from_millis(200));
        while !world.differences().await.unwrap().is_empty() {
            tick.tick().await;
        }
    };
    timeout(Duration::from_secs(120), stored).await.expect("not everything is stored");
    for mut gateway in running {
        signal("TERM", gateway.id()).unwrap();
        while let Some(line) = gateway.line().unwrap() {
            assert!(!line.contains("denied") && !line.contains("REFUSED"), "{line}");
        }
    }
    let untold = "SELECT (SELECT max(seq) FROM demand_history) - position FROM feed_position";
    let n_untold: i64 = query_scalar(untold).fetch_one(&mut owner).await.unwrap();
    assert_eq!(n_untold, 0, "the sink may not tell what it stored");

    let run = |role: &str, arguments: &[&str]| {
        let mut tonghui = command().unwrap();
        tonghui.args(arguments).arg("--config").arg(world.config()).envs(world.environment());
        let ended = tonghui.env(STORE, with_user(&owned, &format!("{role}1"))).output().unwrap();
        assert!(ended.status.success(), "{role} {arguments:?}: {ended:?}");
    };
    run("operator", &["key", "rotate"]);
    run("operator", &["position", "hotline", "reset"]);
    let token: String =
        query_scalar("SELECT min(token) FROM demand_person").fetch_one(&mut owner).await.unwrap();
    run("operator", &["erase", &format!("--token={token}")]);
    run("operator", &["flight", "write-off", "hotline", "--reason", "a test"]);
    let file = world.config().join("day.json");
    let file = file.to_str().unwrap();
    let statement = ["books", "statement", "hotline", "--day", "yesterday", "--out", file];
    let verify = ["books", "verify", file];
    for arguments in [
        &["status"][..],
        &["books"],
        &statement,
        &verify,
        &["flight", "list"],
        &["index"],
        &["status", "--quality"],
    ] {
        run("reader", arguments);
    }
    run("auditor", &["audit", "verify"]);
    run("auditor", &["audit"]);

    let mut hidden: Vec<String> = query_scalar(
        "SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p')
         AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
         AND NOT has_column_privilege('tonghui_reader', c.oid, a.attnum, 'SELECT')",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    hidden.sort();
    assert_eq!(hidden, HIDDEN);

    let tampering = ["UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit"];
    let everybody = ["ingest", "sink", "operator", "reader", "auditor"];
    let refused = everybody.iter().flat_map(|role| tampering.map(|sql| (*role, sql)));
    let others = [
        ("reader", "SELECT people FROM demand"),
        ("reader", "SELECT * FROM demand"),
        ("reader", "SELECT token FROM demand_person"),
        ("reader", "SELECT raw FROM demand_raw"),
        ("reader", "UPDATE demand SET title = NULL"),
        ("ingest", "SELECT token FROM demand_person"),
        ("ingest", "UPDATE demand SET title = NULL"),
        (
            "sink",
            "INSERT INTO audit (at, who, action, subject, detail) VALUES (now(), '', '', '', '')",
        ),
        ("sink", "DELETE FROM demand"),
        ("operator", "DROP TABLE demand_link"),
        ("operator", "DELETE FROM demand_history"),
        ("auditor", "SELECT title FROM demand"),
    ];
    for (role, sql) in refused.chain(others) {
        let mut connection = connect(&with_user(server, &format!("{role}1")), schema).await;
        let error = tell(&mut connection, sql).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("42501"), "{role}: {sql}: {error}");
    }
}
