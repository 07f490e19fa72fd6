//! A channel: its specification, which comes from the configuration and never changes, and its state
//! while it runs.
//!
//! `reload` compares specifications. If they are equal, the running channel continues; any difference
//! restarts it.

use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use chrono_tz::Tz;
use config::Section;
use connector_wire::gate::Limits;
use contract::{
    Budget, ChannelId, Checkpoints, ConnectorContext, Digest, Fault, Memory, Normalizer, Position,
    ReadNo, TimeRange,
};
use normalizer::Mapping;
use tokio::sync::Mutex;

use crate::{
    clock,
    control::ChannelControl,
    push::PushEndpoint,
    registry::{AnyConnector, ConnectorKind},
    schedule::{Pace, Schedule},
    watch::ChannelWatch,
};

/// The specification of a channel. Channels with equal specifications behave the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSpec {
    /// Id of the channel.
    pub id: ChannelId,
    /// Name of the upstream that it reads. One process reads all channels of an upstream.
    pub upstream: String,
    /// Name of its kind of connector.
    pub connector: &'static str,
    /// The settings of its connector, with secrets filled in.
    pub section: Section,
    /// The channel's folder.
    pub folder: PathBuf,
    /// Time zone of source times that name none.
    pub zone: Tz,
    /// Limits of its upstream.
    pub budget: Budget,
    /// Fingerprint of its mapping.
    pub mapping: Digest,
    /// The texts of its mapping, among them the names of the fields that it reads.
    pub mapped: Arc<str>,
    /// Check values of the keys that its mapping seals with.
    pub key_checks: Vec<(u32, String)>,
    /// Batch size and schedule.
    pub pace: Pace,
    /// The time range of a backfill; `None` for regular reads.
    pub range: Option<TimeRange>,
}

/// A specification with everything that is needed to run the channel.
#[derive(Clone)]
pub struct LiveChannel {
    /// Specification of the channel.
    pub spec: Arc<ChannelSpec>,
    /// Kind of its connector; builds connectors from its settings.
    pub kind: Arc<ConnectorKind>,
    /// The mapping, as the loop uses it.
    pub normalizer: Arc<dyn Normalizer>,
    /// The mapping, for commands that show what it does.
    pub mapping: Arc<Mapping>,
    /// Enforces the limits of its upstream; all channels of the upstream share it.
    pub gate: Arc<Limits>,
    /// Where a push channel receives requests; `None` for a source that is polled.
    pub endpoint: Option<PushEndpoint>,
    /// State and control of the running channel.
    pub handle: ChannelHandle,
}

/// Lets the rest of the process observe and control a channel. Clones share their state.
#[derive(Debug, Clone)]
pub struct ChannelHandle {
    /// State of the channel.
    pub watch: Arc<ChannelWatch>,
    /// Requests to the channel.
    pub control: Arc<ChannelControl>,
    /// Read numbers of the channel; a task that reads the channel locks them while it reads.
    pub numbers: Arc<Mutex<ReadNumbers>>,
}

impl ChannelHandle {
    /// The handle of a channel that has not started.
    pub fn new(id: ChannelId) -> Self {
        let watch = Arc::new(ChannelWatch::new(id));
        Self { watch, control: Arc::default(), numbers: Arc::default() }
    }
}

impl LiveChannel {
    /// Groups channels by upstream, sorted by name.
    pub fn group_by_upstream(channels: Vec<Self>) -> BTreeMap<String, Vec<Self>> {
        let mut groups: BTreeMap<String, Vec<Self>> = BTreeMap::new();
        for channel in channels {
            groups.entry(channel.spec.upstream.clone()).or_default().push(channel);
        }
        groups
    }

    /// Id of the channel.
    pub fn id(&self) -> &ChannelId {
        &self.spec.id
    }

    /// What the connector needs to be built, without a limit on memory.
    pub fn context(&self) -> ConnectorContext {
        ConnectorContext {
            channel: self.spec.id.clone(),
            zone: self.spec.zone,
            budget: self.spec.budget,
            gate: self.gate.clone(),
            clock: clock::machine(),
            memory: Memory::default(),
            folder: self.spec.folder.clone(),
            inbox: self.endpoint.as_ref().map(|endpoint| endpoint.inbox.clone()),
            mapped: Some(self.spec.mapped.clone()),
        }
    }

