//! The only HTTP listener: it limits the number of connections and the time for a request head, and lets
//! open requests finish when it stops.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::Fault;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use crate::stop::Stop;

/// Time limit for a request head to arrive.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum number of connections at the same time; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A socket and the routes served on it.
pub struct Listener {
    socket: TcpListener,
    router: Router,
    head_timeout: Duration,
}

impl Listener {
    /// Listens on the address from `section` of gateway.toml. The check of the configuration ensures that
    /// the address of a listener without authentication is a loopback address.
    pub(crate) async fn open(
        section: &str,
        listen: SocketAddr,
        router: Router,
        head_timeout: Duration,
    ) -> Result<Self, Fault> {
        let socket = TcpListener::bind(listen).await.map_err(|error| {
            Fault::stopped(format!("cannot listen on {listen}"))
                .because(error)
                .remedy(format!("set another address as `listen` in [{section}] of gateway.toml"))
        })?;
        Ok(Self { socket, router, head_timeout })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// The system does not know it.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until stop is requested, then lets open requests finish. If the process ends before that,
    /// their senders get no answer and send again.
    pub async fn serve(self, stop: &Stop) {
        let Self { socket, router, head_timeout } = self;
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = async {
                let permit = Arc::clone(&permits).acquire_owned().await;
                (permit, socket.accept().await)
            };
            tokio::select! { biased;
                () = stop.requested() => break,
                Some(_) = connections.join_next() => {}
                (permit, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let (router, stop) = (router.clone(), stop.clone());
                        connections.spawn(async move {
                            let _permit = permit;
                            serve_connection(stream, router, head_timeout, &stop).await;
                        });
                    }
                    // Too many open files, or a client that has disconnected already: both are temporary.
                    Err(_) => stop.or_sleep(ACCEPT_PAUSE).await,
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

/// An error response (RFC 9457).
pub(crate) fn problem(status: StatusCode, title: &str) -> Response {
    let body = json!({ "title": title, "status": status.as_u16() }).to_string();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}

/// A response with a JSON document.
pub(crate) fn json_document(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Serves one connection until it ends. When stop is requested, lets its open request finish.
async fn serve_connection(stream: TcpStream, router: Router, head_timeout: Duration, stop: &Stop) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_timeout);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A broken connection is not reported: the client gets no answer and tries again.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.requested() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
