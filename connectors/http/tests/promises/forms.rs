//! Forms of answers other than JSON and XML documents: lines, CSV, files beside SOAP, calls, and objects whose members
//! are the records.

use contract::{Complete, PassEnd};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use super::{
    faults::fault,
    walks::{number, pass},
    *,
};

/// A channel whose answers are nothing but records, in this format.
async fn lines(format: &str, more: Value) -> City {
    let settings = json!({ "success": { "status": 200 }, "records": "$", "format": format });
    City::new(settings).await.with(more)
}

fn by_number() -> Value {
    json!({ "page": { "kind": "number", "param": "page" } })
}

fn csv(body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(200, body).with("content-type", "text/csv")
}

/// Sends these pages by their number, and behind them the last one.
fn serve(city: &City, pages: &'static [&'static str], kind: &'static str) {
    city.answer(move |request| {
        let page: usize = request.query.get("page").map_or(1, |page| page.parse().unwrap());
        let body = pages.get(page - 1).or(pages.last()).unwrap();
        Some(Reply::new(200, *body).with("content-type", kind))
    });
}

#[tokio::test]
async fn pages_of_lines_and_of_csv_are_read_up_to_an_empty_one() {
    let id_t = json!({ "csv": { "header": ["id", "t"] } });
    for (format, more, pages) in [
        (json!("json_lines"), json!({}), &["{\"id\":1}\n{\"id\":2}\n", "{\"id\":3}", ""][..]),
        (json!("json_lines"), json!({}), &["{\"id\":1}\n{\"id\":2}", "{\"id\":3}\n", "\n"]),
        (json!("csv"), json!({}), &["id,t\n1,a\n2,b\n", "id,t\n3,c", "id,t\n"]),
        // Some servers leave out the header of an empty list.
        (json!("csv"), json!({}), &["id,t\r\n1,a\r\n2,b\r\n", "id,t\r\n3,c", ""]),
        (
            json!("csv"),
            json!({ "csv": { "delimiter": ";" } }),
            &["id;t\n1;a\n2;b\n", "id;t\n3;c\n", "id;t"],
        ),
        (json!("csv"), id_t, &["1,a\n2,b\n", "3,c\n", ""]),
    ] {
        let city = lines("csv", by_number()).await.with(json!({ "format": format })).with(more);
        serve(&city, pages, "text/plain; charset=utf-8");
        let (entries, _) = city.entries(None, 10).await;
        assert_eq!(keys_of(&entries), set(&["1", "2", "3"]), "{pages:?}");
        assert!(entries.iter().all(|entry| matches!(entry, Entry::Record(_))), "{pages:?}");
    }
}

#[tokio::test]
async fn csv_is_recognised_by_its_type_and_read_in_its_charset() {
    let city = City::new(json!({ "success": { "status": 200 }, "records": "$" })).await;
    let gbk = document::encode("id,t\n1,路灯不亮，请尽快维修\n", normalizer_text::Charset::Gb18030);
    city.answer(move |_| Some(csv(gbk.clone().unwrap())));
    let entries = city.read(None).await.unwrap().entries;
    assert_eq!(tree(&entries[0]), &json!({ "id": "1", "t": "路灯不亮，请尽快维修" }));
}

#[tokio::test]
async fn a_broken_row_is_one_rejected_record_and_no_short_page() {
    let page = json!({ "page": {
        "kind": "number", "param": "page", "size": { "param": "n", "value": 3 }, "stop": "short",
    } });
    for (format, pages) in [
        ("json_lines", &["{\"id\":1}\n{\"id\":2,\n{\"id\":3}\n", "{\"id\":4}\n"][..]),
        ("csv", &["id,t\n1,a\n2\n3,b\n", "id,t\n4,c\n"]),
    ] {
        let city = lines(format, page.clone()).await;
        serve(&city, pages, "text/plain");
        let (entries, _) = city.entries(None, 10).await;
        let read: Vec<bool> =
            entries.iter().map(|entry| matches!(entry, Entry::Record(_))).collect();
        // A page with a row that has no key is not recognised when it is read again: its records come twice,
        // unchanged.
        assert_eq!(read, [true, false, true, true, true, false, true], "{format}");
    }
}

