//! The faults: what is done, how long it lasts, and which command of the operator is the remedy.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use contract::Timestamp;
use gateway::clock::now;
use rand::{
    RngExt as _,
    seq::{IndexedRandom as _, SliceRandom as _},
};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use sqlx::query_scalar;
use system_tests::gateway_process::signal;

use super::{
    plant::{Plant, Who, until},
    proxy::Network,
    source::{LISTS, Mood, Source, key, names_a_person},
};

/// Which connection of the processes a network fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    Broker,
    Store,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Kill(Who),
    Freeze(Who),
    BrokerKilled,
    BrokerStopped,
    BrokerOutOfMemory,
    QueueDeleted,
    StoreRestarted,
    BackendsTerminated,
    BackendKilled,
    RightsRevoked,
    Net(Link, Network),
    Source(Mood),
    Reload,
    Replay,
    KeyRotated,
    PersonErased,
}

use Kind::{Freeze, Kill, Net};
use Network::{Closed, Delayed, Silent};
use Who::{Console, FirstSink, Ingest, SecondSink};

/// All kinds, with their names in the table.
pub(crate) const KINDS: [(Kind, &str); 31] = [
    (Kill(Ingest), "ingest killed (SIGKILL)"),
    (Kill(FirstSink), "first sink killed (SIGKILL)"),
    (Kill(SecondSink), "second sink killed (SIGKILL)"),
    (Kill(Console), "console killed (SIGKILL)"),
    (Freeze(Ingest), "ingest frozen (SIGSTOP, SIGCONT)"),
    (Freeze(FirstSink), "first sink frozen (SIGSTOP, SIGCONT)"),
    (Freeze(SecondSink), "second sink frozen (SIGSTOP, SIGCONT)"),
    (Freeze(Console), "console frozen (SIGSTOP, SIGCONT)"),
    (Kind::BrokerKilled, "broker killed and started"),
    (Kind::BrokerStopped, "broker stopped and started"),
    (Kind::BrokerOutOfMemory, "memory alarm of the broker"),
    (Kind::QueueDeleted, "queue deleted with messages in it"),
    (Kind::StoreRestarted, "PostgreSQL restarted (immediate)"),
    (Kind::BackendsTerminated, "connections of PostgreSQL terminated"),
    (Kind::BackendKilled, "a process of PostgreSQL killed (SIGKILL)"),
    (Kind::RightsRevoked, "right of the sinks revoked and granted"),
    (Net(Link::Broker, Closed), "connections to the broker closed"),
    (Net(Link::Broker, Silent), "network to the broker silent"),
    (Net(Link::Broker, Delayed), "network to the broker slow"),
    (Net(Link::Store, Closed), "connections to PostgreSQL closed"),
    (Net(Link::Store, Silent), "network to PostgreSQL silent"),
    (Net(Link::Store, Delayed), "network to PostgreSQL slow"),
    (Kind::Source(Mood::Slow), "source slow"),
    (Kind::Source(Mood::Failing), "source answers 500"),
    (Kind::Source(Mood::Closing), "source closes connections"),
    (Kind::Source(Mood::Truncating), "source cuts answers"),
    (Kind::Source(Mood::Lying), "source lies about totals"),
    (Kind::Reload, "reload of a changed channel"),
    (Kind::Replay, "replay after a changed mapping"),
    (Kind::KeyRotated, "keys rotated"),
    (Kind::PersonErased, "person erased"),
];

impl Kind {
    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// Decides which fault comes when, and how long it lasts.
pub(crate) struct Fate {
    dice: ChaCha8Rng,
    /// The kinds that have not come in this round.
    left: Vec<Kind>,
    /// Whether some faults may last longer than leases and heartbeats.
    has_time: bool,
    /// The next person to erase.
    person: usize,
    /// The list whose queue was deleted, and how many messages were in it.
    deleted: Option<(&'static str, u32)>,
}

impl Fate {
    pub(crate) fn new(dice: ChaCha8Rng, length: Duration) -> Self {
        let has_time = length >= Duration::from_secs(600);
        Self { dice, left: Vec::new(), has_time, person: 1, deleted: None }
    }

    /// The numbers of the records of the first list among which all people were erased.
    pub(crate) fn erased(&self) -> Range<usize> {
        1..self.person
    }

    /// The next kind: each one comes once in each round.
    pub(crate) fn next_kind(&mut self) -> Kind {
        if self.left.is_empty() {
            self.left = KINDS.iter().map(|(kind, _)| *kind).collect();
            self.left.shuffle(&mut self.dice);
        }
        self.left.pop().unwrap_or(Kind::Reload)
    }

    /// How long a fault lasts, in changes of the source.
    fn length(&mut self) -> u64 {
        let is_long = self.has_time && self.dice.random_bool(0.2);
        if is_long { self.dice.random_range(400..800) } else { self.dice.random_range(20..80) }
    }

