//! Reads tables of front-end databases (前置库): most offices offer a table instead of an interface.
//!
//! A flag alone is not enough: a later change of a row does not set it again. A time alone is not
//! enough either: rows are committed late, and times are text that may contain anything. So several
//! scans read the table, each with its own position, and at least one of them finds each row. A row is
//! acknowledged after the gateway has stored it, and only if it has not changed since it was read.
//!
//! Reading order: `scan.rs` (which rows), `page.rs` (one page), `settle.rs`, then `sql.rs`.

#![warn(missing_docs)]

mod config;
mod plan;

mod scan;

mod duplicates;
mod mapped;
mod page;

mod cursor;
mod numbers;
mod seen;
mod settle;

mod record;
mod time;
mod value;

mod account;
mod catalog;
mod database;
mod driver;
mod fault;
mod pools;
mod sql;

mod inspect;

use std::{collections::BTreeSet, time::Duration};

use connector_wire::identity::{Identity, short_hash};
use contract::{Batch, Connector, ConnectorContext, Entry, Fault, PassEnd, TimeRange};
use document::Duplicates;

pub use config::Config;
pub use cursor::Cursor;

use crate::{
    account::Account,
    database::Database,
    page::{PageReader, TableScan},
    plan::Plan,
    scan::Scan,
    settle::Acknowledgements,
};

/// Time limit of a read that finds nothing. It then returns an empty batch, with the position that it has reached.
const READ_TIME: Duration = Duration::from_secs(5);

/// Number of pages that the first sweep reads before each other scan reads one. The first sweep reads
/// every row, so rows that another scan reads in between are read twice; but new pending rows must not
/// wait until years of old rows have been read.
const FIRST_LOAD_PAGES: usize = 10;

/// The connector for tables.
#[derive(Debug)]
pub struct Table {
    plan: Plan,
    /// The settings under which records are read.
    identity: Identity,
    /// A hash of the settings that decide which rows are read.
    source: String,
    database: Database,
    /// The scans, in the order in which they take turns.
    scans: Vec<TableScan>,
    /// Whether the tables were checked.
    is_checked: bool,
    /// Whether no row without a value in a flag was found, so that nothing asks for one again.
    has_flags: bool,
    /// The rows of this pass.
    account: Account,
    /// What became of the acknowledgements of this pass.
    acknowledgements: Acknowledgements,
}

