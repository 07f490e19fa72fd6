//! Unpacks data into temporary files on the disk, and reads one file at several positions at once.
//!
//! The size and the ratio of unpacked data are limited: forty kilobytes can unpack to terabytes.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

pub(crate) use document::FileError;
use zip::ZipArchive;

use crate::config::Limits;

/// The number of bytes that may still be unpacked from one file.
pub(crate) struct UnpackLimit {
    n_left: u64,
    /// The message to show when the limit is exceeded.
    message: String,
}

impl UnpackLimit {
    pub(crate) fn new(limits: &Limits, n_packed: u64) -> Self {
        let total = limits.total_bytes();
        // The first megabyte is always allowed: small files may have a high ratio.
        let by_ratio = n_packed.saturating_mul(limits.ratio.into()).max(1 << 20);
        let message = if by_ratio < total {
            format!("the file unpacks to over {} times its size (`limits.ratio`)", limits.ratio)
        } else {
            format!("the file unpacks to over {total} bytes (`limits.total`)")
        };
        Self { n_left: by_ratio.min(total), message }
    }
}

/// Unpacks into an unnamed file, which is deleted when it is closed.
pub(crate) fn unpack(mut packed: impl Read, limit: &mut UnpackLimit) -> Result<File, FileError> {
    let mut file = tempfile::tempfile()?;
    let mut block = vec![0; 64 * 1024];
    loop {
        let n_read = packed.read(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::Unsupported => unknown_method(),
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => {
                FileError::content("bad_archive", "the packed data is damaged")
            }
            _ => FileError::Disk(error),
        })?;
        if n_read == 0 {
            return Ok(file);
        }
        limit.n_left = limit
            .n_left
            .checked_sub(n_read as u64)
            .ok_or_else(|| FileError::content("too_large", limit.message.clone()))?;
        file.write_all(&block[..n_read])?;
    }
}

/// The error for a file in an archive that is packed in a way that this program does not know.
pub(crate) fn unknown_method() -> FileError {
    let detail = "it is packed in a way that this program cannot unpack (perhaps Deflate64, LZMA or BZip2); ask the \
                  source to pack it with Deflate, as Windows and Excel do";
    FileError::content("bad_archive", detail)
}

/// Notices that a file is written to while it is read: then parts of two rows may look like one.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    file: Arc<File>,
    state: FileState,
}

/// The size of a file, when it was written to, and when anything about it was changed, in seconds and nanoseconds:
/// no program can set the last one.
type FileState = (u64, SystemTime, (i64, i64));

impl Watch {
    pub(crate) fn new(file: Arc<File>) -> io::Result<Self> {
        let state = Self::state(&file)?;
        Ok(Self { file, state })
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The size of the file when it was opened.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.state.0
    }

    pub(crate) fn has_changed(&self) -> io::Result<bool> {
        Ok(Self::state(&self.file)? != self.state)
    }

    fn state(file: &File) -> io::Result<FileState> {
        let found = file.metadata()?;
        Ok((found.len(), found.modified()?, (found.ctime(), found.ctime_nsec())))
    }
}

/// Reads a file at a position of its own. Several readers can share a file.
#[derive(Debug, Clone)]
pub(crate) struct FileReader {
    file: Arc<File>,
    at: u64,
}

impl FileReader {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, at: 0 }
    }

    /// Whether the file contains these bytes.
    pub(crate) fn contains(&self, bytes: &[u8]) -> io::Result<bool> {
        let (mut block, mut at) = (vec![0; 64 * 1024], 0);
        loop {
            let n_read = self.file.read_at(&mut block, at)?;
            if block[..n_read].windows(bytes.len()).any(|part| part == bytes) {
                return Ok(true);
            }
            // They may begin at the end of a block.
            match n_read.checked_sub(bytes.len()) {
                Some(n_new) => at += n_new as u64 + 1,
                None => return Ok(false),
            }
        }
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

/// The maximum number of bytes that are read to open an archive: the list of its files, which takes about
/// eight times as much in memory.
const MAX_INDEX_BYTES: u64 = 8 << 20;

/// Opens an archive; `None` if it is damaged, or if its list of files is too long.
pub(crate) fn open_archive(file: Arc<File>) -> Option<ZipArchive<ArchiveReader>> {
    let n_left = Arc::new(AtomicU64::new(MAX_INDEX_BYTES));
    let reader = ArchiveReader { file: FileReader::new(file), n_left: Arc::clone(&n_left) };
    let archive = ZipArchive::new(reader).ok()?;
    // What is unpacked has its own limit.
    n_left.store(u64::MAX, Ordering::Relaxed);
    Some(archive)
}

/// Reads the file of an archive, and fails after a number of bytes. The numbers in an archive may be wrong.
#[derive(Debug)]
pub(crate) struct ArchiveReader {
    file: FileReader,
    n_left: Arc<AtomicU64>,
}

impl Read for ArchiveReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.file.read(buffer)?;
        let n_left = self.n_left.load(Ordering::Relaxed).checked_sub(n_read as u64);
        self.n_left.store(n_left.ok_or(io::ErrorKind::FileTooLarge)?, Ordering::Relaxed);
        Ok(n_read)
    }
}

impl Seek for ArchiveReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_lists_a_million_files_is_not_opened() {
        for (n_files, is_opened) in [(1_000_u64, true), (1_000_000, false)] {
            let mut bytes = b"PK\x03\x04\x14\0".to_vec();
            bytes.resize(30, 0);
            bytes[26] = 1;
            bytes.push(b'a');
            let index = bytes.len() as u64;
            for n in 0..n_files {
                bytes.extend(b"PK\x01\x02\x14\0\x14\0");
                bytes.resize(bytes.len() + 20, 0);
                bytes.extend([8, 0]);
                bytes.resize(bytes.len() + 16, 0);
                bytes.extend(format!("{n:08x}").bytes());
            }
            // The end of an archive with many files, and its shorter form.
            let end = bytes.len() as u64;
            bytes.extend(b"PK\x06\x06");
            bytes.extend(44_u64.to_le_bytes());
            bytes.extend([45, 0, 45, 0]);
            bytes.resize(bytes.len() + 8, 0);
            for number in [n_files, n_files, end - index, index] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(b"PK\x06\x07\0\0\0\0");
            bytes.extend(end.to_le_bytes());
            bytes.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
            bytes.extend([0xFF; 12]);
            bytes.extend([0, 0]);
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            assert_eq!(open_archive(Arc::new(file)).is_some(), is_opened, "{n_files}");
        }
    }

    #[test]
    fn bytes_are_found_where_one_block_ends_and_the_next_begins() {
        for n_before in [0, 65_533, 65_535, 65_536, 131_070] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&vec![b'x'; n_before]).unwrap();
            file.write_all(b"mergeCell").unwrap();
            let reader = FileReader::new(Arc::new(file));
            assert!(reader.contains(b"mergeCell").unwrap(), "{n_before}");
            assert!(!reader.contains(b"mergeCells").unwrap(), "{n_before}");
        }
    }
}
