//! Tokens, by which the values of a person are compared: which values have one, and with which keys.

use contract::{DemandId, RecordKey};
use normalizer::{OpenError, Personal, Place, Sealer};
use serde_json::json;

use crate::{
    privacy::PEOPLE,
    support::{build, channel, demand, keys, sealer},
};

#[test]
fn old_keys_open_old_rows_and_tokens_of_both_are_searched() {
    let (old, new) = (Sealer::new(&keys(&[1])), Sealer::new(&keys(&[2, 1])));
    let id = DemandId::of(&channel(), &RecordKey::new("a"));
    let sealed = old.seal(Place { channel: &channel(), id: &id }, "name", b"x");
    assert_eq!(new.open(Place { channel: &channel(), id: &id }, "name", &sealed).unwrap(), b"x");
    let sealed = new.seal(Place { channel: &channel(), id: &id }, "name", b"x");
    assert_eq!(
        old.open(Place { channel: &channel(), id: &id }, "name", &sealed),
        Err(OpenError::UnknownKey(2))
    );

    let phone = Personal::phone("13800001234");
    let tokens = new.tokens(&phone);
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[1..], old.tokens(&phone));
    assert_ne!(keys(&[1]).check_values()[0], keys(&[2, 1]).check_values()[0]);
}

#[test]
fn a_phone_has_one_token_however_it_is_written() {
    let token = |text: &str| sealer().tokens(&Personal::phone(text));
    for text in
        ["+86 138 0000 1234", "0086-138-0000-1234", "１３８００００１２３４", "013800001234"]
    {
        assert_eq!(token(text), token("13800001234"), "{text}");
    }
    for text in ["05533800000", "(0553) 3800000", "5533800000", "+86-553-3800000"] {
        assert_eq!(token(text), token("0553-3800000"), "{text}");
    }
    assert_eq!(token("138****1234"), Vec::<String>::new());
    let id = |text: &str| sealer().tokens(&Personal::id_no(text));
    assert_eq!(id("34028119880808888x"), id("３４０２８１ 19880808 888X"));
    assert_ne!(id("340202198001010015"), token("340202198001010015"));
}

#[test]
fn masked_values_bad_numbers_and_placeholders_are_never_keys() {
    let mapping = build(PEOPLE).unwrap();
    for (name, phone, id) in [
        ("陈***", "138****1234", "340202********0015"),
        ("匿名", "12345", "340202198001010016"),
        ("陈女士", "3800000", "111111111111111111"),
    ] {
        let tree = json!({"name": name, "phone": phone, "id": id});
        let people = demand(&mapping, tree).body.people;
        let sealed = [&people[0].name, &people[0].phone, &people[0].id_no];
        for value in sealed {
            assert_eq!(value.as_ref().unwrap().token, None, "{name} {phone} {id}");
        }
    }
}

#[test]
fn a_person_has_the_same_token_in_every_channel_and_another_under_each_suite() {
    let person = Personal::phone("13800001234");
    let sealed = |sealer: &Sealer, channel: &str, key: &str| {
        let channel = channel.parse().unwrap();
        let id = DemandId::of(&channel, &RecordKey::new(key));
        sealer.seal_personal(Place { channel: &channel, id: &id }, "people.0.phone", &person)
    };
    let (one, other) = (sealed(&sealer(), "hotline", "a"), sealed(&sealer(), "petition", "b"));
    assert_eq!(one.token, other.token);
    assert_ne!(one.sealed, other.sealed);

    let national = keys(&[1]).to_json().replace("\"suite\": \"aes\"", "\"suite\": \"sm\"");
    let national = Sealer::new(&normalizer::Keys::from_json(&national).unwrap());
    let again = sealed(&national, "hotline", "a");
    assert_ne!(again.token, one.token);
    assert_eq!(again.mask, one.mask);
    let id = DemandId::of(&channel(), &RecordKey::new("a"));
    let plain = national
        .open(Place { channel: &channel(), id: &id }, "people.0.phone", &again.sealed)
        .unwrap();
    assert_eq!(plain, b"13800001234");
    let refused =
        sealer().open(Place { channel: &channel(), id: &id }, "people.0.phone", &again.sealed);
    assert_eq!(refused, Err(OpenError::Refused));
}