impl Connector for Table {
    const KIND: &'static str = "table";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let database = Database::new(&config, &context)?;
        let mut plan = Plan::new(config, context.zone)?;
        plan.main.mapped = context.mapped;
        let scans = all_scans(&plan);
        let identity = plan.identity();
        // A rotated password is no other database.
        let source = short_hash(&format!("{}\n{}", database.place(), plan.source()));
        Ok(Self {
            plan,
            identity,
            source,
            database,
            scans,
            is_checked: false,
            has_flags: false,
            account: Account::default(),
            acknowledgements: Acknowledgements::default(),
        })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut cursor = after.cloned().unwrap_or_default();
        if let Some(earlier) = &cursor.identity {
            self.identity.check(earlier)?;
        }
        let begins_anew = cursor.fit_to(&self.source);
        if begins_anew {
            tracing::warn!(
                table = self.plan.main.name,
                "settings of this channel have changed: it is read from its start again"
            );
        }
        let is_first_pass = after.is_none() || begins_anew;
        // The rows that the last batch may not have acknowledged yet; `""` is the main table.
        let unsettled = std::mem::take(&mut cursor.to_acknowledge).remove("").unwrap_or_default();
        cursor.main.sweep.reset_if_changed(&self.plan.main);
        for part in &self.plan.parts {
            cursor.parts.entry(part.name.clone()).or_default().sweep.reset_if_changed(&part.table);
        }
        let n_scans = self.scans.len();
        let is_new_pass = is_first_pass || cursor.n_ended >= n_scans;
        if is_new_pass {
            cursor.n_ended = 0;
            self.database.forget_catalogs();
        }
        self.check_tables().await?;
        let (main, parts) = (&self.plan.main, &self.plan.parts);
        let mapped = mapped::columns(&mut self.database, main, parts, &cursor.mapped);
        cursor.mapped = Box::pin(mapped).await?;
        if is_new_pass {
            // Only the first pass surely reads all rows. (After a change of the column a pass does too, but it
            // is not compared.)
            let is_whole = is_first_pass && self.scans.iter().any(|it| it.kind == Scan::Sweep);
            self.account = Account::begin(self.count_if(is_whole).await?);
        }
        let started = tokio::time::Instant::now();
        let now = self.database.now(&self.plan.main).await?;
        let limit = self.plan.page.min(max.max(1));
        let database = &mut self.database;
        let mut reader = PageReader {
            plan: &self.plan,
            database,
            now,
            limit,
            unsettled: &unsettled,
            account: &mut self.account,
        };
        loop {
            cursor.next_scan %= n_scans;
            let scan = self.scans[cursor.next_scan];
            let is_first_load = scan.is_first_sweep(&cursor);
            let page = reader.read(scan, &mut cursor).await?;
            // Unless this scan has reached its end, all scans must run again before the channel is
            // caught up.
            cursor.n_ended = if page.is_end { cursor.n_ended + 1 } else { 0 };
            cursor.n_pages += 1;
            if page.is_end || !is_first_load || cursor.n_pages >= FIRST_LOAD_PAGES {
                cursor.next_scan = (cursor.next_scan + 1) % n_scans;
                cursor.n_pages = 0;
            }
            let caught_up = cursor.n_ended >= n_scans;
            let has_result = !page.entries.is_empty() || !cursor.to_acknowledge.is_empty();
            if caught_up || has_result || started.elapsed() > READ_TIME {
                let entries = page.entries;
                if entries.iter().any(|entry| matches!(entry, Entry::Record(_))) {
                    // A channel in which no key could be read may get another one.
                    cursor.identity = Some(self.identity.clone());
                }
                let end = if caught_up {
                    let listed = self.count_if(self.account.is_whole()).await?;
                    let not_counted = listed.is_none().then(|| self.not_counted());
                    let doubt = self.doubt().await.or(not_counted);
                    Some(PassEnd { doubt, ..self.account.end(listed) })
                } else {
                    None
                };
                return Ok(Batch { entries, upto: cursor, end, trouble: Vec::new() });
            }
        }
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        if !upto.is_of(&self.source) {
            return Ok(()); // its rows are read again
        }
        let parts = self.plan.parts.iter().map(|part| (part.name.as_str(), &part.table));
        for (name, table) in std::iter::once(("", &self.plan.main)).chain(parts) {
            let acks = upto.to_acknowledge.get(name).map_or(&[][..], Vec::as_slice);
            let taken = self.acknowledgements.acknowledge(&mut self.database, table, acks);
            Box::pin(taken).await?;
        }
        // Acknowledgements that the source did not take are reported only at the end of a pass: earlier, the
        // fault would keep the other rows from being read. Before the first read of this process there is no pass.
        let is_end = self.is_checked && upto.n_ended >= self.scans.len();
        if is_end { self.acknowledgements.end() } else { Ok(()) }
    }

    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        let table = &mut self.plan.main;
        let Some(changes) = &mut table.changes else {
            return Err(Fault::stopped("no column says when a row was changed")
                .at(format!("table {}", table.name))
                .remedy("add [table.changes], or set the flags of the rows back to pending"));
        };
        changes.range = Some(range);
        self.scans = vec![TableScan { kind: Scan::Range, part: None }];
        Ok(())
    }

    fn ensure_listable(&self) -> Result<(), Fault> {
        let table = &self.plan.main;
        if table.flags.is_empty() || table.changes.is_some() {
            return Ok(());
        }
        Err(Fault::stopped("rows whose flag was set are not read again")
            .at(format!("table {}", table.name))
            .remedy("add [table.changes], so that all rows can be read"))
    }

    async fn inspect(&mut self) -> Result<Vec<Fault>, Fault> {
        let Self { database, plan, .. } = self;
        let mut found = inspect::inspect(database, &plan.main).await?;
        let mapped = mapped::columns(database, &plan.main, &plan.parts, &BTreeSet::new()).await;
        match mapped {
            Err(fault) if fault.is_stopped() => found.push(fault),
            looked => drop(looked?),
        }
        for part in &plan.parts {
            found.extend(inspect::inspect(database, &part.table).await?);
            found.extend(inspect::unfound_part(part));
        }
        Ok(found)
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        record::parse_sample(&self.plan, page)
    }
}

