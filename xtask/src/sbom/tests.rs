use super::*;

const TREE: &str = "0gateway v0.1.0 (/src/gateway)\tApache-2.0\n1sink v0.1.0 (/src/sink)\tApache-2.0\n\
    2toml v1.2.1+spec-1.1.0\tMIT/Apache-2.0\n3memchr v2.8.3\tUnlicense OR MIT\n1memchr v2.8.3\tUnlicense OR MIT\n\
    1sink v0.1.0 (/src/sink)\tApache-2.0 (*)\n\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"memchr\"\nversion = \"2.8.3\"\nsource = \"x\"\n\
    checksum = \"aa\"\n\n[[package]]\nname = \"sink\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"toml\"\n\
    version = \"1.2.1+spec-1.1.0\"\nchecksum = \"bb\"\ndependencies = [\n \"memchr\",\n]\n";

#[test]
fn every_linked_crate_is_listed_with_its_licence_checksum_and_what_it_needs() {
    let found = document(&linked(TREE).unwrap(), &checksums(LOCK)).unwrap();
    let licences = |text| json!([{ "expression": text }]);
    let hashes = |text| json!([{ "alg": "SHA-256", "content": text }]);
    assert_eq!(
        found["components"],
        json!([
            { "type": "library", "bom-ref": "memchr@2.8.3", "name": "memchr", "version": "2.8.3",
              "licenses": licences("Unlicense OR MIT"), "hashes": hashes("aa"),
              "purl": "pkg:cargo/memchr@2.8.3" },
            { "type": "library", "bom-ref": "sink@0.1.0", "name": "sink", "version": "0.1.0",
              "licenses": licences("Apache-2.0") },
            { "type": "library", "bom-ref": "toml@1.2.1+spec-1.1.0", "name": "toml",
              "version": "1.2.1+spec-1.1.0", "licenses": licences("MIT OR Apache-2.0"),
              "hashes": hashes("bb"), "purl": "pkg:cargo/toml@1.2.1%2Bspec-1.1.0" },
        ])
    );
    assert_eq!(found["metadata"]["component"]["name"], "tonghui");
    let needs = |name: &str, list: &[&str]| json!({ "ref": name, "dependsOn": list });
    assert_eq!(
        found["dependencies"],
        json!([
            needs("gateway@0.1.0", &["memchr@2.8.3", "sink@0.1.0"]),
            needs("memchr@2.8.3", &[]),
            needs("sink@0.1.0", &["toml@1.2.1+spec-1.1.0"]),
            needs("toml@1.2.1+spec-1.1.0", &["memchr@2.8.3"]),
        ])
    );
}

#[test]
fn a_crate_without_checksum_or_licence_is_an_error() {
    let error = |tree: &str, lock: &str| {
        document(&linked(tree).unwrap(), &checksums(lock)).unwrap_err().to_string()
    };
    assert!(error(TREE, &LOCK.replace("checksum = \"bb\"", "")).contains("toml 1.2.1"));
    assert!(error(&TREE.replace("Unlicense OR MIT", ""), LOCK).contains("names no licence"));
    assert!(error("", LOCK).contains("lists no crate gateway"));
    assert!(linked("gateway").is_err());
}
