//! The one way in over HTTP: connections are bounded in number, none may take its time with a request
//! head, and a stop lets those that are there come to the end of their request.

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

/// The longest that a request head may take to arrive.
pub(crate) const SLOWEST: Duration = Duration::from_secs(15);
/// Connections at the same time; more wait in the system's queue.
const MOST: usize = 512;
/// How long accepting rests when the system has no connection to give.
const REST: Duration = Duration::from_millis(200);

/// A socket, and who answers there.
pub(crate) struct Listener {
    socket: TcpListener,
    router: Router,
    slowest: Duration,
}

impl Listener {
    /// Listens where `section` of gateway.toml says. That only this machine reaches a listener that
    /// lets anybody in is checked with the configuration.
    pub(crate) async fn open(
        section: &str,
        listen: SocketAddr,
        router: Router,
        slowest: Duration,
    ) -> Result<Self, Fault> {
        let socket = TcpListener::bind(listen).await.map_err(|error| {
            Fault::stopped(format!("cannot listen on {listen}"))
                .because(error)
                .remedy(format!("set another `listen` in [{section}] of gateway.toml"))
        })?;
        Ok(Self { socket, router, slowest })
    }

    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until stop is asked, then lets those that are there come to the end of their request.
    pub(crate) async fn serve(self, stop: &Stop) {
        let Self { socket, router, slowest } = self;
        let places = Arc::new(Semaphore::new(MOST));
        let mut connections = JoinSet::new();
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, socket.accept().await)
            };
            tokio::select! { biased;
                () = stop.requested() => break,
                Some(_) = connections.join_next() => {}
                (place, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let (router, stop) = (router.clone(), stop.clone());
                        connections.spawn(async move {
                            let _place = place;
                            attend(stream, router, slowest, &stop).await;
                        });
                    }
                    // Too many open files, or a sender that has gone already: it passes.
                    Err(_) => stop.or_sleep(REST).await,
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

/// An answer that says what is wrong, by RFC 9457.
pub(crate) fn problem(status: StatusCode, title: &str) -> Response {
    let body = json!({ "title": title, "status": status.as_u16() }).to_string();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}

/// An answer that is a JSON document.
pub(crate) fn json_document(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn attend(stream: TcpStream, router: Router, slowest: Duration, stop: &Stop) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(slowest);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // What breaks a connection is the sender's business: it has no answer and sends again.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.requested() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
