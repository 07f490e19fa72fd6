//! A first look over all bytes of a file: how many, which MD5, and what they say of their charset.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use md5::{Digest as _, Md5};

/// What is known of a file before it is taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    pub(crate) n_bytes: u64,
    /// Hexadecimal, in small letters.
    pub(crate) md5: String,
    /// All of it is UTF-8, and not only ASCII.
    pub(crate) is_utf8: bool,
    /// Its beginning.
    pub(crate) head: Vec<u8>,
}

/// Bytes of the beginning that are kept: enough for evidence.
const HEAD: usize = 64 * 1024;
const BLOCK: usize = 256 * 1024;

/// Reads all of a file.
pub(crate) fn survey(file: &File) -> io::Result<Survey> {
    let (mut hash, mut head, mut at) = (Md5::new(), Vec::new(), 0);
    let mut utf8 = Utf8::default();
    let mut block = vec![0; BLOCK];
    loop {
        let n_read = file.read_at(&mut block, at)?;
        let bytes = &block[..n_read];
        if bytes.is_empty() {
            break;
        }
        hash.update(bytes);
        utf8.push(bytes);
        head.extend(bytes.iter().take(HEAD.saturating_sub(head.len())));
        at += n_read as u64;
    }
    let md5 = hex::encode(hash.finalize());
    Ok(Survey { n_bytes: at, md5, is_utf8: utf8.holds(), head })
}

/// Whether bytes that come in blocks are UTF-8.
#[derive(Default)]
struct Utf8 {
    /// The beginning of a character whose rest is in the next block.
    open: Vec<u8>,
    is_wide: bool,
    is_broken: bool,
}

impl Utf8 {
    fn push(&mut self, block: &[u8]) {
        if self.is_broken {
            return;
        }
        let joined;
        let bytes = if self.open.is_empty() {
            block
        } else {
            joined = [&self.open[..], block].concat();
            &joined
        };
        let valid = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) => {
                self.is_broken = error.error_len().is_some();
                error.valid_up_to()
            }
        };
        self.is_wide |= !bytes[..valid].is_ascii();
        self.open = bytes[valid..].to_vec();
        // Three bytes of a character can wait for the fourth, no more.
        self.is_broken |= self.open.len() > 3;
    }

    fn holds(&self) -> bool {
        !self.is_broken && self.open.is_empty() && self.is_wide
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_are_judged_as_one(
            text in "(诉|é|a|𠮷|\u{FFFD}){0,12}",
            spoilt in proptest::option::of((0_usize..40, any::<u8>())),
            cuts in proptest::collection::vec(0_usize..40, 0..5),
        ) {
            let mut bytes = text.into_bytes();
            if let Some((at, byte)) = spoilt
                && let Some(place) = bytes.get_mut(at)
            {
                *place = byte;
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let (mut utf8, mut from) = (Utf8::default(), 0);
            for cut in cuts.into_iter().chain([bytes.len()]) {
                utf8.push(&bytes[from..cut]);
                from = cut;
            }
            let whole = std::str::from_utf8(&bytes).is_ok_and(|text| !text.is_ascii());
            prop_assert_eq!(utf8.holds(), whole);
        }
    }

    #[test]
    fn the_md5_is_that_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![b'a'; BLOCK * 2 + 1]).unwrap();
        let survey = survey(&File::open(path).unwrap()).unwrap();
        assert_eq!(survey.n_bytes, BLOCK as u64 * 2 + 1);
        assert_eq!(survey.head.len(), HEAD);
        assert!(!survey.is_utf8, "ASCII says nothing");
        assert_eq!(survey.md5, hex::encode(Md5::digest(vec![b'a'; BLOCK * 2 + 1])));
    }
}
