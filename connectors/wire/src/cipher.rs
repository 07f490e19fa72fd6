//! Block ciphers as the platforms use them. ECB is weak, but they require it.

use cipher::{BlockCipherDecrypt, KeyInit, array::Array, consts::U16};

/// The error of a wrong key.
const PADDING: &str = "not encrypted with this key";

/// Opens what a cipher with 16-byte blocks and PKCS #7 padding has closed.
pub(crate) type Open = fn(&[u8; 16], Option<[u8; 16]>, &[u8]) -> Result<Vec<u8>, &'static str>;

/// With `iv`, each block is chained with the one before, and the first with `iv`.
pub(crate) fn open<C: BlockCipherDecrypt<BlockSize = U16> + KeyInit<KeySize = U16>>(
    key: &[u8; 16],
    iv: Option<[u8; 16]>,
    bytes: &[u8],
) -> Result<Vec<u8>, &'static str> {
    let cipher = C::new(&Array(*key));
    let (blocks, rest) = bytes.as_chunks::<16>();
    if blocks.is_empty() || !rest.is_empty() {
        return Err("not a whole number of cipher blocks");
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut before = iv.unwrap_or_default();
    for encrypted in blocks {
        let mut block = Array(*encrypted);
        cipher.decrypt_block(&mut block);
        plain.extend(block.iter().zip(before).map(|(byte, mask)| byte ^ mask));
        if iv.is_some() {
            before = *encrypted;
        }
    }
    let n_padding = usize::from(plain.last().copied().unwrap_or_default());
    let content = plain.len().checked_sub(n_padding).ok_or(PADDING)?;
    let is_padding = (1..=16).contains(&n_padding)
        && plain[content..].iter().all(|byte| usize::from(*byte) == n_padding);
    if !is_padding {
        return Err(PADDING);
    }
    plain.truncate(content);
    Ok(plain)
}
