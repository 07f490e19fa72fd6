//! Tests of doors that others can reach: the console and the intake.

use crate::folder::Folder;

#[test]
fn a_door_that_others_can_reach_needs_authentication_and_tls_or_a_proxy_and_a_long_token() {
    const REACHED: &str = "[console]\nlisten = \"0.0.0.0:8420\"\n";
    let tls = "tls = { certificate = \"door.pem\", key = { file = \"door.key\" } }";
    let long = "token = { file = \"long.token\" }";
    let cases: [(String, &[&str]); 14] = [
        ("[console]\nproxy = true".to_owned(), &["without authentication"]),
        ("[console]".to_owned(), &[]),
        (
            "[console]\ntoken = { file = \"short.token\" }".to_owned(),
            &["`token` of [console] has fewer than 16 characters"],
        ),
        (format!("[console]\n{long}"), &[]),
        (
            "[console]\nproxy = true\ntoken = { file = \"short.token\" }".to_owned(),
            &["`token` of [console] has fewer than 16 characters"],
        ),
        (
            REACHED.to_owned(),
            &["[console] listens on 0.0.0.0:8420", "without TLS", "without authentication"],
        ),
        (format!("{REACHED}proxy = true"), &["without authentication"]),
        (format!("{REACHED}{long}"), &["without TLS"]),
        (format!("{REACHED}{long}\nproxy = true"), &[]),
        (format!("{REACHED}{long}\n{tls}"), &[]),
        ("[intake]\nlisten = \"[::1]:8421\"".to_owned(), &[]),
        (
            "[intake]\nlisten = \"[::]:8421\"".to_owned(),
            &["[intake] listens on [::]:8421", "without TLS"],
        ),
        (format!("[intake]\nlisten = \"[::]:8421\"\n{tls}"), &[]),
        (
            format!("[intake]\n{}", tls.replace("door.pem", "none.pem")),
            &["`none.pem` does not exist in the configuration folder"],
        ),
    ];
    for (section, wrong) in cases {
        let folder = Folder::new();
        for name in ["door.pem", "door.key", "long.token"] {
            folder.write(name, "0123456789abcdef\n");
        }
        folder.write("short.token", "0123456789abcde\n");
        folder.edit("gateway.toml", "[keys]", &format!("{section}\n[keys]"));
        let report = folder.report();
        assert_eq!(report.is_empty(), wrong.is_empty(), "{section}: {report}");
        assert!(wrong.iter().all(|part| report.contains(part)), "{section}: {report}");
    }
}

#[test]
fn an_open_door_is_told_together_with_the_problems_of_channels_but_not_with_those_of_its_own_file()
{
    let console = "[console]\nlisten = \"0.0.0.0:8420\"\n";
    for (more, is_told) in [("", true), ("tokn = 1\n", false)] {
        let folder = Folder::new();
        folder.channel("broken", "names = 1\n");
        folder.edit("gateway.toml", "[keys]", &format!("{console}{more}[keys]"));
        let report = folder.report();
        assert!(report.contains("channels/broken/channel.toml"), "{report}");
        assert_eq!(report.contains("without TLS"), is_told, "{report}");
        assert_eq!(report.contains("without authentication"), is_told, "{report}");
    }
}
