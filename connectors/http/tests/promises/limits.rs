//! Answers that are too large.

use std::io::Write as _;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[tokio::test]
async fn compressed_answers_are_unpacked() {
    let body = r#"{"code":0,"rows":[{"id":"群"}]}"#;
    for (coding, packed) in
        [("gzip", gzip(body.as_bytes())), ("zstd", zstd::encode_all(body.as_bytes(), 3).unwrap())]
    {
        let city = one_page().await;
        city.script(Reply::new(200, packed).with("content-encoding", coding));
        let (entries, _) = city.entries(None, 10).await;
        assert_eq!(keys_of(&entries), set(&["群"]), "{coding}");
    }
}

#[tokio::test]
async fn all_members_of_gzip_are_unpacked() {
    let parts = [&b"{\"code\":0,"[..], b"", b"\"rows\":[{\"id\":\"a\"},", b"{\"id\":\"b\"}]}"];
    let packed: Vec<u8> = parts.into_iter().flat_map(gzip).collect();
    for coding in ["gzip", "x-gzip", "identity"] {
        let city = one_page().await;
        city.script(Reply::new(200, packed.clone()).with("content-encoding", coding));
        let (entries, _) = city.entries(None, 10).await;
        assert_eq!(keys_of(&entries), set(&["a", "b"]), "{coding}");
        let accepted = city.state().requests[0].headers["accept-encoding"].clone();
        assert_eq!(accepted, "gzip, zstd");
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_its_encoding_says_is_no_lost_connection() {
    let body = r#"{"code":0,"rows":[{"id":"群"}]}"#.as_bytes();
    let packed = gzip(body);
    for bytes in [body, &packed[..packed.len() / 2]] {
        let city = one_page().await;
        city.script(Reply::new(200, bytes).with("content-encoding", "gzip"));
        let fault = city.read(None).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
        assert!(fault.to_string().contains("Content-Encoding"), "{fault}");
    }
}

#[tokio::test]
async fn a_decompression_bomb_is_refused_at_the_limit() {
    let zeros = vec![b' '; 200 << 20];
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&zeros).unwrap();
    for (coding, packed) in [
        ("gzip", gzip(&zeros)),
        ("zstd", zstd::encode_all(&zeros[..], 3).unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("identity", gzip(&zeros)),
    ] {
        assert!(packed.len() < 1 << 20);
        let city = one_page().await.with(json!({ "limit_mib": 1 }));
        city.answer(move |_| {
            Some(Reply::new(200, packed.clone()).with("content-encoding", coding))
        });
        let fault = city.read(None).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains("larger than `limit_mib`"), "{coding}: {fault}");
    }
}

#[tokio::test]
async fn a_page_that_is_too_large_is_requested_with_half_its_size() {
    for page in [
        json!({ "kind": "number", "param": "page", "size": { "param": "size", "value": 40 } }),
        json!({ "kind": "offset", "param": "offset", "size": { "param": "size", "value": 40 } }),
    ] {
        let mut city = city().await.with(json!({ "page": page, "limit_mib": 1 }));
        city.state().page = 100;
        for n in 0..50_u32 {
            city.add(&[format!("r{n:02}")], HOUR * (60 - n)).await;
        }
        // Pages of more than twelve records are too large.
        city.answer(|request| {
            let size: usize = request.query["size"].parse().unwrap();
            (size > 12).then(|| Reply::new(200, vec![b' '; 2 << 20]))
        });
        let (entries, _) = city.entries(None, 100).await;
        assert_eq!(keys_of(&entries).len(), 50, "{page}");
    }
}

#[tokio::test]
async fn a_source_that_ignores_a_smaller_size_is_not_asked_for_other_page_numbers() {
    // The third page is too large: the one with twice its number is another one, the last, or beyond it.
    for n_pages in [3, 5, 8] {
        let size = json!({ "param": "size", "value": 4 });
        let page = json!({ "kind": "number", "param": "page", "size": size });
        let city = City::new(json!({ "page": page, "limit_mib": 1 })).await;
        city.answer(move |request| {
            let page: usize = request.query["page"].parse().unwrap();
            if page == 3 {
                return Some(Reply::new(200, vec![b' '; 2 << 20]));
            }
            let n_rows = if page == 5 { 1 } else { 4 };
            let rows =
                (0..if page > n_pages { 0 } else { n_rows }).map(|n| json!({ "id": 4 * page + n }));
            let rows: Vec<Value> = rows.collect();
            Some(Reply::new(200, json!({ "code": 0, "rows": rows }).to_string()))
        });
        let (mut http, mut at) = (city.http(), None);
        let fault = loop {
            match http.read(at.as_ref(), 100).await {
                Ok(batch) => {
                    assert!(batch.end.is_none(), "{n_pages}: pages were left out");
                    at = Some(batch.upto);
                }
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains("raise `limit_mib`"), "{n_pages}: {fault}");
    }
}

#[tokio::test]
async fn deep_and_wide_answers_are_pages_that_cannot_be_read() {
    for body in [
        "[".repeat(100_000),
        format!("<a>{}", "<b>".repeat(50_000)),
        format!("{{\"code\":0,\"rows\":[{}1]}}", "1,".repeat(1_500_000)),
    ] {
        let city = one_page().await;
        city.answer(move |_| Some(Reply::new(200, body.clone())));
        assert_eq!(city.read(None).await.unwrap_err().kind(), FaultKind::Stopped);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_transient_fault() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/list", listener.local_addr().unwrap());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"code\":0,\"rows\":[";
        stream.write_all(answer).await.unwrap();
    });
    let city = one_page().await.with(json!({ "url": url }));
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(fault.to_string().contains("the connection was lost"), "{fault}");
}

#[tokio::test]
async fn a_page_that_takes_more_memory_than_there_is_says_what_to_do_before_it_is_parsed() {
    let mut city = one_page().await;
    city.memory = Memory::new(16 << 20);
    let rows = |n| format!("{{\"code\":0,\"rows\":[{}{{}}]}}", "{},".repeat(n));
    city.answer(move |_| Some(Reply::new(200, rows(100_000))));
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("raise `memory` in [limits]"), "{fault}");
}

