//! A channel: what the configuration makes of it, which never changes, and what lives beside that
//! while it runs.
//!
//! `reload` compares specifications. Where they are equal the channel that runs is the one that is
//! wanted, and goes on; any difference begins it anew.

use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use chrono_tz::Tz;
use config::Section;
use connector_wire::gate::Limits;
use contract::{
    Budget, ChannelId, Checkpoints, ConnectorContext, Digest, Fault, Normalizer, Position, ReadNo,
    TimeRange,
};
use tokio::sync::Mutex;

use crate::{
    clock,
    control::ChannelControl,
    push::PushEndpoint,
    registry::{AnyConnector, Kind},
    schedule::{Pace, Schedule},
    watch::ChannelWatch,
};

/// What a channel is. Two channels of equal specifications do the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSpec {
    /// Its name.
    pub id: ChannelId,
    /// The upstream that it reads, maybe with others: one process holds all of them.
    pub upstream: String,
    /// Its kind of source.
    pub connector: &'static str,
    /// The settings of that kind, secrets resolved.
    pub section: Section,
    /// The folder of its files.
    pub folder: PathBuf,
    /// The zone of source times that name none.
    pub zone: Tz,
    /// What its upstream allows.
    pub budget: Budget,
    /// Fingerprint of its mapping.
    pub mapping: Digest,
    /// What proves the keys that its mapping seals with.
    pub key_checks: Vec<(u32, String)>,
    /// How much at once, and when.
    pub pace: Pace,
    /// The stretch of time to read again; `None` for what is new.
    pub range: Option<TimeRange>,
}

/// A specification with everything that it takes to run it.
#[derive(Clone)]
pub struct LiveChannel {
    /// What it is.
    pub spec: Arc<ChannelSpec>,
    /// Builds its connector.
    pub kind: Arc<Kind>,
    /// Its mapping.
    pub normalizer: Arc<dyn Normalizer>,
    /// What its upstream allows to all of its channels together.
    pub gate: Arc<Limits>,
    /// The way in for what is sent; `None` for a source that is asked.
    pub endpoint: Option<PushEndpoint>,
    /// What others see of it, and what they ask of it.
    pub handle: ChannelHandle,
}

/// How the rest of the process sees a channel and speaks to it. Clones are the same handle.
#[derive(Debug, Clone)]
pub struct ChannelHandle {
    /// What people see.
    pub watch: Arc<ChannelWatch>,
    /// What is asked of it.
    pub control: Arc<ChannelControl>,
    /// Held by whoever reads it.
    pub numbers: Arc<Mutex<ReadNumbers>>,
}

impl ChannelHandle {
    /// Of a channel that has not begun.
    pub fn new(id: ChannelId) -> Self {
        let watch = Arc::new(ChannelWatch::new(id));
        Self { watch, control: Arc::default(), numbers: Arc::default() }
    }
}

impl LiveChannel {
    /// The channels by upstream, in the order of their names.
    pub fn by_upstream(channels: Vec<Self>) -> BTreeMap<String, Vec<Self>> {
        let mut groups: BTreeMap<String, Vec<Self>> = BTreeMap::new();
        for channel in channels {
            groups.entry(channel.spec.upstream.clone()).or_default().push(channel);
        }
        groups
    }

    /// Its name.
    pub fn id(&self) -> &ChannelId {
        &self.spec.id
    }

    /// What its connector may use.
    pub fn context(&self) -> ConnectorContext {
        ConnectorContext {
            channel: self.spec.id.clone(),
            zone: self.spec.zone,
            budget: self.spec.budget,
            gate: self.gate.clone(),
            clock: clock::machine(),
            folder: self.spec.folder.clone(),
            inbox: self.endpoint.as_ref().map(|endpoint| endpoint.inbox.clone()),
        }
    }

    /// A connector that has not read yet.
    ///
    /// # Errors
    /// Its settings contradict each other.
    pub fn connector(&self, context: ConnectorContext) -> Result<Box<dyn AnyConnector>, Fault> {
        self.kind.build(&self.spec.section, context)
    }

    /// The fence under which it reads while this process holds the lease with `fence`: what is sent
    /// to a process is its own, whoever holds the lease.
    pub fn fence(&self, fence: u64) -> u64 {
        if self.endpoint.is_some() { Position::UNLEASED } else { fence }
    }

    /// The same with another schedule; without one it ends once it has caught up.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Option<Schedule>) -> Self {
        Arc::make_mut(&mut self.spec).pace.schedule = schedule;
        self
    }

    /// The same beside it, to read what lies in `range` again and end.
    #[must_use]
    pub fn backfill(&self, range: TimeRange) -> Self {
        let mut backfill = self.clone().with_schedule(None);
        Arc::make_mut(&mut backfill.spec).range = Some(range);
        let numbers = Arc::clone(&self.handle.numbers);
        backfill.handle = ChannelHandle { numbers, ..ChannelHandle::new(self.id().clone()) };
        backfill
    }
}

