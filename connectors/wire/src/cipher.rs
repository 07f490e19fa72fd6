//! Decrypts with the block ciphers that platforms use. ECB mode is weak, but some platforms require it.

use cipher::{BlockCipherDecrypt, KeyInit, array::Array, consts::U16};

/// The message for invalid padding: the cause is nearly always a wrong key.
const WRONG_KEY: &str = "it is not encrypted with this key";

/// Decrypts bytes with a key and, in CBC mode, an initialization vector.
pub(crate) type Decrypt = fn(&[u8; 16], Option<[u8; 16]>, &[u8]) -> Result<Vec<u8>, &'static str>;

/// Decrypts with a cipher of 16-byte blocks and removes the PKCS #7 padding. The mode is CBC if there
/// is an `iv`, else ECB.
pub(crate) fn decrypt<C: BlockCipherDecrypt<BlockSize = U16> + KeyInit<KeySize = U16>>(
    key: &[u8; 16],
    iv: Option<[u8; 16]>,
    bytes: &[u8],
) -> Result<Vec<u8>, &'static str> {
    let cipher = C::new(&Array(*key));
    let (blocks, remainder) = bytes.as_chunks::<16>();
    if blocks.is_empty() || !remainder.is_empty() {
        return Err("its length is not a whole number of cipher blocks");
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut previous = iv.unwrap_or_default();
    for encrypted in blocks {
        let mut block = Array(*encrypted);
        cipher.decrypt_block(&mut block);
        plain.extend(block.iter().zip(previous).map(|(byte, mask)| byte ^ mask));
        if iv.is_some() {
            previous = *encrypted;
        }
    }
    let n_padding = usize::from(plain.last().copied().unwrap_or_default());
    let n_content = plain.len().checked_sub(n_padding).ok_or(WRONG_KEY)?;
    let is_padding = (1..=16).contains(&n_padding)
        && plain[n_content..].iter().all(|byte| usize::from(*byte) == n_padding);
    if !is_padding {
        return Err(WRONG_KEY);
    }
    plain.truncate(n_content);
    Ok(plain)
}
