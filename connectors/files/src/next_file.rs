//! Finds the next file in a listing, and opens it once it is complete.

use std::{
    collections::BTreeSet,
    io::{self, Read as _},
    sync::Arc,
};

use contract::{Fault, FaultKind, Partition, Reason};

use crate::{
    Files,
    cursor::{Cursor, DoneFile, FilePosition, Fingerprint},
    folder::{SizeAndTime, blocking, disk_fault},
    manifest::{self, Manifest},
    open_file::{OpenFile, RefusedFile},
    selection::{Candidate, select},
    spool::Watch,
};

/// Faults of single files or of the listing, each with the name of the file or `listing`.
pub(crate) type FileFaults = Vec<(Partition, Fault)>;

/// What a read does next.
pub(crate) enum NextStep {
    /// Read this file.
    Read(Box<OpenFile>),
    /// Quarantine this file, because it cannot be read.
    Refuse(Box<Candidate>, RefusedFile),
    /// Wait: a file may still be changing.
    Wait,
    /// Nothing is left to read.
    CaughtUp,
}

impl Files {
    /// Opens the file again that an earlier process has read up to `position`. `None` if the file
    /// was replaced or removed, so that the next file is read.
    pub(crate) async fn reopen(
        &mut self,
        position: &FilePosition,
        faults: &mut FileFaults,
    ) -> Result<Option<NextStep>, Fault> {
        let name = position.name.clone();
        let Some(size_and_time) = self.folder.size_and_time(&name).await? else {
            self.note_overwritten(&name);
            faults.push(vanished_file(&name));
            return Ok(None);
        };
        let manifest_size_and_time = self.manifest_size_and_time(&name).await?;
        let candidate = Candidate { name, size_and_time, manifest_size_and_time };
        if candidate.fingerprint() != position.fingerprint {
            // The file was replaced: the new file is read from its beginning.
            self.note_overwritten(&position.name);
            return Ok(None);
        }
        let next = self.open(&candidate, position.n_records, None, faults).await?;
        Ok(next.filter(|next| matches!(next, NextStep::Read(_) | NextStep::Refuse(..))))
    }

    /// Opens the oldest file that was not read yet and is complete. Adds the faults of other files
    /// to `faults`.
    pub(crate) async fn next_file(
        &mut self,
        cursor: &mut Cursor,
        faults: &mut FileFaults,
    ) -> Result<NextStep, Fault> {
        let listing = self.folder.list().await?;
        let is_truncated = listing.is_truncated;
        let selection = select(listing, &self.options);
        let found = selection.candidates.iter().map(|each| (each.name.as_str(), each.written()));
        let missing = selection.missing.iter().map(|name| (name.as_str(), Fingerprint::none()));
        self.file_states.update(found.chain(missing));
        if !is_truncated {
            let listed: BTreeSet<Fingerprint> =
                selection.candidates.iter().map(|each| Fingerprint::of(&each.name)).collect();
            cursor.done.retain(|name, _| listed.contains(name));
            self.overwritten.retain(|name| listed.contains(&Fingerprint::of(name)));
        }
        for name in selection.irregular {
            let shown = name.escape_debug().take(100).collect();
            let what = match name.contains(char::REPLACEMENT_CHARACTER) {
                true => "the name of the file is not UTF-8; perhaps it is GBK",
                false => "this is not a regular file, or its name is not safe to use",
            };
            let fault = Fault::stopped(what).remedy("rename it or remove it from the folder");
            faults.push((Partition(shown), fault));
        }
        for name in selection.missing {
            if self.file_states.is_unchanged_for(&name, self.options.config.stable.0) {
                let fault = Fault::transient("the file is missing, but its manifest exists")
                    .remedy("ask the source to send the file, or remove its manifest");
                faults.push((Partition(name), fault));
            }
        }
        let mut is_changing = false;
        for mut candidate in selection.candidates {
            // A truncated listing may lack the manifest.
            if is_truncated && candidate.manifest_size_and_time.is_none() {
                candidate.manifest_size_and_time =
                    self.manifest_size_and_time(&candidate.name).await?;
            }
            let done = cursor.done.get(&Fingerprint::of(&candidate.name));
            if let Some(DoneFile(state, hash)) = done
                && *state == candidate.fingerprint()
            {
                if *hash == Fingerprint::none() {
                    self.note_refused_before(&candidate.name);
                }
                continue;
            }
            let read_hash = done.map(|DoneFile(_, hash)| hash.clone());
            match self.open(&candidate, 0, read_hash, faults).await {
                Ok(None) => {}
                Ok(Some(NextStep::Wait)) => is_changing = true,
                Ok(Some(next)) => return Ok(next),
                Err(fault) if fault.kind() == FaultKind::Stopped => {
                    faults.push((Partition(candidate.name), fault));
                }
                Err(fault) => return Err(fault),
            }
        }
        if is_truncated {
            let fault = Fault::stopped("the folder contains more files than `listing` allows")
                .remedy("set `archive` and `error`, so that files are moved, or raise `listing`");
            faults.push((Partition("listing".to_owned()), fault));
        }
        self.waiting = selection.waiting;
        Ok(if is_changing { NextStep::Wait } else { NextStep::CaughtUp })
    }

