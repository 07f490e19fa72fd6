//! Ways to a source: through a proxy, or at an address that the settings name.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

fn account(url: &str, password: &str) -> Value {
    json!({ "url": url, "user": "city@gov", "password": password })
}

/// A channel whose source has a name that only a proxy knows.
async fn behind(proxy: &Value) -> City {
    let settings = json!({
        "url": "http://source.invalid:81/list", "insecure": true, "proxy": proxy,
    });
    one_page().await.with(settings)
}

/// Passwords with `@` and `#` were cut where they stood in the address of the proxy
/// (<https://github.com/fluent/fluent-bit/issues/5530>, <https://github.com/Kong/insomnia/issues/2512>).
#[tokio::test]
async fn a_proxy_gets_its_account_and_the_source_does_not_see_it() {
    let mut proxy = one_page().await;
    proxy.add(&["a".into()], HOUR).await;
    for (setting, basic) in [
        (json!(proxy.url), None),
        // Base64 of `city@gov:p@ss:/#%40`.
        (account(&proxy.url, "p@ss:/#%40"), Some("Basic Y2l0eUBnb3Y6cEBzczovIyU0MA==")),
    ] {
        proxy.state().requests.clear();
        let (entries, _) = behind(&setting).await.entries(None, 100).await;
        assert_eq!(keys_of(&entries), set(&["a"]));
        let request = proxy.state().requests[0].clone();
        assert_eq!(request.headers["host"], "source.invalid:81");
        assert_eq!(request.headers.get("proxy-authorization").map(String::as_str), basic);
        assert!(!request.headers.contains_key("authorization"));
    }
    // Without the proxy, the name of the source leads nowhere.
    let fault = behind(&json!("none")).await.read(None).await.unwrap_err().to_string();
    assert!(fault.contains("cannot be resolved") && fault.contains("`url`"), "{fault}");
}

#[tokio::test]
async fn the_password_of_a_proxy_is_in_no_fault_and_in_no_setting() {
    for (proxy, says) in [
        (json!("http://city:s3cret@proxy.example:3128"), "password = { file"),
        (json!("proxy.example:3128"), "http://host:3128"),
        (json!("ftp://proxy.example:3128"), "http://host:3128"),
        (account("http://u:s3cret@proxy.example", "s3cret"), "a user or password"),
        (account("s3cret", "s3cret"), "is not an address"),
    ] {
        let fault = behind(&proxy).await.build().unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        let fault = fault.to_string();
        assert!(fault.contains(says) && !fault.contains("s3cret"), "{proxy}: {fault}");
    }
    for url in ["http://127.0.0.1:1", "socks5h://127.0.0.1:1", "http://nosuch.invalid:1"] {
        let proxy = account(url, "s3cret#1");
        let fault = behind(&proxy).await.read(None).await.unwrap_err();
        let shown = format!("{fault} {fault:?}");
        assert!(shown.contains("`proxy`") && !shown.contains("s3cret"), "{url}: {shown}");
    }
}

/// Some proxies repeat what they were sent in the page that says why they refuse it.
#[tokio::test]
async fn the_password_of_a_proxy_is_hidden_where_the_proxy_repeats_it() {
    let basic = "Y2l0eUBnb3Y6cEBzcy9zM2NyZXQ=";
    let password = "p@ss/s3cret";
    for (status, said) in [
        (502, format!("no route for Basic {basic}")),
        (407, format!("bad Basic {basic}")),
        (502, format!("city@gov:{password} failed")),
        (502, "wrong: p%40ss%2fs3cret".to_owned()),
        (502, r"wrong: p@ss\/s3cret".to_owned()),
        (502, "wrong: 704073732f733363726574".to_owned()),
    ] {
        let proxy = one_page().await;
        let message = said.clone();
        proxy.answer(move |_| {
            let body = json!({ "message": message }).to_string();
            Some(Reply::new(status, body).with("x-said", message.clone()))
        });
        let mut http = behind(&account(&proxy.url, password)).await.http();
        http.keep_traces();
        let fault = http.read(None, 100).await.unwrap_err();
        let trace = http.traces().last().unwrap();
        let mut shown = format!("{fault} {fault:?} {} {}", trace.head(), http.text(trace));
        let kept = http.failed_exchange().unwrap();
        shown.push_str(&format!("{} {}", kept.head, kept.body));
        assert!(shown.contains('…'), "{shown}");
        for secret in [basic, "s3cret", "704073732f733363726574"] {
            assert!(!shown.contains(secret), "{said}: {shown}");
        }
    }
}

