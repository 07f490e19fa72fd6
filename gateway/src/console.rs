//! What programs of others ask over HTTP: whether it lives, whether it works, how it stands. All of
//! it is read from the store, so any process of the gateway can answer for all.

mod metrics;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use config::{ConsoleSettings, Settings};
use connector_webhook::{Auth, Config, Guard};
use contract::{Fault, Publisher as _};
use serde_json::json;
use sink::{
    bus::{Amqp, AnyPublisher},
    store::Database,
};
use tokio::{net::TcpListener, time::timeout};

use crate::{assemble, clock::Clock, connections, status, stop::Stop};

/// A request head to arrive.
const SLOWEST: Duration = Duration::from_secs(15);
/// The store and the bus to say that they are there: whoever asks waits a few seconds at most.
const READY_WITHIN: Duration = Duration::from_secs(4);

/// A listener, and what is asked there.
pub struct Console {
    listener: TcpListener,
    router: Router,
}

struct Desk {
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
            return Err(Fault::stopped("the token of the console is not set here")
                .remedy("set what [console] in gateway.toml names"));
        }
        let bus = settings.bus.as_ref().map(assemble::broker).transpose()?;
        let bus = bus.map(|broker| AnyPublisher::Amqp(Amqp::new(broker).publisher()));
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            Fault::stopped(format!("{listen} cannot be listened on"))
                .because(error)
                .remedy("set another `listen` in [console] of gateway.toml")
        })?;
        let auth = token.clone().map_or(Auth::None, Auth::Bearer);
        let guard = Guard::new(&Config { auth, key: String::new(), revision: None });
        let desk = Arc::new(Desk { settings: settings.clone(), store: store.clone(), bus });
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/api/v1/channels", get(channels))
            .route_layer(middleware::from_fn_with_state(Arc::new(guard), admit))
            .route("/health/live", get(|| async { "alive\n" }))
            .route("/health/ready", get(ready))
            .with_state(desk);
        let address = listener.local_addr().map_or(*listen, |address| address);
        tracing::info!("the console answers at http://{address}");
        Ok(Some(Self { listener, router }))
    }

    /// Answers until stop is asked.
    pub async fn serve(self, stop: &Stop) {
        connections::serve(self.listener, self.router, SLOWEST, stop).await;
    }
}

/// Lets in who shows the token.
async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match connections::admit(&guard, &request, Clock.now()) {
        Ok(()) => next.run(request).await,
        Err(why) => problem(StatusCode::UNAUTHORIZED, why),
    }
}

/// Whether the store and the bus are there.
async fn ready(State(desk): State<Arc<Desk>>) -> Response {
    let looking = async {
        desk.store.leases().await?;
        match &desk.bus {
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
async fn channels(State(desk): State<Arc<Desk>>) -> Response {
    match status::rows(&desk.settings, &desk.store).await {
        Ok(rows) => {
            let body = serde_json::to_string(&rows).unwrap_or_default(); // plain rows always are
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let asking = async {
        let books = desk.store.books(None, None).await?;
        let rows = status::rows(&desk.settings, &desk.store).await?;
        Ok::<_, Fault>(metrics::text(&books, &rows))
    };
    match asking.await {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()),
    }
}

/// By RFC 9457.
fn problem(status: StatusCode, title: &str) -> Response {
    let body = json!({ "title": title, "status": status.as_u16() }).to_string();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