#[tokio::test]
async fn broken_rows_of_two_pages_are_two_records_of_the_total() {
    let page = json!({
        "page": { "kind": "number", "param": "page", "size": { "param": "n", "value": 3 } },
        "total": { "header": "X-Total-Count" },
    });
    for (format, pages) in [
        (
            "json_lines",
            ["{\"id\":1}\n{\"id\":2,\n{\"id\":3}\n", "{\"id\":4}\n{\"id\":5,\n{\"id\":6}\n", ""],
        ),
        ("csv", ["id,t\n1,a\n2\n3,b\n", "id,t\n4,c\n5\n6,d\n", "id,t\n"]),
    ] {
        let city = lines(format, page.clone()).await;
        city.answer(move |request| {
            let page = number(request, "page").unwrap();
            let body = pages.get(page - 1).copied().unwrap_or(pages[2]);
            Some(Reply::new(200, body).with("x-total-count", "6"))
        });
        let (_, end) = pass(&city).await.unwrap();
        assert_eq!((end.listed, end.distinct), (Some(6), Some(6)), "{format}: {end:?}");
        assert_eq!((end.complete(), &end.doubt), (Complete::Yes, &None), "{format}: {end:?}");
        let asked: Vec<usize> =
            city.state().requests.iter().filter_map(|request| number(request, "page")).collect();
        // The first page may come twice, because pages by number may shift, but there is no second walk.
        assert!(asked.iter().filter(|page| **page == 1).count() <= 2, "{format}: {asked:?}");
    }
}

#[tokio::test]
async fn pages_of_csv_follow_the_links_of_their_headers() {
    let city = lines("csv", json!({ "page": { "kind": "link" } })).await;
    city.answer(|request| {
        Some(match request.query.contains_key("marker") {
            true => csv("id,t\n2,b\n"),
            false => csv("id,t\n1,a\n").with("link", "<?marker=2>; rel=\"next\""),
        })
    });
    assert_eq!(keys_of(&city.entries(None, 10).await.0), set(&["1", "2"]));
}

#[tokio::test]
async fn an_answer_that_is_no_csv_says_what_it_is() {
    for (body, what) in [
        (
            r#"{"code":500,"msg":"系统繁忙"}"#,
            "it is a document, and not a list of lines; the source says \"系统繁忙\"",
        ),
        ("<!DOCTYPE html><title>登录</title>", "login page"),
        ("", "it is empty, without a header"),
        ("nr,t\n1,a\n", "lacks: id"),
        ("PK\x03\x04", "a zip archive or a workbook (.xlsx)"),
        (
            "<e:Envelope xmlns:e='urn:e'><e:Body><e:Fault><faultcode>e:Client</faultcode>\
           <faultstring>kssj</faultstring></e:Fault></e:Body></e:Envelope>",
            "SOAP fault e:Client: \"kssj\"",
        ),
    ] {
        let fault = fault(&lines("csv", by_number()).await, csv(body)).await;
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        assert!(fault.to_string().contains(what), "{fault}");
    }
}

/// A server that sends these bytes for a request, which begins with its method and path, and closes the connection.
/// Returns its address.
async fn raw(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let n_bytes = stream.read(&mut request).await.unwrap_or_default();
            let answer = answer(&String::from_utf8_lossy(&request[..n_bytes]));
            stream.write_all(&answer).await.unwrap();
        }
    });
    (url, serving)
}

fn bytes(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    [head.as_bytes(), b"\r\n\r\n", body.as_ref()].concat()
}

