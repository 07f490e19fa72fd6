//! What a sender is told.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// When a sender that was not served may come again, in seconds.
const COME_AGAIN: &str = "10";

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its records are in custody.
    Kept(usize),
    /// Nothing was taken: the body is no JSON, and where.
    NoJson(String),
    /// Nothing was taken: the body is not packed as its header says.
    Unpackable,
    /// Nothing was taken: the body did not come to its end.
    Broken,
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
        let (status, what) = match self {
            Self::Kept(n_records) => {
                let body = json!({ "accepted": n_records }).to_string();
                return (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body)
                    .into_response();
            }
            Self::NoJson(why) => {
                let what = format!("the body is no JSON: {why}");
                return problem(StatusCode::BAD_REQUEST, &what);
            }
            Self::Unpackable => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body is not packed as Content-Encoding says: send it plain, or with gzip",
            ),
            Self::Broken => (StatusCode::BAD_REQUEST, "the body did not come to its end"),
            Self::Unauthorized(why) => (StatusCode::UNAUTHORIZED, why),
            Self::NoChannel => (StatusCode::NOT_FOUND, "there is no such channel"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is above 8 MiB: send fewer records at once",
            ),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "send it again later"),
        };
        let mut response = problem(status, what);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let again = header::HeaderValue::from_static(COME_AGAIN);
            response.headers_mut().insert(header::RETRY_AFTER, again);
        }
        response
    }
}

fn problem(status: StatusCode, what: &str) -> Response {
    let body = json!({ "title": what, "status": status.as_u16() }).to_string();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