    /// Does it, and ends it. Returns how long the recovery took: until a fresh record of each list is stored, and whoever
    /// was killed or frozen works again. After it, nothing from before the end of the fault is in flight any more.
    pub(crate) async fn strike(
        &mut self,
        kind: Kind,
        plant: &mut Plant,
        source: &Source,
    ) -> anyhow::Result<Duration> {
        plant.say(kind.name());
        Box::pin(self.fault(kind, plant, source)).await.with_context(|| kind.name())?;
        let (ended, ended_at) = (Instant::now(), now());
        self.mend(kind, plant).with_context(|| kind.name())?;
        Box::pin(fresh(plant, source)).await.with_context(|| kind.name())?;
        match kind {
            Kill(Console) | Freeze(Console) => {
                until(plant, "the console answers", async |plant| plant.console_answers()).await?;
            }
            // The other sink stores what is fresh.
            Kill(sink @ (FirstSink | SecondSink)) | Freeze(sink @ (FirstSink | SecondSink)) => {
                let what = "`status` shows that the sink is alive";
                until(plant, what, async |plant| plant.is_alive(sink, ended_at)).await?;
            }
            _ => {}
        }
        let recovery = ended.elapsed();
        plant.say(&format!("{}: recovered after {} ms", kind.name(), recovery.as_millis()));
        // Whatever a sink has acked and never kept is found here, and not at the end of the run.
        Box::pin(stored(plant, ended_at)).await.with_context(|| kind.name())?;
        Ok(recovery)
    }

    /// What the operator does to put it right; most faults need nothing.
    fn mend(&mut self, kind: Kind, plant: &mut Plant) -> anyhow::Result<()> {
        match kind {
            Kind::QueueDeleted => {
                let (list, deleted) = self.deleted.take().context("no queue was deleted")?;
                let done = apply(plant, &["flight", "republish", list])?;
                let lost = done["lost"].as_u64().context("it does not say what was lost")?;
                let is_possible = lost <= u64::from(deleted);
                ensure!(is_possible, "{deleted} messages were deleted, and more were lost: {done}");
            }
            Kind::RightsRevoked => drop(apply(plant, &["retry", "--sink"])?),
            _ => {}
        }
        Ok(())
    }

    async fn fault(
        &mut self,
        kind: Kind,
        plant: &mut Plant,
        source: &Source,
    ) -> anyhow::Result<()> {
        let length = self.length();
        match kind {
            Kill(who) => {
                source.changes(self.dice.random_range(1..20)).await; // at any moment of its work
                plant.kill(who)?;
                source.changes(length / 4).await;
                plant.start_process(who)?;
            }
            Freeze(who) => {
                plant.signal(who, "STOP")?;
                source.changes(length).await;
                plant.signal(who, "CONT")?;
            }
            Kind::BrokerKilled => plant.restart_broker("KILL")?,
            Kind::BrokerStopped => plant.restart_broker("TERM")?,
            Kind::BrokerOutOfMemory => {
                plant.rabbitmqctl(&["set_vm_memory_high_watermark", "0.000001"])?;
                source.changes(length).await;
                plant.rabbitmqctl(&["set_vm_memory_high_watermark", "0.6"])?;
            }
            Kind::QueueDeleted => {
                let list = self.small_list(source)?;
                // A sink that only freezes would keep what was delivered to it.
                for who in [FirstSink, SecondSink] {
                    plant.kill(who)?;
                }
                source.changes(length / 2).await;
                let deleted = plant.delete_full_queue(list).await?;
                plant.say(&format!("{deleted} messages were in the queue of {list}"));
                self.deleted = Some((list, deleted));
                for who in [FirstSink, SecondSink] {
                    plant.start_process(who)?;
                }
            }
            Kind::StoreRestarted => plant.restart_postgres("QUIT")?,
            Kind::BackendsTerminated => {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
                plant.tell(sql).await?;
            }
            Kind::BackendKilled => {
                let sql = "SELECT pid FROM pg_stat_activity WHERE usename = 'sink1' LIMIT 1";
                let pid: i32 = query_scalar(sql).fetch_one(&mut plant.connect().await?).await?;
                signal("KILL", u32::try_from(pid)?)?;
            }
            Kind::RightsRevoked => {
                plant.tell("REVOKE INSERT ON demand_history FROM tonghui_sink").await?;
                source.changes(length).await;
                plant.tell("GRANT INSERT ON demand_history TO tonghui_sink").await?;
            }
            Net(link, network) => {
                let proxy = match link {
                    Link::Broker => &plant.broker_link,
                    Link::Store => &plant.store_link,
                };
                proxy.set(network);
                source.changes(length).await;
                proxy.set(Network::Works);
            }
            Kind::Source(mood) => {
                source.set_mood(mood);
                source.changes(length).await;
                source.set_mood(Mood::Honest);
            }
            Kind::Reload => {
                plant.toggle(LISTS[0], "every = \"200ms\"", "every = \"250ms\"")?;
                plant.run(&["reload"])?;
            }
            Kind::Replay => {
                let list = self.small_list(source)?;
                plant.toggle(list, "\"$.grid\"", "\"$.office\"")?;
                plant.run(&["reload"])?;
                plant.run(&["replay", list])?;
            }
            Kind::KeyRotated => drop(plant.run(&["key", "rotate"])?),
            Kind::PersonErased => self.erase(plant).await?,
        }
        Ok(())
    }

