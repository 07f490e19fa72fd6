//! Which faults the connector returns, and what they say.

use std::sync::Mutex;

use super::*;

pub(super) async fn fault(city: &City, reply: Reply) -> contract::Fault {
    city.state().scripted.clear();
    for _ in 0..3 {
        city.script(reply.clone());
    }
    city.read(None).await.unwrap_err()
}

#[tokio::test]
async fn every_status_has_a_remedy() {
    let city = city().await;
    let wait = |secs: u64| FaultKind::Throttled(Duration::from_secs(secs));
    for (reply, kind) in [
        (Reply::new(401, "{}"), FaultKind::Stopped),
        (Reply::new(403, "{}"), FaultKind::Stopped),
        (Reply::new(404, ""), FaultKind::Stopped),
        (
            Reply::new(302, "").with("location", "http://elsewhere.example/login"),
            FaultKind::Stopped,
        ),
        (Reply::new(429, ""), wait(30)),
        (Reply::new(429, "").with("retry-after", "7"), wait(7)),
        (Reply::new(429, "").with("retry-after", "Fri, 09 Oct 2026 10:02:00 GMT"), wait(120)),
        // Without a date of the source, our clock counts: it shows 13:00.
        (
            Reply::new(429, "")
                .with("date", "")
                .with("retry-after", "Fri, 09 Oct 2026 13:02:00 GMT"),
            wait(120),
        ),
        (Reply::new(500, "oops"), FaultKind::Transient),
        (Reply::new(502, "<html>"), FaultKind::Transient),
        (Reply::new(503, "").with("retry-after", "90"), wait(90)),
        (Reply::new(200, "garbage \u{0}"), FaultKind::Stopped),
        (Reply::new(200, "{\"code\":0,\"rows\":["), FaultKind::Stopped),
        (Reply::new(200, b"\xff\xfe\x00".to_vec()), FaultKind::Stopped),
        (Reply::new(200, "<html>please enable javascript</html>"), FaultKind::Stopped),
    ] {
        let fault = fault(&city, reply.clone()).await;
        assert_eq!(fault.kind(), kind, "{} {fault}", reply.status);
        assert!(fault.to_string().starts_with("source 127.0.0.1:"), "{fault}");
    }
}

#[tokio::test]
async fn only_a_refusal_of_a_later_page_may_mean_that_there_is_none() {
    let hint = "beyond its last page";
    for (reply, is_hint) in [
        (Reply::new(409, "{}"), true),
        (Reply::new(401, "{}"), false),
        (Reply::new(403, "{}"), false),
        (Reply::new(429, ""), false),
        (Reply::new(500, "oops"), false),
        (Reply::new(302, "").with("location", "http://elsewhere.example/login"), false),
    ] {
        let city = city().await;
        let status = reply.status;
        let rows: Vec<Value> = (0..5).map(|n| json!({ "id": n })).collect();
        city.answer(move |request| {
            let first = json!({ "code": 0, "rows": rows }).to_string();
            let is_first = request.query["page"] == "1";
            Some(if is_first { Reply::new(200, first) } else { reply.clone() })
        });
        let first = city.read(None).await.unwrap();
        let fault = city.read(Some(&first.upto)).await.unwrap_err().to_string();
        assert_eq!(fault.contains(hint), is_hint, "{status}: {fault}");
        let fault = super::faults::fault(&city, Reply::new(status, "{}")).await.to_string();
        assert!(!fault.contains(hint), "the first page must exist: {fault}");
    }
}

#[tokio::test]
async fn an_unreachable_source_is_a_transient_fault() {
    let mut city = city().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    city.settings["url"] = format!("http://{address}/list?area=s3cret").into();
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(!fault.to_string().contains("s3cret"), "{fault}");
}

#[tokio::test]
async fn each_address_that_is_not_the_interface_has_its_own_sentence() {
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = plain.local_addr().unwrap();
    let serving = async {
        loop {
            let (mut client, _) = plain.accept().await.unwrap();
            // A greeting that arrives before the request would be taken for a lost connection.
            let mut request = [0];
            let _ = tokio::io::AsyncReadExt::read(&mut client, &mut request).await;
            let greeting = b"SSH-2.0-OpenSSH_9.2\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut client, greeting).await;
        }
    };
    let checks = async {
        for (url, kind, what) in [
            ("http://127.0.0.1:1/list".to_owned(), FaultKind::Transient, "nobody listens"),
            ("http://nosuch.invalid/list".to_owned(), FaultKind::Transient, "cannot be resolved"),
            (format!("https://{other}/list"), FaultKind::Stopped, "does not use TLS on this port"),
            (format!("http://{other}/list"), FaultKind::Stopped, "as a web server does"),
        ] {
            let fault = city()
                .await
                .with(json!({ "url": url, "insecure": true }))
                .read(None)
                .await
                .unwrap_err();
            assert_eq!(fault.kind(), kind, "{fault}");
            assert!(fault.to_string().contains(what), "{fault}");
        }
    };
    tokio::select! { () = serving => {}, () = checks => {} }
}

