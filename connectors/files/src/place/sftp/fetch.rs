//! A whole file from a server, to the disk.
//!
//! One request waits for its answer as long as the line is long: so many are under way at once.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use russh_sftp::{
    client::{RawSftpSession, error::Error},
    protocol::{FileAttributes, OpenFlags, StatusCode},
};

use super::{Stamp, stamp};

/// Bytes of one request: what every server gives at once.
const PART: u32 = 32 * 1024;
const AT_ONCE: usize = 16;

/// Why a file was not fetched.
pub(super) enum Failed {
    Server(Error),
    Disk(io::Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

/// `None` where the file is not `expected` any more when it has been read.
pub(super) async fn fetch(
    sftp: &RawSftpSession,
    path: &str,
    expected: Stamp,
) -> Result<Option<File>, Failed> {
    let file = tempfile::tempfile().map_err(Failed::Disk)?;
    let opened = sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await?;
    let handle = opened.handle.as_str();
    let parts = (0..expected.n_bytes).step_by(PART as usize);
    let copied = stream::iter(parts)
        .map(|at| part(sftp, handle, at))
        .buffered(AT_ONCE)
        .try_for_each(|(at, bytes)| {
            let written = file.write_all_at(&bytes, at).map_err(Failed::Disk);
            async { written }
        })
        .await;
    let last = sftp.fstat(handle).await;
    let _ = sftp.close(handle).await;
    copied?;
    let n_bytes = file.metadata().map_err(Failed::Disk)?.len();
    let is_same = stamp(&last?.attrs) == expected && n_bytes == expected.n_bytes;
    Ok(is_same.then_some(file))
}

/// One part; shorter where the file ends.
async fn part(sftp: &RawSftpSession, handle: &str, at: u64) -> Result<(u64, Vec<u8>), Failed> {
    let mut bytes = Vec::new();
    while bytes.len() < PART as usize {
        let (from, left) = (at + bytes.len() as u64, PART as usize - bytes.len());
        match sftp.read(handle, from, u32::try_from(left).unwrap_or(PART)).await {
            Ok(answer) if answer.data.is_empty() => break,
            Ok(answer) => bytes.extend(answer.data.into_iter().take(left)),
            Err(Error::Status(status)) if status.status_code == StatusCode::Eof => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok((at, bytes))
}
