//! Compresses the raw record before it is sealed.
//!
//! Records are small and similar, so a dictionary helps more than a higher compression level. With one that
//! contains the columns of the channel, compression takes half of the time, and the result has a third to a
//! fifth of the size. Dictionaries are part of the program and numbered. A dictionary must never change,
//! because what was compressed with it can be read only with it.

use std::{
    io::{self, Read},
    sync::{LazyLock, Mutex, PoisonError},
};

use zstd::{
    bulk,
    dict::{DecoderDictionary, EncoderDictionary},
    stream,
};

/// Compresses records, with contexts that it keeps: creating one takes longer than compressing a record.
#[derive(Default)]
pub(crate) struct Compressor(Mutex<Vec<bulk::Compressor<'static>>>);

/// Made by `cargo xtask tool dictionary` from made-up records of all shipped channels.
static DICTIONARY_1: &[u8] = include_bytes!("record-1.dict");
static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY_1, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(DICTIONARY_1));

const LEVEL: i32 = 1;
/// The first byte, if the rest is not compressed.
const UNCOMPRESSED: u8 = 0;
/// The first byte, if the rest is a zstd frame.
const ZSTD: u8 = 1;
/// The first byte, if the rest is a zstd frame that was made with the first dictionary.
const ZSTD_1: u8 = 2;

impl Compressor {
    /// Compresses `bytes`; a record that does not become smaller stays as it is.
    pub(crate) fn compress(&self, bytes: &[u8]) -> Vec<u8> {
        match self.frame(bytes) {
            Ok(frame) if frame.len() < bytes.len() => [&[ZSTD_1], frame.as_slice()].concat(),
            _ => [&[UNCOMPRESSED], bytes].concat(),
        }
    }

    /// Compresses with the dictionary.
    fn frame(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = match idle {
            Some(context) => context,
            None => bulk::Compressor::with_prepared_dictionary(&ENCODER)?,
        };
        let frame = context.compress(bytes)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        Ok(frame)
    }
}

/// The inverse of [`Compressor::compress`]; `None` if the bytes are not its result. There is no limit of
/// size, because sealed bytes are authentic: they are a record that was accepted.
pub(crate) fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (&UNCOMPRESSED, bytes) => Some(bytes.to_vec()),
        (&ZSTD, frame) => stream::decode_all(frame).ok(),
        (&ZSTD_1, frame) => decompress_with_dictionary(frame).ok(),
        _ => None,
    }
}

fn decompress_with_dictionary(frame: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream::Decoder::with_prepared_dictionary(frame, &DECODER)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

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
        for broken in [&[][..], &[1, 2, 3], &[2, 2, 3], &[3]] {
            assert_eq!(decompress(broken), None);
        }
    }

    #[test]
    fn records_compressed_by_earlier_versions_can_be_read() {
        let record = b"{\"ROWGUID\":\"6f1a0c52\",\"CSTATUS\":\"35\"}".repeat(9);
        let earlier = [&[ZSTD], bulk::compress(&record, 1).unwrap().as_slice()].concat();
        assert_eq!(decompress(&earlier).unwrap(), record);
        // Records of every store need these very bytes.
        let hash = Sha256::digest(DICTIONARY_1);
        assert_eq!(
            hex::encode(hash),
            "bbcb1e5a9c63d9f4db891e2e61335c63e93418530bbb0f09bbac1ab758084364"
        );
    }
}
