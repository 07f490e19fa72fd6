//! The same backlog through RabbitMQ into PostgreSQL, beside dlt, which loads it into the same
//! server without a broker between.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::Context;
use contract::ChannelId;
use sink::store::Database;
use system_tests::{
    gateway_process::{Gateway, event, server},
    world::World,
};

use super::{RECORDS, pages, peer, rate};

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Measures, and prints a table.
pub(crate) async fn measure(mut world: World) -> anyhow::Result<()> {
    let (store, broker) = (server("TONGHUI_TEST_POSTGRES")?, server("TONGHUI_TEST_AMQP")?);
    world.use_servers(Some(&store), Some(&broker)).await?;
    let (database, _) = world.store().await?;
    let published = Instant::now();
    let gateway = tokio::task::block_in_place(|| publish(&world, "all"))?;
    let published = published.elapsed();
    let whole = published + until_kept(&database).await?;
    tokio::task::block_in_place(|| gateway.stop())?;

    let pages = pages::serve(world.hotline.url()).await?;
    let peer = tokio::task::block_in_place(|| peer::load(pages.url(), &store))?;

    let (ours, theirs) = (rate(RECORDS, whole), rate(RECORDS, peer.took));
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n| through RabbitMQ into PostgreSQL | measured |\n|---|---|")?;
    writeln!(out, "| records/s, source to broker, confirmed | {:.0} |", rate(RECORDS, published))?;
    writeln!(out, "| records/s, source to committed in PostgreSQL | {ours:.0} |")?;
    writeln!(
        out,
        "| dlt {}, JSON pages to PostgreSQL, merge, rows/s | {theirs:.0} |",
        peer.version
    )?;
    writeln!(out, "| ratio to dlt | {:.1} : 1 |", ours / theirs)?;
    Ok(())
}

/// Runs the binary until it has published everything once.
pub(crate) fn publish(world: &World, role: &str) -> anyhow::Result<Gateway> {
    let mut gateway = Gateway::start_as(world, role)?;
    let mut caught_up = false;
    loop {
        let line = gateway.line()?.context("the gateway ended")?;
        match event(&line) {
            Some("read") => caught_up |= line.contains("caught_up=true"),
            Some("settled") if caught_up => return Ok(gateway),
            _ => {}
        }
    }
}

/// Waits until the store has all of it; says how long that took.
async fn until_kept(store: &Database) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let channel: ChannelId = "hotline".parse()?;
    let mut again = tokio::time::interval(LOOK_AGAIN);
    loop {
        again.tick().await;
        let books = store.books(Some(&channel), None).await?;
        if books.iter().any(|book| book.read >= RECORDS && book.in_flight == 0) {
            return Ok(began.elapsed());
        }
    }
}
