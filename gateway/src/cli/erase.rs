//! `tonghui erase --token T`: erases a person's values on a lawful request.
//!
//! It removes them from demands, raw records and quarantine, in one transaction with the entry in the
//! audit log. It finds demands by the index of people, so it first waits until everything stored so far
//! is indexed. Then it opens every text and record and searches it for the person's numbers. The sources stay
//! unchanged: a record that changes there brings its values back, and so does one that is read again and is rejected, or
//! mapped in another way than before.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use config::Settings;
use contract::{DemandId, Fault, Timestamp};
use normalizer::{OwnNumbers, Personal, Place, Sealer, open_raw, open_sealed, open_unmasked};
use normalizer_text::{Charset, decode_strict};
use serde::Serialize;
use sink::store::{AuditEntry, Database, Erased, Erasure, Index, RawTable, SealedRow};

use super::{Context, Exit, audit, backup, out};
use crate::{assemble, indexer, reseal::visit_values};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The person's token, as stored beside a masked value.
    #[arg(long, allow_hyphen_values = true)]
    token: String,
    /// Reason, such as the number of the request, for the audit log.
    #[arg(long, default_value = "")]
    reason: String,
    /// Also erase the texts and records that do not open: nobody can tell whether they name the person.
    #[arg(long)]
    unreadable: bool,
}

/// What the address of a demand belongs to, see [`open_values`]. It goes with the person.
const ADDRESS: &str = "address";

/// Number of rows that are read at a time.
const PAGE_ROWS: u32 = 200;

/// What was erased, and what was not.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    erased: Erased,
    /// What does not open, so that it could not be searched; with `--unreadable`, it was erased.
    unopened: Vec<String>,
    /// Where values of the person may still be.
    remains: Vec<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings(&context.config)?;
    super::runtime()?.block_on(async {
        let (store, keys) = assemble::open(&settings).await?;
        let sealer = Sealer::new(&keys);
        Box::pin(indexer::wait_until_covered(&store, Index::People, |rows| {
            out::note(format!("waiting until index `people` covers {rows} more rows of history"));
        }))
        .await?;
        let entry = audit::entry("erase", &args.token, args.reason.clone());
        let mut search = Search {
            store: &store,
            sealer: &sealer,
            also_unreadable: args.unreadable,
            numbers: OwnNumbers::default(),
            named: BTreeSet::new(),
            has_unopened_people: false,
            unopened: BTreeSet::new(),
            erasure: Erasure {
                tokens: vec![args.token.clone()],
                beside: BTreeMap::new(),
                demands: Vec::new(),
                texts: Vec::new(),
                quarantine: Vec::new(),
                entry,
            },
        };
        Box::pin(search.everything(&args.token)).await?;
        let Search { erasure, unopened, has_unopened_people, .. } = search;
        let erased = store.erase(&erasure).await?;
        let mut remains = remains(&settings, &store).await?;
        if has_unopened_people {
            let what = "in texts and records, as a number beside the token that no key opens, which was not searched";
            remains.push(what.to_owned());
        }
        let is_searched = unopened.is_empty() || args.unreadable;
        let unopened = unopened.into_iter().collect();
        out::show(context.format, &Report { erased, unopened, remains }, Report::draw)?;
        audit::copy(&settings, &store).await?;
        store.close().await;
        Ok(if is_searched { Exit::Done } else { Exit::Failed })
    })
}

impl Report {
    fn draw(&self) -> String {
        let Erased { demands, texts, raws, quarantined } = self.erased;
        let mut text = format!(
            "erased from {demands} demands, {raws} records and {quarantined} rows of quarantine; {texts} texts of \
             other demands named the person"
        );
        for (heading, lines) in [
            (
                "these do not open, so they could not be searched (--unreadable erases them):",
                &self.unopened,
            ),
            ("values of the person may remain:", &self.remains),
        ] {
            if !lines.is_empty() {
                text.push_str(&format!("\n\n{heading}\n- {}", lines.join("\n- ")));
            }
        }
        text
    }
}

/// Finds a person in the store.
struct Search<'a> {
    store: &'a Database,
    sealer: &'a Sealer,
    /// Whether to erase what cannot be opened.
    also_unreadable: bool,
    /// The person's telephone and identity numbers. Names are not used, because several persons may have the same
    /// name.
    numbers: OwnNumbers,
    /// The demands that have the token. All that they say about the person is erased without being opened.
    named: BTreeSet<DemandId>,
    /// Whether one of those has values that no key opens: they may be further numbers of the person.
    has_unopened_people: bool,
    /// See [`Report::unopened`].
    unopened: BTreeSet<String>,
    /// What was found.
    erasure: Erasure,
}

