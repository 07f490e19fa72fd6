//! The hotline's rows as JSON pages over HTTP, for peers that read no front-end database: all pages
//! are made before anybody asks, so that the peer is measured and not this.

use std::sync::Arc;

use sqlx::{Connection, Row, SqliteConnection};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

const PAGE: usize = 1_000;

/// A server that answers `/rows?page=N` from 0; a page behind the last one is empty.
pub(crate) struct Pages {
    url: String,
    _server: JoinSet<()>,
}

impl Pages {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Reads the rows of a hotline and serves them.
pub(crate) async fn serve(hotline: &str) -> anyhow::Result<Pages> {
    let mut source = SqliteConnection::connect(hotline).await?;
    let rows =
        sqlx::query("SELECT * FROM CNS_CINFO ORDER BY ROWGUID").fetch_all(&mut source).await?;
    let records = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let pages: Vec<String> = records
        .chunks(PAGE)
        .map(|rows| serde_json::json!({ "rows": rows }).to_string())
        .chain([r#"{"rows":[]}"#.to_owned()])
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(accept(listener, Arc::new(pages)));
    Ok(Pages { url, _server: server })
}

fn record(row: &sqlx::sqlite::SqliteRow) -> anyhow::Result<serde_json::Value> {
    use sqlx::{Column, TypeInfo, ValueRef};
    let mut record = serde_json::Map::new();
    for column in row.columns() {
        let name = column.name();
        let value = match row.try_get_raw(name)?.type_info().name() {
            "BLOB" => {
                let bytes: Vec<u8> = row.try_get(name)?;
                let text = encoding_rs::GB18030.decode_without_bom_handling(&bytes).0.into_owned();
                serde_json::Value::String(text.replace('\0', ""))
            }
            "INTEGER" => row.try_get::<i64, _>(name)?.into(),
            "NULL" => serde_json::Value::Null,
            _ => row.try_get::<String, _>(name)?.into(),
        };
        record.insert(name.to_owned(), value);
    }
    Ok(record.into())
}

async fn accept(listener: TcpListener, pages: Arc<Vec<String>>) {
    let mut peers = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        peers.spawn(answer(stream, Arc::clone(&pages)));
    }
}

/// HTTP/1.1 as far as a client needs it that asks for pages: request line, headers, no body.
async fn answer(stream: TcpStream, pages: Arc<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let page = line.split("page=").nth(1).and_then(|rest| {
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
        });
        loop {
            line.clear();
            if stream.read_line(&mut line).await? <= 2 {
                break;
            }
        }
        line.clear();
        let last = pages.last().map_or("", String::as_str);
        let body = page.and_then(|page| pages.get(page)).map_or(last, String::as_str);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
    }
    Ok(())
}
