//! The one door for all that is sent to us: `POST /intake/<channel>`.
//!
//! A sender is answered 2xx when its records are in custody and not before, so it needs no queue of
//! its own; it is told to come again (503) when that takes too long or there is no room, and what it
//! sends twice is the same thing twice. Everything has a limit: a stranger must not fill the memory,
//! hold the connections or stop another channel.

mod answer;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State},
    http::HeaderMap,
    routing::post,
};
use bytes::{Bytes, BytesMut};
use connector_webhook::{Body as Sent, Guard, NoRecords};
use contract::{ChannelId, Fault, Full, Inbox};
use futures_util::StreamExt as _;
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use crate::{clock::Clock, connections, stop::Stop};
use answer::Answer;

/// The largest body.
const MOST_BYTES: usize = 8 << 20;
/// All bodies that are being received together, in KiB.
const MOST_KIB: u32 = 64 << 10;
/// The longest that a body may take to arrive.
const SLOWEST: Duration = Duration::from_secs(15);
/// The longest that a sender is kept waiting for the custody; most give up after half a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// A listener and the doors behind it.
pub struct Intake {
    listener: TcpListener,
    router: Router,
    limits: Limits,
}

struct Hall {
    doors: HashMap<ChannelId, Door>,
    /// Room for bodies that are being received.
    room: Semaphore,
    limits: Limits,
    clock: Clock,
}

/// The way into one channel.
pub struct Door {
    /// Who may come in.
    pub guard: Arc<Guard>,
    /// Where what they bring waits.
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
        Self { slowest: SLOWEST, longest_wait: LONGEST_WAIT }
    }
}

impl Intake {
    /// Listens, where there is a door to listen for.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn open(
        listen: SocketAddr,
        doors: HashMap<ChannelId, Door>,
        limits: Limits,
    ) -> Result<Option<Self>, Fault> {
        if doors.is_empty() {
            return Ok(None);
        }
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            Fault::stopped(format!("{listen} cannot be listened on"))
                .because(error)
                .remedy("set another `listen` in [intake] of gateway.toml")
        })?;
        let room = Semaphore::new(usize::try_from(MOST_KIB).unwrap_or(usize::MAX));
        let hall = Arc::new(Hall { doors, room, limits, clock: Clock });
        let router = Router::new().route("/intake/{channel}", post(take)).with_state(hall);
        Ok(Some(Self { listener, router, limits }))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Lets senders in until stop is asked; those that wait for their answer then get it, or are cut
    /// off when the process ends: they send again.
    pub async fn serve(self, stop: &Stop) {
        connections::serve(self.listener, self.router, self.limits.slowest, stop).await;
    }
}

async fn take(
    State(hall): State<Arc<Hall>>,
    Path(channel): Path<String>,
    request: Request,
) -> Answer {
    let channel = channel.parse::<ChannelId>().ok();
    let Some(door) = channel.and_then(|channel| hall.doors.get(&channel)) else {
        return Answer::NoChannel;
    };
    if let Err(why) = connections::admit(&door.guard, &request, hall.clock.now()) {
        return Answer::Unauthorized(why);
    }
    let declared = length(request.headers());
    if declared.is_some_and(|length| length > MOST_BYTES) {
        let _ = timeout(hall.limits.slowest, drain(request.into_body().into_data_stream())).await;
        return Answer::TooLarge;
    }
    let kib = u32::try_from(declared.unwrap_or(MOST_BYTES).div_ceil(1024)).unwrap_or(MOST_KIB);
    let Ok(_room) = hall.room.try_acquire_many(kib) else { return Answer::Busy };
    let (head, body) = request.into_parts();
    let body = match timeout(hall.limits.slowest, whole(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(answer)) => return answer,
        Err(_) => return Answer::TooSlow,
    };
    let header = |name: &str| head.headers.get(name)?.to_str().ok();
    let sent = Sent {
        bytes: &body,
        content_type: header("content-type"),
        encoding: header("content-encoding"),
    };
    let records = match sent.records(MOST_BYTES) {
        Ok(records) => records,
        Err(NoRecords::NoJson(broken)) => return Answer::NoJson(broken.to_string()),
        Err(NoRecords::Unpackable) => return Answer::Unpackable,
        Err(NoRecords::TooLarge) => return Answer::TooLarge,
    };
    let n_records = records.len();
    let receipt = match door.inbox.put(records) {
        Ok(receipt) => receipt,
        Err(Full) => return Answer::Busy,
    };
    match timeout(hall.limits.longest_wait, receipt).await {
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
        let chunk = chunk.map_err(|_| Answer::Broken)?;
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
