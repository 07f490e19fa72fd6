//! A source in memory: rows in the order in which they became visible.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use connector_testkit::WrongPage;

/// The time at which the source's clock starts, in seconds since 1970.
const TODAY: i64 = 2_000_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The place of the row in the order of the source, from 1.
    pub(crate) place: u64,
    pub(crate) key: String,
    pub(crate) partition: usize,
    /// Its time, in seconds since 1970.
    pub(crate) stamp: i64,
    pub(crate) is_changed: bool,
}

/// How the source refuses requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    Unauthorized,
    Forbidden,
    Throttled(Duration),
    Broken,
    Silent,
    WrongFormat,
}

/// The source.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// The rows, by their places.
    pub(crate) rows: BTreeMap<u64, Row>,
    /// The place of the last row that was added.
    pub(crate) last_place: u64,
    pub(crate) clock_shift: i64,
    pub(crate) n_shifts: usize,
    /// The places of deleted rows.
    pub(crate) deleted: BTreeSet<u64>,
    pub(crate) refusal: Option<Refusal>,
    /// The partition that fails.
    pub(crate) failing: Option<usize>,
    pub(crate) n_partitions: usize,
    /// The keys that were returned with each cursor.
    pub(crate) returned: BTreeMap<String, Vec<String>>,
    /// The cursors that were settled.
    pub(crate) settled: BTreeSet<String>,
    mistake: Option<WrongPage>,
    /// The number of pages since `spoil_page`.
    n_pages: usize,
    last_page: Vec<Row>,
}

impl World {
    pub(crate) fn now(&self) -> i64 {
        TODAY + self.clock_shift
    }

    pub(crate) fn add(&mut self, partition: usize, key: &str, stamp: i64, is_changed: bool) {
        self.last_place += 1;
        let place = self.last_place;
        self.n_partitions = self.n_partitions.max(partition + 1);
        let row = Row { place, key: key.to_owned(), partition, stamp, is_changed };
        self.rows.insert(place, row);
    }

    /// Changes a row, which moves it to the end.
    pub(crate) fn change(&mut self, key: &str) {
        let old = self.rows.values().find(|row| row.key == key).cloned().expect("no such row");
        self.rows.remove(&old.place);
        self.add(old.partition, key, self.now(), true);
    }

    pub(crate) fn delete(&mut self, key: &str) {
        let place = self.rows.values().find(|row| row.key == key).expect("no such row").place;
        self.rows.remove(&place);
        self.deleted.insert(place);
    }

    /// Makes the page after the next one wrong.
    pub(crate) fn spoil_page(&mut self, mistake: WrongPage) {
        self.mistake = Some(mistake);
        self.n_pages = 0;
    }

    /// Up to `max` rows after the place that was reached in each partition.
    pub(crate) fn page(&mut self, reached: &BTreeMap<usize, u64>, max: usize) -> Vec<Row> {
        self.n_pages += 1;
        let is_wrong = self.n_pages == 2;
        if let (true, Some(WrongPage::Repeated)) = (is_wrong, self.mistake) {
            self.mistake = None;
            return self.last_page.clone();
        }
        let last_read = |partition: usize| reached.get(&partition).copied().unwrap_or(0);
        let least = (0..self.n_partitions).map(last_read).min().unwrap_or(0);
        let rows = self.rows.range(least + 1..).map(|(_, row)| row);
        let rows = rows.filter(|row| row.place > last_read(row.partition));
        let rows = rows.filter(|row| Some(row.partition) != self.failing);
        let mut page: Vec<Row> = rows.take(max).cloned().collect();
        if let (true, Some(WrongPage::Short)) = (is_wrong, self.mistake) {
            self.mistake = None;
            page.truncate(1);
        }
        self.last_page = page.clone();
        page
    }
}
