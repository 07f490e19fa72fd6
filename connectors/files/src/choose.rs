//! The next file: found by a listing, judged by its manifest, opened.

use std::{collections::BTreeSet, io::Read as _, sync::Arc};

use contract::{Fault, FaultKind, Partition, Reason};

use crate::{
    Files,
    cursor::{Cursor, Mark, Within},
    folder::{blocking, disk},
    manifest::{self, Manifest},
    pick::{Candidate, pick},
    reading::{OpenFile, Refused},
};

/// Partitions and their faults.
pub(crate) type Trouble = Vec<(Partition, Fault)>;

/// What to do next.
pub(crate) enum Next {
    /// Read this file.
    Read(Box<OpenFile>),
    /// This file cannot be read.
    Refuse(Box<Candidate>, Refused),
    /// A file may still be changing.
    Wait,
    /// All files were read.
    Rest,
}

/// The result of opening a file.
enum Tried {
    Opened(Box<OpenFile>),
    Refused(Refused),
    /// It has no manifest yet.
    Left,
    /// It has not been unchanged for long enough.
    Unripe,
    /// It is no longer there.
    Vanished,
}

impl Files {
    /// Opens the file of the cursor again.
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
        let manifest = match &self.options.config.manifest {
            Some(end) => self.folder.stamp(&format!("{name}{end}")).await?,
            None => None,
        };
        let candidate = Candidate { name, data, manifest };
        if candidate.seen() != within.seen {
            // The file was replaced: the new one is read from its beginning.
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
            let fault = Fault::stopped("it is not a regular file, or its name is not valid")
                .remedy("remove it from the folder");
            trouble.push((Partition(shown), fault));
        }
        for name in picked.missing {
            if self.waiting.is_still(&name, self.options.stable()) {
                let fault = Fault::transient("its manifest is there, but the file is not");
                trouble.push((Partition(name), fault));
            }
        }
        let mut is_unripe = false;
        for mut candidate in picked.candidates {
            if let (true, Some(end), None) =
                (is_cut, &self.options.config.manifest, candidate.manifest)
            {
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
                // A file that somebody must correct does not block the others.
                Err(fault) if fault.kind() == FaultKind::Stopped => {
                    trouble.push((Partition(candidate.name), fault));
                }
                Err(fault) => return Err(fault),
            }
        }
        if is_cut {
            let fault = Fault::stopped("the folder contains more files than one listing may have")
                .remedy(
                    "set `archive` and `error` to move files that were read, or raise `listing`",
                );
            trouble.push((Partition("listing".to_owned()), fault));
        }
        Ok(if is_unripe { Next::Wait } else { Next::Rest })
    }

    async fn open(&mut self, candidate: &Candidate, n_skipped: u64) -> Result<Tried, Fault> {
        let name = candidate.name.clone();
        let is_still = self.waiting.is_still(&name, self.options.stable()) || n_skipped > 0;
        let manifest = match &self.options.config.manifest {
            None => None,
            Some(end) => {
                let name = format!("{name}{end}");
                let Some(bytes) = self.manifest(&name, candidate).await? else {
                    return Ok(Tried::Left);
                };
                match Manifest::read(&bytes) {
                    Ok(manifest) => Some(manifest),
                    Err(reason) => return Ok(contradiction(refused(reason), is_still)),
                }
            }
        };
        if manifest.is_none() && !is_still {
            return Ok(Tried::Unripe);
        }
        let most = self.options.limits.total;
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
        match opened.await?.map_err(disk)? {
            Ok(open) => Ok(Tried::Opened(Box::new(open))),
            Err(refused) if refused.reason.code.starts_with("manifest_") => {
                Ok(contradiction(refused, is_still))
            }
            Err(refused) => Ok(Tried::Refused(refused)),
        }
    }

    /// The manifest of a file; `None` where there is none.
    async fn manifest(
        &mut self,
        name: &str,
        candidate: &Candidate,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Some(stamp) = candidate.manifest else { return Ok(None) };
        let Some(file) = self.folder.fetch(name, stamp).await? else { return Ok(None) };
        let read = blocking(move || {
            let mut bytes = Vec::new();
            file.take(manifest::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
        });
        read.await?.map_err(disk).map(Some)
    }
}

/// The file or its manifest may still be written.
fn contradiction(refused: Refused, is_still: bool) -> Tried {
    if is_still { Tried::Refused(refused) } else { Tried::Unripe }
}

fn refused(reason: Reason) -> Refused {
    let head = bytes::Bytes::new();
    Refused { reason, md5: Mark::of(""), head }
}

fn vanished(name: &str) -> (Partition, Fault) {
    let fault = Fault::transient("it was listed, and then removed or replaced");
    (Partition(name.to_owned()), fault)
}
