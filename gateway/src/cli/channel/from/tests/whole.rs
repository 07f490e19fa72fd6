//! The whole command: what is written passes `check`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use super::super::{Source, run};
use crate::{
    assemble,
    cli::{Context, Exit, Format},
    offline, shipped,
};

fn configuration() -> (tempfile::TempDir, Context) {
    let folder = tempfile::tempdir().unwrap();
    shipped::write(folder.path(), &[]).unwrap();
    let context = Context { config: folder.path().to_owned(), format: Format::Text };
    (folder, context)
}

fn new(context: &Context, from: &str, answer: Option<&Path>) -> anyhow::Result<Exit> {
    run(context, &"new".parse()?, &Source { from, answer, records: None })
}

/// How many demands the channel accepts of its own example.
fn n_accepted(context: &Context, page: &str) -> usize {
    let settings = assemble::settings_without_secrets(&context.config).unwrap();
    let channel = offline::channel(&settings, &"new".parse().unwrap()).unwrap();
    let page = context.config.join("channels/new/fixtures").join(page);
    let outcomes = channel.page_outcomes(&page, false).unwrap();
    outcomes.iter().filter(|outcome| outcome.verdict == "accepted").count()
}

const ANSWER: &str = r#"{"code":0,"data":{"total":2,"rows":[
    {"id":"A-1","title":"路灯不亮","content":"我叫欧阳修竹，门口的路灯不亮。","createTime":"2026-10-09 10:30:00","xm":"欧阳修竹","lxdh":"13812345678","other":"13887654321"},
    {"id":"A-2","title":"井盖","content":"井盖松动了，请处理一下。","createTime":"2026-10-09 11:30:00","xm":"诸葛长青","lxdh":"13812345679","other":"13887654322"}]}}"#;

#[test]
fn a_request_is_sent_once_and_becomes_a_channel_without_its_secret() {
    let (folder, context) = configuration();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let source = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            ANSWER.len()
        );
        stream.write_all(&[head.as_bytes(), ANSWER.as_bytes()].concat()).unwrap();
        listener.set_nonblocking(true).unwrap();
        (String::from_utf8(request).unwrap(), listener)
    });
    let command =
        format!("curl 'http://{address}/l?page=1&size=20' -H 'Authorization: Bearer s3cret-token'");
    assert_eq!(new(&context, &command, None).unwrap(), Exit::Done);
    let (request, listener) = source.join().unwrap();
    assert!(
        request.starts_with("GET /l?page=1&size=20 ") && request.contains("Bearer s3cret-token"),
        "{request}"
    );
    assert!(listener.accept().is_err(), "it is sent once");

    let channel = folder.path().join("channels/new");
    let text = fs::read_to_string(channel.join("channel.toml")).unwrap();
    assert!(
        !text.contains("s3cret") && text.contains("# guess (sure)") && text.contains("# TODO"),
        "{text}"
    );
    let secret = channel.join("token");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "s3cret-token\n");
    assert_eq!(fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(n_accepted(&context, "page.json"), 2);
    let page = fs::read_to_string(channel.join("fixtures/page.json")).unwrap();
    for personal in ["欧阳修竹", "诸葛长青", "13812345678", "13887654321"] {
        assert!(!page.contains(personal), "{page}");
    }
    let again = new(&context, &command, None).unwrap_err().to_string();
    assert!(again.contains("already exists"), "{again}");
}

#[test]
fn a_saved_answer_and_files_of_many_kinds_become_channels() {
    let xml = "<list><order><id>1</id><title>Lamp</title><content>It is dark</content><updateTime>2026-10-09 08:00:00</updateTime></order>\
               <order><id>2</id><title>Tree</title><content>It fell</content><updateTime>2026-10-09 09:00:00</updateTime></order></list>";
    let csv = "编号,标题,内容,提交时间\nA-1,路灯不亮,路灯已经三天不亮。,2026-10-09 10:30:00\nA-2,井盖,井盖松动了。,2026-10-09 11:30:00\n";
    for (from, name, content, page) in [
        ("curl https://a.example/l -d '{\"pageNo\":1}'", "answer", ANSWER, "page.json"),
        (
            "curl https://a.example/l -d '<q><token>s3cret-token</token></q>'",
            "answer",
            xml,
            "page.xml",
        ),
        ("", "orders.csv", csv, "page.json"),
        ("", "orders.xml", xml, "page.xml"),
        ("", "orders.json", ANSWER, "page.json"),
    ] {
        let (folder, context) = configuration();
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        let done = match from {
            "" => new(&context, file.to_str().unwrap(), None),
            command => new(&context, command, Some(&file)),
        };
        assert_eq!(done.unwrap_or_else(|error| panic!("{from}{name}: {error:#}")), Exit::Done);
        assert_eq!(n_accepted(&context, page), 2, "{from}{name}");
    }
}

#[test]
fn a_workbook_becomes_a_channel() {
    let (folder, context) = configuration();
    let file = folder.path().join("orders.xlsx");
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in [
        ["编号", "标题", "内容", "更新时间"],
        ["A-1", "路灯不亮", "路灯已经三天不亮。", "2026-10-09 10:30:00"],
        ["A-2", "井盖", "井盖松动了。", "2026-10-09 11:30:00"],
    ]
    .iter()
    .enumerate()
    {
        for (column, cell) in cells.iter().enumerate() {
            let (row, column) = (u32::try_from(row).unwrap(), u16::try_from(column).unwrap());
            sheet.write_string(row, column, *cell).unwrap();
        }
    }
    book.save(&file).unwrap();
    new(&context, file.to_str().unwrap(), None).unwrap();
    assert_eq!(n_accepted(&context, "page.json"), 2);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let context = Context { config: empty.path().to_owned(), format: Format::Text };
    let error = new(&context, "curl https://a.example/l", None).unwrap_err().to_string();
    assert!(error.contains("tonghui init"), "{error}");
    let (folder, context) = configuration();
    let file = folder.path().join("large.json");
    fs::File::create(&file).unwrap().set_len((32 << 20) + 1).unwrap();
    for (from, why) in [
        (file.display().to_string(), "larger than 32 MiB"),
        (format!("curl https://a.example/{}", "a".repeat(1 << 20)), "larger than 1 MiB"),
        (folder.path().join("missing.csv").display().to_string(), "missing.csv"),
    ] {
        let error =
            new(&context, &from, None).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn nothing_is_left_where_nothing_was_found() {
    let (folder, context) = configuration();
    let file = folder.path().join("answer.json");
    fs::write(&file, r#"{"code":1,"msg":"失败"}"#).unwrap();
    let two = "curl 'https://a.example/l?token=s3cret-one' -b 'S=s3cret-two'";
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("curl http://{refused}/l");
    for (from, answer, why) in [
        ("curl https://a.example/l", Some(file.as_path()), "no list of records"),
        (two, None, "--answer"),
        (closed.as_str(), None, "--answer"),
        (file.to_str().unwrap(), None, "no list of records"),
        (file.to_str().unwrap(), Some(file.as_path()), "belongs to a curl command"),
    ] {
        let error =
            new(&context, from, answer).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains(why) && !error.contains("s3cret"), "{from}: {error}");
        assert!(!folder.path().join("channels/new").exists(), "{from}");
    }
    let gateway = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&gateway).unwrap();
    fs::write(&gateway, text + "\n[allow]\nhosts = [\"b.example\"]\n").unwrap();
    let error = new(&context, "curl https://a.example/l", None).unwrap_err();
    assert!(format!("{error:#}").contains("a.example"), "{error:#}");
    assert!(!folder.path().join("channels/new").exists());
}