impl Table {
    /// The number of rows with a key; `None` if they should not be counted, or that takes too long.
    async fn count_if(&mut self, is_needed: bool) -> Result<Option<u64>, Fault> {
        if !is_needed {
            return Ok(None);
        }
        match self.database.count(&self.plan.main).await {
            Err(fault) if !fault.is_transient() => Err(fault),
            counted => Ok(counted.ok().flatten()),
        }
    }

    /// Why rows may be missing: where only flags find rows, one without a value in a flag is neither pending
    /// nor done. The question may read a whole table, so after an answer without such rows, or without any answer,
    /// it is not asked again.
    async fn doubt(&mut self) -> Option<String> {
        if self.has_flags {
            return None;
        }
        let Self { plan, database, .. } = self;
        let parts = plan.parts.iter().map(|part| &part.table);
        let tables = std::iter::once(&plan.main).chain(parts);
        for table in tables.filter(|it| it.changes.is_none() && !it.flags.is_empty()) {
            let name = &table.name;
            match inspect::lacks_flags(database, table).await {
                Ok(false) => {}
                Ok(true) => {
                    let doubt = format!(
                        "rows of table {name} have no value in a flag, so they are never read"
                    );
                    return Some(doubt);
                }
                Err(fault) => {
                    tracing::debug!(
                        table = name,
                        "whether rows lack a flag was not found out: {fault}"
                    );
                }
            }
        }
        self.has_flags = true;
        None
    }

    /// Why a pass that did not count the rows of the table may have left some out.
    fn not_counted(&self) -> String {
        let why = match self.plan.main.changes {
            Some(_) => "and rows without a readable time are looked for only every hour",
            None => "because only pending ones are read",
        };
        format!("the rows of the table were not counted in this pass, {why}")
    }

    /// Refuses tables from which rows would be lost, before the first row is read.
    async fn check_tables(&mut self) -> Result<(), Fault> {
        if self.is_checked {
            return Ok(());
        }
        let parts = self.plan.parts.iter().map(|part| &part.table);
        let stops_at_duplicates = self.plan.config.duplicates == Duplicates::Stop;
        let main = std::iter::once((&self.plan.main, stops_at_duplicates));
        for (table, must_be_unique) in main.chain(parts.map(|table| (table, true))) {
            self.database.check_flags(table).await?;
            if !must_be_unique {
                continue;
            }
            match self.database.repeated_key(table).await {
                Ok(None) => {}
                Ok(Some(key)) => return Err(page::repeated_key_fault(table, &key)),
                Err(fault) if fault.is_transient() => {
                    tracing::warn!(
                        table = table.name,
                        "whether the key is unique was not checked: {fault}"
                    );
                }
                Err(fault) => return Err(fault),
            }
        }
        self.is_checked = true;
        Ok(())
    }
}

/// The scans of all tables, in the order in which they take turns.
fn all_scans(plan: &Plan) -> Vec<TableScan> {
    let main = Scan::all(&plan.main, plan.config.reread.as_ref(), true);
    let main = main.into_iter().map(|kind| TableScan { kind, part: None });
    let parts = plan.parts.iter().enumerate().flat_map(|(index, part)| {
        let scans = Scan::all(&part.table, None, false);
        scans.into_iter().map(move |kind| TableScan { kind, part: Some(index) })
    });
    main.chain(parts).collect()
}
