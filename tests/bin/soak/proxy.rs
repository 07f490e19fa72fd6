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
        // The end of a connection, and its reset, go the same way as data.
        let n = from.read(&mut piece).await.unwrap_or(0);
        let _ = timeout(DELAY, state.wait_for(|network| *network != Network::Delayed)).await;
        let _ = state.wait_for(|network| *network != Network::Silent).await;
        let Some(data) = piece.get(..n).filter(|data| !data.is_empty()) else {
            return to.shutdown().await;
        };
        to.write_all(data).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long nothing must arrive.
    const HELD: Duration = Duration::from_millis(300);

    /// A proxy, and a connection through it: the end of the client, and that of the server.
    async fn connected() -> (Proxy, TcpStream, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("scheme://user:password@{}/", server.local_addr().unwrap());
        let proxy = Proxy::open(&url).await.unwrap();
        let through = proxy.through(&url);
        let near = through.split(['@', '/']).nth(3).unwrap();
        let client = TcpStream::connect(near).await.unwrap();
        let (far, _) = server.accept().await.unwrap();
        (proxy, client, far)
    }

    /// What the server receives until the end of the connection.
    async fn received(far: &mut TcpStream) -> String {
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn through_a_silent_network_neither_data_nor_the_end_of_a_connection_arrives() {
        for (what, data, is_reset) in
            [("an end", "", false), ("data and an end", "late", false), ("a reset", "", true)]
        {
            let (proxy, mut client, mut far) = connected().await;
            // Whoever leaves without reading what has arrived resets the connection.
            if is_reset {
                far.write_all(b"never read").await.unwrap();
                client.readable().await.unwrap();
            }
            proxy.set(Network::Silent);
            client.write_all(data.as_bytes()).await.unwrap();
            drop(client);
            let held = timeout(HELD, far.peek(&mut [0])).await;
            assert!(held.is_err(), "{what} arrived through a silent network");
            proxy.set(Network::Works);
            assert_eq!(received(&mut far).await, data, "{what}");
        }
    }

    #[tokio::test]
    async fn a_closed_network_ends_a_connection_and_a_slow_one_only_delays_it() {
        let (proxy, mut client, mut far) = connected().await;
        proxy.set(Network::Delayed);
        client.write_all(b"late").await.unwrap();
        assert!(timeout(DELAY / 3, far.peek(&mut [0])).await.is_err(), "it was not late");
        far.peek(&mut [0]).await.unwrap();
        proxy.set(Network::Closed);
        assert_eq!(received(&mut far).await, "late");
    }
}