    /// A list of which all records can be read or mapped again while a fault lasts.
    fn small_list(&mut self, source: &Source) -> anyhow::Result<&'static str> {
        source.small_lists().choose(&mut self.dice).copied().context("no list is small")
    }

    /// Erases the next person of the first list.
    async fn erase(&mut self, plant: &mut Plant) -> anyhow::Result<()> {
        // Everybody has the same name, and nobody the same telephone number.
        const TOKEN: &str = "SELECT token FROM demand_person p JOIN demand d ON d.seq = p.demand \
             WHERE d.channel = $1 AND d.source_key = $2 AND NOT EXISTS ( \
             SELECT 1 FROM demand_person q WHERE q.token = p.token AND q.demand <> p.demand) LIMIT 1";
        const LEFT: &str = "SELECT count(*) FROM demand_person p JOIN demand d ON d.seq = p.demand \
             WHERE d.channel = $1 AND d.source_key = $2";
        let number = (self.person..).find(|number| names_a_person(*number)).context("nobody")?;
        self.person = number + 1;
        let (channel, key) = (LISTS[0], key(number));
        let token = async |plant: &mut Plant| -> anyhow::Result<Option<String>> {
            let mut store = plant.connect().await?;
            Ok(query_scalar(TOKEN).bind(channel).bind(&key).fetch_optional(&mut store).await?)
        };
        until(plant, "the person is known", async |plant| Ok(token(plant).await?.is_some()))
            .await?;
        let person = token(plant).await?.context("the person is known no more")?;
        let erased = plant.run(&["erase", &format!("--token={person}")])?;
        let is_erased = erased["demands"].as_u64().is_some_and(|n| n > 0);
        ensure!(is_erased, "{channel} {key} was not erased: {erased}");
        let mut store = plant.connect().await?;
        let left = query_scalar::<_, i64>(LEFT).bind(channel).bind(&key);
        let left = left.fetch_one(&mut store).await?;
        ensure!(left == 0, "{channel} {key} still has {left} tokens: {erased}");
        Ok(())
    }
}

/// Runs a remedy; returns what it printed. It may say that something is still on its way, and is then repeated.
fn apply(plant: &mut Plant, remedy: &[&str]) -> anyhow::Result<Value> {
    const TRIES: usize = 10;
    let mut said = String::new();
    for _ in 0..TRIES {
        let ended = plant.try_run(remedy)?;
        if ended.0 == Some(0) {
            return Ok(ended.1);
        }
        said = ended.2;
    }
    anyhow::bail!("`tonghui {}` failed {TRIES} times: {said}", remedy.join(" "))
}

/// Waits until every message that was read before this time is stored, or was written off by a remedy.
async fn stored(plant: &mut Plant, before: Timestamp) -> anyhow::Result<()> {
    let (store, _) = Box::pin(plant.store()).await?;
    until(plant, "what was read before the end of the fault is stored", async |_| {
        let messages = store.messages_in_flight(None).await?;
        Ok(messages.iter().all(|message| message.read_at >= before))
    })
    .await?;
    store.close().await;
    Ok(())
}

/// Adds a record to each list, and waits until both are stored.
pub(crate) async fn fresh(plant: &mut Plant, source: &Source) -> anyhow::Result<()> {
    const STORED: &str =
        "SELECT count(*) FROM demand WHERE (channel, source_key) IN (($1, $2), ($3, $4))";
    let keys = source.fresh();
    let mut store = None;
    until(plant, &format!("fresh records {keys:?} are stored"), async |plant| {
        // After an error, the next check connects again.
        let mut connection = match store.take() {
            Some(connection) => connection,
            None => plant.connect().await?,
        };
        let mut query = query_scalar::<_, i64>(STORED);
        for (channel, key) in LISTS.iter().zip(&keys) {
            query = query.bind(*channel).bind(key.as_str());
        }
        let stored = query.fetch_one(&mut connection).await?;
        store = Some(connection);
        Ok(stored == 2)
    })
    .await
}
