//! `tonghui run`: all channels, until stopped. Killing it is as safe as stopping it.

use super::{
    Context,
    out::{self, Exit},
};
use crate::{
    assemble,
    service::{serve, stop_on_signal},
    stop::Stop,
};

pub(super) fn run(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings(&context.config)?;
    super::runtime()?.block_on(async {
        let (store, keys) = assemble::open(&settings).await?;
        let plans = assemble::channels(&settings, &keys)?;
        tracing::info!(channels = plans.len(), store = %settings.store.sqlite.display(), "running");

        let stop = Stop::default();
        let serving = serve(&settings, plans, store, &stop);
        tokio::pin!(serving);
        let ended = tokio::select! {
            ended = &mut serving => ended,
            () = stop_on_signal(&stop) => {
                out::note("stopping at the next batch border …");
                serving.await
            }
        };
        for (channel, fault) in ended.iter().filter_map(|(id, end)| Some((id, end.as_ref().err()?)))
        {
            tracing::warn!(%channel, "stopped while it had a fault: {fault}");
        }
        Ok(Exit::Done)
    })
}
