//! Brokers that refuse us: the message, and whether a retry may help.

use contract::{Consumer, Fault, Publisher};
use lapin::{
    options::{QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};

use super::{
    super::{connect::Cluster, fault::ask},
    Amqp, AmqpSettings, by_hand, hotline, one, own, server, settings, soon,
};

/// The fault of a publisher and a consumer; neither may contain the password of the URL.
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

/// Checks that the fault is permanent and says what to do.
pub(super) async fn stopped(settings: AmqpSettings, what: &str, remedy: &str) {
    let fault = refused(settings).await;
    let said = fault.to_string();
    assert!(!fault.is_transient(), "{said}");
    assert!(said.contains(what) && said.contains(remedy), "{said}");
    assert!(said.starts_with("broker "), "{said}");
}

pub(super) fn changed(variable: &str, from: &str, to: &str) -> AmqpSettings {
    let url = server(variable);
    assert!(url.contains(from));
    settings(url.replacen(from, to, 1))
}

#[tokio::test]
async fn a_wrong_password_stops() {
    let wrong = changed("TONGHUI_TEST_AMQP", "tonghui:", "tonghui:wrong");
    stopped(wrong, "ACCESS_REFUSED", "check user and password in the broker URL").await;
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
        let link = Cluster::new(settings.clone(), None).connect("looks").await.unwrap();
        let (queue, exchange) = (settings.queue(&hotline()), settings.exchange());
        let (lapin, options) = (link.channel().await.unwrap(), QueueBindOptions::default());
        let arguments = FieldTable::default();
        let asked = lapin.queue_bind(queue.into(), exchange.into(), "".into(), options, arguments);
        let fault = ask(&link.node, "not bound", asked).await.unwrap_err();
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
    stopped(settings, &queue, "the queue or exchange exists with other arguments").await;
}

#[tokio::test]
async fn a_queue_that_is_looked_for_and_missing_stops() {
    let settings = AmqpSettings { declare: false, ..own() };
    stopped(settings.clone(), "was not found", "declare it").await;
    // After somebody has declared them, checking is enough.
    let declared = AmqpSettings { declare: true, ..settings.clone() };
    Amqp::new(declared).publisher().publish(&one(1)).await.unwrap();
    let amqp = Amqp::new(settings);
    amqp.publisher().publish(&one(2)).await.unwrap();
    assert!(!amqp.consumer([hotline()]).take(1).await.unwrap().deliveries().is_empty());
}
