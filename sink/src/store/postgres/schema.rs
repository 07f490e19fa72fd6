//! A store in a corner of a database: a schema of its own, which only demonstrations and tests use.

use contract::Fault;
use sqlx::AssertSqlSafe;

use super::{
    Postgres,
    fault::fault,
    hosts::Hosts,
    link::{Link, close},
};
use crate::store::Access;

impl Postgres {
    /// Makes the schema `name`, empty: what was in it is dropped. `name` is a plain word.
    ///
    /// # Errors
    /// As [`Postgres::open`]; or the schema may not be made.
    pub async fn make_schema(url: &str, name: &str) -> Result<(), Fault> {
        let link = Link::new(Hosts::parse(url)?, Access::ReadWrite);
        let (_, mut connection) = link.find().await?;
        let name: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let sql = format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}");
        let made = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
        close(connection).await;
        made.map(drop).map_err(|error| fault(link.place(), "make a schema", &error))
    }

    /// The URL of the store in the schema `name`.
    pub fn in_schema(url: &str, name: &str) -> String {
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}options=-c%20search_path%3D{name}")
    }
}
