//! What programs of others ask over HTTP: whether it lives, whether it works, how it stands. All of
//! it is read from the store, so any process of the gateway can answer for all.

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
    stop::Stop,
};

/// The store and the bus to say that they are there: whoever asks waits a few seconds at most.
const READY_WITHIN: Duration = Duration::from_secs(4);

/// A listener, and what is asked there.
pub struct Console(Listener);

/// What answers are made of.
struct Sources {
    settings: Settings,
    store: Database,
    bus: Option<AnyPublisher>,
}

impl Console {
    /// Listens where the settings say so; `None` where nobody may ask.
    ///
    /// # Errors
    /// The address cannot be listened on, or the token is not known.
    pub async fn open(settings: &Settings, store: &Database) -> Result<Option<Self>, Fault> {
        let Some(ConsoleSettings { listen, token }) = &settings.console else { return Ok(None) };
        if token.as_ref().is_some_and(assemble::is_unset) {
            return Err(Fault::stopped("the token of the console is not set").remedy(
                "set the variable or write the file that [console] in gateway.toml names",
            ));
        }
        let bus = settings.bus.as_ref().map(assemble::broker).transpose()?;
        let bus = bus.map(|broker| AnyPublisher::Amqp(Amqp::new(broker).publisher()));
        let guard = token.clone().map_or(Guard::None, Guard::Bearer);
        let sources = Arc::new(Sources { settings: settings.clone(), store: store.clone(), bus });
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/api/v1/channels", get(channels))
            .route("/api/v1/index", get(index))
            .route_layer(middleware::from_fn_with_state(Arc::new(guard), admit))
            .route("/health/live", get(|| async { "alive\n" }))
            .route("/health/ready", get(ready))
            .with_state(sources);
        let listener = Listener::open("console", *listen, router, listener::SLOWEST).await?;
        let address = listener.address().unwrap_or(*listen);
        tracing::info!("the console answers at http://{address}");
        Ok(Some(Self(listener)))
    }

    /// Answers until stop is asked.
    pub async fn serve(self, stop: &Stop) {
        self.0.serve(stop).await;
    }
}

/// Lets in who shows the token.
async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match guard.admit(&head, clock::now()) {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(why) => problem(StatusCode::UNAUTHORIZED, why),
    }
}

/// Whether the store and the bus are there.
async fn ready(State(sources): State<Arc<Sources>>) -> Response {
    let looking = async {
        sources.store.leases().await?;
        match &sources.bus {
            Some(bus) => bus.ready().await,
            None => Ok(()),
        }
    };
    match timeout(READY_WITHIN, looking).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(fault)) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the store or the bus does not answer"),
    }
}

/// As `status --format json`.
async fn channels(State(sources): State<Arc<Sources>>) -> Response {
    json_rows(status::rows(&sources.settings, &sources.store).await)
}

/// As `index --format json`.
async fn index(State(sources): State<Arc<Sources>>) -> Response {
    json_rows(indexer::lag(&sources.store).await)
}

fn json_rows(rows: Result<Vec<impl Serialize>, Fault>) -> Response {
    match rows {
        Ok(rows) => {
            json_document(serde_json::to_string(&rows).unwrap_or_default()) // plain rows always are
        }
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}

async fn metrics(State(sources): State<Arc<Sources>>) -> Response {
    let asking = async {
        let books = sources.store.books(None, None).await?;
        let rows = status::rows(&sources.settings, &sources.store).await?;
        let lags = indexer::lag(&sources.store).await?;
        Ok::<_, Fault>(metrics::text(&books, &rows, &lags))
    };
    match asking.await {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}
