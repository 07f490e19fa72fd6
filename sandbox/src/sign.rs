//! The signing and encryption schemes of the simulated sources.
//!
//! This code is independent of the gateway's: with shared code, tests would not notice a misunderstood
//! scheme. Both implementations have tests with published test vectors.

use aes::cipher::{BlockCipherEncrypt, KeyInit as _};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// The MD5 digest of `text`, in lower-case hex.
pub(crate) fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

/// The signature of 领导留言板 (the message board): `md5(path + param + md5(appCode)[0..16] + token)`,
/// where `param` is the text of the parameters in the request.
pub(crate) fn board_signature(path: &str, param: &str, app_code: &str, token: &str) -> String {
    let derived = md5_hex(app_code);
    md5_hex(&format!("{path}{param}{}{token}", &derived[..16]))
}

/// The signature of government platforms: `Base64(HMAC-SHA256(secret, sid + rid + rtime))`.
pub(crate) fn platform_signature(secret: &str, sid: &str, rid: &str, rtime: &str) -> String {
    hmac_sha256(secret, &format!("{sid}{rid}{rtime}"))
}

/// The X-BG signature: `Base64(HMAC-SHA256(secret_key, "METHOD\nPATH\nQUERY\nACCESS_KEY\nDATE\n"))`, with
/// the parameters of the query sorted.
pub(crate) fn x_bg_signature(
    secret_key: &str,
    method: &str,
    path: &str,
    query: &str,
    access_key: &str,
    date: &str,
) -> String {
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let query = pairs.join("&");
    hmac_sha256(secret_key, &format!("{method}\n{path}\n{query}\n{access_key}\n{date}\n"))
}

/// `secret` as a government platform sends it: encrypted with AES-128/ECB/PKCS5 in Base64, with the key that
/// Java's `SHA1PRNG` derives from the app key.
pub(crate) fn encrypted_secret(app_key: &str, secret: &str) -> String {
    let cipher = aes::Aes128::new(&sha1prng(app_key).into());
    BASE64_STANDARD.encode(ecb(secret.as_bytes(), |block| cipher.encrypt_block(block.into())))
}

/// `text` encrypted with SM4-ECB/PKCS7, in lower-case hex. `key` must have 16 bytes.
pub(crate) fn sm4_hex(key: &str, text: &str) -> String {
    // This fails only for a key that is not 16 bytes long; all callers pass 16 bytes.
    let Ok(cipher) = sm4::Sm4::new_from_slice(key.as_bytes()) else { return String::new() };
    hex::encode(ecb(text.as_bytes(), |block| cipher.encrypt_block(block.into())))
}

/// The SM3 digest of `text`, in lower-case hex.
pub(crate) fn sm3_hex(text: &str) -> String {
    hex::encode(sm3::Sm3::digest(text))
}

/// The first 16 bytes of `SecureRandom("SHA1PRNG")` seeded with `seed`.
fn sha1prng(seed: &str) -> [u8; 16] {
    let digest = Sha1::digest(Sha1::digest(seed));
    std::array::from_fn(|i| digest[i])
}

fn hmac_sha256(key: &str, text: &str) -> String {
    // HMAC accepts keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Encrypts each block of 16 bytes separately, after adding PKCS7 padding.
fn ecb(plain: &[u8], encrypt: impl Fn(&mut [u8; 16])) -> Vec<u8> {
    let padding = 16 - plain.len() % 16;
    let mut encrypted = plain.to_vec();
    encrypted.resize(plain.len() + padding, u8::try_from(padding).unwrap_or_default());
    for block in encrypted.as_chunks_mut::<16>().0 {
        encrypt(block);
    }
    encrypted
}

#[cfg(test)]
mod tests;
