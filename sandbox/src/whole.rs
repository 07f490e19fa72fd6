//! The whole city at once: every channel with its share of what people say, from one seed.
//!
//! A channel is added here in four places, all in [`CHANNELS`] and [`City`]; the shares are those of
//! a city where the hotline is what everybody knows.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::source::{Simulator, Upstream};
use crate::{
    Clock, Conduct, Corpus, Faults, Hotline, Inspection, Limits, Memory, MessageBoard, Mobile,
    Petitions, Settings, Truth,
};

/// The channels there are, and how many of a thousand demands come through each.
pub const CHANNELS: &[(&str, u64)] = &[
    ("hotline", 820),
    ("message_board", 40),
    ("petition", 60),
    ("inspection", 20),
    ("mobile", 60),
];

/// How often [`City::live`] lets something happen.
const TICK: Duration = Duration::from_millis(200);

/// What city there should be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Same seed, same demands.
    pub seed: u64,
    /// Folder for what is kept in files.
    pub dir: PathBuf,
    /// Demands there from the start, over all channels.
    pub records: u64,
    /// Names out of [`CHANNELS`]; the shares of those left out go to the others.
    pub channels: Vec<&'static str>,
    /// Whether the faults of a demonstration occur.
    pub with_faults: bool,
    /// The city's time.
    pub clock: Clock,
    /// Where the texts come from: each channel has its own part of them.
    pub corpus: Corpus,
    /// How often the sources may be called.
    pub limits: Limits,
    /// How much of the past is remembered.
    pub memory: Memory,
}

impl Plan {
    /// All channels as in a demonstration: with faults, loose limits and nothing remembered but the
    /// newest states, at the machine's time.
    #[must_use]
    pub fn demonstration(seed: u64, dir: PathBuf, records: u64) -> Self {
        Self {
            seed,
            dir,
            records,
            channels: CHANNELS.iter().map(|(name, _)| *name).collect(),
            with_faults: true,
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

    fn conduct<F: crate::Switch>(&self, corpus: Corpus) -> Conduct<F> {
        let faults = if self.with_faults { Faults::all_sparse() } else { Faults::none() };
        let Self { limits, memory, .. } = *self;
        let plain = Conduct::new(self.seed, self.clock.clone());
        Conduct { corpus, faults, limits, memory, ..plain }
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
    /// 互联网+督查.
    pub inspection: Option<Inspection>,
    /// Mobile app and grid.
    pub mobile: Option<Mobile>,
}

impl City {
    /// Opens the chosen channels and files their records.
    ///
    /// # Errors
    /// When the hotline's database exists already or cannot be made, or there is no free port.
    pub async fn open(plan: &Plan) -> anyhow::Result<Self> {
        let split = plan.split();
        let mut corpus = plan.corpus.clone();
        let mut city = Self {
            split: split.clone(),
            hotline: None,
            message_board: None,
            petition: None,
            inspection: None,
            mobile: None,
        };
        for (name, records) in split {
            let own = corpus.split_off(records);
            match name {
                "hotline" => city.hotline = Some(hotline(plan, own, records).await?),
                "message_board" => city.message_board = Some(source(plan, own, records).await?),
                "petition" => city.petition = Some(source(plan, own, records).await?),
                "inspection" => city.inspection = Some(source(plan, own, records).await?),
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

    /// The variables that the folders of the channels need.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let hotline = self.hotline.as_ref();
        let mut all: Vec<_> =
            hotline.map(|h| ("HOTLINE_DATABASE_URL", h.url().to_owned())).into_iter().collect();
        all.extend(self.message_board.iter().flat_map(Simulator::environment));
        all.extend(self.petition.iter().flat_map(Simulator::environment));
        all.extend(self.inspection.iter().flat_map(Simulator::environment));
        all.extend(self.mobile.iter().flat_map(Simulator::environment));
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
        truths.extend(self.inspection.iter().map(Simulator::truth));
        truths.extend(self.mobile.iter().map(Simulator::truth));
        Ok(truths)
    }

    /// Lets demands come in by their shares, so many per second over all channels, until `stop` is
    /// cancelled. For five new ones an old one moves on.
    ///
    /// # Errors
    /// When the hotline's database refuses.
    pub async fn live(&self, per_second: u64, stop: CancellationToken) -> anyhow::Result<()> {
        let shares: Vec<_> = CHANNELS
            .iter()
            .filter(|(name, _)| self.split.iter().any(|(own, _)| own == name))
            .collect();
        let whole: u64 = shares.iter().map(|(_, share)| share).sum();
        let mut interval = interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut before = 0;
        while stop.run_until_cancelled(interval.tick()).await.is_some() {
            let now = before + per_second;
            for (name, share) in &shares {
                // In fifths of a second, and so many of `whole`.
                let due = |ticks: u64, of: u64| ticks * share / (5 * of * whole.max(1));
                let (new, moved) = (due(now, 1) - due(before, 1), due(now, 5) - due(before, 5));
                self.happens(name, new, moved).await?;
            }
            before = now;
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
            "inspection" => lives(self.inspection.as_ref(), new, moved),
            _ => lives(self.mobile.as_ref(), new, moved),
        }
        Ok(())
    }
}

async fn hotline(plan: &Plan, corpus: Corpus, records: u64) -> anyhow::Result<Hotline> {
    let faults = if plan.with_faults { Faults::all_sparse() } else { Faults::none() };
    let plain = Settings::new(plan.seed, plan.clock.clone());
    let settings = Settings { faults, corpus, memory: plan.memory, ..plain };
    let hotline = Hotline::create(&plan.dir.join("hotline.db"), settings).await?;
    hotline.file(records).await.context("the hotline")?;
    Ok(hotline)
}

async fn source<U: Upstream>(
    plan: &Plan,
    corpus: Corpus,
    records: u64,
) -> anyhow::Result<Simulator<U>> {
    let source = Simulator::open(plan.conduct(corpus)).await?;
    source.file(records);
    Ok(source)
}

fn lives<U: Upstream>(source: Option<&Simulator<U>>, new: u64, moved: u64) {
    if let Some(source) = source {
        source.file(new);
        source.touch(moved);
    }
}
