//! Challenges from reports about other clients, which could not read them or answered them wrongly. The digests were
//! computed with hashlib of Python; that of diqwest#10 is in the report, sent by curl.

use super::*;

#[test]
fn the_challenges_that_other_clients_failed_on_are_answered() {
    let admin = ("admin", "admin", "ODRkZjFjYWQ4NDQwYmM0NmFjM2JjMjg0NDU1YmJlYmQ=", "/hello");
    let ting = ("ting", "s3cretWord", "c0ffee", TARGET);
    let meter = ("ting", "s3cretWord", "c0ffee", "/cgi-bin/egauge-show?c&T=1639976400,1642654800");
    for (report, (user, password, cnonce, target), header, has) in [
        (
            "maoertel/diqwest#10: no algorithm is named, so none comes back",
            admin,
            r#"Digest realm="CSR305-1G-4s+", qop="auth", nonce="7f267bd4", stale=FALSE"#,
            vec!["9b919621bc520ba65b54b9ae73039d17", "qop=auth, nc=00000001"],
        ),
        (
            "maoertel/diqwest#1: the address is the path and the query, as they are sent",
            meter,
            r#"Digest realm="parks", nonce="n1==", qop="auth""#,
            vec!["e97aa074a2bd036a42ae03aec6f05dcd"],
        ),
        (
            "square/okhttp#2780: cameras begin with `qop`, and quote `stale`",
            ting,
            "Digest qop=\"auth\", realm=\"DS-2CD2432F-IW\", \
             nonce=\"4d6a6c4551305a43515449364e6d497a4d6a63314e546b3d\", stale=\"FALSE\"",
            vec!["5209c2dee5a913ed3907730a3f995a4f"],
        ),
        (
            "imroc/req#359: a doorbell quotes the algorithm, and has a domain that is no address",
            ting,
            "Digest realm=\"DS-TCG405-E\", domain=\"::\", qop=\"auth\", \
             nonce=\"4d6b493452444d335130553659324534597a41304f47493d\", opaque=\"\", \
             algorithm=\"MD5\", stale=\"FALSE\"",
            vec!["9e3632a0d05324206a46e5e34ef01a98", "algorithm=MD5,", "opaque=\"\""],
        ),
        (
            "curl/curl#9074: IIS has a session, a plus sign in the nonce, and no blanks",
            ting,
            "Digest qop=\"auth\",algorithm=MD5-sess,nonce=\"+Upgraded+v18bdb7da\",charset=utf-8,\
             realm=\"testrealm\",stale=true",
            vec!["c21381157c670f3f8641194cbe6b45ed", "algorithm=MD5-sess,", "cnonce=\"c0ffee\""],
        ),
        (
            "psf/requests#2408 and python/cpython#17045: one of the qualities is digested and sent",
            ting,
            "Digest realm=\"onvif\", qop=\"auth,auth-int\", nonce=\"5dcd4c06ca893ade7254\", \
             opaque=\"528eacb9\"",
            vec!["c728a5a90038cb7469920c78bbf27e60", "qop=auth, nc=", "opaque=\"528eacb9\""],
        ),
        (
            "go-resty/resty#1203: a quality of the future comes first, and an unknown parameter",
            ting,
            "Digest unknown_param=true, realm=\"parks\", nonce=\"n1==\", qop=\"some-future-qop, auth\"",
            vec!["a41862e8928cd7a5dcef7dd2f332c4c0", "qop=auth, nc="],
        ),
        (
            "AsyncHttpClient/async-http-client#2236: a quote within a nonce adds no parameter",
            ting,
            "Digest realm=\"parks\", nonce=abc\"x, qop=auth",
            vec!["726ea70e6fe600b385f0fa9f172ddff1", r#"nonce="abc\"x","#],
        ),
        (
            "transithq/tropel#525: an escaped quote does not end the realm",
            ting,
            r#"Digest realm="foo\"bar", nonce="n", qop="auth""#,
            vec!["865cf790d0324b841598578b838b4a67", r#"realm="foo\"bar","#, "nonce=\"n\""],
        ),
    ] {
        let (value, _) = answer(&digest(user, password), header, cnonce, get(target));
        for part in has {
            assert!(value.contains(part), "{report}: {part} is not in {value}");
        }
        assert!(value.contains(&format!("uri=\"{target}\"")), "{report}: {value}");
        let names_algorithm = header.contains("algorithm");
        assert_eq!(value.contains("algorithm="), names_algorithm, "{report}: {value}");
    }
}

/// go-resty/resty#1203: parameters that nobody knows are no challenge.
#[test]
fn a_challenge_of_unknown_parameters_is_not_answered() {
    let fault = Offer::best("Digest unknown_param=true").unwrap_err().to_string();
    assert!(fault.contains("it has no nonce"), "{fault}");
}
