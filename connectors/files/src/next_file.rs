//! Finds the next file in a listing, compares it with its manifest, and opens it.

use std::{collections::BTreeSet, io::Read as _, sync::Arc};

use contract::{Fault, FaultKind, Partition, Reason};

use crate::{
    Files,
    cursor::{Cursor, FilePosition, Fingerprint},
    folder::{blocking, disk_fault},
    manifest::{self, Manifest},
    open_file::{OpenFile, RefusedFile},
    selection::{Candidate, select},
};

/// Partitions and their faults.
pub(crate) type FileFaults = Vec<(Partition, Fault)>;

/// What a read does next.
pub(crate) enum NextStep {
    /// Read this file.
    Read(Box<OpenFile>),
    /// This file cannot be read.
    Refuse(Box<Candidate>, RefusedFile),
    /// A file may still be changing.
    Wait,
    /// All files were read.
    CaughtUp,
}

impl Files {
    /// Opens the file of the cursor again, after a restart.
    pub(crate) async fn reopen(
        &mut self,
        position: &FilePosition,
        trouble: &mut FileFaults,
    ) -> Result<Option<NextStep>, Fault> {
        let name = position.name.clone();
        let Some(data) = self.folder.stamp(&name).await? else {
            trouble.push(vanished_file(&name));
            return Ok(None);
        };
        let manifest = match &self.options.config.manifest {
            Some(end) => self.folder.stamp(&format!("{name}{end}")).await?,
            None => None,
        };
        let candidate = Candidate { name, data, manifest };
        if candidate.fingerprint() != position.fingerprint {
            // The file was replaced: the new one is read from its beginning.
            return Ok(None);
        }
        let next = self.open(&candidate, position.n_records, trouble).await?;
        Ok(Some(next).filter(|next| matches!(next, NextStep::Read(_) | NextStep::Refuse(..))))
    }

    /// Finds the oldest file that can be read.
    pub(crate) async fn next_file(
        &mut self,
        at: &mut Cursor,
        trouble: &mut FileFaults,
    ) -> Result<NextStep, Fault> {
        let listing = self.folder.list().await?;
        let is_truncated = listing.is_truncated;
        let selection = select(listing, &self.options);
        let found =
            selection.candidates.iter().map(|each| (each.name.as_str(), each.fingerprint()));
        let missing = selection.missing.iter().map(|name| (name.as_str(), Fingerprint::of("")));
        self.file_states.update(found.chain(missing));
        if !is_truncated {
            let listed: BTreeSet<Fingerprint> =
                selection.candidates.iter().map(|each| Fingerprint::of(&each.name)).collect();
            at.done.retain(|name, _| listed.contains(name));
        }
        for name in selection.irregular {
            let shown = name.escape_debug().take(100).collect();
            let fault = Fault::stopped("it is not a regular file, or its name is not valid")
                .remedy("remove it from the folder");
            trouble.push((Partition(shown), fault));
        }
        for name in selection.missing {
            if self.file_states.is_unchanged_for(&name, self.options.config.stable.0) {
                let fault = Fault::transient("its manifest is there, but the file is not");
                trouble.push((Partition(name), fault));
            }
        }
        let mut is_changing = false;
        for mut candidate in selection.candidates {
            if let (true, Some(end), None) =
                (is_truncated, &self.options.config.manifest, candidate.manifest)
            {
                candidate.manifest = self.folder.stamp(&format!("{}{end}", candidate.name)).await?;
            }
            let done = at.done.get(&Fingerprint::of(&candidate.name));
            if done.is_some_and(|done| done.0 == candidate.fingerprint()) {
                continue;
            }
            match self.open(&candidate, 0, trouble).await {
                Ok(NextStep::CaughtUp) => {}
                Ok(NextStep::Wait) => is_changing = true,
                Ok(next) => return Ok(next),
                Err(fault) if fault.kind() == FaultKind::Stopped => {
                    trouble.push((Partition(candidate.name), fault));
                }
                Err(fault) => return Err(fault),
            }
        }
        if is_truncated {
            let fault = Fault::stopped("the folder contains more files than one listing may have")
                .remedy(
                    "set `archive` and `error` to move files that were read, or raise `listing`",
                );
            trouble.push((Partition("listing".to_owned()), fault));
        }
        Ok(if is_changing { NextStep::Wait } else { NextStep::CaughtUp })
    }

    async fn open(
        &mut self,
        candidate: &Candidate,
        n_already_read: u64,
        trouble: &mut FileFaults,
    ) -> Result<NextStep, Fault> {
        let refuse = |refused| Ok(NextStep::Refuse(Box::new(candidate.clone()), refused));
        let name = candidate.name.clone();
        let is_unchanged =
            self.file_states.is_unchanged_for(&name, self.options.config.stable.0) || n_already_read > 0;
        let manifest = match &self.options.config.manifest {
            None => None,
            Some(end) => {
                let name = format!("{name}{end}");
                let Some(bytes) = self.read_manifest(&name, candidate).await? else {
                    return Ok(NextStep::CaughtUp);
                };
                match Manifest::read(&bytes) {
                    Ok(manifest) => Some(manifest),
                    Err(reason) if is_unchanged => return refuse(refused_file(reason)),
                    Err(_) => return Ok(NextStep::Wait),
                }
            }
        };
        if manifest.is_none() && !is_unchanged {
            return Ok(NextStep::Wait);
        }
        let max_bytes = self.options.config.limits.bytes();
        if candidate.data.n_bytes > max_bytes {
            let detail = format!("{} bytes, at most {max_bytes} are read", candidate.data.n_bytes);
            return refuse(refused_file(Reason::new("too_large", detail)));
        }
        let Some(file) = self.folder.fetch(&name, candidate.data).await? else {
            trouble.push(vanished_file(&name));
            return Ok(NextStep::CaughtUp);
        };
        let (options, opened) = (Arc::clone(&self.options), candidate.clone());
        let opened =
            blocking(move || OpenFile::open(&opened, file, manifest.as_ref(), n_already_read, &options));
        match opened.await?.map_err(disk_fault)? {
            Ok(open) => Ok(NextStep::Read(Box::new(open))),
            Err(refused) if refused.reason.code.starts_with("manifest_") && !is_unchanged => {
                Ok(NextStep::Wait)
            }
            Err(refused) => refuse(refused),
        }
    }

    /// The bytes of a manifest; `None` if it is not there, or has changed since it was listed.
    async fn read_manifest(
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
        read.await?.map_err(disk_fault).map(Some)
    }
}

fn refused_file(reason: Reason) -> RefusedFile {
    let first_bytes = bytes::Bytes::new();
    RefusedFile { reason, md5: Fingerprint::of(""), first_bytes }
}

fn vanished_file(name: &str) -> (Partition, Fault) {
    let fault = Fault::transient("it was listed, and then removed or replaced");
    (Partition(name.to_owned()), fault)
}
