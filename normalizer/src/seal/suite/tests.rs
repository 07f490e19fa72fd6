use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

#[test]
fn sm4_gcm_gives_what_rfc_8998_prints() {
    let key: [u8; 16] = bytes("0123456789ABCDEFFEDCBA9876543210").try_into().unwrap();
    let cipher = Cipher::Sm4(Box::new(AesGcm::new(&key.into())));
    let nonce: [u8; 12] = bytes("00001234567800000000ABCD").try_into().unwrap();
    let aad = bytes("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
    let plain = bytes(
        "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD\
         EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA",
    );
    let mut sealed = plain.clone();
    let tag = cipher.encrypt(nonce, &aad, &mut sealed).unwrap();
    sealed.extend(tag);
    let expected = bytes(
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735\
         D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D\
         83DE3541E4C2B58177E065A9BF7B62EC",
    );
    assert_eq!(sealed, expected);
    let opened = cipher.decrypt(nonce, Payload { msg: &sealed, aad: &aad }).unwrap();
    assert_eq!(opened, plain);
}

#[test]
fn hmac_sm3_is_another_hash_than_hmac_sha_256() {
    let key = [7; 32];
    let (sha, sm) = (Mac::new(Suite::Aes, &key), Mac::new(Suite::Sm, &key));
    assert_ne!(sha.hash(&[b"x"]), sm.hash(&[b"x"]));
    assert_eq!(sm.hash(&[b"a", b"b"]), sm.hash(&[b"ab"]));
    // Computed by OpenSSL 3: openssl dgst -sm3 -hmac, hexkey of 32 bytes of 07.
    assert_eq!(hex::encode(sm.hash(&[b"x"])), SM3_OF_X);
}

const SM3_OF_X: &str = "ab7019cb40ba25af148dc19de485d066eac72e6f4e62fd4cb404f6f6bd863a26";
