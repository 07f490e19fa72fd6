//! Files on the disk that are unpacked within limits, and read from several places at once.
//!
//! Forty kilobytes can unpack to terabytes: unpacking is limited by size, by ratio, and by the size
//! of each part that is in memory.

use std::{
    fs::File,
    io::{self, BufRead, Read, Seek, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use contract::Reason;

use crate::config::Limits;

/// Why a file cannot be read on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// By its content.
    Content(Reason),
    /// By the disk: the file is not the cause.
    Disk(io::Error),
}

impl Broken {
    pub(crate) fn content(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Content(Reason::new(code, detail))
    }

    pub(crate) fn too_large(at: &str, limit: usize) -> Self {
        Self::content("too_large", format!("the record at {at} has more than {limit} bytes"))
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// How much may still be unpacked from one file.
pub(crate) struct Budget {
    left: u64,
    because: String,
}

impl Budget {
    pub(crate) fn new(limits: &Limits, packed: u64) -> Self {
        let total = limits.bytes();
        // Small files may have a high ratio: it is checked from one megabyte on.
        let by_ratio = packed.saturating_mul(limits.ratio.into()).max(1 << 20);
        let because = if by_ratio < total {
            format!("more than {} times its size is packed in it", limits.ratio)
        } else {
            format!("more than {total} bytes are packed in it")
        };
        Self { left: by_ratio.min(total), because }
    }
}

/// Unpacks to an unnamed file, which is deleted when nobody has it open.
pub(crate) fn spool(mut packed: impl Read, budget: &mut Budget) -> Result<File, Broken> {
    let mut file = tempfile::tempfile()?;
    let mut block = vec![0; 64 * 1024];
    loop {
        let n_read = packed.read(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => {
                let detail = "what is packed in it is damaged";
                Broken::content("bad_archive", detail)
            }
            _ => Broken::Disk(error),
        })?;
        if n_read == 0 {
            return Ok(file);
        }
        budget.left = budget
            .left
            .checked_sub(n_read as u64)
            .ok_or_else(|| Broken::content("too_large", budget.because.clone()))?;
        file.write_all(&block[..n_read])?;
    }
}

/// A file with its own read position: others may read the same file at another one.
#[derive(Debug, Clone)]
pub(crate) struct View {
    file: Arc<File>,
    at: u64,
}

impl View {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for View {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.file.read_at(buffer, self.at)?;
        self.at += n_read as u64;
        Ok(n_read)
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// A reader that gives at most `limit` bytes between two resets: a parser keeps an event of any length
/// in memory.
pub(crate) struct Limited<R> {
    inner: R,
    limit: usize,
    left: usize,
}

impl<R> Limited<R> {
    pub(crate) fn new(inner: R, limit: usize) -> Self {
        Self { inner, limit, left: limit }
    }

    /// Starts the count again.
    pub(crate) fn reset(&mut self) {
        self.left = self.limit;
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.fill_buf()?.read(buffer)?;
        self.consume(n_read);
        Ok(n_read)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.inner.fill_buf()?;
        if self.left == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(&bytes[..bytes.len().min(self.left)])
    }

    fn consume(&mut self, n_bytes: usize) {
        self.left = self.left.saturating_sub(n_bytes);
        self.inner.consume(n_bytes);
    }
}
