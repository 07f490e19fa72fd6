//! The connector and the mapping of the simulated source.

use std::sync::Arc;

use contract::{
    Accepted, Batch, Cursor, DemandBody, DemandId, Digest, Entry, Exchange, Fault, MessageBody,
    Normalizer, RawRecord, Reason, SealedBytes, TimeRange, Verdict,
};
use futures_util::future::BoxFuture;
use gateway::registry::AnyConnector;

use super::{
    fate::Await,
    world::{Actor, World},
};

pub(crate) struct SimulatedConnector {
    world: Arc<World>,
    actor: Actor,
    /// Whether its last exchange failed.
    has_failed: bool,
}

impl SimulatedConnector {
    pub(crate) fn new(world: &Arc<World>, actor: Actor) -> Self {
        Self { world: Arc::clone(world), actor, has_failed: false }
    }
}

impl AnyConnector for SimulatedConnector {
    fn read<'a>(
        &'a mut self,
        after: Option<&'a Cursor>,
        max: usize,
    ) -> BoxFuture<'a, Result<Batch, Fault>> {
        Box::pin(async move {
            let Self { world, actor, has_failed } = self;
            let work = async {
                let mut batch = world.source().answer(after, max)?;
                world.spoil_batch(&mut batch)?;
                Ok(batch)
            };
            let read = world.around(actor, Await::Read, work).await;
            *has_failed = read.is_err();
            read
        })
    }

    fn settled<'a>(&'a mut self, upto: &'a Cursor) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let Self { world, actor, has_failed } = self;
            let work = async {
                world.publish_late().await?;
                if !world.forgets_to_settle() {
                    world.settle(upto)?;
                }
                if world.fate().is_calm && world.source().last.as_ref() == Some(upto) {
                    world.quiet.request();
                }
                Ok(())
            };
            let settled = world.around(actor, Await::Settle, work).await;
            *has_failed = settled.is_err();
            settled
        })
    }

    fn failed_exchange(&mut self) -> Option<Exchange> {
        let exchange =
            Exchange { head: "GET /".to_owned(), is_refusal: true, body: "no".to_owned() };
        std::mem::take(&mut self.has_failed).then_some(exchange)
    }

    fn inspect(&mut self) -> BoxFuture<'_, Result<Vec<Fault>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn limit_to(&mut self, _: TimeRange) -> Result<(), Fault> {
        Err(Fault::stopped("it has no times"))
    }

    fn ensure_listable(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn sample(&self, _name: &str, _page: &[u8]) -> Result<Vec<Entry>, Fault> {
        Ok(Vec::new())
    }
}

pub(crate) struct SimulatedMapping;

impl Normalizer for SimulatedMapping {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        let text = |field: &str| record.body.tree()[field].as_str().unwrap().to_owned();
        match text("nature").as_str() {
            "Invalid" => return Verdict::Reject(Reason::new("invalid", "")),
            "Skipped" => return Verdict::Skip(Reason::new("skipped", "")),
            _ => {}
        }
        let content = text("text");
        Verdict::Accept(Box::new(Accepted {
            digest: digest(&content),
            body: DemandBody { content: Some(content), ..DemandBody::default() },
            raw: SealedBytes(record.body.to_bytes()),
        }))
    }

    fn seal(&self, _id: &DemandId, bytes: &[u8]) -> SealedBytes {
        SealedBytes(bytes.to_vec())
    }
}

/// The digest of a demand with this content.
pub(crate) fn digest(content: &str) -> Digest {
    let bytes = bytes::Bytes::copy_from_slice(content.as_bytes());
    Digest::of_hash(MessageBody::from(bytes).sha256())
}
