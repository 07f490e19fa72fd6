//! Connections to servers with a wrong certificate, protocol or version.

use contract::Publisher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Amqp, AmqpSettings,
    faults::{changed, stopped},
    one, server, settings,
};

#[tokio::test]
async fn tls_with_a_ca_of_ones_own() {
    let settings = settings(server("TONGHUI_TEST_AMQPS"));
    let trusting = AmqpSettings { ca: Some(server("TONGHUI_TEST_AMQP_CA")), ..settings.clone() };
    Amqp::new(trusting).publisher().publish(&one(1)).await.unwrap();
    stopped(settings, "an authority that is not trusted here", "to the PEM file of the authority")
        .await;
}

#[tokio::test]
async fn a_certificate_for_another_name_stops() {
    let settings = changed("TONGHUI_TEST_AMQPS", "@localhost:", "@127.0.0.1:");
    let trusting = AmqpSettings { ca: Some(server("TONGHUI_TEST_AMQP_CA")), ..settings };
    stopped(trusting, "is for another host name", "use the host name that the certificate has")
        .await;
}

#[tokio::test]
async fn a_listener_that_speaks_something_else_stops() {
    let plain = changed("TONGHUI_TEST_AMQP", "amqp://", "amqps://");
    stopped(plain, "does not use TLS on this port", "check the port in the broker URL").await;
}

#[tokio::test]
async fn the_port_of_another_server_stops_and_says_whose_it_is() {
    for (greeting, who) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "the port of an SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the port of a web server"),
        (b"\x15\x03\x03\0\x02\x02\x46", "the port of a server with TLS"),
        (b"\x4a\0\0\0\x0a8.0.36\0", "the port of a MySQL or MariaDB server"),
        (b"what?", "a server that does not speak AMQP"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("amqp://me:geheim@{}/%2f", listener.local_addr().unwrap());
        let other = async {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                client.write_all(greeting).await.unwrap();
                drop(client.read(&mut [0; 8]).await);
            }
        };
        tokio::select! {
            () = other => {}
            () = stopped(settings(url), who, "whether it is amqp (5672) or amqps (5671)") => {}
        }
    }
}

#[tokio::test]
async fn a_broker_that_would_dead_letter_with_loss_stops() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://me:geheim@{}/%2f", listener.local_addr().unwrap());
    let broker = async {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            client.write_all(&start_frame("3.9.29")).await.unwrap();
            drop(client.read(&mut [0; 8]).await);
        }
    };
    tokio::select! {
        () = broker => {}
        () = stopped(settings(url), "RabbitMQ 3.9.29", "upgrade it to 3.10") => {}
    }
}

/// The first frame of a RabbitMQ with this version.
fn start_frame(version: &str) -> Vec<u8> {
    let text =
        |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let table = [b"\x07productS", &*text("RabbitMQ"), b"\x07versionS", &*text(version)].concat();
    let size = u32::try_from(table.len()).unwrap().to_be_bytes();
    let start = [&[0, 10, 0, 10, 0, 9][..], &size, &table, &text("PLAIN"), &text("en_US")].concat();
    let size = u32::try_from(start.len()).unwrap().to_be_bytes();
    [&[1, 0, 0][..], &size, &start, &[0xce]].concat()
}
