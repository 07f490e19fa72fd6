//! The whole city at once: every channel with its share of what people say, from one seed.
//!
//! The shares are those of a city where the hotline is what everybody knows. A channel that comes
//! new stands in [`CHANNELS`] and is a field of [`City`], which its methods go through one by one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::source::{Simulator, Upstream};
use crate::{
    Clock, Conduct, Corpus, Enterprise, EnterpriseSettings, Faults, Hotline, Limits, Memory,
    MessageBoard, Mobile, Petitions, ProvinceInspection, Settings, StateInspection, Switch, Truth,
};

/// The channels there are, and how many of a thousand demands come through each.
pub const CHANNELS: &[(&str, u64)] = &[
    ("hotline", 800),
    ("message_board", 40),
    ("petition", 60),
    ("inspection_state", 10),
    ("inspection_province", 10),
    ("enterprise", 20),
    ("mobile", 60),
];

/// How often [`City::live`] lets something happen.
const TICK: Duration = Duration::from_millis(200);

/// What city there should be.
#[derive(Clone, Debug)]
pub struct CityPlan {
    /// Same seed, same demands.
    pub seed: u64,
    /// Folder for what is kept in files.
    pub dir: PathBuf,
    /// Demands there from the start, over all channels.
    pub records: u64,
    /// Names out of [`CHANNELS`]; the shares of those left out go to the others.
    pub channels: Vec<&'static str>,
    /// Fault switches by channel, as [`Faults::parse`] reads them; a channel not named has none.
    pub faults: BTreeMap<String, String>,
    /// The city's time.
    pub clock: Clock,
    /// Where the texts come from: each channel has its own part of them.
    pub corpus: Corpus,
    /// How often the sources may be called.
    pub limits: Limits,
    /// How much of the past is remembered.
    pub memory: Memory,
}

impl CityPlan {
    /// All channels as in a demonstration: with faults, loose limits and nothing remembered but the
    /// newest states, at the machine's time.
    #[must_use]
    pub fn demonstration(seed: u64, dir: PathBuf, records: u64) -> Self {
        Self {
            seed,
            dir,
            records,
            channels: CHANNELS.iter().map(|(name, _)| *name).collect(),
            faults: CHANNELS
                .iter()
                .map(|(name, _)| ((*name).to_owned(), "all".to_owned()))
                .collect(),
            clock: Clock::machine(),
            corpus: Corpus::Generated,
            limits: Limits::Loose,
            memory: Memory::Newest,
        }
    }

    /// How the records fall to the channels, by name; the remainder of the division goes to the
    /// first.
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

    /// The switches of a channel.
    fn faults<F: Switch>(&self, channel: &str) -> anyhow::Result<Faults<F>> {
        let text = self.faults.get(channel).map_or("", String::as_str);
        Faults::parse(text).with_context(|| format!("the faults of {channel}"))
    }
}

/// The city while its sources answer: until it is dropped.
#[derive(Debug)]
pub struct City {
    split: Vec<(&'static str, u64)>,
    /// The 12345 hotline.
    pub hotline: Option<Hotline>,
    /// 领导留言板.
    pub message_board: Option<MessageBoard>,
    /// 信访.
    pub petition: Option<Petitions>,
    /// 国务院互联网+督查.
    pub inspection_state: Option<StateInspection>,
    /// 省政府互联网+督查.
    pub inspection_province: Option<ProvinceInspection>,
    /// 为企服务, files in a folder.
    pub enterprise: Option<Enterprise>,
    /// Mobile app and grid.
    pub mobile: Option<Mobile>,
}

impl City {
    /// Opens the chosen channels and files their records.
    ///
    /// # Errors
    /// When the hotline's database exists already or cannot be made, or there is no free port.
    pub async fn open(plan: &CityPlan) -> anyhow::Result<Self> {
        let split = plan.split();
        let mut corpus = plan.corpus.clone();
        let mut city = Self {
            split: split.clone(),
            hotline: None,
            message_board: None,
            petition: None,
            inspection_state: None,
            inspection_province: None,
            enterprise: None,
            mobile: None,
        };
        for (name, records) in split {
            let own = corpus.split_off(records);
            match name {
                "hotline" => city.hotline = Some(hotline(plan, own, records).await?),
                "message_board" => city.message_board = Some(source(plan, own, records).await?),
                "petition" => city.petition = Some(source(plan, own, records).await?),
                "inspection_state" => {
                    city.inspection_state = Some(source(plan, own, records).await?);
                }
                "inspection_province" => {
                    city.inspection_province = Some(source(plan, own, records).await?);
                }
                "enterprise" => city.enterprise = Some(enterprise(plan, own, records)?),
                _ => city.mobile = Some(source(plan, own, records).await?),
            }
        }
        Ok(city)
    }

