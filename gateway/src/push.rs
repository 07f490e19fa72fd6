//! Receives what push sources send: `POST /intake/<channel>`.
//!
//! A sender gets a 2xx answer only after its records are in custody (confirmed by the bus, or stored), so
//! it needs no queue of its own. If that takes too long, there is no room, or the channel is stopped, the answer asks
//! the sender to try again (503); records that arrive twice are recognised. Everything is limited: no sender can fill
//! the memory, hold all connections or stop another channel.

mod challenge;
mod signatures;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

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
use contract::{
    Asks, Challenge, ChannelId, Clock, Fault, Held, Inbox, InboxFull, MemoryLimit, Receiver,
    Timestamp,
};
use futures_util::StreamExt as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    clock,
    listener::{self, Listener, Peer, RETRY_AFTER, Refused},
    mapping::MappingPool,
};

use challenge::{other_method, told};
use signatures::Known;
pub use signatures::Signatures;

/// Maximum size of a body, in bytes.
const MAX_BODY_BYTES: usize = 8 << 20;
/// By how much the share of one body grows, in bytes.
const STEP_BYTES: usize = 16 << 10;
/// What a record takes besides its bytes while it waits in an inbox.
const RECORD_BYTES: usize = 256;
/// Number of bodies that are split into records at the same time: that takes several times their size.
const N_SPLITTING: usize = 2;
/// Number of bodies of one channel that are received at the same time: fewer than the requests that one address may
/// have, so that slow senders of one channel leave room for the others.
const N_RECEIVING: usize = 320;
/// How long a sender waits at most until its records are in custody; most senders give up after 30 s.
const CUSTODY_TIMEOUT: Duration = Duration::from_secs(25);

/// Where one push channel receives its requests.
#[derive(Clone)]
pub struct PushEndpoint {
    /// Authenticates a request and reads its records.
    pub receiver: Arc<dyn Receiver>,
    /// Where its records wait for custody.
    pub inbox: Inbox,
    /// The signatures that were used, if each request has one of its own.
    pub signatures: Option<Arc<Signatures>>,
    is_stopped: Arc<AtomicBool>,
}

impl PushEndpoint {
    /// The endpoint of a channel that runs.
    pub fn new(
        receiver: Arc<dyn Receiver>,
        inbox: Inbox,
        signatures: Option<Arc<Signatures>>,
    ) -> Self {
        Self { receiver, inbox, signatures, is_stopped: Arc::default() }
    }

    /// Says whether a fault has stopped the channel: then nobody reads the inbox, and requests are refused at once.
    pub fn set_stopped(&self, is_stopped: bool) {
        self.is_stopped.store(is_stopped, Relaxed);
    }

    /// What is known about a request with this signature.
    fn known(&self, signature: &str, digest: &[u8; 32], now: Timestamp) -> Known {
        let signatures = self.signatures.as_ref();
        signatures.map_or(Known::New, |signatures| signatures.look_up(signature, digest, now))
    }

    /// Remembers the signature of a request that was taken.
    fn remember(&self, signature: &str, digest: [u8; 32], n_records: usize, now: Timestamp) {
        if let Some(signatures) = &self.signatures {
            signatures.remember(signature, digest, n_records, now);
        }
    }

