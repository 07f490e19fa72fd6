//! A source for tests: a small HTTP server that lists records in every way that the connector can read,
//! and sends any other answer that a test wants.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use chrono::TimeDelta;
use connector_http::{Cursor as At, Http};
use connector_testkit::Source;
use contract::{
    Budget, Clock, Connector as _, ConnectorContext, Cursor, Entry, Fault, Memory, OpenGate,
    Timestamp,
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Changes the records before the server makes its n-th list: the arguments are n, the records and the time.
type BeforeList = Box<dyn FnMut(usize, &mut Vec<Row>, Timestamp) + Send>;

/// Returns an answer to send instead of the list, or `None` to send the list.
type Answer = Box<dyn FnMut(&ReceivedRequest) -> Option<Reply> + Send>;

/// A server, and the settings of a channel that reads it.
pub(crate) struct City {
    pub(crate) state: Arc<Mutex<ServerState>>,
    pub(crate) url: String,
    /// The `[http]` section.
    pub(crate) settings: Value,
    /// The memory of the process that reads it.
    pub(crate) memory: Memory,
    serving: JoinSet<()>,
}

/// The state of the server.
pub(crate) struct ServerState {
    pub(crate) rows: Vec<Row>,
    /// The server's clock, which only tests move.
    pub(crate) now: Timestamp,
    /// The requests that the server has received.
    pub(crate) requests: Vec<ReceivedRequest>,
    /// Answers to send before any other, in this order.
    pub(crate) scripted: VecDeque<Reply>,
    /// Answers instead of the list.
    pub(crate) answer: Option<Answer>,
    /// Changes the records while pages are read.
    pub(crate) before_list: Option<BeforeList>,
    /// Maximum number of records on a page, even if more are requested.
    pub(crate) page: usize,
    /// Number of lists that were sent.
    n_listed: usize,
    /// The serial number of the newest record.
    serial: u64,
}

/// A record.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) time: Timestamp,
    pub(crate) serial: u64,
    pub(crate) version: u32,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The path and the query as they were sent.
    pub(crate) target: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl City {
    /// Starts a server. Its channel has the default settings, except for `settings`.
    pub(crate) async fn new(settings: Value) -> Self {
        let state = ServerState {
            rows: Vec::new(),
            now: "2026-10-09T10:00:00Z".parse().unwrap(),
            requests: Vec::new(),
            scripted: VecDeque::new(),
            answer: None,
            before_list: None,
            page: 5,
            n_listed: 0,
            serial: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(serve).with_state(Arc::clone(&state));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
        let defaults = json!({
            "url": format!("{url}/list"),
            "success": { "at": "$.code", "equals": 0 },
            "records": "$.rows[*]",
            "key": "$.id",
        });
        let memory = Memory::default();
        Self { state, url, settings: defaults, memory, serving }.with(settings)
    }

    pub(crate) fn with(mut self, settings: Value) -> Self {
        for (name, value) in settings.as_object().unwrap() {
            self.settings[name] = value.clone();
        }
        self
    }

    pub(crate) fn build(&self) -> Result<Http, Fault> {
        let context = ConnectorContext {
            channel: "board".parse().unwrap(),
            zone: chrono_tz::Asia::Shanghai,
            budget: Budget::default(),
            gate: Arc::new(OpenGate),
            // Hours ahead of the source: only the source's clock counts.
            clock: Clock::new(|| "2026-10-09T13:00:00Z".parse().unwrap()),
            memory: self.memory.clone(),
            folder: std::path::PathBuf::new(),
            inbox: None,
            mapped: None,
        };
        Http::build(serde_json::from_value(self.settings.clone()).unwrap(), context)
    }

    pub(crate) fn http(&self) -> Http {
        self.build().unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Sends this reply before any other.
    pub(crate) fn script(&self, reply: Reply) {
        self.state().scripted.push_back(reply);
    }

    /// Sends what `answer` returns instead of the list, unless it returns `None`.
    pub(crate) fn answer(
        &self,
        answer: impl FnMut(&ReceivedRequest) -> Option<Reply> + Send + 'static,
    ) {
        self.state().answer = Some(Box::new(answer));
    }

    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, ServerState> {
        self.state.lock().unwrap()
    }

    /// The batch of one read.
    pub(crate) async fn read(&self, after: Option<&At>) -> Result<contract::Batch<At>, Fault> {
        self.http().read(after, 1_000).await
    }

    /// Reads until caught up. Returns the entries and the last cursor.
    pub(crate) async fn entries(&self, after: Option<Cursor>, max: usize) -> (Vec<Entry>, Cursor) {
        let (mut http, mut entries) = (self.http(), Vec::new());
        let mut at: Option<At> = after.map(|cursor| cursor.decode().unwrap());
        for _ in 0..6_000 {
            let batch = http.read(at.as_ref(), max).await.unwrap_or_else(|f| panic!("{f}"));
            let size = Cursor::encode(&batch.upto).unwrap().as_str().len();
            assert!(size <= 64 * 1024, "a cursor of {size} bytes");
            entries.extend(batch.entries);
            http.settled(&batch.upto).await.unwrap_or_else(|f| panic!("{f}"));
            if batch.end.is_some() {
                return (entries, Cursor::encode(&batch.upto).unwrap());
            }
            at = Some(batch.upto);
        }
        panic!("never caught up");
    }
}

impl ServerState {
    pub(crate) fn add(&mut self, key: &str, time: Timestamp) {
        self.serial += 1;
        self.rows.push(Row { key: key.to_owned(), time, serial: self.serial, version: 1 });
    }

    fn list(&mut self, request: &ReceivedRequest) -> Reply {
        self.n_listed += 1;
        if let Some(before) = &mut self.before_list {
            before(self.n_listed, &mut self.rows, self.now);
        }
        let text = |name: &str| request.query.get(name).map(String::as_str);
        let number = |name: &str| text(name).and_then(|text| text.parse::<usize>().ok());
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by(|a, b| (a.time, &a.key).cmp(&(b.time, &b.key)));
        rows.retain(|row| {
            let time = local(row.time);
            text("from").is_none_or(|from| time.as_str() >= from)
                && text("to").is_none_or(|to| time.as_str() <= to)
                && text("day").is_none_or(|day| time.starts_with(day))
                && text("fid").is_none_or(|fid| row.serial % 3 == fid.parse::<u64>().unwrap())
        });
        let total = rows.len();
        let size = number("size").unwrap_or(usize::MAX).min(self.page);
        let mut from = 0;
        let paged = ["size", "page", "offset", "token", "after", "last"];
        let is_paged = paged.iter().any(|name| request.query.contains_key(*name));
        if let Some(page) = number("page") {
            from = (page - 1) * size;
        }
        if let Some(offset) = number("offset").or(number("token")) {
            from = offset;
        }
        if let Some(after) = text("after") {
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            from = rows.iter().filter(|row| row.key.as_str() <= after).count();
        }
        if let Some(last) = number("last") {
            rows.sort_by_key(|row| std::cmp::Reverse(row.serial));
            let last = u64::try_from(last).unwrap();
            from = rows.iter().filter(|row| last > 0 && row.serial >= last).count();
        }
        let size = if is_paged { size } else { usize::MAX };
        let next = from.saturating_add(size);
        let rows: Vec<Value> = rows.into_iter().skip(from).take(size).map(row).collect();
        let mut answer = json!({ "code": 0, "total": total, "rows": rows });
        let mut reply = Reply::new(200, Vec::new());
        if next < total {
            let query: Vec<String> = request
                .query
                .iter()
                .filter(|(name, _)| *name != "token")
                .map(|(name, value)| format!("{name}={}", value.replace(' ', "%20")))
                .chain([format!("token={next}")])
                .collect();
            let url = format!("/list?{}", query.join("&"));
            reply = reply
                .with("link", format!("<{url}>; rel=\"next\""))
                .with("x-next", next.to_string());
            answer["token"] = next.to_string().into();
            answer["next"] = url.into();
        }
        reply.body = answer.to_string().into_bytes();
        reply
    }
}

fn row(row: &Row) -> Value {
    json!({ "id": row.key, "t": local(row.time), "n": row.serial, "v": row.version })
}

/// A time as the server writes it: in Beijing time.
pub(crate) fn local(time: Timestamp) -> String {
    time.with_timezone(&chrono_tz::Asia::Shanghai).format("%Y-%m-%d %H:%M:%S").to_string()
}

async fn serve(State(state): State<Arc<Mutex<ServerState>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap().to_vec();
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let query = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned())
    });
    let request = ReceivedRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        query: query.collect(),
        headers: headers.collect(),
        body,
    };
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    let scripted = state.scripted.pop_front();
    let mut answer = state.answer.take();
    let reply = scripted.or_else(|| answer.as_mut().and_then(|answer| answer(&request)));
    state.answer = answer;
    let reply = reply.unwrap_or_else(|| state.list(&request));
    let date = state.now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut response = Response::builder().status(reply.status);
    if reply.headers.iter().all(|(name, _)| name != "date") {
        response = response.header("date", date);
    }
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