#[tokio::test]
async fn a_wrong_proxy_is_named_and_not_the_address_of_the_source() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = format!("http://{}", proxy.local_addr().unwrap());
    let other = other.as_str();
    let answer = Mutex::new("");
    let serving = async {
        loop {
            let (mut client, _) = proxy.accept().await.unwrap();
            let _ = tokio::io::AsyncReadExt::read(&mut client, &mut [0; 4096]).await;
            let answer = *answer.lock().unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut client, answer.as_bytes()).await;
        }
    };
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let forbidden = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    let web_server = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let checks = async {
        for (proxy, reply, url, kind, what) in [
            ("http://127.0.0.1:1", "", "http", FaultKind::Transient, "nobody listens"),
            ("http://127.0.0.1:1", "", "https", FaultKind::Transient, "nobody listens"),
            ("http://nosuch.invalid:1", "", "http", FaultKind::Transient, "cannot be resolved"),
            (other, "SSH-2.0-OpenSSH_9.2\r\n", "http", FaultKind::Stopped, "as a web server does"),
            (other, "SSH-2.0-OpenSSH_9.2\r\n", "https", FaultKind::Transient, "does not connect"),
            (other, refusal, "http", FaultKind::Stopped, "credentials"),
            (other, refusal, "https", FaultKind::Stopped, "credentials"),
            (other, forbidden, "https", FaultKind::Transient, "does not connect"),
            (other, web_server, "http", FaultKind::Stopped, "no proxy answers so too"),
        ] {
            *answer.lock().unwrap() = reply;
            let url = format!("{url}://source.example/list");
            let settings = json!({ "url": url, "insecure": true, "proxy": proxy });
            let fault = city().await.with(settings).read(None).await.unwrap_err();
            assert_eq!(fault.kind(), kind, "{fault}");
            let fault = fault.to_string();
            assert!(fault.contains(what) && fault.contains("`proxy`"), "{fault}");
        }
    };
    tokio::select! { () = serving => {}, () = checks => {} }
}

#[tokio::test]
async fn a_source_that_redirects_to_its_login_page_refuses_the_session() {
    let html = "<!DOCTYPE html><title>统一认证</title>";
    for (settings, location, at_login) in [
        (json!({}), "/login?next=/list", Reply::new(200, html)),
        (json!({}), "/login", Reply::new(302, "").with("location", "/list")),
        (json!({}), "http://elsewhere.example/sso/Login", Reply::new(200, html)),
        (json!({ "form": {} }), "/sign-in", Reply::new(200, html)),
    ] {
        let city = one_page().await.with(settings);
        city.answer(move |request| {
            let is_list = request.path == "/list";
            let redirect = Reply::new(302, "").with("location", location);
            Some(if is_list { redirect } else { at_login.clone() })
        });
        let fault = city.read(None).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{location}: {fault}");
        assert!(fault.to_string().contains("redirects to its login page"), "{location}: {fault}");
    }
}

#[tokio::test]
async fn a_login_page_that_only_wants_new_cookies_is_passed() {
    let mut city = one_page().await;
    city.add(&["a".into()], HOUR).await;
    let warm_up = format!("{}/", city.url);
    let city = city.with(json!({ "warm_up": warm_up }));
    let mut n_warm_ups = 0;
    city.answer(move |request| {
        n_warm_ups += usize::from(request.path == "/");
        match request.path.as_str() {
            "/list" if n_warm_ups > 1 => None,
            "/list" => Some(Reply::new(302, "").with("location", "/login")),
            _ => Some(Reply::new(200, "<html>").with("set-cookie", "sid=1")),
        }
    });
    let (entries, _) = city.entries(None, 10).await;
    assert_eq!(keys_of(&entries), set(&["a"]));
}

#[tokio::test]
async fn an_answer_that_does_not_come_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/list", listener.local_addr().unwrap());
    let city = city().await.with(json!({ "url": url, "timeout": "50ms" }));
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(fault.to_string().contains("50ms"), "{fault}");
}

