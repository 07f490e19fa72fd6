//! Where all that is sent to us comes in: `POST /intake/<channel>`.
//!
//! A sender is answered 2xx when its records are in custody and not before, so it needs no queue of
//! its own; it is told to come again (503) when that takes too long or there is no room, and what it
//! sends twice is the same thing twice. Everything has a limit: a stranger must not fill the memory,
//! hold the connections or stop another channel.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::{Bytes, BytesMut};
use contract::{ChannelId, Clock, Fault, Full, Inbox, Receiver};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    clock,
    listener::{self, Listener},
    stop::Stop,
};

/// The largest body.
const MOST_BYTES: usize = 8 << 20;
/// All bodies that are being received together, in KiB.
const MOST_KIB: u32 = 64 << 10;
/// The longest that a sender is kept waiting for the custody; most give up after half a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// When a sender that was not served may come again, in seconds.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("10");

/// Listens for the channels that are sent to.
pub struct PushListener(Listener);

/// The way into one channel.
#[derive(Clone)]
pub struct PushEndpoint {
    /// What becomes of a request.
    pub receiver: Arc<dyn Receiver>,
    /// Where its records wait.
    pub inbox: Inbox,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A request head, and then a body, to arrive.
    pub slowest: Duration,
    /// The custody.
    pub longest_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { slowest: listener::SLOWEST, longest_wait: LONGEST_WAIT }
    }
}

impl PushListener {
    /// Listens, where a channel has a push endpoint.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn open(
        listen: SocketAddr,
        endpoints: HashMap<ChannelId, PushEndpoint>,
        limits: Limits,
    ) -> Result<Option<Self>, Fault> {
        if endpoints.is_empty() {
            return Ok(None);
        }
        let room = Semaphore::new(usize::try_from(MOST_KIB).unwrap_or(usize::MAX));
        let senders = Arc::new(Senders { endpoints, room, limits, clock: clock::machine() });
        let router = Router::new().route("/intake/{channel}", post(take)).with_state(senders);
        Ok(Some(Self(Listener::open("intake", listen, router, limits.slowest).await?)))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.address()
    }

    /// Lets senders in until stop is asked; those that wait for their answer then get it, or are cut
    /// off when the process ends: they send again.
    pub async fn serve(self, stop: &Stop) {
        self.0.serve(stop).await;
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// Its records are in custody.
    Kept(usize),
    /// Nothing was taken: the body cannot be read.
    Unreadable(String),
    /// The sender is not who may send.
    Unauthorized(&'static str),
    /// There is no such channel, or it is not one that is sent to.
    NoChannel,
    /// The body did not arrive in time.
    TooSlow,
    /// The body is above the limit.
    TooLarge,
    /// There is no room, or the custody takes too long: what was sent may be sent again.
    Busy,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (status, title) = match &self {
            Self::Kept(n_records) => {
                return listener::json_document(json!({ "accepted": n_records }).to_string());
            }
            Self::Unreadable(why) => (StatusCode::BAD_REQUEST, why.as_str()),
            Self::Unauthorized(why) => (StatusCode::UNAUTHORIZED, *why),
            Self::NoChannel => (StatusCode::NOT_FOUND, "there is no such channel"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than 8 MiB: send fewer records at once",
            ),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "send it again later"),
        };
        let mut response = listener::problem(status, title);
        if self == Self::Busy {
            response.headers_mut().insert(header::RETRY_AFTER, COME_AGAIN);
        }
        response
    }
}

struct Senders {
    endpoints: HashMap<ChannelId, PushEndpoint>,
    /// Room for bodies that are being received.
    room: Semaphore,
    limits: Limits,
    clock: Clock,
}

async fn take(
    State(senders): State<Arc<Senders>>,
    Path(channel): Path<String>,
    request: Request,
) -> Answer {
    let channel = channel.parse::<ChannelId>().ok();
    let Some(endpoint) = channel.and_then(|channel| senders.endpoints.get(&channel)) else {
        return Answer::NoChannel;
    };
    let (head, body) = request.into_parts();
    if let Err(why) = endpoint.receiver.admit(&head, senders.clock.now()) {
        return Answer::Unauthorized(why);
    }
    let declared = length(&head.headers);
    if declared.is_some_and(|length| length > MOST_BYTES) {
        let _ = timeout(senders.limits.slowest, drain(body.into_data_stream())).await;
        return Answer::TooLarge;
    }
    let kib = u32::try_from(declared.unwrap_or(MOST_BYTES).div_ceil(1024)).unwrap_or(MOST_KIB);
    let Ok(_room) = senders.room.try_acquire_many(kib) else { return Answer::Busy };
    let body = match timeout(senders.limits.slowest, whole(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(answer)) => return answer,
        Err(_) => return Answer::TooSlow,
    };
    let records = match endpoint.receiver.records(&head, body) {
        Ok(records) => records,
        Err(why) => return Answer::Unreadable(why),
    };
    let n_records = records.len();
    let custody = match endpoint.inbox.put(records) {
        Ok(custody) => custody,
        Err(Full) => return Answer::Busy,
    };
    match timeout(senders.limits.longest_wait, custody).await {
        Ok(()) => Answer::Kept(n_records),
        Err(_) => Answer::Busy,
    }
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get("content-length")?.to_str().ok()?.parse().ok()
}

/// The whole body; what it says of its length is not believed.
async fn whole(body: Body) -> Result<Bytes, Answer> {
    let (mut chunks, mut whole) = (body.into_data_stream(), BytesMut::new());
    while let Some(chunk) = chunks.next().await {
        let broke = "the connection broke before the body ended";
        let chunk = chunk.map_err(|_| Answer::Unreadable(broke.to_owned()))?;
        if whole.len() + chunk.len() > MOST_BYTES {
            drain(chunks).await;
            return Err(Answer::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Hears the rest of what is too much, within reason: whoever is cut off while it writes sees a broken
/// connection and not the answer.
async fn drain(mut chunks: BodyDataStream) {
    let mut n_bytes = 0;
    while let Some(Ok(chunk)) = chunks.next().await
        && n_bytes < 8 * MOST_BYTES
    {
        n_bytes += chunk.len();
    }
}
