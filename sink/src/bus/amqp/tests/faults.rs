//! Whoever does not let us in: what is said, and whether waiting can help.

use contract::{Consumer, Fault, Publisher};
use lapin::{
    options::{QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    super::{connect::Turn, fault::ask},
    Amqp, AmqpSettings, by_hand, hotline, one, own, server, settings, soon,
};

/// What a publisher and a consumer say; the password of the URL is in neither.
async fn refused(settings: AmqpSettings) -> Fault {
    let password = settings.urls.last().unwrap().split([':', '@']).nth(2).unwrap().to_owned();
    let amqp = Amqp::new(settings);
    let fault = soon(amqp.publisher().publish(&one(1))).await.unwrap_err();
    let taken = soon(amqp.consumer([hotline()]).take(1)).await.unwrap_err();
    assert_eq!(fault.is_transient(), taken.is_transient(), "{fault}; {taken}");
    for said in [format!("{fault} {fault:?}"), format!("{taken} {taken:?}"), format!("{amqp:?}")] {
        assert!(!said.contains(&password), "{said}");
    }
    fault
}

/// Somebody has to act, and is told what to do.
async fn stopped(settings: AmqpSettings, what: &str, remedy: &str) {
    let fault = refused(settings).await;
    let said = fault.to_string();
    assert!(!fault.is_transient(), "{said}");
    assert!(said.contains(what) && said.contains(remedy), "{said}");
    assert!(said.starts_with("broker "), "{said}");
}

fn changed(variable: &str, from: &str, to: &str) -> AmqpSettings {
    let url = server(variable);
    assert!(url.contains(from));
    settings(url.replacen(from, to, 1))
}

#[tokio::test]
async fn a_wrong_password_stops() {
    let wrong = changed("TONGHUI_TEST_AMQP", "tonghui:", "tonghui:wrong");
    stopped(wrong, "ACCESS_REFUSED", "check user and password in its URL").await;
}

#[tokio::test]
async fn a_virtual_host_that_is_not_there_stops() {
    let wrong = changed("TONGHUI_TEST_AMQP", "/%2f", "/nowhere");
    stopped(wrong, "NOT_ALLOWED", "create the virtual host").await;
}

#[tokio::test]
async fn missing_rights_stop() {
    let wrong = changed("TONGHUI_TEST_AMQP", "tonghui:", "reader:");
    stopped(wrong, "ACCESS_REFUSED", "give the user configure, write and read permissions").await;
}

#[tokio::test]
async fn what_is_deleted_between_two_questions_is_waited_for_where_the_next_try_makes_it_again() {
    for declare in [true, false] {
        let settings = AmqpSettings { declare, ..own() };
        let link = Turn::from(0).connect(&settings, "looks").await.unwrap();
        let (queue, exchange) = (settings.queue(&hotline()), settings.exchange());
        let (lapin, options) = (link.channel().await.unwrap(), QueueBindOptions::default());
        let arguments = FieldTable::default();
        let asked = lapin.queue_bind(queue.into(), exchange.into(), "".into(), options, arguments);
        let fault = ask(&link.place, "not bound", asked).await.unwrap_err();
        assert_eq!(fault.is_transient(), declare, "{fault}");
    }
}

#[tokio::test]
async fn nobody_there_is_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    drop(listener);
    let fault = refused(settings(format!("amqp://me:geheim@{place}/%2f"))).await;
    assert!(fault.is_transient(), "{fault}");
    assert!(fault.to_string().contains(&place), "{fault}");
}

#[tokio::test]
async fn one_node_of_a_cluster_is_enough() {
    let there = own();
    let urls = vec!["amqp://me:geheim@127.0.0.1:1/%2f".to_owned(), there.urls[0].clone()];
    for _ in 0..2 {
        let amqp = Amqp::new(AmqpSettings { urls: urls.clone(), ..there.clone() });
        for _ in 0..2 {
            amqp.publisher().publish(&one(1)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_queue_with_other_arguments_stops() {
    let settings = own();
    let (_connection, lapin) = by_hand().await;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let queue = settings.queue(&hotline());
    lapin.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.unwrap();
    stopped(settings, &queue, "it exists with other arguments").await;
}

#[tokio::test]
async fn a_queue_that_is_looked_for_and_missing_stops() {
    let settings = AmqpSettings { declare: false, ..own() };
    stopped(settings.clone(), "does not exist", "declare it").await;
    // Once somebody has declared them, looking is enough.
    let declared = AmqpSettings { declare: true, ..settings.clone() };
    Amqp::new(declared).publisher().publish(&one(1)).await.unwrap();
    let amqp = Amqp::new(settings);
    amqp.publisher().publish(&one(2)).await.unwrap();
    assert!(!amqp.consumer([hotline()]).take(1).await.unwrap().deliveries().is_empty());
}

#[tokio::test]
async fn tls_with_a_ca_of_ones_own() {
    let settings = settings(server("TONGHUI_TEST_AMQPS"));
    let trusting = AmqpSettings { ca: Some(server("TONGHUI_TEST_AMQP_CA")), ..settings.clone() };
    Amqp::new(trusting).publisher().publish(&one(1)).await.unwrap();
    stopped(settings, "UnknownIssuer", "to the file of the CA that signed it").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_stops() {
    let settings = changed("TONGHUI_TEST_AMQPS", "@localhost:", "@127.0.0.1:");
    let trusting = AmqpSettings { ca: Some(server("TONGHUI_TEST_AMQP_CA")), ..settings };
    stopped(trusting, "cannot connect", "use the host name of its certificate").await;
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

/// What a RabbitMQ of this version says first.
fn start_frame(version: &str) -> Vec<u8> {
    let text =
        |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let table = [b"\x07productS", &*text("RabbitMQ"), b"\x07versionS", &*text(version)].concat();
    let size = u32::try_from(table.len()).unwrap().to_be_bytes();
    let start = [&[0, 10, 0, 10, 0, 9][..], &size, &table, &text("PLAIN"), &text("en_US")].concat();
    let size = u32::try_from(start.len()).unwrap().to_be_bytes();
    [&[1, 0, 0][..], &size, &start, &[0xce]].concat()
}