    /// Builds the connector.
    ///
    /// # Errors
    /// The settings contradict each other.
    pub fn connector(&self, context: ConnectorContext) -> Result<Box<dyn AnyConnector>, Fault> {
        (self.kind.build)(&self.spec.section, context)
    }

    /// The fence under which the channel reads: for a polled channel, that of the lease. A push channel
    /// needs no lease, because every process reads what it received.
    pub fn read_fence(&self, lease_fence: u64) -> u64 {
        if self.endpoint.is_some() { Position::UNLEASED } else { lease_fence }
    }

    /// The same channel with another schedule; without one, it ends once it has caught up.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Option<Schedule>) -> Self {
        Arc::make_mut(&mut self.spec).pace.schedule = schedule;
        self
    }

    /// A channel beside this one that reads `range` again and then ends.
    #[must_use]
    pub fn backfill(&self, range: TimeRange) -> Self {
        let mut backfill = self.clone().with_schedule(None);
        Arc::make_mut(&mut backfill.spec).range = Some(range);
        let numbers = Arc::clone(&self.handle.numbers);
        backfill.handle = ChannelHandle { numbers, ..ChannelHandle::new(self.id().clone()) };
        backfill
    }
}

/// Whether two lists of channels have the same specifications in the same order.
pub fn have_same_specs(a: &[LiveChannel], b: &[LiveChannel]) -> bool {
    a.iter().map(|channel| &channel.spec).eq(b.iter().map(|channel| &channel.spec))
}

/// Hands out read numbers from blocks that are reserved in the store. A crash loses the rest of a block,
/// which does no harm: numbers only have to grow.
///
/// A task that reads the channel keeps the numbers locked from before its request until the answer has a
/// number. So a later answer never has a smaller number, even if several tasks read the channel.
#[derive(Debug, Default)]
pub struct ReadNumbers {
    /// Fence of the lease under which the block was reserved.
    fence: u64,
    /// The reserved numbers that are not used yet.
    block: Range<u64>,
}

/// Number of read numbers that are reserved with one write to the store.
const BLOCK_SIZE: u64 = 1_000;

