//! Bodies that could exhaust the memory are refused with a reason, in limited memory.

use connector_testkit::peak_memory;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;

/// Maximum memory for the text and its tree of at most a million nodes.
const MAX_PEAK: u64 = 300 << 20;

/// A body that is generated while it is sent, so that it takes no memory.
#[derive(Clone, Copy)]
struct HostileBody {
    begin: &'static str,
    repeated: &'static str,
    times: usize,
    end: &'static str,
}

/// Reads a page with this body and these settings.
async fn read(body: HostileBody, settings: Value) -> Result<Vec<Entry>, contract::Fault> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/list", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            answer(stream, body).await;
        }
    });
    let city = one_page().await.with(settings).with(json!({ "url": url }));
    Ok(city.read(None).await?.entries)
}

/// Answers on one connection until the other side closes it.
async fn answer(mut stream: TcpStream, body: HostileBody) {
    let HostileBody { begin, repeated, times, end } = body;
    let length = begin.len() + repeated.len() * times + end.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{begin}");
    let (thousand, rest) = (repeated.repeat(1_000), repeated.repeat(times % 1_000));
    let rest = format!("{rest}{end}");
    while stream.read(&mut [0; 4096]).await.is_ok_and(|n_bytes| n_bytes > 0) {
        let thousands = (0..times / 1_000).map(|_| &thousand);
        for piece in std::iter::once(&head).chain(thousands).chain([&rest]) {
            if stream.write_all(piece.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test]
async fn hostile_bodies_are_refused_with_a_reason_in_bounded_memory() {
    let body = |begin, repeated, times, end| HostileBody { begin, repeated, times, end };
    for (name, hostile, reason) in [
        (
            "a hundred megabytes",
            body("{\"code\":0,\"rows\":[\"", "x", 100 << 20, "\"]}"),
            "limit_mib",
        ),
        ("levels of XML", body("", "<b>", 10_000, ""), "levels"),
        ("levels of JSON", body("", "[", 10_000, ""), "levels"),
        ("levels of objects", body("", "{\"a\":", 10_000, ""), "levels"),
        ("nodes of JSON", body("{\"code\":0,\"rows\":[", "[],", 8 << 20, "1]}"), "values"),
        ("nodes of XML", body("<a>", "<b/>", 4 << 20, "</a>"), "nodes"),
        ("attributes", body("<a ", "b='' ", 4 << 20, "/>"), "nodes"),
        ("truncated XML", body("<a><r><id>1</id>", "", 0, ""), "too early"),
        ("truncated JSON", body("{\"code\":0,\"rows\":[{\"id\":\"1\"", "", 0, ""), "JSON"),
    ] {
        let fault = read(hostile, json!({})).await.expect_err(name);
        assert_eq!(fault.kind(), FaultKind::Stopped, "{name}: {fault}");
        assert!(fault.to_string().contains(reason), "{name}: {fault}");
        assert!(peak_memory() < MAX_PEAK, "{name}: {} MiB", peak_memory() >> 20);
    }
}

#[tokio::test]
async fn entities_are_not_expanded_and_no_file_is_opened() {
    let begin = "<!DOCTYPE a [<!ENTITY a0 'lol'>\
                 <!ENTITY a1 '&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;'>\
                 <!ENTITY a2 '&a1;&a1;&a1;&a1;&a1;&a1;&a1;&a1;&a1;&a1;'>\
                 <!ENTITY file SYSTEM 'file:///etc/hostname'>]>\
                 <a><code>0</code><rows><id>1</id><text>&a2;&file;</text></rows></a>";
    let settings = json!({
        "success": { "at": "$.a[0].code", "equals": "0" }, "records": "$.a[0].rows[*]",
    });
    let entries =
        read(HostileBody { begin, repeated: "", times: 0, end: "" }, settings).await.unwrap();
    assert!(
        matches!(&entries[0], Entry::Unreadable { reason, .. } if reason.code == "bad_xml"),
        "{:?}",
        entries[0]
    );
    assert!(peak_memory() < MAX_PEAK);
}
