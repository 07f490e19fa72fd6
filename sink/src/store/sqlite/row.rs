//! Columns of SQLite: ids and times are text, lists are JSON text.

use contract::{DemandId, Timestamp};
use sqlx::{Error, Row, sqlite::SqliteRow};

use crate::store::database::row::{Columns, decode};

impl Columns for SqliteRow {
    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.try_get(name)
    }

    fn int(&self, name: &str) -> Result<Option<i64>, Error> {
        self.try_get(name)
    }

    fn bool(&self, name: &str) -> Result<Option<bool>, Error> {
        self.try_get(name)
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        self.try_get(name)
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.try_get(name)
    }

    fn id(&self, name: &str) -> Result<Option<DemandId>, Error> {
        let text: Option<&str> = self.try_get(name)?;
        text.map(str::parse).transpose().map_err(|error| decode(name, error))
    }

    fn json(&self, name: &str) -> Result<Option<String>, Error> {
        self.try_get(name)
    }
}
