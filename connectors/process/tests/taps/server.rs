//! A source on loopback: `GET /orders?after=N&limit=L` returns orders with a greater `id`.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinSet,
};

pub(crate) struct Server {
    pub(crate) port: u16,
    orders: Arc<Mutex<Vec<Value>>>,
    _serving: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let orders = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&orders)));
        Self { port, orders, _serving: serving }
    }

    pub(crate) fn add(&self, n_orders: usize) {
        let mut orders = self.orders.lock().unwrap();
        for _ in 0..n_orders {
            let id = orders.len() + 1;
            orders.push(json!({ "id": id, "title": format!("路灯不亮 {id}") }));
        }
    }
}

async fn serve(listener: TcpListener, orders: Arc<Mutex<Vec<Value>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap() > 0 {}
        let number = |name: &str| -> usize {
            let (_, rest) = head.split_once(&format!("{name}=")).unwrap();
            rest.split(['&', ' ']).next().unwrap().parse().unwrap()
        };
        let (after, limit, offset) = (number("after"), number("limit"), number("offset"));
        let found: Vec<Value> = {
            let orders = orders.lock().unwrap();
            let newer = orders.iter().filter(|order| order["id"].as_u64().unwrap() > after as u64);
            newer.skip(offset).take(limit).cloned().collect()
        };
        let body = Value::Array(found).to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
    }
}
