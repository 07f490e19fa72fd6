//! A city and a gateway's folder in a temporary place.

use std::{fs, path::PathBuf};

use anyhow::Context;
use contract::Fault;
use gateway::{assemble, service::serve, stop::Stop, vocabulary::vocabulary};
use normalizer::{Keys, Sealer};
use sandbox::Hotline;
use sink::store::Sqlite;
use tempfile::TempDir;

/// A hotline and the configuration of a gateway that pulls it.
pub struct World {
    folder: TempDir,
    /// The hotline.
    pub hotline: Hotline,
}

impl World {
    /// Opens the city; the gateway has not begun.
    ///
    /// # Errors
    /// The folder or the hotline's database cannot be made.
    pub async fn open(settings: sandbox::Settings) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tonghui-").tempdir()?;
        let hotline = Hotline::create(&folder.path().join("hotline.db"), settings).await?;
        gateway::shipped::write(&folder.path().join("config"))?;
        Ok(Self { folder, hotline })
    }

    /// Changes the text of the hotline's channel file.
    ///
    /// # Errors
    /// The file does not contain `from`, or cannot be written.
    pub fn edit_channel(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.config().join("channels/hotline/channel.toml");
        let text = fs::read_to_string(&path)?;
        anyhow::ensure!(text.contains(from), "the channel file does not contain `{from}`");
        Ok(fs::write(path, text.replacen(from, to, 1))?)
    }

    /// The gateway's folder.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// The checked settings.
    ///
    /// # Errors
    /// The configuration has problems.
    pub fn settings(&self) -> anyhow::Result<config::Settings> {
        let environment =
            |name: &str| (name == "HOTLINE_DATABASE_URL").then(|| self.hotline.url().to_owned());
        Ok(config::resolve(&self.config(), &vocabulary(), &environment)?)
    }

    /// The store and its keys, made at first use.
    ///
    /// # Errors
    /// As [`assemble::open`].
    pub async fn store(&self) -> anyhow::Result<(Sqlite, Keys)> {
        Ok(assemble::open(&self.settings()?).await?)
    }

    /// Pulls the hotline within this process until it has caught up.
    ///
    /// # Errors
    /// The channel failed.
    pub async fn pull(&self) -> anyhow::Result<()> {
        let settings = self.settings()?;
        let (store, keys) = assemble::open(&settings).await?;
        let mut plans = assemble::channels(&settings, &keys)?;
        for plan in &mut plans {
            plan.pace.pause = None;
        }
        let ended = serve(&settings, plans, store, &Stop::default()).await;
        let ends: Result<Vec<()>, Fault> = ended.into_iter().map(|(_, end)| end).collect();
        ends.context("the channel failed")?;
        Ok(())
    }

    /// Everything that differs between what the city served and what the store holds.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub async fn differences(&self) -> anyhow::Result<Vec<String>> {
        let (store, keys) = self.store().await?;
        let oracle = self.hotline.oracle().await?;
        crate::compare::differences(&oracle, &store, &Sealer::new(&keys)).await
    }
}
