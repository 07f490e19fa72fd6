//! `tonghui status`: where each channel stands, from the store: it works whether or not the gateway
//! runs.

use sink::store::Access;

use super::{
    Context,
    out::{self, Exit},
};
use crate::{assemble, table};

pub(super) fn run(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        let channels = store.status().await?;
        out::show(context.format, &channels, |channels| {
            let rows: Vec<_> = channels
                .iter()
                .map(|channel| {
                    let last_read = channel.last_read_at.map_or_else(
                        || "never".to_owned(),
                        |at| at.with_timezone(&settings.zone).format("%F %T").to_string(),
                    );
                    vec![
                        channel.channel.to_string(),
                        last_read,
                        channel.step.to_string(),
                        channel.demands.to_string(),
                        channel.quarantined.to_string(),
                    ]
                })
                .collect();
            let head = ["channel", "last read", "steps", "demands", "in quarantine"];
            let faults = channels.iter().filter_map(|channel| {
                Some(format!("\n{}: {}", channel.channel, channel.fault.as_ref()?))
            });
            table::draw(&head, &rows, 2) + &faults.collect::<String>()
        })?;
        Ok(Exit::Done)
    })
}
