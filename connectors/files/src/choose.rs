//! The next file: found by a listing, judged by its manifest, opened.

use std::{collections::BTreeSet, io::Read as _, sync::Arc};

use contract::{Fault, FaultKind, Partition, Reason};

use crate::{
    Files,
    cursor::{Cursor, Mark, Within},
    folder::{blocking, disk},
    manifest::{self, Manifest},
    pick::{Candidate, pick},
    reading::{Failed, OpenFile, Refused},
};

/// Partitions and what is wrong with them.
pub(crate) type Trouble = Vec<(Partition, Fault)>;

/// What is to be done next.
pub(crate) enum Next {
    /// Read on in this file.
    Read(Box<OpenFile>),
    /// Put this file away.
    Refuse(Box<Candidate>, Refused),
    /// A file is there that may still be changing.
    Wait,
    /// All files were read.
    Rest,
}

/// Whether a file is announced.
enum Announced {
    /// This channel has no manifests.
    NeedNotBe,
    Not,
    By(Manifest),
    Unreadably(Reason),
}

/// What became of opening a file.
enum Tried {
    Opened(Box<OpenFile>),
    Refused(Refused),
    /// Nothing announces it.
    Left,
    /// It has not been still for long enough.
    Unripe,
    /// It is not there any more.
    Vanished,
}

impl Files {
    /// Opens the file again in which the cursor stands.
    pub(crate) async fn reopen(
        &mut self,
        within: &Within,
        trouble: &mut Trouble,
    ) -> Result<Option<Next>, Fault> {
        let name = within.name.clone();
        let Some(data) = self.folder.stamp(&name).await? else {
            trouble.push(vanished(&name));
            return Ok(None);
        };
        let manifest = match &self.options.manifest {
            Some(end) => self.folder.stamp(&format!("{name}{end}")).await?,
            None => None,
        };
        let candidate = Candidate { name, data, manifest };
        if candidate.seen() != within.seen {
            // Somebody put another file in its place: that one is read from its beginning.
            return Ok(None);
        }
        Ok(match self.open(&candidate, within.n_records).await? {
            Tried::Opened(open) => Some(Next::Read(open)),
            Tried::Refused(refused) => Some(Next::Refuse(Box::new(candidate), refused)),
            Tried::Left | Tried::Unripe => None,
            Tried::Vanished => {
                trouble.push(vanished(&candidate.name));
                None
            }
        })
    }

    /// Finds the oldest file that can be read.
    pub(crate) async fn choose(
        &mut self,
        at: &mut Cursor,
        trouble: &mut Trouble,
    ) -> Result<Next, Fault> {
        let listing = self.folder.list().await?;
        let is_cut = listing.is_cut;
        let picked = pick(listing, &self.options);
        let seen = picked.candidates.iter().map(|each| (each.name.as_str(), each.seen()));
        let missing = picked.missing.iter().map(|name| (name.as_str(), Mark::of("")));
        self.waiting.note(seen.chain(missing));
        if !is_cut {
            let there: BTreeSet<Mark> =
                picked.candidates.iter().map(|each| Mark::of(&each.name)).collect();
            at.done.retain(|name, _| there.contains(name));
        }
        for name in picked.odd {
            let shown = name.escape_debug().take(100).collect();
            let fault = Fault::stopped("it is not a regular file, or its name is none")
                .remedy("take it out of the folder");
            trouble.push((Partition(shown), fault));
        }
        for name in picked.missing {
            if self.waiting.is_still(&name, self.options.stable) {
                let fault = Fault::transient("it is announced, and not there");
                trouble.push((Partition(name), fault));
            }
        }
        let mut is_unripe = false;
        for mut candidate in picked.candidates {
            if let (true, Some(end), None) = (is_cut, &self.options.manifest, candidate.manifest) {
                candidate.manifest = self.folder.stamp(&format!("{}{end}", candidate.name)).await?;
            }
            let done = at.done.get(&Mark::of(&candidate.name));
            if done.is_some_and(|done| done.0 == candidate.seen()) {
                continue;
            }
            match self.open(&candidate, 0).await {
                Ok(Tried::Opened(open)) => return Ok(Next::Read(open)),
                Ok(Tried::Refused(refused)) => {
                    return Ok(Next::Refuse(Box::new(candidate), refused));
                }
                Ok(Tried::Left) => {}
                Ok(Tried::Unripe) => is_unripe = true,
                Ok(Tried::Vanished) => trouble.push(vanished(&candidate.name)),
                // What somebody must mend about one file holds up no other.
                Err(fault) if fault.kind() == FaultKind::Stopped => {
                    trouble.push((Partition(candidate.name), fault));
                }
                Err(fault) => return Err(fault),
            }
        }
        if is_cut {
            let fault = Fault::stopped("the folder holds more than one listing shows")
                .remedy("let `archive` and `error` take away what was read, or raise `listing`");
            trouble.push((Partition("listing".to_owned()), fault));
        }
        Ok(if is_unripe { Next::Wait } else { Next::Rest })
    }

