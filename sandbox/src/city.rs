//! The simulated city: all channels, each with its share of the demands, generated from one seed.
//!
//! As in a real city, most demands come through the hotline. To add a channel, add it to [`CHANNELS`] and
//! [`City::open`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::grid::Grid;
use crate::inspection::{National, Platform, Province};
use crate::petition::Bureau;
use crate::quirk::QuirkSet;
use crate::source::{Simulator, Upstream};
use crate::{Behaviour, Clock, Enterprise, Hotline, Limits, QuirkRates, Retention, Truth};

/// The channels, and the share of each in a thousand demands.
pub const CHANNELS: &[(&str, u64)] = &[
    ("hotline", 800),
    ("message_board", 40),
    ("petition", 60),
    ("inspection_state", 10),
    ("inspection_province", 10),
    ("enterprise", 20),
    ("mobile", 60),
];

/// The time between two steps of [`City::live`]: a fifth of a second, because a demand has five points.
const TICK: Duration = Duration::from_millis(200);

/// The parameters of a [`City`].
#[derive(Clone, Debug)]
pub struct CityPlan {
    /// The seed of the demands; the same seed gives the same demands.
    pub seed: u64,
    /// The folder for the hotline's database and the dropped files.
    pub dir: PathBuf,
    /// The number of demands of all channels at the start.
    pub records: u64,
    /// The channels to open, by their names in [`CHANNELS`]. The demands are divided among these.
    pub channels: Vec<&'static str>,
    /// The quirks of each channel by its name, in the format of [`QuirkRates::parse`]. Other channels have
    /// none.
    pub quirks: BTreeMap<String, String>,
    /// The clock of all sources.
    pub clock: Clock,
    /// Which states of records the sources keep.
    pub retention: Retention,
}

impl CityPlan {
    /// A city for demonstrations: all channels, with quirks and the machine's clock. The sources keep only
    /// the newest state of each record.
    #[must_use]
    pub fn demonstration(seed: u64, dir: PathBuf, records: u64) -> Self {
        let quirks = CHANNELS.iter().map(|(name, _)| ((*name).to_owned(), "all".to_owned()));
        Self {
            seed,
            dir,
            records,
            channels: CHANNELS.iter().map(|(name, _)| *name).collect(),
            quirks: quirks.collect(),
            clock: Clock::machine(),
            retention: Retention::Newest,
        }
    }

    /// The number of demands of each channel at the start; the first channel gets the remainder.
    #[must_use]
    pub fn split(&self) -> Vec<(&'static str, u64)> {
        let open: Vec<_> =
            CHANNELS.iter().filter(|(name, _)| self.channels.contains(name)).collect();
        let total_share: u64 = open.iter().map(|(_, share)| share).sum();
        let count = |share: u64| self.records * share / total_share.max(1);
        let mut split: Vec<_> = open.iter().map(|(name, share)| (*name, count(*share))).collect();
        let assigned: u64 = split.iter().map(|(_, n)| n).sum();
        if let Some((_, first)) = split.first_mut() {
            *first += self.records - assigned;
        }
        split
    }

    /// The behaviour of a channel. Its limits are loose, so that a reader need not wait.
    fn behaviour<Q: QuirkSet>(&self, channel: &str) -> anyhow::Result<Behaviour<Q>> {
        let text = self.quirks.get(channel).map_or("", String::as_str);
        let quirks = QuirkRates::parse(text).with_context(|| format!("the quirks of {channel}"))?;
        let (limits, retention) = (Limits::Loose, self.retention);
        let plain = Behaviour::new(self.seed, self.clock.clone());
        Ok(Behaviour { quirks, limits, retention, ..plain })
    }
}