/// Whether these do the same as those, one by one.
pub fn same_specs(these: &[LiveChannel], those: &[LiveChannel]) -> bool {
    these.iter().map(|channel| &channel.spec).eq(those.iter().map(|channel| &channel.spec))
}

/// Read numbers, drawn from blocks that are reserved durably. A block that a crash leaves half used
/// is lost, never given again: numbers only have to grow.
///
/// Whoever reads the channel holds them from before the question until its answer has a number: so a
/// later answer never has a smaller one, however many read it.
#[derive(Debug, Default)]
pub struct ReadNumbers {
    /// The lease under which the block was reserved.
    fence: u64,
    block: Range<u64>,
}

/// Numbers reserved at once: one durable write per thousand reads.
const BLOCK: u64 = 1_000;

impl ReadNumbers {
    /// The next number under the lease with this `fence`, greater than any before. Nothing is
    /// reserved for a channel that reads nothing.
    ///
    /// # Errors
    /// A new block could not be reserved.
    pub async fn next(
        &mut self,
        channel: &ChannelId,
        fence: u64,
        checkpoints: &impl Checkpoints,
    ) -> Result<ReadNo, Fault> {
        if self.block.is_empty() || self.fence != fence {
            self.block = checkpoints.reserve(channel, fence, BLOCK).await?;
            self.fence = fence;
        }
        self.block
            .next()
            .map(ReadNo)
            .ok_or_else(|| Fault::stopped("the store reserved an empty block of read numbers"))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use config::Problems;
    use normalizer::{Keys, Suite};

    use super::*;
    use crate::{assemble, shipped};

    const CHANNEL: &str = "channels/hotline/channel.toml";

    /// The channels of a configuration in which a text of a file is another one.
    fn built(
        folder: &Path,
        keys: &Keys,
        (file, from, to): (&str, &str, &str),
    ) -> Result<Vec<LiveChannel>, Problems> {
        shipped::write(folder, &["hotline"]).unwrap();
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains(from), "{file} does not contain `{from}`");
        fs::write(folder.join(file), text.replacen(from, to, 1)).unwrap();
        assemble::channels(&assemble::settings_without_secrets(folder).unwrap(), keys)
    }

    #[test]
    fn a_channel_begins_anew_when_anything_of_it_changes_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate(Suite::default()).unwrap();
        let built = |keys, edit| built(folder.path(), keys, edit).unwrap();
        let running = built(&keys, (CHANNEL, "", ""));
        for (file, from, to, goes_on) in [
            (CHANNEL, "", "", true),
            (CHANNEL, "name      = \"12345", "name      = \"市", true),
            ("gateway.toml", "grace  = \"20s\"", "grace  = \"19s\"", true),
            (CHANNEL, "every = \"15s\"", "every = \"16s\"", false),
            (CHANNEL, "concurrent = 2", "concurrent = 3", false),
            (CHANNEL, "concurrent = 2", "concurrent = 2\nupstream = \"other\"", false),
            (CHANNEL, "page    = 1000", "page    = 999", false),
            (CHANNEL, "$.SERIALNUM", "$.ROWGUID", false),
            ("gateway.toml", "Asia/Shanghai", "Asia/Urumqi", false),
        ] {
            let wanted = built(&keys, (file, from, to));
            assert_eq!(same_specs(&running, &wanted), goes_on, "{file}: {to}");
        }
        let other_keys = Keys::generate(Suite::default()).unwrap();
        assert!(!same_specs(&running, &built(&other_keys, (CHANNEL, "", ""))), "other keys");
        let backfill = running[0].backfill(TimeRange::new(Default::default(), None).unwrap());
        assert!(!same_specs(&running, &[backfill]), "a stretch is read beside what is new");
    }

    #[test]
    fn a_listener_that_other_machines_reach_lets_nobody_in_who_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate(Suite::default()).unwrap();
        let channel = |auth: &str| {
            let file = folder.path().join("channels/app/channel.toml");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let text = format!(
                "name = \"app\"\nconnector = \"webhook\"\n[schedule]\nevery = \"1m\"\n[webhook]\nauth = {auth}\nkey = \"$.id\"\n\
                 [demand]\nsource_no = \"$.id\"\n"
            );
            fs::write(file, text).unwrap();
        };
        let beyond = ("gateway.toml", "127.0.0.1:8421", "0.0.0.0:8421");
        for (auth, listen, is_right) in [
            ("\"none\"", ("gateway.toml", "", ""), true),
            ("{ bearer = { env = \"TOKEN\" } }", beyond, true),
            ("\"none\"", beyond, false),
        ] {
            channel(auth);
            let found = built(folder.path(), &keys, listen).map(|channels| channels.len());
            assert_eq!(found.is_ok(), is_right, "{auth}, {listen:?}: {found:?}");
            if let Err(problems) = found {
                let said = problems.to_string();
                assert!(said.contains("channels/app/channel.toml:6") && said.contains("0.0.0.0"));
            }
        }
    }
}
