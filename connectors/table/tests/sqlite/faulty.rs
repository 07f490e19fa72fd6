//! A database that refuses requests because it is locked or altered by another program.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use connector_table::Table;
use connector_testkit::{Broken, HasTimeout, Refuses, Silent, Source, WrongFormat};
use serde_json::json;
use sqlx::{Sqlite, Transaction};

use crate::city::{City, Desk, FindBy};

pub(crate) struct FaultyDatabase {
    city: City,
    lock: Option<Transaction<'static, Sqlite>>,
}

impl FaultyDatabase {
    pub(crate) async fn new() -> Self {
        let city = City::sqlite(FindBy::ChangesAndFlag).await.with(json!({ "timeout": "200ms" }));
        Self { city, lock: None }
    }

    async fn lock(&mut self) {
        let Desk::Sqlite(pool) = &self.city.desk else { panic!("SQLite") };
        self.lock = Some(pool.begin_with("BEGIN EXCLUSIVE").await.unwrap());
    }

    async fn unlock(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.rollback().await.unwrap();
        }
    }
}

impl Source for FaultyDatabase {
    type Connector = Table;

    const MAX_DELAY: Duration = City::MAX_DELAY;

    fn connector(&self) -> Table {
        self.city.connector()
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        self.city.add(keys, age).await;
    }

    async fn change(&mut self, key: &str) {
        self.city.change(key).await;
    }
}

impl Refuses<Broken> for FaultyDatabase {
    async fn refuse(&mut self, _: Broken) {
        self.lock().await;
    }

    async fn stop_refusing(&mut self) {
        self.unlock().await;
    }
}

impl Refuses<Silent> for FaultyDatabase {
    async fn refuse(&mut self, _: Silent) {
        self.lock().await;
    }

    async fn stop_refusing(&mut self) {
        self.unlock().await;
    }
}

impl HasTimeout for FaultyDatabase {
    const TIMEOUT: Duration = Duration::from_millis(200);
}

impl Refuses<WrongFormat> for FaultyDatabase {
    async fn refuse(&mut self, _: WrongFormat) {
        self.city.run("ALTER TABLE orders RENAME TO orders_of_last_year").await;
    }

    async fn stop_refusing(&mut self) {
        self.city.run("ALTER TABLE orders_of_last_year RENAME TO orders").await;
    }
}