/// A city whose sources answer until it is dropped.
#[derive(Debug, Default)]
pub struct City {
    /// The open channels, with the number of demands of each at the start.
    pub split: Vec<(&'static str, u64)>,
    /// The names and addresses (`http://127.0.0.1:port`) of the channels that are queried over HTTP.
    pub addresses: Vec<(&'static str, String)>,
    /// The environment variables that the configuration of the channels needs.
    pub environment: Vec<(&'static str, String)>,
    /// The channels, in the order of `split`.
    channels: Vec<Channel>,
}

#[derive(Debug)]
enum Channel {
    Hotline(Box<Hotline>),
    Files(Box<Enterprise>),
    Http(Box<dyn HttpSource>),
}

/// A [`Simulator`] of any kind of source.
trait HttpSource: std::fmt::Debug + Send + Sync {
    fn truth(&self) -> Truth;
    fn grow(&self, n_new: u64, n_advanced: u64);
}

impl<U: Upstream> HttpSource for Simulator<U> {
    fn truth(&self) -> Truth {
        self.truth()
    }

    fn grow(&self, n_new: u64, n_advanced: u64) {
        self.file(n_new);
        self.advance_random(n_advanced);
    }
}

impl City {
    /// Opens the channels and files their demands.
    ///
    /// # Errors
    /// If the hotline's database exists already, a file cannot be created, there is no free port, or the
    /// quirks of a channel cannot be parsed.
    pub async fn open(plan: &CityPlan) -> anyhow::Result<Self> {
        let mut city = Self { split: plan.split(), ..Self::default() };
        for (name, records) in city.split.clone() {
            match name {
                "hotline" => city.open_hotline(plan, records).await?,
                "message_board" => city.open_source::<Board>(plan, records).await?,
                "petition" => city.open_source::<Bureau>(plan, records).await?,
                "inspection_state" => city.open_source::<Platform<National>>(plan, records).await?,
                "inspection_province" => {
                    city.open_source::<Platform<Province>>(plan, records).await?;
                }
                "enterprise" => city.open_enterprise(plan, records)?,
                _ => city.open_source::<Grid>(plan, records).await?,
            }
        }
        // Both inspection platforms have the same variable for the key that encrypts rows.
        city.environment.sort_unstable();
        city.environment.dedup();
        Ok(city)
    }

    async fn open_hotline(&mut self, plan: &CityPlan, records: u64) -> anyhow::Result<()> {
        let behaviour = plan.behaviour("hotline")?;
        let hotline = Hotline::create(&plan.dir.join("hotline.db"), behaviour).await?;
        hotline.file_in_progress(records).await.context("the hotline")?;
        self.environment.push(("HOTLINE_DATABASE_URL", hotline.url().to_owned()));
        self.channels.push(Channel::Hotline(Box::new(hotline)));
        Ok(())
    }

    fn open_enterprise(&mut self, plan: &CityPlan, records: u64) -> anyhow::Result<()> {
        let files = Enterprise::create(&plan.dir.join("wqfw"), plan.behaviour("enterprise")?)?;
        files.submit_in_progress(records);
        files.drop_file()?;
        self.environment.push(("ENTERPRISE_DROP_URL", files.folder().display().to_string()));
        self.channels.push(Channel::Files(Box::new(files)));
        Ok(())
    }

    async fn open_source<U: Upstream>(
        &mut self,
        plan: &CityPlan,
        records: u64,
    ) -> anyhow::Result<()> {
        let mut behaviour = plan.behaviour(U::CHANNEL)?;
        // Each channel has its own seed, so that they do not all have the same demands.
        let index = CHANNELS.iter().zip(0_u64..).find(|((name, _), _)| *name == U::CHANNEL);
        behaviour.seed ^= index.map_or(0, |(_, index)| index) << 48;
        let source = Simulator::<U>::open(behaviour).await?;
        source.file_in_progress(records);
        self.addresses.push((U::CHANNEL, source.url().to_owned()));
        self.environment.extend(source.environment());
        self.channels.push(Channel::Http(Box::new(source)));
        Ok(())
    }

    /// Everything that each channel has ever served.
    ///
    /// # Errors
    /// If the hotline's database cannot be read.
    pub async fn truths(&self) -> anyhow::Result<Vec<Truth>> {
        let mut truths = Vec::new();
        for channel in &self.channels {
            truths.push(match channel {
                Channel::Hotline(hotline) => hotline.truth().await?,
                Channel::Files(files) => files.truth(),
                Channel::Http(source) => source.truth(),
            });
        }
        Ok(truths)
    }

    /// Files `per_second` new demands each second, divided among the channels by their shares, until
    /// `stop` is cancelled. For every five new demands, an old one changes; in the files of the
    /// enterprise platform, one for every new one.
    ///
    /// # Errors
    /// If the hotline's database refuses, or a file cannot be written.
    pub async fn live(&self, per_second: u64, stop: CancellationToken) -> anyhow::Result<()> {
        let mut interval = interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut points = 0;
        while stop.run_until_cancelled(interval.tick()).await.is_some() {
            self.grow(points, points + per_second).await?;
            points += per_second;
        }
        Ok(())
    }

    /// Files and changes the demands that are due between two counts of points since the start. Five points
    /// are one new demand, in one of the channels.
    async fn grow(&self, from: u64, to: u64) -> anyhow::Result<()> {
        let is_open = |name: &str| self.split.iter().any(|(open, _)| *open == name);
        let shares = CHANNELS.iter().filter(|(name, _)| is_open(name)).map(|(_, share)| *share);
        let total_share: u64 = shares.clone().sum();
        for (share, channel) in shares.zip(&self.channels) {
            let due = |points: u64, every: u64| points * share / (5 * every * total_share);
            let [n_new, n_advanced] = [1, 5].map(|every| due(to, every) - due(from, every));
            match channel {
                Channel::Hotline(hotline) if n_new + n_advanced > 0 => {
                    hotline.file(n_new).await?;
                    hotline.advance_random(n_advanced).await?;
                    hotline.add_pressings(n_advanced / 2).await?;
                }
                Channel::Files(files) if n_new > 0 => {
                    files.submit(n_new);
                    files.advance_random(n_new);
                    files.drop_file()?;
                }
                Channel::Hotline(_) | Channel::Files(_) => {}
                Channel::Http(source) => source.grow(n_new, n_advanced),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::morning;

    fn plan(dir: &tempfile::TempDir) -> CityPlan {
        let demonstration = CityPlan::demonstration(3, dir.path().to_owned(), 1_000);
        CityPlan { clock: Clock::starting(morning()), retention: Retention::All, ..demonstration }
    }

    #[test]
    fn the_split_gives_every_record_to_somebody() {
        let plan = |records, channels: &[&'static str]| CityPlan {
            channels: channels.to_vec(),
            ..CityPlan::demonstration(1, PathBuf::new(), records)
        };
        let all: Vec<_> = CHANNELS.iter().map(|(name, _)| *name).collect();
        for records in [0, 1, 7, 1_000, 20_003] {
            let split = plan(records, &all).split();
            assert_eq!(split.iter().map(|(_, n)| n).sum::<u64>(), records);
        }
        let split = plan(20_000, &all).split();
        assert_eq!(split[0], ("hotline", 16_000));
        assert_eq!(plan(10, &["petition", "mobile"]).split(), [("petition", 5), ("mobile", 5)]);
    }

    #[tokio::test]
    async fn all_channels_open_with_their_share_and_say_what_their_folders_need() {
        let dir = tempfile::tempdir().unwrap();
        let city = City::open(&plan(&dir)).await.unwrap();
        let truths = city.truths().await.unwrap();
        let actual: Vec<_> = truths.iter().map(|t| (t.channel, t.records().len() as u64)).collect();
        assert_eq!(actual, city.split);
        let environment = &city.environment;
        for name in [
            "HOTLINE_DATABASE_URL",
            "ENTERPRISE_DROP_URL",
            "MESSAGE_BOARD_APP_CODE",
            "PETITION_SHARED_TEXT",
            "INSPECTION_STATE_APPKEY",
            "INSPECTION_PROVINCE_APPKEY",
            "MOBILE_SECRET_KEY",
        ] {
            assert!(environment.iter().any(|(known, _)| *known == name), "{name}");
        }
        let addresses = &city.addresses;
        assert_eq!(addresses.len() + 2, CHANNELS.len(), "a database and a folder have none");
        for (name, _) in addresses {
            assert!(truths.iter().any(|truth| truth.channel == *name));
        }
        let names: std::collections::BTreeSet<_> = environment.iter().map(|(n, _)| n).collect();
        assert_eq!(names.len(), environment.len());
    }

    #[tokio::test]
    async fn a_city_grows_by_its_shares() {
        let dir = tempfile::tempdir().unwrap();
        let none = CityPlan { records: 0, quirks: BTreeMap::new(), ..plan(&dir) };
        let city = City::open(&none).await.unwrap();
        for tick in 0..50 {
            city.grow(tick * 100, (tick + 1) * 100).await.unwrap();
        }
        let truths = city.truths().await.unwrap();
        let actual: Vec<_> = truths.iter().map(|t| t.records().len()).collect();
        assert_eq!(actual, [800, 40, 60, 10, 10, 20, 60], "a thousand demands");
        let states: usize = truths[2].records().iter().map(|record| record.states.len()).sum();
        assert!(states > 60, "petitions move on");
    }

    #[tokio::test]
    async fn a_wrong_quirk_names_its_channel() {
        let dir = tempfile::tempdir().unwrap();
        let quirks = BTreeMap::from([("petition".to_owned(), "busyy@3".to_owned())]);
        let error = City::open(&CityPlan { quirks, ..plan(&dir) }).await.unwrap_err();
        assert!(format!("{error:#}").contains("the quirks of petition"), "{error:#}");
    }
}
