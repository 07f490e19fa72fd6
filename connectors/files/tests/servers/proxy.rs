//! A proxy to the server, whose connections a test can close.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Forwards everything until it is cut or dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, is_truncated) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, is_truncated));
        Self { address, cut, _tasks: tasks }
    }

    /// Ends all connections and takes no further ones.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    mut is_truncated: watch::Receiver<bool>,
) {
    let mut wires = JoinSet::new();
    loop {
        tokio::select! {
            _ = is_truncated.wait_for(|cut| *cut) => return,
            accepted = listener.accept() => {
                let (mut near, _) = accepted.unwrap();
                wires.spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    // Either side may close the connection first.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        }
    }
}
