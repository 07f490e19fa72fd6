//! The only HTTP listener: it limits the number and the time of connections, so that no client keeps the others out,
//! and lets open requests finish when it stops.

mod heads;
mod refused;
mod seats;
#[cfg(test)]
mod tests;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use config::{Door, Tls};
use contract::Fault;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use heads::Heads;
pub use refused::{Refusals, Refused};
use seats::{Seat, Seats};

use crate::stop::Stop;

/// Time limit for a request head to arrive.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often refused requests are summed in the log.
const SUM_INTERVAL: Duration = Duration::from_secs(60);
/// Number of seconds after which a sender that was not served may try again.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Says that the connection ends after the answer.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The address from which a request came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A socket and the routes served on it.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    seats: Seats,
    /// The section of gateway.toml that describes it.
    section: &'static str,
    refused: Arc<Refused>,
    router: Router,
    head_timeout: Duration,
}

impl Listener {
    /// Listens at the door from `section` of gateway.toml. The check of the configuration ensures that
    /// the address of a listener without authentication is a loopback address.
    pub(crate) async fn open(
        section: &'static str,
        door: &Door,
        refused: Arc<Refused>,
        router: Router,
        head_timeout: Duration,
    ) -> Result<Self, Fault> {
        let tls = door.tls.as_ref().map(|tls| acceptor(section, tls)).transpose()?;
        let listen = door.listen;
        let socket = TcpListener::bind(listen).await.map_err(|error| {
            Fault::stopped(format!("cannot listen on {listen}"))
                .because(error)
                .remedy(format!("set another address as `listen` in [{section}] of gateway.toml"))
        })?;
        let seats = Seats::new(door.proxy);
        Ok(Self { socket, tls, seats, section, refused, router, head_timeout })
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
        let Self { socket, tls, seats, section, refused, router, head_timeout } = self;
        let mut connections = JoinSet::new();
        let mut sums = interval(SUM_INTERVAL);
        sums.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! { biased;
                () = stop.requested() => break,
                Some(_) = connections.join_next() => {}
                _ = sums.tick() => refused.log_sum(section),
                accepted = socket.accept() => match accepted {
                    Ok((stream, address)) => {
                        // Without a seat, the connection is closed at once.
                        let Some(seat) = seats.take(address.ip()) else { continue };
                        let client = Client { seat, head_timeout, stop: stop.clone() };
                        let (tls, router) = (tls.clone(), router.clone());
                        connections.spawn(async move {
                            tokio::select! { biased;
                                () = client.seat.lost() => {}
                                () = client.serve(stream, tls, router) => {}
                            }
                        });
                    }
                    // Too many open files, or a client that has disconnected already: both are temporary.
                    Err(_) => stop.or_sleep(ACCEPT_PAUSE).await,
                }
            }
        }
        while connections.join_next().await.is_some() {}
        refused.log_sum(section);
    }
}

/// What encrypts the connections of a door.
///
/// # Errors
/// The certificate and the key are not usable, or do not belong together.
pub(crate) fn acceptor(section: &str, tls: &Tls) -> Result<TlsAcceptor, Fault> {
    let unusable = |what: &str| {
        Fault::stopped(format!("{what} of `tls` in [{section}] of gateway.toml cannot be used")).remedy(
            "give a PEM file with the certificate and those above it, and a PEM file with its private key",
        )
    };
    let certificates = CertificateDer::pem_slice_iter(tls.certificate.as_bytes());
    let certificates: Vec<_> =
        certificates.collect::<Result<_, _>>().map_err(|_| unusable("the certificate"))?;
    // The reason could show a part of the key.
    let key = PrivateKeyDer::from_pem_slice(tls.key.expose().as_bytes())
        .map_err(|_| unusable("the key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("the versions").because(error))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| unusable("the certificate or its key").because(error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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

/// The answer if too many requests are being answered.
fn crowded() -> Response {
    let why = "too many requests are being answered: send it again later";
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// The answer to a request whose body has a length and comes in chunks.
fn two_lengths() -> Response {
    let why = "Content-Length and Transfer-Encoding contradict each other: send one of them";
    problem(StatusCode::BAD_REQUEST, why)
}

/// The client of one connection.
struct Client {
    seat: Seat,
    head_timeout: Duration,
    stop: Stop,
}

impl Client {
    /// Serves the connection until it ends.
    async fn serve(&self, stream: TcpStream, tls: Option<TlsAcceptor>, router: Router) {
        match tls {
            None => Box::pin(self.answer(stream, router)).await,
            Some(tls) => {
                let accepted = timeout(self.head_timeout, Box::pin(tls.accept(stream))).await;
                if let Ok(Ok(stream)) = accepted {
                    Box::pin(self.answer(stream, router)).await;
                }
            }
        }
    }

    /// Answers the requests of a connection until it ends. When stop is requested, lets its open request finish.
    async fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.head_timeout);
        let routes = TowerToHyperService::new(router);
        let stream = Heads::new(stream);
        let has_two_lengths = stream.has_two_lengths();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let has_two_lengths = has_two_lengths.load(Relaxed);
            let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
            let busy = self.seat.begin(request.uri().path().starts_with("/health/"));
            request.extensions_mut().insert(Peer(self.seat.address()));
            let answer = routes.call(request);
            async move {
                let mut answer = match busy {
                    _ if has_two_lengths => two_lengths(),
                    Some(_busy) => answer.await?,
                    None => crowded(),
                };
                // Where the head of a next request would begin is not known.
                if is_chunked || has_two_lengths {
                    answer.headers_mut().insert(header::CONNECTION, CLOSE);
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        // A broken connection is not reported: the client gets no answer and tries again.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.stop.requested() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
