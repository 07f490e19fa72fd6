//! Lets our program, the others and the floor read the same pages in turn, and then the whole sequence again.

use std::time::Instant;

use crate::{
    floor::Captured,
    peers::Peers,
    records::Pages,
    report::{Comparison, Figures},
    say,
    site::{JSON, Servers, Site, XML},
};

/// Runs all programs in turn, `rounds` times.
pub(crate) async fn compare(
    servers: &Servers,
    pages: &Pages,
    records: u64,
    rounds: usize,
) -> anyhow::Result<Vec<Comparison>> {
    say("the messages and rows for the floor");
    let captured = Box::pin(Captured::take(servers, pages, records)).await?;
    let mut peers = Peers::new(servers.clone(), records);
    let mut json = Comparison::new(
        "json_brokered",
        "JSON pages over HTTP, through RabbitMQ (quorum, confirmed) into PostgreSQL",
    );
    let mut embedded = Comparison::new("json_embedded", "JSON pages over HTTP, embedded (SQLite)");
    let mut others = [
        Comparison::new("xml_brokered", "GBK XML pages, through RabbitMQ into PostgreSQL"),
        Comparison::new("xml_embedded", "GBK XML pages, embedded (SQLite)"),
        Comparison::new("table_brokered", "front-end table, through RabbitMQ into PostgreSQL"),
        Comparison::new("table_embedded", "front-end table, embedded (SQLite)"),
    ];
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        let site = Site::http(JSON, pages)?.through(servers, "json").await?;
        json.add(OURS, "", Some(sync(site, pages, records).await?));
        json.add("floor", "", Some(captured.brokered(pages).await?));
        peers.run(pages, &mut json).await;
        embedded.add(OURS, "", Some(sync(Site::http(JSON, pages)?, pages, records).await?));
        embedded.add("floor", "", Some(captured.embedded(pages).await?));
        for (n, comparison) in others.iter_mut().enumerate() {
            let is_table = n >= 2;
            let site = match is_table {
                true => Box::pin(Site::table(records)).await?,
                false => Site::http(XML, pages)?,
            };
            let site = match n % 2 {
                0 => site.through(servers, "other").await?,
                _ => site,
            };
            comparison.add(OURS, "", Some(sync(site, pages, records).await?));
        }
    }
    let mut comparisons = vec![json, embedded];
    comparisons.extend(others);
    Ok(comparisons)
}

/// The name of our program in tables.
const OURS: &str = "tonghui";

/// Lets a new gateway read everything once, and removes it.
async fn sync(site: Site, pages: &Pages, records: u64) -> anyhow::Result<Figures> {
    pages.take_first_request();
    let began = Instant::now();
    let mut figures = Box::pin(site.sync(records, records)).await?;
    let first_request = pages.take_first_request();
    figures.start_ms = first_request.map(|first| (first - began).as_secs_f64() * 1e3);
    site.remove().await?;
    Ok(figures)
}
