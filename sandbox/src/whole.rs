//! The whole city: every channel with its share of the demands, from one seed.
//!
//! The shares are those of a city where most people call the hotline. A new channel is added to
//! [`CHANNELS`] and to [`City::open`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::grid::Grid;
use crate::inspection::{Platform, Province, State};
use crate::petition::Bureau;
use crate::source::{Simulator, Upstream};
use crate::{Behaviour, Clock, Enterprise, Faults, Hotline, Limits, QuirkSet, Retention, Truth};

/// The channels, and how many of a thousand demands come through each.
pub const CHANNELS: &[(&str, u64)] = &[
    ("hotline", 800),
    ("message_board", 40),
    ("petition", 60),
    ("inspection_state", 10),
    ("inspection_province", 10),
    ("enterprise", 20),
    ("mobile", 60),
];

/// How often [`City::live`] does something.
const TICK: Duration = Duration::from_millis(200);

/// What city to open.
#[derive(Clone, Debug)]
pub struct CityPlan {
    /// Same seed, same demands.
    pub seed: u64,
    /// Folder for what is kept in files.
    pub dir: PathBuf,
    /// Demands at the start, over all channels.
    pub records: u64,
    /// Names out of [`CHANNELS`]; the others get the shares of channels that are left out.
    pub channels: Vec<&'static str>,
    /// Quirks by channel, as [`Faults::parse`] reads them; other channels have none.
    pub faults: BTreeMap<String, String>,
    /// The city's time.
    pub clock: Clock,
    /// How much of the past is kept.
    pub retention: Retention,
}

impl CityPlan {
    /// All channels as in a demonstration: with quirks, only the newest states kept, at the
    /// machine's time.
    #[must_use]
    pub fn demonstration(seed: u64, dir: PathBuf, records: u64) -> Self {
        let faults = CHANNELS.iter().map(|(name, _)| ((*name).to_owned(), "all".to_owned()));
        Self {
            seed,
            dir,
            records,
            channels: CHANNELS.iter().map(|(name, _)| *name).collect(),
            faults: faults.collect(),
            clock: Clock::machine(),
            retention: Retention::Newest,
        }
    }

    /// The number of records of each channel; the remainder of the division goes to the first.
    #[must_use]
    pub fn split(&self) -> Vec<(&'static str, u64)> {
        let chosen: Vec<_> =
            CHANNELS.iter().filter(|(name, _)| self.channels.contains(name)).collect();
        let whole: u64 = chosen.iter().map(|(_, share)| share).sum();
        let of = |share: u64| self.records * share / whole.max(1);
        let mut split: Vec<_> = chosen.iter().map(|(name, share)| (*name, of(*share))).collect();
        let given: u64 = split.iter().map(|(_, n)| n).sum();
        if let Some((_, first)) = split.first_mut() {
            *first += self.records - given;
        }
        split
    }

    /// How a channel behaves. Nobody waits for limits in a demonstration.
    fn behaviour<Q: QuirkSet>(&self, channel: &str) -> anyhow::Result<Behaviour<Q>> {
        let text = self.faults.get(channel).map_or("", String::as_str);
        let faults = Faults::parse(text).with_context(|| format!("the faults of {channel}"))?;
        let (limits, retention) = (Limits::Loose, self.retention);
        let plain = Behaviour::new(self.seed, self.clock.clone());
        Ok(Behaviour { faults, limits, retention, ..plain })
    }
}

