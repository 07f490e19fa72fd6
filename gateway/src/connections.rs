//! Connections of whoever comes: bounded in number, and none may take its time with a request head.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use connector_webhook::{Guard, Headers};
use contract::Timestamp;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use crate::stop::Stop;

/// Connections at the same time; more wait in the system's queue.
const MOST: usize = 512;
/// How long accepting rests when the system has no connection to give.
const REST: Duration = Duration::from_millis(200);

/// Whether a guard lets a request in; if not, what to say.
pub(crate) fn admit(guard: &Guard, request: &Request, now: Timestamp) -> Result<(), &'static str> {
    let headers = request.headers();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let request = connector_webhook::Request {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: Headers(&header),
    };
    guard.admit(&request, now)
}

/// Accepts until stop is asked, then lets those that are there come to the end of their request.
pub(crate) async fn serve(listener: TcpListener, router: Router, slowest: Duration, stop: &Stop) {
    let places = Arc::new(Semaphore::new(MOST));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! { biased;
            () = stop.asked() => break,
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

async fn attend(stream: TcpStream, router: Router, slowest: Duration, stop: &Stop) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(slowest);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // What breaks a connection is the sender's business: it has no answer and sends again.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.asked() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
