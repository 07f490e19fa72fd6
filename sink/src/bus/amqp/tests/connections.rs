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
    stopped(settings, "UnknownIssuer", "to the file of the CA that signed the certificate").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_stops() {
    let settings = changed("TONGHUI_TEST_AMQPS", "@localhost:", "@127.0.0.1:");
    let trusting = AmqpSettings { ca: Some(server("TONGHUI_TEST_AMQP_CA")), ..settings };
    stopped(trusting, "cannot connect", "use the host name that its certificate has").await;
}

#[tokio::test]
async fn a_listener_that_speaks_something_else_stops() {
    let plain = changed("TONGHUI_TEST_AMQP", "amqp://", "amqps://");
    stopped(plain, "cannot connect", "whether it is amqp or amqps").await;
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
