//! A wire between us and the broker that a test can cut, and that can swallow answers.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::server;

#[derive(Debug, Clone, Copy, Default)]
struct State {
    cuts: u32,
    holds: bool,
}

/// Dropping it cuts everything.
pub(super) struct Proxy {
    /// The broker's URL by way of this wire.
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

    /// Ends all connections at once, without a word.
    pub(super) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// From now on the broker hears us and we do not hear it, or as before.
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
