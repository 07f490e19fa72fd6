//! Block ciphers as the platforms use them. ECB is weak, but they require it.

use aes::Aes128;
use cipher::{BlockCipherDecrypt, KeyInit, array::Array, consts::U16};
use sm4::Sm4;

use crate::envelope::Unopened;

/// How blocks are chained.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Not at all.
    Ecb,
    /// Each with the one before; the first with this.
    Cbc([u8; 16]),
}

/// AES-128 with PKCS #5 (which for blocks of 16 bytes is PKCS #7).
pub(crate) fn aes_open(key: &[u8; 16], mode: Mode, bytes: &[u8]) -> Result<Vec<u8>, Unopened> {
    open(&Aes128::new(&Array(*key)), mode, bytes)
}

/// SM4 (GB/T 32907) with PKCS #7.
pub(crate) fn sm4_open(key: &[u8; 16], mode: Mode, bytes: &[u8]) -> Result<Vec<u8>, Unopened> {
    open(&Sm4::new(&Array(*key)), mode, bytes)
}

fn open<C: BlockCipherDecrypt<BlockSize = U16>>(
    cipher: &C,
    mode: Mode,
    bytes: &[u8],
) -> Result<Vec<u8>, Unopened> {
    let (blocks, rest) = bytes.as_chunks::<16>();
    if blocks.is_empty() || !rest.is_empty() {
        return Err(Unopened::Length);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut before = match mode {
        Mode::Ecb => [0; 16],
        Mode::Cbc(first) => first,
    };
    for encrypted in blocks {
        let mut block = Array(*encrypted);
        cipher.decrypt_block(&mut block);
        plain.extend(block.iter().zip(before).map(|(byte, mask)| byte ^ mask));
        if matches!(mode, Mode::Cbc(_)) {
            before = *encrypted;
        }
    }
    let n_padding = usize::from(plain.last().copied().unwrap_or_default());
    let content = plain.len().checked_sub(n_padding).ok_or(Unopened::Padding)?;
    let is_padding = (1..=16).contains(&n_padding)
        && plain[content..].iter().all(|byte| usize::from(*byte) == n_padding);
    if !is_padding {
        return Err(Unopened::Padding);
    }
    plain.truncate(content);
    Ok(plain)
}