    /// Opens a file after its first `n_already_read` records, without any if its content has the hash
    /// `read_hash` of what was read under its name. `None` if it cannot be read now: its manifest is
    /// missing, or it was removed or replaced.
    async fn open(
        &mut self,
        candidate: &Candidate,
        n_already_read: u64,
        read_hash: Option<Fingerprint>,
        faults: &mut FileFaults,
    ) -> Result<Option<NextStep>, Fault> {
        let refuse = |refused| Ok(Some(NextStep::Refuse(Box::new(candidate.clone()), refused)));
        let name = candidate.name.clone();
        // A file that was partly read was complete then, and need not wait again.
        let is_complete = self.file_states.is_unchanged_for(&name, self.options.config.stable.0)
            || n_already_read > 0;
        let manifest = match &self.options.config.manifest.clone() {
            None => None,
            Some(suffix) => {
                let Some(bytes) = self.read_manifest(suffix, candidate).await? else {
                    return Ok(None);
                };
                match Manifest::parse(&bytes) {
                    Ok(manifest) => Some(manifest),
                    Err(reason) if is_complete => return refuse(refused_file(reason)),
                    Err(_) => return Ok(Some(NextStep::Wait)),
                }
            }
        };
        if manifest.is_none() && !is_complete {
            return Ok(Some(NextStep::Wait));
        }
        let n_bytes = candidate.size_and_time.n_bytes;
        let max_bytes = self.options.config.limits.total_bytes();
        if n_bytes > max_bytes {
            let detail = format!("the file has {n_bytes} bytes; `limits.total` allows {max_bytes}");
            return refuse(refused_file(Reason::new("too_large", detail)));
        }
        if n_bytes == 0 && manifest.is_none() && self.overwritten.contains(&name) {
            let detail = "the file was overwritten while it was read, and is empty now: it may be an upload that was \
                          interrupted";
            return refuse(refused_file(Reason::new("empty_file", detail)));
        }
        let Some(file) = self.folder.fetch(&name, candidate.size_and_time).await? else {
            faults.push(vanished_file(&name));
            return Ok(None);
        };
        let (options, owned) = (Arc::clone(&self.options), candidate.clone());
        let open = move || -> io::Result<Option<Result<OpenFile, RefusedFile>>> {
            let watch = Watch::new(Arc::new(file))?;
            let (manifest, read_hash) = (manifest.as_ref(), read_hash.as_ref());
            let opened = OpenFile::open(
                &owned,
                watch.clone(),
                manifest,
                n_already_read,
                read_hash,
                &options,
            )?;
            let has_changed = match &opened {
                Ok(open) => open.has_changed()?,
                Err(_) => watch.has_changed()?,
            };
            Ok(if has_changed { None } else { Some(opened) })
        };
        let Some(opened) = blocking(open).await?.map_err(disk_fault)? else {
            self.overwritten.insert(name);
            return Ok(Some(NextStep::Wait));
        };
        match opened {
            Ok(open) => Ok(Some(NextStep::Read(Box::new(open)))),
            // The file contradicts its manifest, but may not be complete yet.
            Err(refused) if refused.reason.code.starts_with("manifest_") && !is_complete => {
                Ok(Some(NextStep::Wait))
            }
            Err(refused) => refuse(refused),
        }
    }

    /// The size and time of the manifest of a file; `None` if there is none.
    async fn manifest_size_and_time(&mut self, name: &str) -> Result<Option<SizeAndTime>, Fault> {
        let Some(suffix) = self.options.config.manifest.clone() else { return Ok(None) };
        for name in manifest::names(name, &suffix) {
            if let Some(size_and_time) = self.folder.size_and_time(&name).await? {
                return Ok(Some(size_and_time));
            }
        }
        Ok(None)
    }

    /// The bytes of the manifest of a file; `None` if it is missing or has changed since it was listed.
    async fn read_manifest(
        &mut self,
        suffix: &str,
        candidate: &Candidate,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Some(size_and_time) = candidate.manifest_size_and_time else { return Ok(None) };
        let mut found = None;
        for name in manifest::names(&candidate.name, suffix) {
            found = self.folder.fetch(&name, size_and_time).await?;
            if found.is_some() {
                break;
            }
        }
        let Some(file) = found else { return Ok(None) };
        let read = blocking(move || {
            let mut bytes = Vec::new();
            file.take(manifest::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
        });
        read.await?.map_err(disk_fault).map(Some)
    }
}

/// Describes a file that is refused without being read.
fn refused_file(reason: Reason) -> RefusedFile {
    RefusedFile { reason, hash: Fingerprint::none(), first_bytes: bytes::Bytes::new() }
}

/// The fault for a file that was listed and is no longer there.
fn vanished_file(name: &str) -> (Partition, Fault) {
    let fault = Fault::transient("the file was removed or replaced after it was listed");
    (Partition(name.to_owned()), fault)
}