#[tokio::test]
async fn traces_show_every_exchange_without_secrets() {
    let city = city().await.with(json!({ "auth": { "bearer": "t0ken" } }));
    city.script(Reply::new(500, "oops"));
    let mut http = city.http();
    http.keep_traces();
    http.read(None, 10).await.unwrap_err();
    let [trace] = http.traces() else { panic!("{:?}", http.traces()) };
    assert_eq!((trace.method, trace.status, &trace.page[..]), ("GET", Some(500), &b"oops"[..]));
    let shown = format!("{trace:?}");
    assert!(shown.contains("page=1") && !shown.contains("t0ken"), "{shown}");
}

#[tokio::test]
async fn the_last_exchange_before_a_fault_is_kept_once_and_without_secrets() {
    let city = city().await.with(json!({ "auth": { "bearer": "t0ken" } }));
    city.script(Reply::new(500, "oops"));
    let mut http = city.http();
    http.read(None, 10).await.unwrap_err();
    let exchange = http.failed_exchange().unwrap();
    assert_eq!((exchange.is_refusal, exchange.body.as_str()), (true, "oops"));
    assert!(exchange.head.contains("page=1") && exchange.head.contains("← 500"), "{exchange:?}");
    assert!(!exchange.head.contains("t0ken"), "{exchange:?}");
    assert_eq!(http.failed_exchange(), None);
    drop(http.read(None, 10).await.unwrap());
    assert_eq!(http.failed_exchange(), None, "this read had no fault");
}

#[tokio::test]
async fn traces_and_positions_do_not_show_secrets_in_addresses_headers_or_signed_texts() {
    let sign = json!({
        "algorithm": "md5", "parts": ["params", { "secret": "s3cret" }], "put": { "header": "X-Sig" },
    });
    for auth in
        [json!({ "api_key": { "param": "appkey", "key": "s3cret" } }), json!({ "sign": sign })]
    {
        let settings = json!({
            "query": { "aes-key": "s3cret" },
            "headers": { "X-Key": "s3cret", "X-Custom": "s3cret" },
            "auth": auth,
            "page": { "kind": "next", "at": "$.next" },
        });
        let city = City::new(json!({})).await.with(settings);
        let url = format!("{}/list?key=s3cret&v=1", city.url);
        let city = city.with(json!({ "url": url }));
        city.answer(|request| {
            let next = (!request.query.contains_key("p"))
                .then_some("/list?p=2&appkey=s3cret&token=s3cret");
            let body = json!({
                "code": 0, "rows": [{ "id": next }], "next": next, "access_token": "s3cret",
            });
            let reply = Reply::new(200, body.to_string());
            Some(
                reply.with("link", "</list?appkey=s3cret>; rel=\"self\"").with("x-token", "s3cret"),
            )
        });
        let mut http = city.http();
        http.keep_traces();
        let first = http.read(None, 10).await.unwrap();
        assert!(
            auth.get("api_key").is_none()
                || !Cursor::encode(&first.upto).unwrap().as_str().contains("appkey")
        );
        drop(http.read(Some(&first.upto), 10).await.unwrap());
        for trace in http.traces() {
            let shown = format!(
                "{} {:?} {:?} {:?} {:?} {}",
                trace.url,
                trace.query,
                trace.headers,
                trace.signature,
                trace.answer_headers,
                http.text(trace)
            );
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(shown.contains("v=1") || shown.contains("p=2"), "{shown}");
        }
        assert_eq!(http.traces().len(), 2);
    }
}

#[tokio::test]
async fn traces_do_not_show_the_answer_of_a_token_server_or_other_secrets() {
    let city = city().await;
    let url = format!("{}/token", city.url);
    let auth =
        json!({ "oauth2": { "token_url": url, "client_id": "city", "client_secret": "s3cret" } });
    let city = city.with(json!({ "auth": auth }));
    city.answer(|request| {
        let is_token = request.path == "/token";
        let body = if is_token { r#"{"access_token":"t0ken"}"# } else { r#"{"code":0,"rows":[]}"# };
        Some(Reply::new(200, body).with("set-cookie", "sid=c00kie").with("x-auth-token", "h3ader"))
    });
    let mut http = city.http();
    http.keep_traces();
    drop(http.read(None, 10).await.unwrap());
    let [token, list] = http.traces() else { panic!("{:?}", http.traces()) };
    let shown: Vec<String> =
        [token, list].iter().map(|trace| format!("{trace:?} {}", http.text(trace))).collect();
    for secret in ["t0ken", "s3cret", "c00kie", "h3ader", "Y2l0eTpzM2NyZXQ"] {
        assert!(shown.iter().all(|text| !text.contains(secret)), "{secret} is in {shown:?}");
    }
    assert!(shown[0].contains("not shown") && shown[1].contains("rows"), "{shown:?}");
}