/// The city while its sources answer, until it is dropped.
#[derive(Debug, Default)]
pub struct City {
    /// The channels with the number of demands that each had at the start.
    pub split: Vec<(&'static str, u64)>,
    /// The addresses of the channels that are queried over HTTP, `http://127.0.0.1:port`, by name.
    pub addresses: Vec<(&'static str, String)>,
    /// The variables that the folders of the channels need.
    pub environment: Vec<(&'static str, String)>,
    /// In the order of the split.
    channels: Vec<Channel>,
}

#[derive(Debug)]
enum Channel {
    Hotline(Box<Hotline>),
    Files(Box<Enterprise>),
    Http(Box<dyn HttpSource>),
}

/// A [`Simulator`] of any kind.
trait HttpSource: std::fmt::Debug + Send + Sync {
    fn truth(&self) -> Truth;
    fn live(&self, new: u64, moved: u64);
}

impl<U: Upstream> HttpSource for Simulator<U> {
    fn truth(&self) -> Truth {
        self.truth()
    }

    fn live(&self, new: u64, moved: u64) {
        self.file(new);
        self.touch(moved);
    }
}

impl City {
    /// Opens the chosen channels and files their records.
    ///
    /// # Errors
    /// When the hotline's database exists already or cannot be created, or there is no free port.
    pub async fn open(plan: &CityPlan) -> anyhow::Result<Self> {
        let mut city = Self { split: plan.split(), ..Self::default() };
        for (name, records) in city.split.clone() {
            match name {
                "hotline" => city.open_hotline(plan, records).await?,
                "message_board" => city.open_source::<Board>(plan, records).await?,
                "petition" => city.open_source::<Bureau>(plan, records).await?,
                "inspection_state" => city.open_source::<Platform<State>>(plan, records).await?,
                "inspection_province" => {
                    city.open_source::<Platform<Province>>(plan, records).await?;
                }
                "enterprise" => city.open_enterprise(plan, records)?,
                _ => city.open_source::<Grid>(plan, records).await?,
            }
        }
        // Both inspections encrypt rows with the same key.
        city.environment.sort_unstable();
        city.environment.dedup();
        Ok(city)
    }

    async fn open_hotline(&mut self, plan: &CityPlan, records: u64) -> anyhow::Result<()> {
        let behaviour = plan.behaviour("hotline")?;
        let hotline = Hotline::create(&plan.dir.join("hotline.db"), behaviour).await?;
        hotline.file(records).await.context("the hotline")?;
        self.environment.push(("HOTLINE_DATABASE_URL", hotline.url().to_owned()));
        self.channels.push(Channel::Hotline(Box::new(hotline)));
        Ok(())
    }

    fn open_enterprise(&mut self, plan: &CityPlan, records: u64) -> anyhow::Result<()> {
        let files = Enterprise::create(&plan.dir.join("wqfw"), plan.behaviour("enterprise")?)?;
        files.file(records);
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
        source.file(records);
        self.addresses.push((U::CHANNEL, source.url().to_owned()));
        self.environment.extend(source.environment());
        self.channels.push(Channel::Http(Box::new(source)));
        Ok(())
    }

    /// What every channel ever served, up to now.
    ///
    /// # Errors
    /// When the hotline's database cannot be read.
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

    /// Files so many demands per second over all channels, by their shares, until `stop` is
    /// cancelled. For five new demands an old one changes.
    ///
    /// # Errors
    /// When the hotline's database refuses.
    pub async fn live(&self, per_second: u64, stop: CancellationToken) -> anyhow::Result<()> {
        let mut interval = interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut before = 0;
        while stop.run_until_cancelled(interval.tick()).await.is_some() {
            self.grow(before, before + per_second).await?;
            before += per_second;
        }
        Ok(())
    }

    /// Does what is due between two points; a point is a fifth of a demand over all channels.
    async fn grow(&self, before: u64, now: u64) -> anyhow::Result<()> {
        let is_open = |name: &str| self.split.iter().any(|(known, _)| *known == name);
        let shares = CHANNELS.iter().filter(|(name, _)| is_open(name)).map(|(_, share)| *share);
        let whole: u64 = shares.clone().sum();
        for (share, channel) in shares.zip(&self.channels) {
            let due = |points: u64, of: u64| points * share / (5 * of * whole);
            let (new, moved) = (due(now, 1) - due(before, 1), due(now, 5) - due(before, 5));
            match channel {
                Channel::Hotline(hotline) if new + moved > 0 => {
                    hotline.file(new).await?;
                    hotline.touch(moved).await?;
                    hotline.urge(moved / 2).await?;
                }
                Channel::Files(files) if new > 0 => {
                    files.file(new);
                    files.touch(new);
                    files.drop_file()?;
                }
                Channel::Hotline(_) | Channel::Files(_) => {}
                Channel::Http(source) => source.live(new, moved),
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
        let told: Vec<_> = truths.iter().map(|t| (t.channel, t.things().len() as u64)).collect();
        assert_eq!(told, city.split);
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
        let none = CityPlan { records: 0, faults: BTreeMap::new(), ..plan(&dir) };
        let city = City::open(&none).await.unwrap();
        for tick in 0..50 {
            city.grow(tick * 100, (tick + 1) * 100).await.unwrap();
        }
        let truths = city.truths().await.unwrap();
        let told: Vec<_> = truths.iter().map(|t| t.things().len()).collect();
        assert_eq!(told, [800, 40, 60, 10, 10, 20, 60], "a thousand demands");
        let states: usize = truths[2].things().iter().map(|thing| thing.states.len()).sum();
        assert!(states > 60, "petitions move on");
    }

    #[tokio::test]
    async fn a_wrong_switch_names_its_channel() {
        let dir = tempfile::tempdir().unwrap();
        let faults = BTreeMap::from([("petition".to_owned(), "busyy@3".to_owned())]);
        let error = City::open(&CityPlan { faults, ..plan(&dir) }).await.unwrap_err();
        assert!(format!("{error:#}").contains("the faults of petition"), "{error:#}");
    }
}
