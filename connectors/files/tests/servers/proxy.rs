//! A proxy to the server, whose connections a test can close.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Forwards everything until it is stopped or dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, is_stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, is_stopped));
        Self { address, stop, _tasks: tasks }
    }

    /// Ends all connections and accepts no others.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mut is_stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = is_stopped.wait_for(|is_stopped| *is_stopped) => return,
            accepted = listener.accept() => {
                let (mut client, _) = accepted.unwrap();
                connections.spawn(async move {
                    let mut upstream = TcpStream::connect(server).await.unwrap();
                    // Either side may close the connection first.
                    let _ = copy_bidirectional(&mut client, &mut upstream).await;
                });
            }
        }
    }
}
