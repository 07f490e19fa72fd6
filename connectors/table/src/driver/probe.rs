//! Finds out who answers at an address where the login of a database did not come about.

use std::time::Duration;

use contract::{ConnectFailure, server_of};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::DbError;

/// Time limit for a connection, and for an answer.
const LIMIT: Duration = Duration::from_millis(400);

/// What a client says first: nothing, because many servers greet; PostgreSQL's request for TLS; a request
/// for a web page.
const OPENINGS: [&[u8]; 3] = [b"", b"\0\0\0\x08\x04\xd2\x16\x2f", b"GET / HTTP/1.0\r\n\r\n"];

/// Connects with each opening until an answer is recognised.
pub(super) async fn who_answers(host: &str, port: u16) -> DbError {
    for opening in OPENINGS {
        let mut stream = match timeout(LIMIT, TcpStream::connect((host, port))).await {
            Err(_) => return DbError::Unconnected(ConnectFailure::Silent),
            Ok(Err(error)) => {
                let failure = ConnectFailure::of(&error);
                return failure.map_or(DbError::NoAnswer, DbError::Unconnected);
            }
            Ok(Ok(stream)) => stream,
        };
        let mut answer = [0; 64];
        let asking = async {
            stream.write_all(opening).await?;
            stream.read(&mut answer).await
        };
        let n_bytes = timeout(LIMIT, asking).await.ok().and_then(Result::ok).unwrap_or_default();
        if let Some(who) = answer.get(..n_bytes).and_then(server_of) {
            return DbError::OtherServer(Some(who));
        }
    }
    DbError::NoAnswer
}
