//! Receives what push sources send: `POST /intake/<channel>`.
//!
//! A sender gets a 2xx answer only after its records are in custody (confirmed by the bus, or stored), so
//! it needs no queue of its own. If that takes too long, or there is no room, the answer asks the sender to
//! try again (503); records that arrive twice are recognised. Everything is limited: no sender can fill
//! the memory, hold all connections or stop another channel.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::{Bytes, BytesMut};
use contract::{ChannelId, Clock, Fault, Inbox, InboxFull, Receiver};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    clock,
    listener::{self, Listener},
};

/// Maximum size of a body, in bytes.
const MAX_BODY_BYTES: usize = 8 << 20;
/// Maximum memory for the bodies that are being received at the same time, in KiB.
const MAX_BODIES_KIB: u32 = 64 << 10;
/// How long a sender waits at most until its records are in custody; most senders give up after 30 s.
const CUSTODY_TIMEOUT: Duration = Duration::from_secs(25);
/// Number of seconds after which a sender that was not served may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Where one push channel receives its requests.
#[derive(Clone)]
pub struct PushEndpoint {
    /// Authenticates a request and reads its records.
    pub receiver: Arc<dyn Receiver>,
    /// Where its records wait for custody.
    pub inbox: Inbox,
}

/// Time limits of a request.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For the head of a request to arrive, and then for its body.
    pub arrival: Duration,
    /// For its records to be in custody.
    pub custody: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { arrival: listener::HEAD_TIMEOUT, custody: CUSTODY_TIMEOUT }
    }
}

/// Listens on `listen`; `None` if no channel has a push endpoint.
///
/// # Errors
/// The address is in use, or not an address of this machine.
pub async fn open(
    listen: SocketAddr,
    endpoints: HashMap<ChannelId, PushEndpoint>,
    timeouts: Timeouts,
) -> Result<Option<Listener>, Fault> {
    if endpoints.is_empty() {
        return Ok(None);
    }
    let room = Semaphore::new(usize::try_from(MAX_BODIES_KIB).unwrap_or(usize::MAX));
    let server = Arc::new(PushServer { endpoints, room, timeouts, clock: clock::machine() });
    let router = Router::new().route("/intake/{channel}", post(receive)).with_state(server);
    Ok(Some(Listener::open("intake", listen, router, timeouts.arrival).await?))
}

/// The answer to a request from which nothing was taken: its status and its text.
struct Refusal(StatusCode, Cow<'static, str>);

/// There is no room, or storing takes too long: the sender may send the same request again.
const BUSY: Refusal =
    Refusal(StatusCode::SERVICE_UNAVAILABLE, Cow::Borrowed("send the request again later"));
const TOO_LARGE: Refusal = Refusal(
    StatusCode::PAYLOAD_TOO_LARGE,
    Cow::Borrowed("the body is larger than 8 MiB: send fewer records in one request"),
);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = listener::problem(self.0, &self.1);
        if self.0 == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// What the handler of a request needs.
struct PushServer {
    endpoints: HashMap<ChannelId, PushEndpoint>,
    /// Room for bodies that are being received, in KiB.
    room: Semaphore,
    timeouts: Timeouts,
    clock: Clock,
}

/// Handles one request: authenticates it, reads its records, and waits until they are in custody.
async fn receive(
    State(server): State<Arc<PushServer>>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let timeouts = server.timeouts;
    let channel = channel.parse::<ChannelId>().ok();
    let endpoint = channel.and_then(|channel| server.endpoints.get(&channel));
    let endpoint = endpoint
        .ok_or(Refusal(StatusCode::NOT_FOUND, "there is no push channel with this name".into()))?;
    let (head, body) = request.into_parts();
    let admitted = endpoint.receiver.admit(&head, server.clock.now());
    admitted.map_err(|why| Refusal(StatusCode::UNAUTHORIZED, why.into()))?;
    let declared = content_length(&head.headers);
    if declared.is_some_and(|length| length > MAX_BODY_BYTES) {
        let _ = timeout(timeouts.arrival, drain(body.into_data_stream())).await;
        return Err(TOO_LARGE);
    }
    let kib =
        u32::try_from(declared.unwrap_or(MAX_BODY_BYTES).div_ceil(1024)).unwrap_or(MAX_BODIES_KIB);
    let _room = server.room.try_acquire_many(kib).map_err(|_| BUSY)?;
    let too_slow =
        |_| Refusal(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time".into());
    let body = timeout(timeouts.arrival, read_body(body)).await.map_err(too_slow)??;
    let records = endpoint.receiver.records(&head, body).map_err(bad_request)?;
    let n_records = records.len();
    let custody = endpoint.inbox.put(records).map_err(|InboxFull| BUSY)?;
    timeout(timeouts.custody, custody).await.map_err(|_| BUSY)?;
    Ok(listener::json_document(json!({ "accepted": n_records }).to_string()))
}

fn bad_request(why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why.into())
}

/// The declared length of the body, in bytes; `None` if the head does not declare it.
fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get("content-length")?.to_str().ok()?.parse().ok()
}

/// Receives the whole body. Its declared length is not trusted.
async fn read_body(body: Body) -> Result<Bytes, Refusal> {
    let (mut chunks, mut whole) = (body.into_data_stream(), BytesMut::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_| bad_request("the connection was lost before the body was complete"))?;
        if whole.len() + chunk.len() > MAX_BODY_BYTES {
            drain(chunks).await;
            return Err(TOO_LARGE);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Reads the rest of a body that is too large, up to eight times the limit. A sender that is cut off while
/// it writes would see a broken connection instead of the answer.
async fn drain(mut chunks: BodyDataStream) {
    let mut n_bytes = 0;
    while let Some(Ok(chunk)) = chunks.next().await
        && n_bytes < 8 * MAX_BODY_BYTES
    {
        n_bytes += chunk.len();
    }
}
