use super::*;

#[test]
fn the_key_file_is_read_back_and_debug_does_not_show_keys() {
    let keys = Keys::generate(Suite::Aes).unwrap();
    let file = keys.to_json();
    let again = Keys::from_json(&file).unwrap();
    assert_eq!(again.to_json(), file);
    assert_eq!(again.check_values(), keys.check_values());
    assert!(!format!("{keys:?}").contains(&hex::encode(keys.current.sealing.0)));
    assert_ne!(Keys::generate(Suite::Aes).unwrap().check_values(), keys.check_values());
}

#[test]
fn a_check_value_changes_with_any_of_the_keys() {
    let keys = Keys::generate(Suite::Aes).unwrap();
    for purpose in 0..3 {
        let mut other = keys.clone();
        let key = [&mut other.current.sealing, &mut other.current.token, &mut other.current.digest]
            .into_iter()
            .nth(purpose)
            .unwrap();
        *key = KeyBytes::random().unwrap();
        assert_ne!(other.check_values(), keys.check_values());
    }
}

#[test]
fn a_rotated_file_seals_with_a_new_set_and_keeps_the_digest_key() {
    let keys = Keys::generate(Suite::Aes).unwrap();
    let rotated = keys.rotated(Suite::Sm).unwrap();
    assert_eq!((rotated.id(), rotated.current.suite), (2, Suite::Sm));
    assert_eq!(rotated.older_ids().collect::<Vec<_>>(), [1]);
    assert_ne!(rotated.current.token.0, keys.current.token.0);
    assert_eq!(rotated.current.digest.0, keys.current.digest.0);
    let again = Keys::from_json(&rotated.to_json()).unwrap();
    assert_eq!(again.to_json(), rotated.to_json());
    assert_eq!(rotated.rotated(Suite::Aes).unwrap().id(), 3);
}

#[test]
fn the_bus_key_outlives_rotations_and_a_sink_needs_no_other() {
    let keys = Keys::generate(Suite::Aes).unwrap();
    let bus = keys.bus();
    assert!(bus.is_some());
    assert_eq!(keys.rotated(Suite::Aes).unwrap().bus(), bus);
    let alone = keys.bus_to_json().unwrap();
    assert_eq!(Keys::bus_from_json(&alone).unwrap(), bus);
    assert_eq!(Keys::bus_from_json(&keys.to_json()).unwrap(), bus);
    assert!(!alone.contains(&hex::encode(keys.current.sealing.0)));
    assert!(Keys::from_json(&alone).is_err(), "nothing can be sealed with it");
    // A file of an earlier version has none until its keys are rotated.
    let older = Keys { bus: None, ..keys };
    assert_eq!(Keys::from_json(&older.to_json()).unwrap().bus(), None);
    assert_eq!(Keys::bus_from_json(&older.to_json()).unwrap(), None);
    assert_eq!(older.bus_to_json(), None);
    assert!(older.rotated(Suite::Aes).unwrap().bus().is_some());
}

#[test]
fn wrong_files_are_refused_without_quoting_a_key() {
    let (a, b, c) = ("aa".repeat(32), "bb".repeat(32), "cc".repeat(32));
    let set = |id: u32, a: &str, b: &str| {
        format!(r#"{{"id":{id},"sealing":"{a}","token":"{b}","digest":"{c}"}}"#)
    };
    let good = set(1, &a, &b);
    for (file, why) in [
        ("{}".to_owned(), "missing field"),
        (format!(r#"{{"current":2,"keys":[{good}]}}"#), "no set has the current id 2"),
        (format!(r#"{{"current":1,"keys":[{good},{good}]}}"#), "twice"),
        (format!(r#"{{"current":1,"keys":[{}]}}"#, set(1, &a, &a)), "two purposes"),
        (format!(r#"{{"current":1,"keys":[{}]}}"#, set(1, "abz", &b)), "64 hexadecimal"),
        (format!(r#"{{"current":1,"x":1,"keys":[{good}]}}"#), "unknown field"),
        (format!(r#"{{"current":1,"bus":"{b}","keys":[{good}]}}"#), "bus key too"),
    ] {
        let error = Keys::from_json(&file).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains(&a) && !error.contains("abz"), "{error}");
    }
}
