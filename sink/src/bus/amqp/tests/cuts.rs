//! Connections that end while messages or replies are in flight.

use contract::{Consumer, Publisher};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::{Amqp, AmqpSettings, Memory, drain, hotline, kept, own, server};
use crate::store::suite::sample::{read, record};

/// A broker, and a proxy to it with the same queues.
async fn wired() -> (Amqp, Amqp, Proxy) {
    let (direct, proxy) = (own(), Proxy::new().await);
    let wired = AmqpSettings { urls: vec![proxy.url.clone()], ..direct.clone() };
    (Amqp::new(direct), Amqp::new(wired), proxy)
}

#[tokio::test]
async fn lost_connections_of_a_sink_dead_letter_nothing() {
    let (direct, wired, proxy) = wired().await;
    let keys: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
    let sent = read(1, keys.iter().map(|key| record(key, "text")));
    direct.publisher().publish(sent.messages()).await.unwrap();
    let mut consumer = wired.consumer([hotline()]);
    for _ in 0..20 {
        let intake = consumer.take(3).await.unwrap();
        assert!(!intake.deliveries().is_empty());
        proxy.cut();
        // Messages that arrived before the cut may still be taken.
        while let Ok(intake) = consumer.take(3).await {
            drop(intake);
        }
    }
    let store = Memory::new();
    let (received, outcomes) = drain(&mut consumer, &store, sent.messages().len()).await;
    assert_eq!(received.len(), sent.messages().len());
    assert_eq!((outcomes.stored, outcomes.quarantined), (2_000, 0));
}

#[tokio::test]
async fn a_cut_among_confirms_is_a_fault_and_nothing_is_lost() {
    let (direct, wired, proxy) = wired().await;
    let publisher = wired.publisher();
    publisher.publish(&super::one(1)).await.unwrap();
    let mut consumer = direct.consumer([hotline()]);
    let store = Memory::new();
    drain(&mut consumer, &store, 1).await;

    proxy.hold(true);
    let sent = super::one(2);
    let cut = async {
        // The broker has the message, but we do not know.
        let taken = drain(&mut consumer, &store, 1).await;
        proxy.cut();
        taken
    };
    let (published, (taken, _)) = tokio::join!(publisher.publish(&sent), cut);
    let fault = published.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    assert!(fault.to_string().contains("broker 127.0.0.1:"), "{fault}");
    assert_eq!(taken, sent);

    proxy.hold(false);
    publisher.publish(&sent).await.unwrap();
    let (again, outcomes) = drain(&mut consumer, &store, 1).await;
    assert_eq!(again, sent);
    assert_eq!(outcomes.redelivered, 1, "its receipt is found");
}

#[tokio::test]
async fn what_a_lost_connection_gave_out_cannot_be_acked_on_the_next() {
    let (direct, wired, proxy) = wired().await;
    let (publisher, store) = (direct.publisher(), Memory::new());
    for read_no in 1..=2 {
        publisher.publish(&super::one(read_no)).await.unwrap();
    }
    let mut consumer = wired.consumer([hotline()]);
    let first = kept(&store, consumer.take(1).await.unwrap()).await;
    proxy.cut();
    while let Ok(intake) = consumer.take(1).await {
        drop(intake);
    }
    let again = consumer.take(1).await.unwrap();
    assert!(!again.deliveries().is_empty());
    let fault = consumer.ack(first).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    let (received, outcomes) = drain(&mut consumer, &store, 2).await;
    assert_eq!((received.len(), outcomes.redelivered), (2, 1), "both came again");
}

#[tokio::test]
async fn a_take_dropped_again_and_again_loses_nothing() {
    let real = Amqp::new(own());
    let (publisher, mut consumer, store) =
        (real.publisher(), real.consumer([hotline()]), Memory::new());
    publisher.publish(&super::one(1)).await.unwrap();
    drain(&mut consumer, &store, 1).await;
    let sent: Vec<_> = (2..40).flat_map(super::one).collect();
    let impatient = async {
        let mut received = Vec::new();
        while received.len() < sent.len() {
            tokio::select! {
                biased;
                intake = consumer.take(1) => {
                    let intake = intake.unwrap();
                    received.extend(intake.deliveries().iter().map(|some| some.message.clone()));
                    consumer.ack(kept(&store, intake).await).await.unwrap();
                }
                () = tokio::task::yield_now() => {}
            }
        }
        received
    };
    let (published, received) = tokio::join!(publisher.publish(&sent), impatient);
    published.unwrap();
    assert_eq!(received, sent);
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    cuts: u32,
    holds: bool,
}

/// A proxy to the broker. Dropping it ends all connections.
pub(super) struct Proxy {
    /// The URL of the broker through this proxy.
    pub(super) url: String,
    state: watch::Sender<State>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn new() -> Self {
        let url = server("TONGHUI_TEST_AMQP");
        let from = url.rfind('@').unwrap() + 1;
        let to = from + url[from..].find('/').unwrap();
        let target = url[from..to].to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{}{}{}", &url[..from], listener.local_addr().unwrap(), &url[to..]);
        let (state, seen) = watch::channel(State::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                wires.spawn(carry(client, target.clone(), seen.clone()));
            }
        });
        Self { url, state, _tasks: tasks }
    }

    /// Ends all connections at once, without a close frame.
    pub(super) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Sets whether replies of the broker are held back.
    pub(super) fn hold(&self, holds: bool) {
        self.state.send_modify(|state| state.holds = holds);
    }
}

async fn carry(mut client: TcpStream, target: String, state: watch::Receiver<State>) {
    let mut broker = TcpStream::connect(target).await.unwrap();
    let (mut client_says, client_hears) = client.split();
    let (broker_says, mut broker_hears) = broker.split();
    let born = state.borrow().cuts;
    let mut cut = state.clone();
    tokio::select! {
        _ = copy(&mut client_says, &mut broker_hears) => {}
        () = answer(broker_says, client_hears, state) => {}
        _ = cut.wait_for(|state| state.cuts > born) => {}
    }
}

async fn answer(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<State>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        let heard = state.wait_for(|state| !state.holds).await.is_ok();
        if !heard || to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}