#[tokio::test]
async fn a_page_waits_until_another_page_has_left_room() {
    let mut city = one_page().await;
    city.memory = Memory::new(16 << 20);
    city.add(&["a".to_owned()], HOUR).await;
    let other = city.memory.pages.hold(16 << 20).await;
    let is_free = std::cell::Cell::new(false);
    let reading = async {
        assert_eq!(city.read(None).await.unwrap().entries.len(), 1);
        assert!(is_free.get(), "it was read beside the other page");
    };
    let other_page = async {
        while city.state().requests.is_empty() {
            tokio::task::yield_now().await;
        }
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        is_free.set(true);
        drop(other);
    };
    tokio::join!(reading, other_page);
    let all = tokio::time::timeout(Duration::from_secs(10), city.memory.pages.hold(16 << 20));
    assert!(all.await.is_ok(), "its room is free again");
}

#[tokio::test]
async fn a_channel_does_not_wait_for_a_page_that_it_holds_itself() {
    let body = |area: &str| {
        let rows: Vec<Value> = (0..3).map(|n| json!({ "id": format!("{area}{n}") })).collect();
        json!({ "code": 0, "rows": rows }).to_string()
    };
    let mut city =
        one_page().await.with(json!({ "each": { "param": "area", "values": ["a", "b"] } }));
    // There is room for one page.
    let bytes = document::tree_bytes(&body("a"), false);
    city.memory = Memory::new(u64::try_from(2 * bytes).unwrap());
    city.answer(move |request| Some(Reply::new(200, body(&request.query["area"]))));
    let reading = tokio::time::timeout(Duration::from_secs(20), city.entries(None, 1));
    let (entries, _) = reading.await.unwrap();
    assert_eq!(keys_of(&entries), set(&["a0", "a1", "a2", "b0", "b1", "b2"]));
}
