use super::*;

#[test]
fn the_message_board_signs_as_its_public_client_does() {
    let list = |type_id| {
        format!(
            r#"{{"fid":{type_id},"showUnAnswer":1,"typeId":5,"lastItem":"","position":1,"rows":10,"orderType":2}}"#
        )
    };
    let public = "PC42ce3bfa4980a9";
    let ours = "SIM0a1b2c3d4e5f60";
    assert_eq!(&md5_hex(ours)[..16], "9a20b5e19d2cb342");
    for (path, param, app_code, signature) in [
        ("/v1/threads/list/bw", list(5050), public, "22e8ff231248d4e2774c9d1b523afdf9"),
        ("/v1/forum/getTopBwForums", "{}".into(), public, "3be29e33cb708b79a3802f663cf8f16e"),
        (
            "/v1/threads/content",
            r#"{"tid":20000137}"#.into(),
            ours,
            "f674f9a222f28a4b652e4338a1d48b36",
        ),
        ("/v1/threads/list/bw", list(3402), ours, "3cef6733652c82454e322bbacc7e2031"),
    ] {
        assert_eq!(board_signature(path, &param, app_code, ""), signature, "{path}");
    }
}

#[test]
fn the_national_platforms_sign_in_the_order_sid_rid_rtime() {
    let (sid, rid) = ("s_340200000000_0001", "11111111-2222-3333-4444-555555555555@340200");
    let (rtime, secret) = ("1760000000000", "0123456789abcdef0123456789abcdef");
    for (secret, first, second, sign) in [
        (secret, sid, rid, "ui1iS734YxqxSUOThvN7PB7KHJvgPlz2UNKIzOrchL4="),
        ("SIMAPPKEY340200", sid, rid, "bbu2b/z4c5nAlg6OB1p+gtjxpwSaK7sKxggCQnUfUX8="),
        (secret, rid, sid, "Z7Gi48zUHcWja/LgYQj5XzHT7RpJWEi/y1QLBJwWK64="),
    ] {
        assert_eq!(platform_signature(secret, first, second, rtime), sign);
    }
}

#[test]
fn the_secret_is_wrapped_as_java_does_it() {
    assert_eq!(hex::encode(sha1prng("123456")), "6bb4837eb74329105ee4568dda7dc67e");
    assert_eq!(hex::encode(sha1prng("SIMAPPKEY340200")), "01ce73a9b390132dd17f90faf0d5ae23");
    assert_eq!(
        encrypted_secret("SIMAPPKEY340200", "0123456789abcdef0123456789abcdef"),
        "WC3lqrf7kzt5OjiNlFfCiVgt5aq3+5M7eTo4jZRXwoku+Zw2H56Sv2YrZWSZ+Imi"
    );
}

#[test]
fn x_bg_signs_the_sorted_query() {
    let path = "/restapi/prod/IC33000020211105003270/post";
    let date = "Tue, 09 Nov 2021 08:49:20 GMT";
    for query in ["test=123&v=123", "v=123&test=123"] {
        let sign = x_bg_signature("tet", "POST", path, query, "test", date);
        assert_eq!(sign, "KJJG0L/1ilAOrfHxAsJR67f6oVm38fwREEp9hFnAcis=");
    }
}

#[test]
fn national_algorithms_and_the_shared_string_give_their_vectors() {
    assert_eq!(md5_hex("sim-shared-340200"), "7e0e61e03b00f18f60421a402c28ba43");
    assert_eq!(sm3_hex("abc"), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    assert_eq!(
        sm4_hex("0123456789abcdef", r#"{"dcxsbh":"DC340200202610090001"}"#),
        "d477af293a6277a2a61b38d1dd4792a3407aff0aee3a9be151647c63ed639124\
         3b7d8e57ee37c650082aca153c15ba35"
    );
}
