//! A TCP proxy between the processes and a server, which harms what goes through it.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::timeout,
};

/// How long each piece of data takes through a delayed network.
const DELAY: Duration = Duration::from_millis(150);
const PIECE_BYTES: usize = 16_384;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Network {
    Works,
    /// All connections are closed, and new ones too.
    Closed,
    /// Nothing arrives, and nobody is told. What was sent meanwhile arrives later.
    Silent,
    /// Everything arrives late.
    Delayed,
}

/// A running proxy.
pub(crate) struct Proxy {
    near: SocketAddr,
    far: SocketAddr,
    network: watch::Sender<Network>,
    _server: JoinSet<()>,
}

impl Proxy {
    /// A proxy for the server whose URL this is: `scheme://user:password@127.0.0.1:port/…`.
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let authority = url.split('/').nth(2).unwrap_or_default();
        let far = authority.rsplit('@').next().unwrap_or_default().parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near = listener.local_addr()?;
        let (network, state) = watch::channel(Network::Works);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while pairs.try_join_next().is_some() {}
                let state = state.clone();
                pairs.spawn(async move { relay(stream, far, state).await });
            }
        });
        Ok(Self { near, far, network, _server: server })
    }

    /// The same URL, through this proxy.
    pub(crate) fn through(&self, url: &str) -> String {
        url.replace(&format!("@{}", self.far), &format!("@{}", self.near))
    }

    /// From now on, the network does this.
    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

/// Connects a client with the server until one of them, or the network, ends the connection.
async fn relay(near: TcpStream, far: SocketAddr, state: watch::Receiver<Network>) {
    if *state.borrow() == Network::Closed {
        return;
    }
    let Ok(far) = TcpStream::connect(far).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let mut closed = state.clone();
    tokio::select! {
        _ = closed.wait_for(|network| *network == Network::Closed) => {}
        _ = async {
            tokio::try_join!(
                pump(near_read, far_write, state.clone()),
                pump(far_read, near_write, state.clone()),
            )
        } => {}
    }
}

/// Copies one direction.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<Network>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let n = from.read(&mut piece).await?;
        let Some(data) = piece.get(..n).filter(|data| !data.is_empty()) else {
            return to.shutdown().await;
        };
        let _ = timeout(DELAY, state.wait_for(|network| *network != Network::Delayed)).await;
        let _ = state.wait_for(|network| *network != Network::Silent).await;
        to.write_all(data).await?;
    }
}
