//! The record as the source said it, made smaller before it is sealed.
//!
//! Without a dictionary on purpose: a dictionary belongs to the bytes it compressed for ever, and a
//! channel's columns change. Level 1 halves an order of a kilobyte already.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

/// Compresses with contexts that are kept: setting one up costs more than compressing a record.
#[derive(Default)]
pub(crate) struct Compressor(Mutex<Vec<zstd::bulk::Compressor<'static>>>);

const LEVEL: i32 = 1;
/// What follows is kept as it is.
const STORED: u8 = 0;
/// What follows is a zstd frame.
const ZSTD: u8 = 1;

impl Compressor {
    /// Makes `bytes` smaller; a record that cannot be made smaller is kept as it is.
    pub(crate) fn compress(&self, bytes: &[u8]) -> Vec<u8> {
        match self.frame(bytes) {
            Ok(frame) if frame.len() < bytes.len() => [&[ZSTD], frame.as_slice()].concat(),
            _ => [&[STORED], bytes].concat(),
        }
    }

    fn frame(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = match idle {
            Some(context) => context,
            None => zstd::bulk::Compressor::new(LEVEL)?,
        };
        let frame = context.compress(bytes)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        Ok(frame)
    }
}

/// The inverse. Only authenticated bytes come here, so the size is that of a record we took.
pub(crate) fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (&STORED, bytes) => Some(bytes.to_vec()),
        (&ZSTD, frame) => zstd::stream::decode_all(frame).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_comes_back_and_large_ones_are_smaller() {
        let compressor = Compressor::default();
        for bytes in [&b""[..], b"x", &b"{\"RQSTTITLE\":null}".repeat(100)] {
            let packed = compressor.compress(bytes);
            assert_eq!(decompress(&packed).unwrap(), bytes);
            assert_eq!(compressor.compress(bytes), packed);
        }
        assert!(compressor.compress(&[b'a'; 4000]).len() < 100);
        assert_eq!(decompress(&[]), None);
        assert_eq!(decompress(&[1, 2, 3]), None);
    }
}
