//! The HTTP interface for monitoring: liveness, readiness, metrics, state of the channels. It reads
//! everything from the store, so any process of the gateway can answer for all processes.

mod metrics;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use config::{ConsoleSettings, Settings};
use connector_wire::guard::Guard;
use contract::{Fault, Publisher as _};
use serde::Serialize;
use sink::{
    bus::{Amqp, AnyPublisher},
    store::Database,
};
use tokio::time::timeout;

use crate::{
    assemble, clock, indexer,
    listener::{self, Listener, json_document, problem},
    status,
};

/// Time limit of the readiness check.
const READY_TIMEOUT: Duration = Duration::from_secs(4);

/// What the handlers read: settings, store, and the bus if it is a broker.
struct Console {
    settings: Settings,
    store: Database,
    bus: Option<AnyPublisher>,
}

/// Listens on the address in `[console]`; `None` if there is no `[console]`.
///
/// # Errors
/// The address is in use, the token is not set, or the settings of the bus are wrong.
pub async fn open(settings: &Settings, store: &Database) -> Result<Option<Listener>, Fault> {
    let Some(ConsoleSettings { listen, token }) = &settings.console else { return Ok(None) };
    if token.as_ref().is_some_and(assemble::is_unset) {
        return Err(Fault::stopped("the token of [console] is not set").remedy(
            "set the environment variable, or create the file, that `token` in gateway.toml names",
        ));
    }
    let bus = settings.bus.as_ref().map(assemble::broker).transpose()?;
    let bus = bus.map(|broker| AnyPublisher::Amqp(Amqp::new(broker).publisher()));
    let guard = token.clone().map_or(Guard::None, Guard::Bearer);
    let console = Arc::new(Console { settings: settings.clone(), store: store.clone(), bus });
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/channels", get(channels))
        .route("/api/v1/index", get(index))
        .route_layer(middleware::from_fn_with_state(Arc::new(guard), admit))
        .route("/health/live", get(|| async { "alive\n" }))
        .route("/health/ready", get(ready))
        .with_state(console);
    let listener = Listener::open("console", *listen, router, listener::HEAD_TIMEOUT).await?;
    let address = listener.address().unwrap_or(*listen);
    tracing::info!("the console listens on http://{address}");
    Ok(Some(listener))
}

/// Admits requests that carry the token.
async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match guard.admit(&head, clock::now()) {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(why) => problem(StatusCode::UNAUTHORIZED, why),
    }
}

/// Answers 200 if the store and the bus can be reached.
async fn ready(State(console): State<Arc<Console>>) -> Response {
    let checks = async {
        console.store.leases().await?;
        match &console.bus {
            Some(bus) => bus.ready().await,
            None => Ok(()),
        }
    };
    match timeout(READY_TIMEOUT, checks).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(fault)) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the store or the bus does not answer"),
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

fn json_rows(rows: Result<Vec<impl Serialize>, Fault>) -> Response {
    match rows {
        Ok(rows) => {
            json_document(serde_json::to_string(&rows).unwrap_or_default()) // rows always serialise
        }
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}

async fn metrics(State(console): State<Arc<Console>>) -> Response {
    let text = async {
        let books = console.store.books(None, None).await?;
        let rows = status::rows(&console.settings, &console.store).await?;
        let lags = indexer::lag(&console.store).await?;
        Ok::<_, Fault>(metrics::text(&books, &rows, &lags))
    };
    match text.await {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}