    /// The channels with the number of demands each had from the start.
    #[must_use]
    pub fn split(&self) -> &[(&'static str, u64)] {
        &self.split
    }

    /// Where the channels that are asked over HTTP answer, `http://127.0.0.1:port`, by name.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        fn at<U: Upstream>(source: Option<&Simulator<U>>) -> Option<(&'static str, String)> {
            source.map(|source| (U::CHANNEL, source.url().to_owned()))
        }
        let all = [
            at(self.message_board.as_ref()),
            at(self.petition.as_ref()),
            at(self.inspection_state.as_ref()),
            at(self.inspection_province.as_ref()),
            at(self.mobile.as_ref()),
        ];
        all.into_iter().flatten().collect()
    }

    /// The variables that the folders of the channels need.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let hotline = self.hotline.as_ref();
        let mut all: Vec<_> =
            hotline.map(|h| ("HOTLINE_DATABASE_URL", h.url().to_owned())).into_iter().collect();
        let folder = self.enterprise.as_ref().map(|e| e.folder().display().to_string());
        all.extend(folder.map(|folder| ("ENTERPRISE_DROP_URL", folder)));
        all.extend(self.message_board.iter().flat_map(Simulator::environment));
        all.extend(self.petition.iter().flat_map(Simulator::environment));
        all.extend(self.inspection_state.iter().flat_map(Simulator::environment));
        all.extend(self.inspection_province.iter().flat_map(Simulator::environment));
        all.extend(self.mobile.iter().flat_map(Simulator::environment));
        // Both inspections seal rows with the same key.
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What every channel ever said, up to now.
    ///
    /// # Errors
    /// When the hotline's database cannot be read.
    pub async fn truths(&self) -> anyhow::Result<Vec<Truth>> {
        let mut truths = Vec::new();
        if let Some(hotline) = &self.hotline {
            truths.push(hotline.truth().await?);
        }
        truths.extend(self.message_board.iter().map(Simulator::truth));
        truths.extend(self.petition.iter().map(Simulator::truth));
        truths.extend(self.inspection_state.iter().map(Simulator::truth));
        truths.extend(self.inspection_province.iter().map(Simulator::truth));
        truths.extend(self.enterprise.iter().map(Enterprise::truth));
        truths.extend(self.mobile.iter().map(Simulator::truth));
        Ok(truths)
    }

    /// Lets demands come in by their shares, so many per second over all channels, until `stop` is
    /// cancelled. For five new ones an old one moves on.
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

    /// Lets happen what lies between two points; a point is a fifth of a demand over all channels.
    async fn grow(&self, before: u64, now: u64) -> anyhow::Result<()> {
        let own = |name: &str| self.split.iter().any(|(known, _)| *known == name);
        let shares: Vec<_> = CHANNELS.iter().filter(|(name, _)| own(name)).collect();
        let whole: u64 = shares.iter().map(|(_, share)| share).sum();
        for (name, share) in shares {
            let due = |points: u64, of: u64| points * share / (5 * of * whole);
            let (new, moved) = (due(now, 1) - due(before, 1), due(now, 5) - due(before, 5));
            self.happens(name, new, moved).await?;
        }
        Ok(())
    }