    /// The answer to a request whose records are in custody.
    fn accepted(&self, n_records: usize) -> Response {
        match self.receiver.answer() {
            Some(answer) => told(answer),
            None => listener::json_document(json!({ "accepted": n_records }).to_string()),
        }
    }
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

/// Listens at `door`; `None` if no channel has a push endpoint. What senders push takes at most `memory`, and what those
/// of one channel push half of it. Counts requests without the right authentication in `refused`.
///
/// # Errors
/// The address is in use, or not an address of this machine; the certificate cannot be used.
pub async fn open(
    door: &Door,
    endpoints: HashMap<ChannelId, PushEndpoint>,
    timeouts: Timeouts,
    memory: MemoryLimit,
    refused: &Arc<Refused>,
) -> Result<Option<Listener>, Fault> {
    if endpoints.is_empty() {
        return Ok(None);
    }
    let share = |endpoint| Channel {
        endpoint,
        memory: MemoryLimit::new(memory.max() / 2),
        receiving: Semaphore::new(N_RECEIVING),
    };
    let channels = endpoints.into_iter().map(|(id, endpoint)| (id, share(endpoint))).collect();
    let (refused, clock) = (Arc::clone(refused), clock::machine());
    let server = PushServer {
        channels,
        memory,
        splitting: MappingPool::with_threads(N_SPLITTING),
        timeouts,
        refused: Arc::clone(&refused),
        clock,
    };
    let router = Router::new()
        .route("/intake/{channel}", post(receive).fallback(other_method))
        .fallback(other_path)
        .with_state(Arc::new(server));
    Ok(Some(Listener::open("intake", door, refused, router, timeouts.arrival).await?))
}

async fn other_path() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "records are sent to /intake/<channel>".into())
}

/// The answer to a request from which nothing was taken: its status and its text.
struct Refusal(StatusCode, Cow<'static, str>);

/// There is no room, storing takes too long, or the channel is stopped: the sender may send the same request again.
const BUSY: Refusal =
    Refusal(StatusCode::SERVICE_UNAVAILABLE, Cow::Borrowed("send the request again later"));
/// What everybody is told who did not sign in.
const UNKNOWN_SENDER: &str = "there is no push channel with this name, or the request does not prove who sends it: see \
                              the log of the gateway";
/// What a sender is told, and the log, if somebody uses its signature again.
const REPLAYED: &str = "the signature was used before, for another body: sign each request anew";
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
    /// Where all of what is pushed is charged.
    memory: MemoryLimit,
    /// The threads that split bodies: a large one would keep a runtime thread from all other tasks.
    splitting: MappingPool,
    timeouts: Timeouts,
    refused: Arc<Refused>,
    clock: Clock,
}

/// A push channel.
struct Channel {
    endpoint: PushEndpoint,
    /// Its share of the memory.
    memory: MemoryLimit,
    /// A permit for each body that may be received now.
    receiving: Semaphore,
}

/// The memory that one request takes, of all requests and of those of its channel. It is charged as bytes arrive: what
/// is only announced takes nothing from others.
struct Room([Held; 2]);

impl Room {
    fn new(all: &MemoryLimit, channel: &MemoryLimit) -> Self {
        Self([all, channel].map(MemoryLimit::hold_nothing))
    }

    /// Takes so many bytes from now on. A request never waits: its sender has it, and can send it again.
    fn take(&mut self, n_bytes: usize) -> Result<(), Refusal> {
        let has_room = self.0.iter_mut().all(|held| held.try_set(n_bytes));
        if has_room { Ok(()) } else { Err(BUSY) }
    }