impl Search<'_> {
    async fn everything(&mut self, token: &str) -> anyhow::Result<()> {
        self.find_numbers(token).await?;
        if self.named.is_empty() && !self.was_erased(token).await? {
            return Err(unknown_token().into());
        }
        self.search_unmasked().await?;
        self.search_texts().await?;
        for table in [RawTable::History, RawTable::Quarantine] {
            self.search_records(table).await?;
        }
        let Erasure { tokens, demands, .. } = &mut self.erasure;
        tokens.sort_unstable();
        tokens.dedup();
        demands.sort_unstable();
        demands.dedup();
        Ok(())
    }

    /// Whether this person was erased before: nothing has the token any more, but the search may be repeated.
    async fn was_erased(&self, token: &str) -> anyhow::Result<bool> {
        let rows = self.store.audit_rows(0).await?;
        let is_erasure = |entry: &AuditEntry| entry.action == "erase" && entry.subject == token;
        Ok(rows.iter().any(|row| is_erasure(&row.entry)))
    }

    /// Finds the person's numbers, and the tokens of the same value under all keys, because keys may be rotated at
    /// this moment.
    async fn find_numbers(&mut self, token: &str) -> anyhow::Result<()> {
        let mut own = Vec::new();
        for row in self.store.sealed_rows_of(token).await? {
            self.named.insert(row.id);
            let id = row.id;
            let (values, is_whole) = open_values(self.sealer, row);
            self.has_unopened_people |= !is_whole;
            let mut owners = BTreeSet::new();
            for (owner, value) in &values {
                let tokens = self.sealer.tokens(value);
                if tokens.iter().any(|each| each == token) {
                    owners.insert(owner);
                    self.erasure.tokens.extend(tokens);
                }
            }
            // The index has the tokens of earlier keys too. Another person of the demand may have the same name.
            let is_own = |owner: &String| owners.contains(owner) || owner == ADDRESS;
            let (gone, kept): (Vec<_>, Vec<_>) =
                values.iter().partition(|(owner, _)| is_own(owner));
            let tokens_of = |values: Vec<&(String, Personal)>| -> BTreeSet<String> {
                values.into_iter().flat_map(|(_, value)| self.sealer.tokens(value)).collect()
            };
            let (gone, kept) = (tokens_of(gone), tokens_of(kept));
            self.erasure.beside.insert(id, gone.difference(&kept).cloned().collect());
            let found = values.iter().filter(|(owner, _)| owners.contains(owner));
            own.extend(found.map(|(_, value)| value.clone()));
        }
        self.numbers = OwnNumbers::new(own);
        Ok(())
    }

    /// Searches the texts before masking of all demands: whole, because a mask may hide only a part of the number.
    async fn search_unmasked(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = self.store.demands(after, Timestamp::UNIX_EPOCH, PAGE_ROWS).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            let demands = rows.iter().map(|(_, row)| &row.demand);
            for demand in demands.filter(|demand| !self.named.contains(&demand.id)) {
                let is_found = open_unmasked(self.sealer, demand)
                    .map(|texts| texts.values().any(|text| self.numbers.are_in(text)));
                if *is_found.as_ref().unwrap_or(&self.also_unreadable) {
                    self.erasure.demands.push(demand.id);
                }
                if let Err(error) = is_found {
                    let what = format!("demand {}: its texts before masking: {error}", demand.id);
                    self.unopened.insert(what);
                }
            }
        }
    }

    /// Searches the texts that are stored in plain: a number that was not masked there is now.
    async fn search_texts(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = self.store.text_rows(after, PAGE_ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.seq;
            for mut row in rows {
                let mut has_changed = false;
                for text in row.texts.iter_mut().flatten() {
                    if let Some(erased) = self.numbers.erase_in(text) {
                        *text = erased;
                        has_changed = true;
                    }
                }
                if has_changed {
                    self.erasure.texts.push(row);
                }
            }
        }
    }

    /// Searches the records of a table as their sources sent them.
    async fn search_records(&mut self, table: RawTable) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = self.store.sealed_raws(table, after, PAGE_ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.seq;
            for row in rows.iter().filter(|row| !self.named.contains(&row.id)) {
                let place = Place { channel: &row.channel, id: &row.id };
                let is_found = open_raw(self.sealer, place, &row.raw)
                    .map(|bytes| is_in_bytes(&self.numbers, &bytes));
                if *is_found.as_ref().unwrap_or(&self.also_unreadable) {
                    match table {
                        RawTable::History => self.erasure.demands.push(row.id),
                        RawTable::Quarantine => self.erasure.quarantine.push(row.seq),
                    }
                }
                if is_found.is_err() {
                    let what = match table {
                        RawTable::History => "demand",
                        RawTable::Quarantine => "quarantine",
                    };
                    self.unopened.insert(format!("{what} {}: its record", row.id));
                }
            }
        }
    }
}

