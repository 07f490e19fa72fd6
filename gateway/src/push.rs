//! Receives what push sources send: `POST /intake/<channel>`.
//!
//! A sender gets a 2xx answer only after its records are in custody (confirmed by the bus, or stored), so
//! it needs no queue of its own. If that takes too long, or there is no room, the answer asks the sender to
//! try again (503); records that arrive twice are recognised. Everything is limited: no sender can fill
//! the memory, hold all connections or stop another channel.

mod signatures;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::{Bytes, BytesMut};
use config::Door;
use contract::{ChannelId, Clock, Fault, Inbox, InboxFull, Receiver};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    clock,
    listener::{self, Listener, Peer, RETRY_AFTER, Refused},
};

use signatures::Known;
pub use signatures::Signatures;

/// Maximum size of a body, in bytes.
const MAX_BODY_BYTES: usize = 8 << 20;
/// Maximum memory for the bodies that are being received at the same time, in KiB.
const MAX_BODIES_KIB: usize = 64 << 10;
/// Maximum share of one channel in this memory, in KiB.
const MAX_CHANNEL_KIB: usize = MAX_BODIES_KIB / 2;
/// By how much the share of one body grows, in KiB.
const STEP_KIB: usize = 16;
/// How long a sender waits at most until its records are in custody; most senders give up after 30 s.
const CUSTODY_TIMEOUT: Duration = Duration::from_secs(25);

/// Where one push channel receives its requests.
#[derive(Clone)]
pub struct PushEndpoint {
    /// Authenticates a request and reads its records.
    pub receiver: Arc<dyn Receiver>,
    /// Where its records wait for custody.
    pub inbox: Inbox,
    /// The signatures that were used, if each request has one of its own that does not cover the body.
    pub signatures: Option<Arc<Signatures>>,
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

/// Listens at `door`; `None` if no channel has a push endpoint. Counts requests without the right authentication in
/// `refused`.
///
/// # Errors
/// The address is in use, or not an address of this machine; the certificate cannot be used.
pub async fn open(
    door: &Door,
    endpoints: HashMap<ChannelId, PushEndpoint>,
    timeouts: Timeouts,
    refused: &Arc<Refused>,
) -> Result<Option<Listener>, Fault> {
    if endpoints.is_empty() {
        return Ok(None);
    }
    let share = |endpoint| Channel { endpoint, room: Semaphore::new(MAX_CHANNEL_KIB) };
    let channels = endpoints.into_iter().map(|(id, endpoint)| (id, share(endpoint))).collect();
    let room = Semaphore::new(MAX_BODIES_KIB);
    let (refused, clock) = (Arc::clone(refused), clock::machine());
    let server = PushServer { channels, room, timeouts, refused: Arc::clone(&refused), clock };
    let router = Router::new()
        .route("/intake/{channel}", post(receive).fallback(other_method))
        .fallback(other_path)
        .with_state(Arc::new(server));
    Ok(Some(Listener::open("intake", door, refused, router, timeouts.arrival).await?))
}

/// Answers a request that is not a POST. The router adds the header `Allow`.
async fn other_method() -> Refusal {
    Refusal(StatusCode::METHOD_NOT_ALLOWED, "records are sent here with POST".into())
}

async fn other_path() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "records are sent to /intake/<channel>".into())
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
    channels: HashMap<ChannelId, Channel>,
    /// Room for bodies that are being received, in KiB.
    room: Semaphore,
    timeouts: Timeouts,
    refused: Arc<Refused>,
    clock: Clock,
}

/// A push channel.
struct Channel {
    endpoint: PushEndpoint,
    /// Its share of the room for bodies, in KiB.
    room: Semaphore,
}

/// The room that one body takes, of all bodies and of those of its channel. It is charged as bytes arrive: what is
/// only announced takes nothing from others.
struct Room<'a> {
    of: [&'a Semaphore; 2],
    taken: Vec<SemaphorePermit<'a>>,
    kib: usize,
}

impl<'a> Room<'a> {
    fn new(server: &'a PushServer, channel: &'a Channel) -> Self {
        Self { of: [&server.room, &channel.room], taken: Vec::new(), kib: 0 }
    }