    fn release(&mut self) {
        self.0.iter_mut().for_each(|held| held.set(0));
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
    let (head, body) = request.into_parts();
    let Some(channel) = channel else {
        let why = "there is no push channel with this name";
        return Err(server.unauthorised(&head, why, UNKNOWN_SENDER));
    };
    if let Err(why) = channel.endpoint.receiver.admit(&head, server.clock.now()) {
        if channel.endpoint.receiver.asks() == Asks::WithToken {
            let _receiving = channel.receiving.try_acquire().map_err(|_| BUSY)?;
            return server.asked_with_token(channel, &head, body, why).await;
        }
        // Who did not sign in is not told which channels there are, and how they sign; the log says why.
        return Err(server.unauthorised(&head, why, UNKNOWN_SENDER));
    }
    let endpoint = &channel.endpoint;
    let receiving = channel.receiving.try_acquire().map_err(|_| BUSY)?;
    if content_length(&head.headers).is_some_and(|length| length > MAX_BODY_BYTES) {
        let _ = timeout(timeouts.arrival, drain(body.into_data_stream())).await;
        return Err(TOO_LARGE);
    }
    let mut room = Room::new(&server.memory, &channel.memory);
    let too_slow =
        |_| Refusal(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time".into());
    let received = timeout(timeouts.arrival, read_body(body, &mut room)).await;
    let body = received.map_err(too_slow)??;
    drop(receiving);
    let proof = endpoint.receiver.verify(&head, &body);
    let signature = proof.map_err(|why| server.unauthorised(&head, why, UNKNOWN_SENDER))?;
    let digest = digest(&head, &body);
    let known = signature.as_ref().map(|it| endpoint.known(it, &digest, server.clock.now()));
    match known.unwrap_or(Known::New) {
        Known::New => {}
        Known::Taken(n_records) => return Ok(endpoint.accepted(n_records)),
        Known::Full => return Err(BUSY),
        Known::Replayed => return Err(server.unauthorised(&head, REPLAYED, REPLAYED)),
    }
    match endpoint.receiver.challenge(&head, &body, Ok(())) {
        Challenge::None => {}
        Challenge::Unproven(why) => return Err(server.unauthorised(&head, why, UNKNOWN_SENDER)),
        Challenge::Unfit(why) => return Err(bad_request(why)),
        Challenge::Answered(answer) => {
            // Its signature serves for no records later.
            if let Some(signature) = &signature {
                endpoint.remember(signature, digest, 0, server.clock.now());
            }
            return Ok(told(answer));
        }
    }
    if endpoint.is_stopped.load(Relaxed) {
        return Err(BUSY);
    }
    let stored = server.store(endpoint, &head, (body, digest), room);
    let n_records = timeout(timeouts.custody, stored).await.map_err(|_| BUSY)??;
    if let Some(signature) = &signature {
        endpoint.remember(signature, digest, n_records, server.clock.now());
    }
    Ok(endpoint.accepted(n_records))
}

impl PushServer {
    /// Puts the records of a request into the inbox, and waits until they are in custody. Returns their number.
    async fn store(
        &self,
        endpoint: &PushEndpoint,
        head: &Parts,
        (body, digest): (Bytes, [u8; 32]),
        mut room: Room,
    ) -> Result<usize, Refusal> {
        if let Some((custody, n_records)) = endpoint.inbox.repeated(&digest) {
            drop((room, body));
            custody.await;
            return Ok(n_records);
        }
        let (receiver, head) = (Arc::clone(&endpoint.receiver), head.clone());
        let split = self.splitting.run(move || receiver.records(&head, body)).await;
        let records = split.map_err(|_| BUSY)?.map_err(bad_request)?;
        let n_records = records.len();
        room.take(records.iter().map(|record| record.len() + RECORD_BYTES).sum())?;
        let custody = endpoint.inbox.put(records, digest, room.0.into());
        custody.map_err(|InboxFull| BUSY)?.await;
        Ok(n_records)
    }

    /// Refuses a request whose sender did not prove who it is; `told` is what the sender gets to know.
    fn unauthorised(&self, head: &Parts, why: &str, told: &'static str) -> Refusal {
        let address = head.extensions.get::<Peer>().map(|Peer(address)| *address);
        self.refused.note("intake", address, why);
        Refusal(StatusCode::UNAUTHORIZED, told.into())
    }
}

/// A digest of what makes the records of a request.
fn digest(head: &Parts, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        digest.update(head.headers.get(name).map_or(&b""[..], |value| value.as_bytes()));
        digest.update(b"\n"); // which no header contains
    }
    digest.update(body);
    digest.finalize().into()
}

fn bad_request(why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why.into())
}

/// The declared length of the body, in bytes; `None` if the head does not declare it.
fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get("content-length")?.to_str().ok()?.parse().ok()
}

/// Receives the whole body. Its declared length is not trusted.
async fn read_body(body: Body, room: &mut Room) -> Result<Bytes, Refusal> {
    let (mut chunks, mut whole) = (body.into_data_stream(), BytesMut::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_| bad_request("the connection was lost before the body was complete"))?;
        let n_bytes = whole.len() + chunk.len();
        let fits = if n_bytes > MAX_BODY_BYTES {
            Err(TOO_LARGE)
        } else {
            room.take(n_bytes.next_multiple_of(STEP_BYTES))
        };
        if let Err(refusal) = fits {
            drop(whole);
            room.release();
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
