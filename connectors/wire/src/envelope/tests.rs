use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "0123456789abcdef";
const ROW: &str = r#"{"dcxsbh":"DC340200202610090001"}"#;
const SM4_HEX: &str = "d477af293a6277a2a61b38d1dd4792a3407aff0aee3a9be151647c63ed639124\
                       3b7d8e57ee37c650082aca153c15ba35";

fn open(layers: Value, text: &str) -> Result<Vec<u8>, &'static str> {
    let layers: Vec<Layer> = serde_json::from_value(layers).unwrap();
    layers.iter().for_each(|layer| layer.check().unwrap());
    super::open(&layers, text)
}

#[track_caller]
fn check(layers: Value, text: &str, within: Result<&str, &str>) {
    let opened = open(layers, text).map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(opened.as_deref().map_err(|why| *why), within);
}

#[test]
fn a_row_of_the_inspection_platform_is_sm4_in_hexadecimal_or_base64() {
    check(json!([{ "sm4": { "key": KEY } }]), SM4_HEX, Ok(ROW));
    check(json!([{ "sm4": { "key": KEY } }]), &SM4_HEX.to_uppercase(), Ok(ROW));
    let key = hex::encode(KEY);
    check(json!([{ "sm4": { "key": key, "key_form": "hex" } }]), SM4_HEX, Ok(ROW));
    let base64 = "1HevKTpid6KmGzjR3UeSo0B6/wruOpvhUWR8Y+1jkSQ7fY5X7jfGUAgqyhU8Fbo1";
    check(json!([{ "sm4": { "key": KEY, "code": "base64" } }]), base64, Ok(ROW));
    check(json!(["base64", { "sm4": { "key": KEY } }]), "no Base64!", Err("it is not Base64"));
}

#[test]
fn the_secret_of_a_platform_is_aes_with_a_key_from_java() {
    let wrapped = "WC3lqrf7kzt5OjiNlFfCiVgt5aq3+5M7eTo4jZRXwoku+Zw2H56Sv2YrZWSZ+Imi";
    let key = "01ce73a9b390132dd17f90faf0d5ae23";
    let aes = json!([{ "aes": { "key": key, "key_form": "hex", "code": "base64" } }]);
    check(aes, wrapped, Ok("0123456789abcdef0123456789abcdef"));
}

#[test]
fn cbc_gives_the_blocks_of_the_nist_example() {
    // SP 800-38A, F.2.1, its first two blocks; the third is the padding, encrypted in the chain.
    let cbc = |iv: &str| {
        json!([{ "aes": {
            "key": "2b7e151628aed2a6abf7158809cf4f3c", "key_form": "hex", "mode": "cbc", "iv": iv,
        } }])
    };
    let blocks = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2";
    let opened = open(cbc("000102030405060708090a0b0c0d0e0f"), blocks);
    // The standard's example has no padding, so its last block does not end in one.
    assert_eq!(opened, Err("it is not encrypted with this key"));
    let (key, mode) =
        (hex_16("2b7e151628aed2a6abf7158809cf4f3c"), hex_16("000102030405060708090a0b0c0d0e0f"));
    let padded = encrypt_cbc(
        &key,
        &mode,
        &hex::decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51").unwrap(),
    );
    assert!(padded.starts_with(blocks), "{padded}");
    let opened = open(cbc("000102030405060708090a0b0c0d0e0f"), &padded).unwrap();
    assert_eq!(
        hex::encode(opened),
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    );
}

#[test]
fn a_document_of_anhui_is_base64_twice() {
    let once = "cHJvak5vPTEmcHJvak5hbWU95rWL6K+V";
    check(json!(["base64"]), once, Ok("projNo=1&projName=测试"));
    let twice = "Y0hKdmFrNXZQVEVtY0hKdmFrNWhiV1U5NXJXTDZLK1Y=";
    check(json!(["base64", "base64"]), twice, Ok("projNo=1&projName=测试"));
    check(json!(["base64", "base64"]), twice.trim_end_matches('='), Ok("projNo=1&projName=测试"));
    let broken = format!("{}\r\n{}", &twice[..20], &twice[20..]);
    check(json!(["base64", "base64"]), &broken, Ok("projNo=1&projName=测试"));
}

#[test]
fn a_text_that_cannot_be_opened_has_a_reason() {
    let sm4 = || json!([{ "sm4": { "key": KEY } }]);
    check(sm4(), "xyz", Err("it is not in hexadecimal digits"));
    check(sm4(), "", Err("its length is not a whole number of cipher blocks"));
    check(sm4(), &SM4_HEX[2..], Err("its length is not a whole number of cipher blocks"));
    check(sm4(), &SM4_HEX[..64], Err("it is not encrypted with this key"));
    check(
        json!([{ "sm4": { "key": "fedcba9876543210" } }]),
        SM4_HEX,
        Err("it is not encrypted with this key"),
    );
    check(json!([{ "aes": { "key": KEY } }]), SM4_HEX, Err("it is not encrypted with this key"));
    check(json!(["hex", "hex"]), "ff00", Err("one of its inner layers is not text"));
}

#[test]
fn an_invalid_key_is_refused_and_not_shown() {
    for (settings, what) in [
        (json!({ "key": "hunter2" }), "16 bytes"),
        (json!({ "key": "hunter2hunter2hunter2", "key_form": "base64" }), "16 bytes"),
        (json!({ "key": KEY, "mode": "cbc" }), "needs an `iv`"),
        (json!({ "key": KEY, "mode": "cbc", "iv": "short" }), "`iv` is not"),
        (json!({ "key": KEY, "iv": KEY }), "no `iv`"),
    ] {
        let layer: Layer = serde_json::from_value(json!({ "aes": settings })).unwrap();
        let fault = layer.check().unwrap_err().to_string();
        assert!(fault.contains(what) && !fault.contains("hunter2"), "{fault}");
    }
    let layer: Layer = serde_json::from_value(json!({ "aes": { "key": KEY } })).unwrap();
    assert!(!format!("{layer:?}").contains(KEY));
}

proptest! {
    #[test]
    fn any_text_is_opened_or_has_a_reason(text in "\\PC{0,80}|[0-9a-f]{0,96}") {
        for layer in [json!("base64"), json!({ "sm4": { "key": KEY } }), json!({ "aes": { "key": KEY, "code": "base64" } })] {
            let _ = open(json!([layer]), &text);
        }
    }
}

fn hex_16(text: &str) -> [u8; 16] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// Pads and encrypts in CBC mode, as the other side does.
fn encrypt_cbc(key: &[u8; 16], iv: &[u8; 16], plain: &[u8]) -> String {
    use ::cipher::{BlockCipherEncrypt as _, KeyInit as _, array::Array};
    let n_padding = 16 - plain.len() % 16;
    let padded = [plain, &vec![u8::try_from(n_padding).unwrap(); n_padding]].concat();
    let (aes, mut before) = (aes::Aes128::new(&Array(*key)), *iv);
    let mut encrypted = Vec::new();
    for block in padded.as_chunks::<16>().0 {
        let mut block = Array::from_fn(|at| block[at] ^ before[at]);
        aes.encrypt_block(&mut block);
        before = block.0;
        encrypted.extend(before);
    }
    hex::encode(encrypted)
}
