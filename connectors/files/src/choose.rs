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
        let next = self.open(&candidate, within.n_records, trouble).await?;
        Ok(Some(next).filter(|next| matches!(next, Next::Read(_) | Next::Refuse(..))))
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
            if self.waiting.is_still(&name, self.options.config.stable.0) {
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
            match self.open(&candidate, 0, trouble).await {
                Ok(Next::Rest) => {}
                Ok(Next::Wait) => is_unripe = true,
                Ok(next) => return Ok(next),
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

    async fn open(
        &mut self,
        candidate: &Candidate,
        n_skipped: u64,
        trouble: &mut Trouble,
    ) -> Result<Next, Fault> {
        let refuse = |refused| Ok(Next::Refuse(Box::new(candidate.clone()), refused));
        let name = candidate.name.clone();
        let is_still = self.waiting.is_still(&name, self.options.config.stable.0) || n_skipped > 0;
        let manifest = match &self.options.config.manifest {
            None => None,
            Some(end) => {
                let name = format!("{name}{end}");
                let Some(bytes) = self.manifest(&name, candidate).await? else {
                    return Ok(Next::Rest);
                };
                match Manifest::read(&bytes) {
                    Ok(manifest) => Some(manifest),
                    Err(reason) if is_still => return refuse(refused(reason)),
                    Err(_) => return Ok(Next::Wait),
                }
            }
        };
        if manifest.is_none() && !is_still {
            return Ok(Next::Wait);
        }
        let most = self.options.config.limits.bytes();
        if candidate.data.n_bytes > most {
            let detail = format!("{} bytes, at most {most} are read", candidate.data.n_bytes);
            return refuse(refused(Reason::new("too_large", detail)));
        }
        let Some(file) = self.folder.fetch(&name, candidate.data).await? else {
            trouble.push(vanished(&name));
            return Ok(Next::Rest);
        };
        let (options, opened) = (Arc::clone(&self.options), candidate.clone());
        let opened =
            blocking(move || OpenFile::open(&opened, file, manifest.as_ref(), n_skipped, &options));
        match opened.await?.map_err(disk)? {
            Ok(open) => Ok(Next::Read(Box::new(open))),
            Err(refused) if refused.reason.code.starts_with("manifest_") && !is_still => {
                Ok(Next::Wait)
            }
            Err(refused) => refuse(refused),
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

fn refused(reason: Reason) -> Refused {
    let head = bytes::Bytes::new();
    Refused { reason, md5: Mark::of(""), head }
}

fn vanished(name: &str) -> (Partition, Fault) {
    let fault = Fault::transient("it was listed, and then removed or replaced");
    (Partition(name.to_owned()), fault)
}