/// The end of a pass over one answer that is sent as these bytes; then the connection is closed.
async fn sent(
    format: &str,
    head: &str,
    body: impl AsRef<[u8]>,
) -> Result<PassEnd, contract::Fault> {
    let answer = bytes(head, body);
    let (url, _serving) = raw(move |_| answer.clone()).await;
    let city = lines(format, json!({ "url": format!("{url}/list") })).await;
    Ok(city.read(None).await?.end.unwrap())
}

#[tokio::test]
async fn an_answer_that_was_cut_is_a_fault_in_every_form() {
    let (lines, csv) = ("{\"id\":1}\n{\"id\":2}\n", "id,t\n1,a\n2,b\n");
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n", body.len());
    let pack = |body: &str| zstd::encode_all(body.as_bytes(), 3).unwrap();
    let (as_it_is, packed) = (
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: Identity",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: zstd",
    );
    for (format, body, within) in
        [("json_lines", lines, &lines[..lines.len() - 1]), ("csv", csv, &csv[..csv.len() - 2])]
    {
        let with_length = format!("HTTP/1.1 200 OK\r\ncontent-length: {}", body.len());
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked";
        let cut = pack(body);
        for (head, body) in [
            (with_length.as_str(), within.as_bytes().to_vec()),
            (chunked, chunk(body).into_bytes()),
            ("HTTP/1.0 200 OK", within.as_bytes().to_vec()),
            ("HTTP/1.1 200 OK\r\nconnection: close", within.as_bytes().to_vec()),
            (as_it_is, within.as_bytes().to_vec()),
            (packed, cut[..cut.len() - 2].to_vec()),
        ] {
            let fault = sent(format, head, &body).await.expect_err(head);
            let text = fault.to_string();
            let says = ["before the answer was complete", "ends within a line", "Content-Encoding"];
            assert!(says.iter().any(|what| text.contains(what)), "{format} {head}: {text}");
        }
        for (head, body, is_known) in [
            (with_length.as_str(), body.as_bytes().to_vec(), true),
            (chunked, format!("{}0\r\n\r\n", chunk(within)).into_bytes(), true),
            (packed, pack(within), true),
            // Here lines may have been lost at the end.
            ("HTTP/1.0 200 OK", body.as_bytes().to_vec(), false),
            (as_it_is, body.as_bytes().to_vec(), false),
        ] {
            let end = sent(format, head, &body).await.unwrap_or_else(|fault| panic!("{fault}"));
            let is_doubtful = end.doubt.is_some_and(|doubt| doubt.contains("Content-Length"));
            assert_eq!(is_doubtful, !is_known, "{format} {head}");
        }
    }
}

