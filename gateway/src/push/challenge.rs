//! Answers the challenges of platforms: what they ask before they send records. Nothing is taken from such a request.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use contract::{Answer, Asks, Challenge, ChannelId};
use tokio::time::timeout;

use super::{
    BUSY, Channel, Known, PushServer, REPLAYED, Refusal, UNKNOWN_SENDER, bad_request, digest,
};

/// Maximum size of a body that may be the challenge of somebody who is not authenticated yet, in bytes.
const MAX_BODY_BYTES: usize = 4 << 10;

/// Answers a request that is not a POST: a challenge if the channel has one, and else how to send. Who is not authentic is
/// not told which channels there are. The router adds the header `Allow`.
pub(super) async fn other_method(
    State(server): State<Arc<PushServer>>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, _) = request.into_parts();
    let id = channel.parse::<ChannelId>().ok().filter(|_| head.method == Method::GET);
    let channel = id.and_then(|id| server.channels.get(&id));
    let asked = channel.filter(|channel| channel.endpoint.receiver.asks() == Asks::WithGet);
    match asked.map(|channel| server.asked_with_get(channel, &head)) {
        None | Some(Ok(None)) => {
            let told = "records are sent here with POST";
            Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, told.into()))
        }
        Some(Ok(Some(answer))) => Ok(answer),
        Some(Err(refusal)) => Err(refusal),
    }
}

impl PushServer {
    /// The answer to a GET request; `None` if it is no challenge, or not an authentic one.
    fn asked_with_get(&self, channel: &Channel, head: &Parts) -> Result<Option<Response>, Refusal> {
        let (endpoint, now) = (&channel.endpoint, self.clock.now());
        let receiver = &endpoint.receiver;
        let proof = receiver.admit(head, now).and_then(|()| receiver.verify(head, b""));
        let digest = digest(head, head.uri.query().unwrap_or_default().as_bytes());
        let signature = proof.as_ref().ok().and_then(Option::as_deref);
        let known = signature.map_or(Known::New, |it| endpoint.known(it, &digest, now));
        let admitted = match (&proof, known) {
            (_, Known::Full) => return Err(BUSY),
            (_, Known::Replayed) => Err(REPLAYED),
            (proof, Known::New | Known::Taken(_)) => proof.as_ref().map(drop).map_err(|why| *why),
        };
        match receiver.challenge(head, b"", admitted) {
            Challenge::None => Ok(None),
            Challenge::Unproven(why) => {
                let _ = self.unauthorised(head, why, UNKNOWN_SENDER);
                Ok(None)
            }
            Challenge::Unfit(why) => Err(bad_request(why)),
            Challenge::Answered(answer) => {
                // It serves for no records later.
                if let Some(signature) = signature {
                    endpoint.remember(signature, digest, 0, now);
                }
                Ok(Some(told(answer)))
            }
        }
    }

    /// The answer to a POST request that is not authentic by its head, but may be a challenge with a token in its body.
    /// `why` it is not authentic.
    pub(super) async fn asked_with_token(
        &self,
        channel: &Channel,
        head: &Parts,
        body: Body,
        why: &'static str,
    ) -> Result<Response, Refusal> {
        let refused = |why| Err(self.unauthorised(head, why, UNKNOWN_SENDER));
        let body = timeout(self.timeouts.arrival, to_bytes(body, MAX_BODY_BYTES)).await;
        let Ok(Ok(body)) = body else { return refused(why) };
        match channel.endpoint.receiver.challenge(head, &body, Err(why)) {
            Challenge::None => refused(why),
            Challenge::Unproven(of_token) => refused(of_token),
            Challenge::Unfit(of_text) => Err(bad_request(of_text)),
            Challenge::Answered(answer) => Ok(told(answer)),
        }
    }
}

/// An answer in the words of the settings. A browser takes it for nothing but what its type says.
pub(super) fn told(answer: Answer) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, answer.body).into_response()
}