/// Whether one of the numbers is in these bytes. A record that was rejected may be in any charset.
fn is_in_bytes(numbers: &OwnNumbers, bytes: &[u8]) -> bool {
    let others = [Charset::Gb18030, Charset::Big5, Charset::Utf16Le, Charset::Utf16Be];
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    let others = others.into_iter().filter(|_| !is_utf8);
    std::iter::once(Charset::Utf8)
        .chain(others)
        .any(|charset| numbers.are_in(&decode_strict(bytes, charset).text))
}

/// The fault if no demand has the token: nothing was searched, so a report would say that nothing is left.
fn unknown_token() -> Fault {
    Fault::stopped("no demand has this token, so nothing was erased")
        .remedy("copy the whole token that is stored beside a masked value of the person")
}

/// The personal values of a row that open, each with what it belongs to (`people.0`, `address`), and whether all do.
fn open_values(sealer: &Sealer, row: SealedRow) -> (Vec<(String, Personal)>, bool) {
    let SealedRow { id, channel, mut address, mut people, .. } = row;
    let place = Place { channel: &channel, id: &id };
    let (mut values, mut is_whole) = (Vec::new(), true);
    let visited = visit_values(&mut address, &mut people, |field, sealed, make| {
        match open_sealed(sealer, place, field, sealed) {
            Ok(plain) => {
                let owner = field.rsplit_once('.').map_or(field, |(owner, _)| owner);
                values.push((owner.to_owned(), make(&plain)));
            }
            Err(_) => is_whole = false,
        }
        Ok(())
    });
    (values, is_whole && visited.is_ok())
}

/// Where values of a person may be after the erasure.
async fn remains(settings: &Settings, store: &Database) -> anyhow::Result<Vec<String>> {
    let mut remains = vec![
        "in the sources: a record that changes there brings its values back, and so does an unchanged one that is read \
         again (`position reset`, `sync --from`) and is mapped in another way than before, or rejected"
            .to_owned(),
        "in backups of the store that were made before; history keeps times, states and keyed hashes only".to_owned(),
        "as names and addresses in the texts of other people's demands, where no rule finds them, and as telephone \
         numbers without the area code, which several cities have"
            .to_owned(),
        "in keys, order numbers, tags, labels, units, handling steps and links of attachments, which are not searched"
            .to_owned(),
    ];
    match (store.scrub().await, store) {
        (Ok(true), _) => {}
        (Ok(false), Database::Postgres(_)) => remains.push(
            "in the files of PostgreSQL: in dead rows until a VACUUM, in its write-ahead log, in replicas and archives"
                .to_owned(),
        ),
        (Ok(false), Database::Sqlite(_)) => remains.push(
            "in the write-ahead log of the store, because another process reads it: repeat this command".to_owned(),
        ),
        (Err(fault), _) => remains.push(format!("in free pages of the store: {fault}")),
    }
    if let Database::Sqlite(file) = store {
        let aside = earlier_stores(file.file());
        remains.extend(aside.iter().map(|file| {
            format!(
                "in {}, which `restore` put aside: remove it if you need it no more",
                file.display()
            )
        }));
    }
    let books = store.books(None, None).await?;
    let in_flight: u64 = books.iter().map(|book| book.in_flight).sum();
    if in_flight > 0 {
        remains.push(format!(
            "in {in_flight} events that are not stored yet: repeat this command when they are"
        ));
    }
    if settings.bus.is_some() {
        remains.push("in the files of the broker, until it writes over them".to_owned());
    }
    Ok(remains)
}

/// The files that `restore` put aside, beside this store.
fn earlier_stores(file: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let aside = backup::aside(&real, "");
    let is_aside = |path: &PathBuf| {
        let name = path.as_os_str().as_encoded_bytes();
        name.starts_with(aside.as_os_str().as_encoded_bytes())
    };
    let entries = real.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_aside).collect();
    files.sort_unstable();
    files
}