/// Neither has a length or a line end.
#[tokio::test]
async fn a_document_in_the_place_of_lines_is_whole_without_a_line_end() {
    let (url, _serving) = raw(|request| {
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        match path.starts_with("/list") {
            true => bytes("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4", "id\n1"),
            false => bytes("HTTP/1.0 200 OK", r#"{"code":0,"no":"1","v":"t"}"#),
        }
    })
    .await;
    let part = json!({ "name": "more", "url": format!("{url}/more"), "params": { "no": "$.id" } });
    let city = lines("csv", json!({ "url": format!("{url}/list"), "part": [part] })).await;
    let city = city.with(json!({ "ack": { "url": format!("{url}/ack"), "param": "ids" } }));
    let batch = city.read(None).await.unwrap();
    assert_eq!(tree(&batch.entries[0])["more"]["v"], "t");
    city.http().settled(&batch.upto).await.unwrap();
}

#[tokio::test]
async fn an_empty_page_of_csv_is_the_last_only_if_it_is_certainly_whole() {
    for (head, is_last) in [
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0", true),
        ("HTTP/1.0 200 OK", false),
    ] {
        let (url, _serving) = raw(move |request| {
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            match path.ends_with("page=1") {
                true => bytes(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9",
                    "id\n1\n22\n3",
                ),
                false => bytes(head, ""),
            }
        })
        .await;
        let city = lines("csv", by_number()).await.with(json!({ "url": format!("{url}/list") }));
        match pass(&city).await {
            Ok((keys, _)) => assert!(is_last && keys == set(&["1", "22", "3"]), "{keys:?}"),
            Err(fault) => {
                let text = fault.to_string();
                assert!(!is_last && text.contains("name the columns in `csv.header`"), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn members_of_an_object_are_records_by_their_names() {
    let city = one_page().await.with(json!({ "records": "$.data.*", "name_as": "id" }));
    let reply = |data: &str| Reply::new(200, format!("{{\"code\":0,\"data\":{data}}}"));
    city.script(reply(r#"{"1002":{"t":"b"},"GD-1":{"t":"a","id":"GD-1"}}"#));
    let entries = city.read(None).await.unwrap().entries;
    assert_eq!(keys_of(&entries), set(&["1002", "GD-1"]));
    assert_eq!(tree(&entries[0]), &json!({ "t": "b", "id": "1002" }));
    // PHP writes an empty object, and one whose names are 0, 1, 2, as a list.
    city.script(reply("[]"));
    assert!(city.read(None).await.unwrap().entries.is_empty());
    for (data, what) in [
        (r#"[{"t":"a"}]"#, "elements of a list, which have no names"),
        (r#"{"7":{"id":8}}"#, "another value than its name"),
        (r#"{"7":{"t":1},"7":{"t":2}}"#, "the name `7` occurs twice"),
    ] {
        let text = fault(&city, reply(data)).await.to_string();
        assert!(text.contains(what), "{text}");
    }
}

#[tokio::test]
async fn a_call_and_a_soap_answer_with_files_are_read() {
    let city = one_page().await;
    city.script(Reply::new(
        200,
        r#"/**/ typeof cb === 'function' && cb({"code":0,"rows":[{"id":1}]});"#,
    ));
    assert_eq!(key(&city.read(None).await.unwrap().entries[0]), "1");

    let settings = json!({
        "success": { "status": 200 }, "records": "$..item[*]", "body": "<l/>",
        "content_type": "application/soap+xml; charset=GBK; action=\"urn:city#list\"",
        "attachment": [{ "at": "$.photo[*]" }],
    });
    let city = one_page().await.with(settings);
    let item = |id: &str| {
        format!(
            "<item><id>{id}</id><photo><i:Include xmlns:i='urn:i' href='cid:{id}@x'/></photo></item>"
        )
    };
    let body = format!(
        "--b\r\nContent-ID: <r>\r\n\r\n<s:Envelope xmlns:s='urn:s'><s:Body><R>{}{}</R></s:Body></s:Envelope>\r\n\
         --b\r\nContent-ID: <1@x>\r\n\r\nabc\r\n--b\r\nContent-ID: <2@x>\r\n\r\nabcd\r\n--b--",
        item("1"),
        item("2")
    );
    let kind = "multipart/related; type=\"application/xop+xml\"; start=\"<r>\"; boundary=b";
    city.script(Reply::new(200, body).with("content-type", kind));
    let entries = city.read(None).await.unwrap().entries;
    let sizes: Vec<&Value> =
        entries.iter().map(|entry| &tree(entry)["photo"][0]["bytes"]).collect();
    assert_eq!(sizes, [&json!(3), &json!(4)], "each has its own file");
    let sent = city.state().requests[0].headers["content-type"].clone();
    assert_eq!(sent, "application/soap+xml; charset=GBK; action=\"urn:city#list\"");
}

#[tokio::test]
async fn settings_of_lines_that_cannot_work_say_what_to_write() {
    for (settings, says) in [
        (json!({ "format": "csv", "records": "$.rows" }), "records = \"$\""),
        (json!({ "format": "json_lines", "records": "$.rows[*]" }), "records = \"$\""),
        (json!({ "format": "csv", "records": "$", "name_as": "id" }), "remove `name_as`"),
        (json!({ "csv": { "delimiter": "" } }), "delimiter"),
        (json!({ "csv": { "header": [""] } }), "`csv.header`"),
    ] {
        let fault = one_page().await.with(settings).build().unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
    }
}