impl Source for City {
    type Connector = Http;
    const MAX_DELAY: Duration = Duration::from_secs(300);

    fn connector(&self) -> Http {
        self.http()
    }

    /// How far back records are read: only from `start` on if the settings have one.
    fn max_age(&self) -> Duration {
        let has_start = ["day", "since"].iter().any(|key| self.settings[key]["start"].is_string());
        Duration::from_secs(if has_start { 10 * 3_600 } else { 10 * 365 * 86_400 })
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        // Many records need large pages, to save requests.
        if keys.len() > 1_000 && self.settings["page"]["size"].is_object() {
            self.settings["page"]["size"]["value"] = 500.into();
            self.state().page = 500;
        }
        let mut state = self.state();
        let time = state.now - TimeDelta::from_std(age).unwrap();
        keys.iter().for_each(|key| state.add(key, time));
    }

    async fn change(&mut self, key: &str) {
        let mut state = self.state();
        let now = state.now;
        let row = state.rows.iter_mut().find(|row| row.key == key).unwrap();
        row.time = now;
        row.version += 1;
    }
}

/// The key of an entry.
pub(crate) fn key(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.key.to_string(),
        Entry::Unreadable { place, .. } => {
            place.key.as_ref().map_or_else(|| place.at.clone(), ToString::to_string)
        }
    }
}