impl ReadNumbers {
    /// The next number under the lease with this `fence`, greater than all before it. Reserves a new
    /// block if the last one is used up, or was reserved under another lease.
    ///
    /// # Errors
    /// A new block cannot be reserved.
    pub async fn next(
        &mut self,
        channel: &ChannelId,
        fence: u64,
        checkpoints: &impl Checkpoints,
    ) -> Result<ReadNo, Fault> {
        if self.block.is_empty() || self.fence != fence {
            self.block = checkpoints.reserve(channel, fence, BLOCK_SIZE).await?;
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

    /// The channels of a configuration with one text in a file replaced.
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
    fn a_channel_restarts_if_and_only_if_its_specification_changes() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate(Suite::default()).unwrap();
        let built = |keys, edit| built(folder.path(), keys, edit).unwrap();
        let running = built(&keys, (CHANNEL, "", ""));
        for (file, from, to, continues) in [
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
            let reloaded = built(&keys, (file, from, to));
            assert_eq!(have_same_specs(&running, &reloaded), continues, "{file}: {to}");
        }
        let other_keys = Keys::generate(Suite::default()).unwrap();
        assert!(!have_same_specs(&running, &built(&other_keys, (CHANNEL, "", ""))), "other keys");
        let backfill = running[0].backfill(TimeRange::new(Default::default(), None).unwrap());
        assert!(!have_same_specs(&running, &[backfill]), "a backfill is not the channel itself");
    }

    #[test]
    fn a_push_channel_without_authentication_needs_a_loopback_listener() {
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
        let reachable = ("gateway.toml", "127.0.0.1:8421\"", "0.0.0.0:8421\"\nproxy = true # ");
        for (auth, listen, is_allowed) in [
            ("\"none\"", ("gateway.toml", "", ""), true),
            ("{ bearer = { env = \"TOKEN\" } }", reachable, true),
            ("\"none\"", reachable, false),
        ] {
            channel(auth);
            let found = built(folder.path(), &keys, listen).map(|channels| channels.len());
            assert_eq!(found.is_ok(), is_allowed, "{auth}, {listen:?}: {found:?}");
            if let Err(problems) = found {
                let report = problems.to_string();
                assert!(
                    report.contains("channels/app/channel.toml:6") && report.contains("0.0.0.0")
                );
            }
        }
    }

    #[test]
    fn a_short_token_of_a_push_channel_is_refused_on_a_loopback_address_too() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate(Suite::default()).unwrap();
        shipped::write(folder.path(), &[]).unwrap();
        fs::write(folder.path().join("long"), "0123456789abcdef\n").unwrap();
        fs::write(folder.path().join("short"), "0123456789abcde\n").unwrap();
        fs::create_dir_all(folder.path().join("channels/app")).unwrap();
        for auth in [
            "bearer = { file = \"long\" }",
            "header = { name = \"X-Token\", value = { file = \"long\" } }",
            "x_bg = { access_key = \"a\", secret_key = { file = \"long\" } }",
            "sign = { algorithm = \"hmac_sha256\", key = { file = \"long\" }, parts = [\"body\"], \
             signature = { header = \"X-Sign\" } }",
            "sign = { algorithm = \"sha256\", parts = [{ secret = { file = \"long\" } }, \"body\"], \
             signature = { param = \"sign\" } }",
        ] {
            for (file, is_allowed) in [("long", true), ("short", false)] {
                let text = format!(
                    "name = \"app\"\nconnector = \"webhook\"\n[schedule]\nevery = \"1m\"\n[webhook]\n\
                     auth = {{ {} }}\nkey = \"$.id\"\n[demand]\nsource_no = \"$.id\"\n",
                    auth.replace("long", file)
                );
                fs::write(folder.path().join("channels/app/channel.toml"), text).unwrap();
                let built = assemble::channels(&assemble::settings(folder.path()).unwrap(), &keys);
                let report = built.err().map_or_else(String::new, |found| found.to_string());
                assert_eq!(report.is_empty(), is_allowed, "{auth}: {report}");
                assert!(is_allowed || report.contains("has fewer than 16 characters"), "{report}");
            }
        }
    }

    #[test]
    fn the_examples_for_platforms_that_push_are_channels() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate(Suite::default()).unwrap();
        shipped::write(folder.path(), &[]).unwrap();
        fs::write(folder.path().join("long"), "0123456789abcdef\n").unwrap();
        fs::create_dir_all(folder.path().join("channels/app")).unwrap();
        let page = include_str!("../../CONTRIBUTING.md");
        let (_, section) = page.split_once("\n## Receiving from platforms that push\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let examples: Vec<&str> = section.split("\n```toml\n").skip(1).collect();
        assert_eq!(examples.len(), 4);
        for example in examples {
            let example = example.split("\n```").next().unwrap();
            let filed = example.replace("env = \"HOOK_SECRET\"", "file = \"long\"");
            for (token, is_allowed) in [("long", true), ("short", !filed.contains("HOOK_TOKEN"))] {
                fs::write(folder.path().join("short"), "0123456789abcde\n").unwrap();
                let filed = filed.replace("env = \"HOOK_TOKEN\"", &format!("file = \"{token}\""));
                let text = format!(
                    "name = \"app\"\nconnector = \"webhook\"\n[schedule]\nevery = \"1m\"\n{filed}\n\
                     [demand]\nsource_no = \"$.id\"\n",
                );
                fs::write(folder.path().join("channels/app/channel.toml"), text).unwrap();
                let built = assemble::channels(&assemble::settings(folder.path()).unwrap(), &keys);
                let report = built.err().map_or_else(String::new, |found| found.to_string());
                assert_eq!(report.is_empty(), is_allowed, "{filed}: {report}");
                assert!(is_allowed || report.contains("the token has fewer than 16"), "{report}");
            }
        }
    }
}