#[test]
fn an_address_in_resolve_that_is_none_is_named_with_an_example() {
    for text in ["127.0.0.1:99", "", "gateway.example", "[::1]"] {
        let settings = json!({
            "url": "https://api.example/", "records": "$", "key": "$.id",
            "resolve": { "api.example": text },
        });
        let error = serde_json::from_value::<connector_http::Config>(settings).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("`resolve` of `api.example`"), "{error}");
        assert!(error.contains("resolve = { \"api.example\" = \"10.0.0.5\" }"), "{error}");
    }
}

#[tokio::test]
async fn a_socks_proxy_resolves_the_name_of_the_source() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("socks5h://{}", listener.local_addr().unwrap());
    let serving = async {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        // Methods, the account, and the destination (RFC 1928, RFC 1929), then the request.
        for reply in [&[5, 2][..], &[1, 0], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]] {
            let mut buffer = [0; 512];
            let n_bytes = client.read(&mut buffer).await.unwrap();
            seen.push(buffer[..n_bytes].to_vec());
            client.write_all(reply).await.unwrap();
        }
        let n_bytes = client.read(&mut [0; 4096]).await.unwrap();
        assert!(n_bytes > 0);
        let body = r#"{"code":0,"rows":[{"id":"a"}]}"#;
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        client.write_all(reply.as_bytes()).await.unwrap();
        (seen, client)
    };
    let proxy = account(&url, "p@ss#1");
    let city = behind(&proxy).await;
    let ((seen, _client), batch) = tokio::join!(serving, city.read(None));
    assert_eq!(keys_of(&batch.unwrap().entries), set(&["a"]));
    assert_eq!(seen[1], b"\x01\x08city@gov\x06p@ss#1");
    assert_eq!(seen[2], b"\x05\x01\x00\x03\x0esource.invalid\x00\x51");
}

#[tokio::test]
async fn a_host_is_reached_at_the_address_that_the_settings_name() {
    let mut city = one_page().await;
    city.add(&["a".into()], HOUR).await;
    let port = city.url.rsplit(':').next().unwrap().to_owned();
    let settings = json!({
        "url": format!("http://source.example:{port}/list"), "insecure": true,
        "resolve": { "source.example": "127.0.0.1" },
    });
    let city = city.with(settings);
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["a"]));
    assert_eq!(city.state().requests[0].headers["host"], format!("source.example:{port}"));
    for (settings, says) in [
        (json!({ "resolve": { "sorce.example": "127.0.0.1" } }), "its hosts are source.example"),
        (json!({ "proxy": "http://proxy.example:1" }), "proxy = \"none\""),
    ] {
        let city = one_page().await.with(city.settings.clone()).with(settings);
        let fault = city.build().unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
    }
    // Requests to this machine need no encryption, so its name leads nowhere else.
    for (address, is_taken) in [("127.0.0.2", true), ("::1", true), ("10.0.0.5", false)] {
        let settings =
            json!({ "url": "http://localhost/list", "resolve": { "localhost": address } });
        match one_page().await.with(settings).build() {
            Ok(_) => assert!(is_taken, "{address}"),
            Err(fault) => {
                assert!(!is_taken && fault.to_string().contains("`localhost` is this machine"));
            }
        }
    }
    // The name alone does not make a connection one to this machine.
    let city = one_page().await.with(city.settings.clone()).with(json!({ "insecure": false }));
    assert!(city.build().unwrap_err().to_string().contains("insecure = true"));
}