    async fn open(&mut self, candidate: &Candidate, n_skipped: u64) -> Result<Tried, Fault> {
        let name = candidate.name.clone();
        let is_still = self.waiting.is_still(&name, self.options.stable) || n_skipped > 0;
        let manifest = match self.announced(candidate).await? {
            Announced::NeedNotBe => None,
            Announced::By(manifest) => Some(manifest),
            Announced::Not => return Ok(Tried::Left),
            Announced::Unreadably(reason) => return Ok(contradiction(refused(reason), is_still)),
        };
        if manifest.is_none() && !is_still {
            return Ok(Tried::Unripe);
        }
        let most = self.options.form.limits.total;
        if candidate.data.n_bytes > most {
            let detail = format!("{} bytes, at most {most} are read", candidate.data.n_bytes);
            return Ok(Tried::Refused(refused(Reason::new("too_large", detail))));
        }
        let Some(file) = self.folder.fetch(&name, candidate.data).await? else {
            return Ok(Tried::Vanished);
        };
        let (options, opened) = (Arc::clone(&self.options), candidate.clone());
        let opened =
            blocking(move || OpenFile::open(&opened, file, manifest.as_ref(), n_skipped, &options));
        match opened.await? {
            Ok(open) => Ok(Tried::Opened(Box::new(open))),
            Err(Failed::Refused(refused)) if refused.reason.code.starts_with("manifest_") => {
                Ok(contradiction(refused, is_still))
            }
            Err(Failed::Refused(refused)) => Ok(Tried::Refused(refused)),
            Err(Failed::Disk(error)) => Err(disk(error)),
        }
    }

    async fn announced(&mut self, candidate: &Candidate) -> Result<Announced, Fault> {
        let Some(end) = &self.options.manifest else { return Ok(Announced::NeedNotBe) };
        let name = format!("{}{end}", candidate.name);
        let Some(stamp) = candidate.manifest else { return Ok(Announced::Not) };
        let Some(file) = self.folder.fetch(&name, stamp).await? else { return Ok(Announced::Not) };
        let read = blocking(move || {
            let mut bytes = Vec::new();
            file.take(manifest::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
        });
        let bytes = read.await?.map_err(disk)?;
        Ok(match Manifest::read(&bytes) {
            Ok(manifest) => Announced::By(manifest),
            Err(reason) => Announced::Unreadably(reason),
        })
    }
}

/// The one of the two may still be written.
fn contradiction(refused: Refused, is_still: bool) -> Tried {
    if is_still { Tried::Refused(refused) } else { Tried::Unripe }
}

fn refused(reason: Reason) -> Refused {
    let head = bytes::Bytes::new();
    Refused { reason, md5: Mark::of(""), head }
}

fn vanished(name: &str) -> (Partition, Fault) {
    let fault =
        Fault::transient("it was there a moment ago, and somebody took it away or replaced it");
    (Partition(name.to_owned()), fault)
}
