//! Tests of the listener over real connections on loopback.

use std::net::SocketAddr;

use connector_webhook::Webhook;
use contract::{Connector as _, ConnectorContext, Memory, Timestamp};
use futures_util::{
    FutureExt as _,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;
use crate::stop::Stop;

mod senders;

/// A listener with one push channel, `mobile`; its senders must send a token.
struct TestListener {
    address: SocketAddr,
    inbox: Inbox,
    webhook: Webhook,
    listener: Listener,
    refused: Arc<Refused>,
}

/// A door on this machine.
fn door() -> Door {
    Door { listen: SocketAddr::from(([127, 0, 0, 1], 0)), tls: None, proxy: false }
}

async fn test_listener(max_inbox_bytes: usize, timeouts: Timeouts) -> TestListener {
    let config = json!({ "auth": { "bearer": "t0ken" }, "key": "$.id" });
    listener_of(config, None, max_inbox_bytes, timeouts).await
}

/// The same with other settings of its channel.
async fn listener_of(
    config: serde_json::Value,
    signatures: Option<Arc<Signatures>>,
    max_inbox_bytes: usize,
    timeouts: Timeouts,
) -> TestListener {
    let inbox = Inbox::new("this run", max_inbox_bytes);
    let config: connector_webhook::Config = serde_json::from_value(config).unwrap();
    let channel: ChannelId = "mobile".parse().unwrap();
    let mut context = ConnectorContext::new(channel.clone(), chrono_tz::Asia::Shanghai);
    context.inbox = Some(inbox.clone());
    let receiver = Webhook::RECEIVER.unwrap()(&config);
    let endpoint = PushEndpoint::new(receiver, inbox.clone(), signatures);
    let endpoints = HashMap::from([(channel, endpoint)]);
    let refused = Arc::default();
    let memory = Memory::default().pushed;
    let listener = open(&door(), endpoints, timeouts, memory, &refused).await.unwrap().unwrap();
    let webhook = Webhook::build(config, context).unwrap();
    let address = listener.address().unwrap();
    TestListener { address, inbox, webhook, listener, refused }
}

/// The request of a sender.
fn request(path: &str, token: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request, and returns the whole answer.
async fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut answer = Vec::new();
    // The listener may close the connection before the whole request is sent.
    let _ = tokio::join!(to.write_all(request.as_bytes()), from.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

/// Sends `body` to the channel as a request with the right token; returns the answer.
fn push(address: SocketAddr, body: &str) -> impl Future<Output = String> + use<> {
    let request = request("/intake/mobile", "t0ken", body);
    async move { send(address, &request).await }
}

/// Runs `test` while the listener serves; the listener stops with it.
async fn beside(listener: Listener, test: impl Future<Output = ()>) {
    let stop = Stop::default();
    let test = async {
        test.await;
        stop.request();
    };
    tokio::join!(listener.serve(&stop), test);
}

/// Reads and settles all records in the inbox, as the loop does.
async fn settle_all(webhook: &mut Webhook) {
    let batch = webhook.read(None, 1_000).await.unwrap();
    webhook.settled(&batch.upto).await.unwrap();
}

#[tokio::test]
async fn a_sender_is_answered_when_its_records_are_in_custody_and_not_before() {
    let TestListener { address, inbox, mut webhook, listener, .. } =
        test_listener(1 << 20, Timeouts::default()).await;
    beside(listener, async {
        let mut sending = Box::pin(push(address, r#"[{"id":1},{"id":2}]"#));
        tokio::select! {
            answer = &mut sending => panic!("answered too early: {answer}"),
            () = inbox.wait_after(1) => {}
        }
        let batch = webhook.read(None, 1).await.unwrap();
        webhook.settled(&batch.upto).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
            assert!((&mut sending).now_or_never().is_none(), "one of two is in custody");
        }
        let batch = webhook.read(Some(&batch.upto), 1).await.unwrap();
        webhook.settled(&batch.upto).await.unwrap();
        let answer = sending.await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"accepted":2}"#));
    })
    .await;
}

#[tokio::test]
async fn unauthorised_invalid_and_misdirected_requests_are_refused() {
    let TestListener { address, inbox, listener, refused, .. } =
        test_listener(1 << 20, Timeouts::default()).await;
    beside(listener, async {
        let right = "/intake/mobile";
        for (request, status) in [
            (request(right, "wrong", "{}"), 401),
            (request("/intake/hotline", "t0ken", "{}"), 401),
            (request("/intake/%2e%2e", "t0ken", "{}"), 401),
            (request("/", "t0ken", "{}"), 404),
            (request(right, "t0ken", "id=1"), 400),
            (request(right, "t0ken", r#"{"id":1"#), 400),
            (request(right, "t0ken", "[]"), 200),
            (request(right, "t0ken", "{}").replace("POST", "GET"), 405),
        ] {
            let answer = send(address, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}\n{answer}");
        }
        assert!(inbox.ends_at(0), "nothing was taken");
        assert_eq!(refused.count(), 3, "of those who did not sign in");
    })
    .await;
}

#[tokio::test]
async fn who_did_not_sign_in_is_not_told_which_channels_there_are() {
    let TestListener { address, listener, .. } = test_listener(1 << 20, Timeouts::default()).await;
    beside(listener, async {
        let without_date = async |request: String| {
            let answer = send(address, &request).await;
            answer.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
        };
        let unknown = without_date(request("/intake/hotline", "wrong", "{}")).await;
        assert!(unknown.starts_with("HTTP/1.1 401"), "{unknown}");
        let right = request("/intake/mobile", "t0ken", "{}");
        for known in [
            right.replace("t0ken", "wrong"),
            right.replace("t0ken", ""),
            right.replace("Bearer", "Basic"),
            right.replace("Authorization", "X-Token"),
        ] {
            assert_eq!(without_date(known.clone()).await, unknown, "{known}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_asks_in_another_way_is_told_how_to_send() {
    let TestListener { address, listener, .. } = test_listener(1 << 20, Timeouts::default()).await;
    beside(listener, async {
        let right = request("/intake/mobile", "t0ken", "");
        for method in ["GET", "PUT", "DELETE"] {
            let answer = send(address, &right.replace("POST", method)).await;
            assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
            assert!(answer.contains("allow: POST\r\n"), "{answer}");
            assert!(answer.contains("records are sent here with POST"), "{answer}");
        }
        let answer = send(address, &request("/", "t0ken", "")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(answer.contains("records are sent to /intake/<channel>"), "{answer}");
    })
    .await;
}

#[test]
fn room_is_taken_by_what_has_arrived_and_no_channel_takes_more_than_half() {
    let all = MemoryLimit::new(8 * MAX_BODY_BYTES);
    let shares = [(); 2].map(|()| MemoryLimit::new(all.max() / 2));
    let body = |channel: usize, n_bytes: usize| {
        let mut room = Room::new(&all, &shares[channel]);
        room.take(n_bytes).map(|()| room).ok()
    };
    let announced: Vec<_> = (0..100).map(|_| body(0, 100).unwrap()).collect();
    let small = body(1, 100).unwrap();
    drop((announced, small));
    let mut whole: Vec<_> = (0..4).map(|_| body(0, MAX_BODY_BYTES).unwrap()).collect();
    assert!(body(0, 1).is_none(), "half of the room is the share of one channel");
    let other: Vec<_> = (0..4).map(|_| body(1, MAX_BODY_BYTES).unwrap()).collect();
    whole.pop();
    assert!(body(0, MAX_BODY_BYTES).is_some() && body(1, 1).is_none());
    drop((whole, other));
    assert!(body(0, 4 * MAX_BODY_BYTES).is_some());
}

/// The head of a request without headers.
fn head() -> Parts {
    Request::new(Body::empty()).into_parts().0
}

/// A server with one channel, called directly.
fn server(receiver: Arc<dyn Receiver>, memory: MemoryLimit) -> (PushServer, PushEndpoint) {
    let server = PushServer {
        channels: HashMap::new(),
        memory,
        splitting: MappingPool::with_threads(N_SPLITTING),
        timeouts: Timeouts::default(),
        refused: Arc::default(),
        clock: clock::machine(),
    };
    (server, PushEndpoint::new(receiver, Inbox::new("this run", usize::MAX), None))
}

/// A channel with this endpoint.
fn channel(endpoint: &PushEndpoint) -> Channel {
    Channel {
        endpoint: endpoint.clone(),
        memory: MemoryLimit::new(1 << 20),
        receiving: Semaphore::new(N_RECEIVING),
    }
}

/// Stores the records of a request with this digest.
async fn store(server: &PushServer, endpoint: &PushEndpoint, digest: u8) -> Result<usize, Refusal> {
    let room = Room::new(&server.memory, &MemoryLimit::new(1 << 20));
    server.store(endpoint, &head(), (Bytes::from("1"), [digest; 32]), room).await
}

/// Waits until the records of a request are in the inbox.
async fn until_in(inbox: &Inbox, n_records: u64, stored: &mut (impl Future + Unpin)) {
    tokio::select! {
        _ = stored => panic!("its records are in nobody's custody"),
        () = inbox.wait_after(n_records - 1) => {}
    }
}

/// Reads every body as this number of records, but not on the thread of the test.
struct Elsewhere(usize, std::thread::ThreadId);

impl Receiver for Elsewhere {
    fn admits_anybody(&self) -> bool {
        true
    }

    fn admit(&self, _: &Parts, _: Timestamp) -> Result<(), &'static str> {
        Ok(())
    }

    fn records(&self, _: &Parts, body: Bytes) -> Result<Vec<Bytes>, String> {
        let is_here = std::thread::current().id() == self.1;
        if is_here {
            Err("on the thread of the runtime".to_owned())
        } else {
            Ok(vec![body; self.0])
        }
    }
}

#[tokio::test]
async fn a_body_is_split_on_no_thread_of_the_runtime() {
    let receiver = Arc::new(Elsewhere(0, std::thread::current().id()));
    let (server, endpoint) = server(receiver, MemoryLimit::new(1 << 20));
    assert_eq!(store(&server, &endpoint, 0).await.ok(), Some(0));
}

#[tokio::test]
async fn slow_senders_of_one_channel_leave_room_for_the_others() {
    let receiver = Arc::new(Elsewhere(0, std::thread::current().id()));
    let (mut server, endpoint) = server(receiver, MemoryLimit::new(1 << 20));
    for name in ["slow", "quick"] {
        server.channels.insert(name.parse().unwrap(), channel(&endpoint));
    }
    let server = Arc::new(server);
    let send = |channel: &str, body: Body| {
        receive(State(Arc::clone(&server)), Path(channel.to_owned()), Request::new(body))
    };
    let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let mut slow: FuturesUnordered<_> = (0..=N_RECEIVING).map(|_| send("slow", never())).collect();
    let refusal = slow.next().await.unwrap().err().unwrap();
    assert_eq!(refusal.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(send("quick", Body::from("[]")).await.is_ok());
    assert!(send("slow", Body::from("[]")).await.is_err());
    drop(slow);
    assert!(send("slow", Body::from("[]")).await.is_ok());
}

#[tokio::test]
async fn a_request_to_a_stopped_channel_is_refused_at_once_and_not_kept() {
    let receiver = Arc::new(Elsewhere(1, std::thread::current().id()));
    let (mut server, endpoint) = server(receiver, MemoryLimit::new(1 << 20));
    server.channels.insert("app".parse().unwrap(), channel(&endpoint));
    let server = Arc::new(server);
    let send = || {
        let request = Request::new(Body::from("1"));
        Box::pin(receive(State(Arc::clone(&server)), Path("app".to_owned()), request))
    };
    endpoint.set_stopped(true);
    let refusal = send().now_or_never().unwrap().err().unwrap();
    assert_eq!(refusal.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(endpoint.inbox.ends_at(0));
    endpoint.set_stopped(false);
    let mut taken = send();
    until_in(&endpoint.inbox, 1, &mut taken).await;
    endpoint.inbox.settle(1);
    assert!(taken.await.is_ok());
}

#[tokio::test]
async fn a_request_that_comes_again_waits_for_the_first_and_is_not_taken_twice() {
    let receiver = Arc::new(Elsewhere(2, std::thread::current().id()));
    let (server, endpoint) = server(receiver, MemoryLimit::new(1 << 20));
    let mut first = Box::pin(store(&server, &endpoint, 1));
    until_in(&endpoint.inbox, 2, &mut first).await;
    let mut again = Box::pin(store(&server, &endpoint, 1));
    assert!((&mut again).now_or_never().is_none());
    assert!(endpoint.inbox.ends_at(2));
    endpoint.inbox.settle(2);
    assert_eq!((first.await.ok(), again.await.ok()), (Some(2), Some(2)));
    assert!(endpoint.inbox.ends_at(2), "nothing else was put into the inbox");
}

#[tokio::test]
async fn what_waits_in_an_inbox_keeps_its_room_until_it_is_settled() {
    let receiver = Arc::new(Elsewhere(100, std::thread::current().id()));
    let (server, endpoint) = server(receiver, MemoryLimit::new(48 << 10));
    let mut first = Box::pin(store(&server, &endpoint, 1));
    until_in(&endpoint.inbox, 100, &mut first).await;
    let refusal = store(&server, &endpoint, 2).await.err().unwrap();
    assert_eq!(refusal.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(endpoint.inbox.ends_at(100));
    endpoint.inbox.settle(100);
    assert_eq!(first.await.ok(), Some(100));
    assert!(server.memory.hold(48 << 10).now_or_never().is_some());
}

#[tokio::test]
async fn bodies_that_are_only_announced_keep_nobody_out() {
    let TestListener { address, mut webhook, listener, .. } =
        test_listener(1 << 20, Timeouts::default()).await;
    beside(listener, async {
        let whole = request("/intake/mobile", "t0ken", "[");
        let announced = whole.replace("Content-Length: 1", "Content-Length: 8388608");
        let mut waiting = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(announced.as_bytes()).await.unwrap();
            waiting.push(stream);
        }
        let (answer, ()) = tokio::join!(push(address, r#"{"id":2}"#), settle_all(&mut webhook));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whatever_length_it_declares() {
    let TestListener { address, listener, .. } = test_listener(64 << 20, Timeouts::default()).await;
    beside(listener, async {
        let large = format!("[{}0]", "1,".repeat(MAX_BODY_BYTES / 2));
        assert!(push(address, &large).await.starts_with("HTTP/1.1 413"));
        let head = "POST /intake/mobile HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t0ken\r\n\
            Transfer-Encoding: chunked\r\n\r\n";
        let chunked = format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
        assert!(send(address, &chunked).await.starts_with("HTTP/1.1 413"));
    })
    .await;
}

#[tokio::test]
async fn a_request_with_a_length_and_chunks_is_refused_and_so_is_what_follows_it() {
    let TestListener { address, inbox, listener, .. } =
        test_listener(1 << 20, Timeouts::default()).await;
    beside(listener, async {
        let (length, chunks) = ("Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n");
        for both in [format!("{length}{chunks}"), format!("{chunks}{length}")] {
            let first = format!(
                "POST /intake/mobile HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t0ken\r\n{both}\r\n\
                 8\r\n{{\"id\":2}}\r\n0\r\n\r\n"
            );
            let hidden = request("/intake/mobile", "t0ken", r#"{"id":1}"#);
            let answer = send(address, &format!("{first}{hidden}")).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        }
        assert!(inbox.ends_at(0), "nothing was taken");
    })
    .await;
}

#[tokio::test]
async fn with_a_full_inbox_or_a_blocked_bus_the_sender_is_asked_to_try_again() {
    let timeouts = Timeouts { custody: Duration::from_secs(3), ..Timeouts::default() };
    let TestListener { address, inbox, mut webhook, listener, .. } =
        test_listener(20, timeouts).await;
    beside(listener, async {
        // Nobody reads: the bus is blocked.
        let answer = push(address, r#"{"id":"abcdefgh"}"#).await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: "), "{answer}");
        assert!(!inbox.ends_at(0), "it waits for the bus all the same");
        let answer = push(address, r#"{"id":"ijklmnop"}"#).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "full: {answer}");
        assert!(inbox.ends_at(1));
        // The bus accepts messages again, and the sender tries again: a repeated record counts once.
        settle_all(&mut webhook).await;
        let (answer, ()) =
            tokio::join!(push(address, r#"{"id":"abcdefgh"}"#), settle_all(&mut webhook));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_slow_sender_is_cut_off_and_delays_no_other() {
    let timeouts = Timeouts { arrival: Duration::from_millis(100), ..Timeouts::default() };
    let TestListener { address, mut webhook, listener, .. } =
        test_listener(1 << 20, timeouts).await;
    beside(listener, async {
        let whole = request("/intake/mobile", "t0ken", r#"{"id":1}"#);
        let in_head = &whole[..40];
        let in_body = &whole[..whole.len() - 3];
        let slow = join_all([in_head, in_body].map(|part| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(part.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            answer
        }));
        let others = async {
            let (answer, ()) = tokio::join!(push(address, r#"{"id":2}"#), settle_all(&mut webhook));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        };
        let (slow, ()) = tokio::join!(slow, others);
        assert!(slow[0].is_empty() || slow[0].starts_with("HTTP/1.1 408"), "{}", slow[0]);
        assert!(slow[1].starts_with("HTTP/1.1 408"), "{}", slow[1]);
    })
    .await;
}

#[tokio::test]
async fn many_senders_at_once_are_all_answered() {
    let TestListener { address, mut webhook, listener, .. } =
        test_listener(1 << 20, Timeouts::default()).await;
    beside(listener, async {
        let senders = join_all((0..300).map(|n| push(address, &format!(r#"{{"id":{n}}}"#))));
        let channel = async {
            let (mut cursor, mut n_records) = (None, 0);
            while n_records < 300 {
                let batch = webhook.read(cursor.as_ref(), 64).await.unwrap();
                n_records += batch.entries.len();
                webhook.settled(&batch.upto).await.unwrap();
                cursor = Some(batch.upto);
            }
        };
        let (answers, ()) = tokio::join!(senders, channel);
        assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")));
    })
    .await;
}

#[tokio::test]
async fn without_a_push_channel_there_is_no_listener() {
    let refused = Arc::default();
    let (timeouts, memory) = (Timeouts::default(), Memory::default().pushed);
    let listener = open(&door(), HashMap::new(), timeouts, memory, &refused).await.unwrap();
    assert!(listener.is_none());
}
