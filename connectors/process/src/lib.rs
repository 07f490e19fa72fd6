//! Programs of others: a plugin that speaks the line protocol, or an existing Singer tap.
//!
//! A process rather than a library loaded into ours: it may be written in any language, and whatever
//! it does (hang, crash, babble, eat memory) it does to itself. Any breach of the protocol stops the
//! channel and ends the program; the next question starts it anew, because the cursor is all that
//! there is to know.
//!
//! Reading order: `message.rs` (the protocol), `session.rs` (a plugin), `singer.rs` (a tap), then
//! `child.rs` (the guard).

#![warn(missing_docs)]

mod config;
mod plan;

mod cursor;
mod message;
mod session;

mod singer;

mod child;
mod limits;
mod lines;
mod record;

use std::{fmt, sync::Arc};

use contract::{Batch, Connector, ConnectorContext, Entry, Fault, FaultKind};

pub use config::{Catalog, Config, Protocol, Singer};
pub use cursor::{Cursor, Reached};

use crate::{plan::Plan, session::Session, singer::Tap};

/// The connector for programs.
pub struct Process {
    plan: Plan,
    speaker: Speaker,
}

enum Speaker {
    /// The running plugin. Taken out while it is asked: who is interrupted leaves none behind.
    Plugin(Option<Box<Session>>),
    Tap(Box<Tap>),
}

impl Connector for Process {
    const KIND: &'static str = "process";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let plan = Plan::new(config, context)?;
        let speaker = match &plan.singer {
            None => Speaker::Plugin(None),
            Some(singer) => Speaker::Tap(Box::new(Tap::new(singer))),
        };
        Ok(Self { plan, speaker })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let gate = Arc::clone(&self.plan.gate);
        let _permit = gate.enter().await?;
        let batch = self.ask(after, max.clamp(1, self.plan.page)).await;
        if let Err(fault) = &batch
            && let FaultKind::Throttled(wait) = fault.kind()
        {
            gate.hold(wait); // for the other channels of the same source
        }
        batch
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let Self { plan, speaker } = self;
        let (Speaker::Plugin(running), Cursor::Plugin(upto)) = (speaker, upto) else {
            return Ok(()); // nobody can be told
        };
        let telling = async {
            let mut session = session(running, plan).await?;
            session.settled(upto, plan).await?;
            Ok(session)
        };
        let session = in_time(plan, telling).await?;
        *running = Some(session);
        Ok(())
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        match &self.plan.singer {
            None => session::sample(page, &self.plan),
            Some(singer) => singer::sample(page, singer, &self.plan),
        }
    }
}

impl Process {
    async fn ask(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let Self { plan, speaker } = self;
        match (speaker, after) {
            (Speaker::Plugin(running), None | Some(Cursor::Plugin(_))) => {
                let after = after.and_then(|cursor| match cursor {
                    Cursor::Plugin(upto) => Some(upto),
                    Cursor::Singer(_) => None,
                });
                let reading = async {
                    let mut session = session(running, plan).await?;
                    Ok((session.read(after, max, plan).await?, session))
                };
                let (batch, session) = in_time(plan, reading).await?;
                *running = Some(session);
                Ok(batch)
            }
            (Speaker::Tap(tap), None) => tap.read(&Reached::default(), max, plan).await,
            (Speaker::Tap(tap), Some(Cursor::Singer(reached))) => {
                tap.read(reached, max, plan).await
            }
            (Speaker::Plugin(_), Some(Cursor::Singer(_)))
            | (Speaker::Tap(_), Some(Cursor::Plugin(_))) => {
                Err(Fault::stopped("the stored cursor is that of another `protocol`")
                    .at(plan.place())
                    .remedy("put `protocol` back, or name the channel anew"))
            }
        }
    }
}

impl fmt::Debug for Process {
    // Settings of a program may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("channel", &self.plan.channel).finish_non_exhaustive()
    }
}

/// The running plugin, or a new one where there is none or where it has gone.
async fn session(running: &mut Option<Box<Session>>, plan: &Plan) -> Result<Box<Session>, Fault> {
    if let Some(mut session) = running.take()
        && !session.has_ended()
    {
        return Ok(session);
    }
    Ok(Box::new(Session::open(plan).await?))
}

async fn in_time<T>(
    plan: &Plan,
    answer: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(plan.timeout, answer).await.unwrap_or_else(|_| {
        Err(Fault::stopped(format!("no whole answer within {:?}", plan.timeout))
            .at(plan.place())
            .remedy("let it answer with what it has, or set a longer `timeout`"))
    })
}