    async fn happens(&self, channel: &str, new: u64, moved: u64) -> anyhow::Result<()> {
        match channel {
            "hotline" => {
                let Some(hotline) = self.hotline.as_ref().filter(|_| new + moved > 0) else {
                    return Ok(());
                };
                hotline.file(new).await?;
                hotline.touch(moved).await?;
                hotline.urge(moved / 2).await?;
            }
            "message_board" => lives(self.message_board.as_ref(), new, moved),
            "petition" => lives(self.petition.as_ref(), new, moved),
            "inspection_state" => lives(self.inspection_state.as_ref(), new, moved),
            "inspection_province" => lives(self.inspection_province.as_ref(), new, moved),
            "enterprise" => {
                if let Some(enterprise) = self.enterprise.as_ref().filter(|_| new > 0) {
                    enterprise.file(new);
                    enterprise.touch(new);
                    enterprise.drop_file()?;
                }
            }
            _ => lives(self.mobile.as_ref(), new, moved),
        }
        Ok(())
    }
}

async fn hotline(plan: &CityPlan, corpus: Corpus, records: u64) -> anyhow::Result<Hotline> {
    let plain = Settings::new(plan.seed, plan.clock.clone());
    let faults = plan.faults("hotline")?;
    let settings = Settings { faults, corpus, memory: plan.memory, ..plain };
    let hotline = Hotline::create(&plan.dir.join("hotline.db"), settings).await?;
    hotline.file(records).await.context("the hotline")?;
    Ok(hotline)
}

fn enterprise(plan: &CityPlan, corpus: Corpus, records: u64) -> anyhow::Result<Enterprise> {
    let plain = EnterpriseSettings::new(plan.seed, plan.clock.clone());
    let settings = EnterpriseSettings { faults: plan.faults("enterprise")?, corpus, ..plain };
    let enterprise = Enterprise::create(&plan.dir.join("wqfw"), settings)?;
    enterprise.file(records);
    enterprise.drop_file()?;
    Ok(enterprise)
}

async fn source<U: Upstream>(
    plan: &CityPlan,
    corpus: Corpus,
    records: u64,
) -> anyhow::Result<Simulator<U>> {
    let CityPlan { limits, memory, .. } = *plan;
    // Not the hotline's seed, nor each other's: not everybody says everything everywhere.
    let own = CHANNELS.iter().zip(0_u64..).find(|((name, _), _)| *name == U::CHANNEL);
    let seed = plan.seed ^ (own.map_or(0, |(_, place)| place) << 48);
    let plain = Conduct::new(seed, plan.clock.clone());
    let faults = plan.faults(U::CHANNEL)?;
    let source = Simulator::open(Conduct { corpus, faults, limits, memory, ..plain }).await?;
    source.file(records);
    Ok(source)
}

fn lives<U: Upstream>(source: Option<&Simulator<U>>, new: u64, moved: u64) {
    if let Some(source) = source {
        source.file(new);
        source.touch(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hotline::town::{morning, texts};

    fn plan(dir: &tempfile::TempDir) -> CityPlan {
        let demonstration = CityPlan::demonstration(3, dir.path().to_owned(), 1_000);
        CityPlan { clock: Clock::starting(morning()), memory: Memory::All, ..demonstration }
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
        let told: Vec<_> = truths.iter().map(|t| (t.channel(), t.things().len() as u64)).collect();
        assert_eq!(told, city.split());
        let environment = city.environment();
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
        let addresses = city.addresses();
        assert_eq!(addresses.len() + 2, CHANNELS.len(), "a database and a folder have none");
        for (name, _) in addresses {
            assert!(truths.iter().any(|truth| truth.channel() == name));
        }
        let names: std::collections::BTreeSet<_> = environment.iter().map(|(n, _)| n).collect();
        assert_eq!(names.len(), environment.len());
    }

    #[tokio::test]
    async fn texts_are_dealt_out_and_none_is_said_twice() {
        let dir = tempfile::tempdir().unwrap();
        let words: Vec<String> = (0..100).map(|i| format!("第{i}条")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let plain = CityPlan { records: 100, faults: BTreeMap::new(), ..plan(&dir) };
        let city = City::open(&CityPlan { corpus: texts(&words), ..plain }).await.unwrap();
        let mut said = Vec::new();
        for truth in city.truths().await.unwrap() {
            let facts = truth.things().iter().filter_map(|thing| thing.last().facts());
            said.extend(facts.filter_map(|facts| facts.content.clone()));
        }
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), 100);
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
