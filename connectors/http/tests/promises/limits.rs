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