    /// Takes room for a body of this size.
    fn grow(&mut self, n_bytes: usize) -> Result<(), Refusal> {
        let kib = n_bytes.div_ceil(STEP_KIB << 10) * STEP_KIB;
        let more = u32::try_from(kib.saturating_sub(self.kib)).map_err(|_| BUSY)?;
        if more > 0 {
            for room in self.of {
                self.taken.push(room.try_acquire_many(more).map_err(|_| BUSY)?);
            }
            self.kib = kib;
        }
        Ok(())
    }
}

/// Handles one request: authenticates it, reads its records, and waits until they are in custody.
async fn receive(
    State(server): State<Arc<PushServer>>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let timeouts = server.timeouts;
    let name = channel.parse::<ChannelId>().ok();
    let channel = name.and_then(|name| server.channels.get(&name));
    let channel = channel
        .ok_or(Refusal(StatusCode::NOT_FOUND, "there is no push channel with this name".into()))?;
    let endpoint = &channel.endpoint;
    let (head, body) = request.into_parts();
    let admitted = endpoint.receiver.admit(&head, server.clock.now());
    admitted.map_err(|why| server.unauthorised(&head, why))?;
    if content_length(&head.headers).is_some_and(|length| length > MAX_BODY_BYTES) {
        let _ = timeout(timeouts.arrival, drain(body.into_data_stream())).await;
        return Err(TOO_LARGE);
    }
    let mut room = Room::new(&server, channel);
    let too_slow =
        |_| Refusal(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time".into());
    let received = timeout(timeouts.arrival, read_body(body, &mut room)).await;
    let body = received.map_err(too_slow)??;
    let signed = endpoint.signatures.as_ref().zip(signature(&head.headers));
    if let Some((signatures, signature)) = &signed {
        match signatures.look_up(signature, &body, server.clock.now()) {
            Known::New => {}
            Known::Taken(n_records) => return Ok(accepted(n_records)),
            Known::Full => return Err(BUSY),
            Known::Replayed => {
                let why = "the signature was used before, for another body: sign each request anew";
                return Err(server.unauthorised(&head, why));
            }
        }
    }
    let records = endpoint.receiver.records(&head, body.clone()).map_err(bad_request)?;
    let n_records = records.len();
    let custody = endpoint.inbox.put(records).map_err(|InboxFull| BUSY)?;
    timeout(timeouts.custody, custody).await.map_err(|_| BUSY)?;
    if let Some((signatures, signature)) = &signed {
        signatures.remember(signature, &body, n_records, server.clock.now());
    }
    Ok(accepted(n_records))
}

impl PushServer {
    /// Refuses a request whose sender did not prove who it is.
    fn unauthorised(&self, head: &Parts, why: &'static str) -> Refusal {
        let address = head.extensions.get::<Peer>().map(|Peer(address)| *address);
        self.refused.note("intake", address, why);
        Refusal(StatusCode::UNAUTHORIZED, why.into())
    }
}

/// The answer to a request whose records are in custody.
fn accepted(n_records: usize) -> Response {
    listener::json_document(json!({ "accepted": n_records }).to_string())
}

/// The signature of a request by `X-BG`.
fn signature(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-bg-hmac-signature")?.to_str().ok()
}

fn bad_request(why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why.into())
}

/// The declared length of the body, in bytes; `None` if the head does not declare it.
fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get("content-length")?.to_str().ok()?.parse().ok()
}

/// Receives the whole body. Its declared length is not trusted.
async fn read_body(body: Body, room: &mut Room<'_>) -> Result<Bytes, Refusal> {
    let (mut chunks, mut whole) = (body.into_data_stream(), BytesMut::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_| bad_request("the connection was lost before the body was complete"))?;
        let n_bytes = whole.len() + chunk.len();
        let fits = if n_bytes > MAX_BODY_BYTES { Err(TOO_LARGE) } else { room.grow(n_bytes) };
        if let Err(refusal) = fits {
            drop(whole);
            room.taken.clear();
            drain(chunks).await;
            return Err(refusal);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Reads the rest of a body that is not taken, up to eight times the limit. A sender that is cut off while
/// it writes would see a broken connection instead of the answer.
async fn drain(mut chunks: BodyDataStream) {
    let mut n_bytes = 0;
    while let Some(Ok(chunk)) = chunks.next().await
        && n_bytes < 8 * MAX_BODY_BYTES
    {
        n_bytes += chunk.len();
    }
}
