//! Temporary files on the disk: unpacked within limits, and read at several positions at once.
//!
//! Forty kilobytes can unpack to terabytes: unpacking is limited by size and by ratio.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use contract::Reason;

use crate::config::Limits;

/// Why a file cannot be read to its end.
#[derive(Debug)]
pub(crate) enum FileError {
    /// Its content is wrong.
    Content(Reason),
    /// The disk failed: the file is not the cause.
    Disk(io::Error),
}

impl FileError {
    pub(crate) fn content(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Content(Reason::new(code, detail))
    }

    pub(crate) fn too_large(at: &str, limit: usize) -> Self {
        Self::content("too_large", format!("the record at {at} has more than {limit} bytes"))
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// How much may still be unpacked from one file.
pub(crate) struct UnpackLimit {
    n_left: u64,
    /// The message when nothing is left.
    exceeded: String,
}

impl UnpackLimit {
    pub(crate) fn new(limits: &Limits, n_packed: u64) -> Self {
        let total = limits.bytes();
        // Small files may have a high ratio: it is checked from one megabyte on.
        let by_ratio = n_packed.saturating_mul(limits.ratio.into()).max(1 << 20);
        let exceeded = if by_ratio < total {
            format!("more than {} times its size is packed in it", limits.ratio)
        } else {
            format!("more than {total} bytes are packed in it")
        };
        Self { n_left: by_ratio.min(total), exceeded }
    }
}

/// Unpacks to an unnamed file, which is deleted when nobody has it open.
pub(crate) fn spool(mut packed: impl Read, budget: &mut UnpackLimit) -> Result<File, FileError> {
    let mut file = tempfile::tempfile()?;
    let mut block = vec![0; 64 * 1024];
    loop {
        let n_read = packed.read(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => {
                let detail = "what is packed in it is damaged";
                FileError::content("bad_archive", detail)
            }
            _ => FileError::Disk(error),
        })?;
        if n_read == 0 {
            return Ok(file);
        }
        budget.n_left = budget
            .n_left
            .checked_sub(n_read as u64)
            .ok_or_else(|| FileError::content("too_large", budget.exceeded.clone()))?;
        file.write_all(&block[..n_read])?;
    }
}

/// A file with its own read position: others may read the same file at another one.
#[derive(Debug, Clone)]
pub(crate) struct FileReader {
    file: Arc<File>,
    at: u64,
}

impl FileReader {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.file.read_at(buffer, self.at)?;
        self.at += n_read as u64;
        Ok(n_read)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let offset = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = offset.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
