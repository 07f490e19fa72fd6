//! Front-end database tables (前置库): most offices offer a table instead of an interface.
//!
//! A flag alone is not enough: a later change of a row does not set it. A time alone is not enough
//! either: rows are committed late, and times are text that may contain anything. So several walks
//! go over the table, each with its own position, and every row is found by at least one of them. A
//! row is acknowledged when the gateway has stored it, and only if it is still as it was read.
//!
//! Reading order: `walk.rs` (which rows), `page.rs` (one turn), `settle.rs`, then `sql.rs`.

#![warn(missing_docs)]

mod config;
mod plan;

mod walk;

mod page;

mod cursor;
mod settle;

mod record;
mod time;
mod value;

mod database;
mod driver;
mod fault;
mod sql;

use std::time::Duration;

use contract::{Batch, Connector, ConnectorContext, Entry, Fault, TimeRange};

pub use config::Config;
pub use cursor::Cursor;

use crate::{
    database::Database,
    page::{Turn, Visit},
    plan::Plan,
    walk::Walk,
};

/// After this time, a read returns what it has.
const READ_TIME: Duration = Duration::from_secs(5);

/// Pages of the first sweep between two turns of the other walks. The first sweep reads every row, so
/// what another walk reads meanwhile is read twice; but new pending rows must not wait for years of
/// old ones.
const FIRST_LOAD_PAGES: usize = 10;

/// The connector for tables.
#[derive(Debug)]
pub struct Table {
    plan: Plan,
    database: Database,
    turns: Vec<Turn>,
}

impl Connector for Table {
    const KIND: &'static str = "table";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let database = Database::new(config.url.expose(), config.timeout.0, &context)?;
        let plan = Plan::new(config, context.zone)?;
        let turns = turns(&plan);
        Ok(Self { plan, database, turns })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut cursor = after.cloned().unwrap_or_default();
        let unsettled = std::mem::take(&mut cursor.owed);
        cursor.owed_parts.clear();
        cursor.main.sweep.of(&self.plan.main);
        for part in &self.plan.parts {
            cursor.parts.entry(part.name.clone()).or_default().sweep.of(&part.target);
        }
        let n_turns = self.turns.len();
        if cursor.quiet >= n_turns {
            cursor.quiet = 0;
        }
        let started = tokio::time::Instant::now();
        let now = self.database.now(&self.plan.main).await?;
        let limit = self.plan.page.min(max.max(1));
        let database = &mut self.database;
        let mut visit = Visit { plan: &self.plan, database, now, limit, unsettled: &unsettled };
        loop {
            cursor.turn %= n_turns;
            let turn = self.turns[cursor.turn];
            let is_first_load = turn.is_first_sweep(&cursor);
            let page = visit.read(turn, &mut cursor).await?;
            // A walk that did not reach its end starts the others again: they must not wait for a
            // table that always changes.
            cursor.quiet = if page.is_end { cursor.quiet + 1 } else { 0 };
            cursor.pages += 1;
            if page.is_end || !is_first_load || cursor.pages >= FIRST_LOAD_PAGES {
                cursor.turn = (cursor.turn + 1) % n_turns;
                cursor.pages = 0;
            }
            let caught_up = cursor.quiet >= n_turns;
            let owes = !cursor.owed.is_empty() || !cursor.owed_parts.is_empty();
            if caught_up || owes || !page.entries.is_empty() || started.elapsed() > READ_TIME {
                let entries = page.entries;
                return Ok(Batch { entries, upto: cursor, caught_up, trouble: Vec::new() });
            }
        }
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        settle::settle(&mut self.database, &self.plan.main, &upto.owed).await?;
        for part in &self.plan.parts {
            let acks = upto.owed_parts.get(&part.name).map_or(&[][..], Vec::as_slice);
            settle::settle(&mut self.database, &part.target, acks).await?;
        }
        Ok(())
    }

    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        let target = &mut self.plan.main;
        let Some(changes) = &mut target.changes else {
            return Err(Fault::stopped("no column says when a row was changed")
                .at(format!("table {}", target.table))
                .remedy("add [table.changes], or set the flags of the rows back to pending"));
        };
        changes.range = Some(range);
        self.turns = vec![Turn { walk: Walk::Range, part: None }];
        Ok(())
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        record::sample(&self.plan, page)
    }
}

/// All walks over all tables. They take turns.
fn turns(plan: &Plan) -> Vec<Turn> {
    let main = Walk::over(&plan.main, plan.config.reread.as_ref(), true);
    let main = main.into_iter().map(|walk| Turn { walk, part: None });
    let parts = plan.parts.iter().enumerate().flat_map(|(index, part)| {
        let walks = Walk::over(&part.target, None, false);
        walks.into_iter().map(move |walk| Turn { walk, part: Some(index) })
    });
    main.chain(parts).collect()
}
