//! How the simulated sources sign and encrypt, each scheme as its platform describes it.
//!
//! Nothing here is shared with the gateway: with shared code a misunderstanding of a scheme would
//! go unnoticed. Both sides are tested against the published vectors.

use aes::cipher::{BlockCipherEncrypt, KeyInit as _};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// Lower-case hex of the MD5 of `text`.
pub(crate) fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

/// 领导留言板: `md5(path + param + md5(appCode)[0..16] + token)`, all as text, byte for byte.
pub(crate) fn message_board(path: &str, param: &str, app_code: &str, token: &str) -> String {
    let derived = md5_hex(app_code);
    md5_hex(&format!("{path}{param}{}{token}", &derived[..16]))
}

/// National platforms: `Base64(HMAC-SHA256(secret, sid + rid + rtime))`, in that order.
pub(crate) fn platform(secret: &str, sid: &str, rid: &str, rtime: &str) -> String {
    hmac_sha256(secret, &format!("{sid}{rid}{rtime}"))
}

/// X-BG: `Base64(HMAC-SHA256(sk, METHOD\nPATH\nQUERY\nAK\nDATE\n))`, the query sorted by name.
pub(crate) fn x_bg(
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

/// What the refresh call of a national platform returns: the secret under AES-128/ECB/PKCS5, in
/// Base64, with the key Java's `SHA1PRNG` makes of the app key.
pub(crate) fn wrapped_secret(app_key: &str, secret: &str) -> String {
    let cipher = aes::Aes128::new(&sha1prng(app_key).into());
    BASE64_STANDARD.encode(ecb(secret.as_bytes(), |block| cipher.encrypt_block(block.into())))
}

/// Lower-case hex of `text` under SM4-ECB/PKCS7.
pub(crate) fn sm4_hex(key: &str, text: &str) -> String {
    // This fails only for a key that is not 16 bytes long; all callers pass 16 bytes.
    let Ok(cipher) = sm4::Sm4::new_from_slice(key.as_bytes()) else { return String::new() };
    hex::encode(ecb(text.as_bytes(), |block| cipher.encrypt_block(block.into())))
}

/// Lower-case hex of the SM3 of `text`.
pub(crate) fn sm3_hex(text: &str) -> String {
    hex::encode(sm3::Sm3::digest(text))
}

/// The first 16 bytes of `SecureRandom("SHA1PRNG")` seeded with `seed`.
fn sha1prng(seed: &str) -> [u8; 16] {
    let twice = Sha1::digest(Sha1::digest(seed));
    std::array::from_fn(|i| twice[i])
}

fn hmac_sha256(key: &str, text: &str) -> String {
    // HMAC accepts keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Whole blocks of 16, each on its own, the last filled up as PKCS7 says.
fn ecb(plain: &[u8], encrypt: impl Fn(&mut [u8; 16])) -> Vec<u8> {
    let padding = 16 - plain.len() % 16;
    let mut sealed = plain.to_vec();
    sealed.resize(plain.len() + padding, u8::try_from(padding).unwrap_or_default());
    for block in sealed.as_chunks_mut::<16>().0 {
        encrypt(block);
    }
    sealed
}

#[cfg(test)]
mod tests;
