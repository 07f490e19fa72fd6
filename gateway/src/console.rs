//! The HTTP interface for monitoring: liveness, readiness, metrics, state of the channels. It reads
//! everything from the store, so any process of the gateway can answer for all processes.

mod metrics;
mod ready;

pub(crate) use ready::full_disk;

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use config::{ConsoleSettings, Settings};
use connector_wire::guard::Guard;
use contract::Fault;
use serde::Serialize;
use sink::{bus::AnyPublisher, store::Database};

use crate::{
    assemble, clock, feed, indexer,
    listener::{self, Listener, Peer, Refusals, json_document, problem},
    presence::Presence,
    processes, status,
};

/// What the handlers read: settings, store, the bus if it is a broker, and what this process says of itself.
struct Console {
    settings: Settings,
    store: Database,
    bus: Option<AnyPublisher>,
    refusals: Refusals,
    /// `None` in a process that only shows what others do.
    presence: Option<Presence>,
}

/// Who may ask.
struct Gate {
    guard: Guard,
    /// The host names by which it may be asked, besides `localhost` and addresses.
    hosts: Vec<String>,
    refusals: Refusals,
}

/// Listens on the address in `[console]`; `None` if there is no `[console]`. Counts requests without the token in
/// `refusals`.
///
/// # Errors
/// The address is in use, the token is not set, or the certificate cannot be used.
pub async fn open(
    settings: &Settings,
    store: &Database,
    refusals: &Refusals,
    presence: Option<&Presence>,
) -> Result<Option<Listener>, Fault> {
    let Some(ConsoleSettings { door, token, hosts }) = &settings.console else { return Ok(None) };
    if token.as_ref().is_some_and(assemble::is_unset) {
        return Err(Fault::stopped("the token of [console] is not set").remedy(
            "set the environment variable, or create the file, that `token` in gateway.toml names",
        ));
    }
    // The console publishes nothing, so it needs no key.
    let broker = settings.bus.as_ref().map(|bus| assemble::broker(bus, None));
    let bus = broker.map(|broker| AnyPublisher::Amqp(broker.publisher()));
    let guard = token.clone().map_or(Guard::None, Guard::Bearer);
    let gate = Arc::new(Gate { guard, hosts: hosts.clone(), refusals: refusals.clone() });
    let (settings, store) = (settings.clone(), store.clone());
    let (refusals, presence) = (refusals.clone(), presence.cloned());
    let refused = Arc::clone(&refusals.console);
    let console = Arc::new(Console { settings, store, bus, refusals, presence });
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/channels", get(channels))
        .route("/api/v1/index", get(index))
        .route("/api/v1/processes", get(processes))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&gate), admit))
        .route_layer(middleware::from_fn_with_state(gate, check_host))
        // Without sign-in, because a probe has none, and by any name. `ready` shows faults with their place.
        .route("/health/ready", get(ready))
        .route("/health/live", get(|| async { "alive\n" }))
        .with_state(console);
    let listener = Listener::open("console", door, refused, router, listener::HEAD_TIMEOUT).await?;
    let address = listener.address().unwrap_or(door.listen);
    let scheme = if door.tls.is_some() { "https" } else { "http" };
    tracing::info!("the console listens on {scheme}://{address}");
    Ok(Some(listener))
}

/// Admits requests that carry the token.
async fn admit(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match gate.guard.admit(&head, clock::now()) {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(why) => {
            let address = head.extensions.get::<Peer>().map(|Peer(address)| *address);
            gate.refusals.console.note("console", address, why);
            problem(StatusCode::UNAUTHORIZED, why)
        }
    }
}

/// Admits requests by a name that is ours. A page of a stranger can make a browser ask us by a name of its own, and
/// read the answer.
async fn check_host(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if host.is_none_or(|host| is_ours(host, &gate.hosts)) {
        return next.run(request).await;
    }
    let why = "the console does not answer to this host name: use its address, or add the name to `hosts` in [console]";
    problem(StatusCode::MISDIRECTED_REQUEST, why)
}

/// Whether a `Host` names this machine: by an address, `localhost`, or one of `hosts`.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let name =
        host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
        || bare.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(bare))
}

/// Answers 200 if what is sent to the gateway will be stored, and otherwise each reason why not, on one line.
async fn ready(State(console): State<Arc<Console>>) -> Response {
    let reasons = ready::reasons(&console).await;
    match reasons.as_slice() {
        [] => "ready\n".into_response(),
        reasons => problem(StatusCode::SERVICE_UNAVAILABLE, &reasons.join("\n")),
    }
}

/// The same as `tonghui status --format json`.
async fn channels(State(console): State<Arc<Console>>) -> Response {
    json_rows(status::rows(&console.settings, &console.store).await)
}

/// The same as `tonghui index --format json`.
async fn index(State(console): State<Arc<Console>>) -> Response {
    json_rows(indexer::lag(&console.store).await)
}

/// The same as `tonghui status --processes --format json`.
async fn processes(State(console): State<Arc<Console>>) -> Response {
    json_rows(processes::rows(&console.store).await)
}

fn json_rows(rows: Result<Vec<impl Serialize>, Fault>) -> Response {
    match rows {
        Ok(rows) => {
            json_document(serde_json::to_string(&rows).unwrap_or_default()) // rows always serialise
        }
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}

async fn metrics(State(console): State<Arc<Console>>) -> Response {
    let read = async {
        let books = console.store.books(None, None).await?;
        let rows = status::rows(&console.settings, &console.store).await?;
        let lags = indexer::lag(&console.store).await?;
        let processes = processes::rows(&console.store).await?;
        let feed = match console.settings.feed {
            Some(_) => Some(feed::lag(&console.store).await?),
            None => None,
        };
        Ok::<_, Fault>((books, rows, (lags, feed), processes))
    };
    let (read, reasons) = tokio::join!(read, ready::reasons(&console));
    let page = read.map(|(books, rows, (lags, feed), processes)| {
        let Refusals { intake, console: own } = &console.refusals;
        let refused = [("intake", intake.count()), ("console", own.count())];
        metrics::text(&books, &rows, &lags, feed, &processes, &refused, reasons.is_empty())
    });
    match page {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn a_request_by_a_strange_host_name_is_not_ours() {
        let hosts = ["tonghui.city.example".to_owned()];
        for (host, expected) in [
            ("127.0.0.1:8420", true),
            ("10.1.2.3", true),
            ("[::1]:8420", true),
            ("[::1]", true),
            ("localhost:8420", true),
            ("LocalHost", true),
            ("Tonghui.City.Example:443", true),
            ("evil.example", false),
            ("evil.example:8420", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_ours(host, &hosts), expected, "{host}");
        }
    }
}
