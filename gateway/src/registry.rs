//! The connectors this program has. A new kind is one `register` line.
//!
//! Authors of a connector see their own types; here they are erased once: the settings are
//! deserialised, the cursor is serialised, and the loop sees `dyn AnyConnector`.

use std::sync::Arc;

use config::{Section, Vocabulary};
use contract::{Batch, Connector, ConnectorContext, Cursor, Entry, Fault, Receiver, TimeRange};
use futures_util::future::BoxFuture;
use schemars::SchemaGenerator;
use serde_json::Value;

use crate::shipped;

/// All kinds, in the order in which they are listed to people.
pub fn kinds() -> Vec<Kind> {
    vec![
        register::<connector_table::Table>(),
        register::<connector_http::Http>(),
        register::<connector_files::Files>(),
        register::<connector_process::Process>(),
        register::<connector_webhook::Webhook>(),
    ]
}

/// A kind of source.
pub struct Kind {
    /// Its name in `connector = "…"`.
    pub name: &'static str,
    /// JSON Schema of its table in a channel file.
    pub schema: Value,
    /// Whether it sends, instead of being asked.
    pub is_pushed: bool,
    build: Build,
    receiver: BuildReceiver,
}

type Build = fn(&Section, ConnectorContext) -> Result<Box<dyn AnyConnector>, Fault>;
type BuildReceiver = fn(&Section) -> Result<Option<Arc<dyn Receiver>>, String>;

impl Kind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        kinds().into_iter().find(|kind| kind.name == name)
    }

    /// Builds a connector from its checked settings. Touches no network.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn build(
        &self,
        settings: &Section,
        context: ConnectorContext,
    ) -> Result<Box<dyn AnyConnector>, Fault> {
        (self.build)(settings, context)
    }

    /// What receives the requests of a source that sends.
    ///
    /// # Errors
    /// The settings do not fit.
    pub fn receiver(&self, settings: &Section) -> Result<Option<Arc<dyn Receiver>>, String> {
        (self.receiver)(settings)
    }
}

/// What a configuration may say: the settings of every kind of source, and of the mapping. `config`
/// checks files against these schemas without knowing whose they are.
pub fn vocabulary() -> Vocabulary {
    let connectors = kinds()
        .into_iter()
        .map(|kind| config::Kind { name: kind.name.to_owned(), schema: kind.schema })
        .collect();
    let demand = SchemaGenerator::default().into_root_schema_for::<normalizer::MappingConfig>();
    let codes =
        shipped::codes().filter_map(|(file, _)| Some(file.strip_suffix(".csv")?.to_owned()));
    Vocabulary { connectors, demand: demand.into(), codes: codes.collect() }
}

/// A connector whose types are erased.
pub trait AnyConnector: Send {
    /// As [`Connector::read`].
    fn read<'a>(
        &'a mut self,
        after: Option<&'a Cursor>,
        max: usize,
    ) -> BoxFuture<'a, Result<Batch, Fault>>;

    /// As [`Connector::settled`].
    fn settled<'a>(&'a mut self, upto: &'a Cursor) -> BoxFuture<'a, Result<(), Fault>>;

    /// As [`Connector::limit_to`].
    ///
    /// # Errors
    /// As there.
    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault>;

    /// As [`Connector::sample`].
    ///
    /// # Errors
    /// As there.
    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault>;
}

struct Erased<C>(C);

impl<C: Connector> AnyConnector for Erased<C> {
    fn read<'a>(
        &'a mut self,
        after: Option<&'a Cursor>,
        max: usize,
    ) -> BoxFuture<'a, Result<Batch, Fault>> {
        Box::pin(async move {
            let after = after.map(Cursor::decode).transpose()?;
            let batch = self.0.read(after.as_ref(), max).await?;
            Ok(Batch {
                entries: batch.entries,
                upto: Cursor::encode(&batch.upto)?,
                caught_up: batch.caught_up,
                trouble: batch.trouble,
            })
        })
    }

    fn settled<'a>(&'a mut self, upto: &'a Cursor) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.settled(&upto.decode()?).await })
    }

    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        self.0.limit_to(range)
    }

    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        self.0.sample(name, page)
    }
}

fn register<C: Connector>() -> Kind {
    Kind {
        name: C::KIND,
        schema: SchemaGenerator::default().into_root_schema_for::<C::Config>().into(),
        is_pushed: C::RECEIVER.is_some(),
        build: |settings, context| Ok(Box::new(Erased(connector::<C>(settings, context)?))),
        receiver: |settings| match C::RECEIVER {
            Some(receiver) => settings.parse().map(|config| Some(receiver(&config))),
            None => Ok(None),
        },
    }
}

/// A connector with its own types, for whoever needs more of it than all kinds have.
///
/// # Errors
/// Settings that contradict each other.
pub fn connector<C: Connector>(settings: &Section, context: ConnectorContext) -> Result<C, Fault> {
    let place = format!("[{}]", C::KIND);
    let config = settings
        .parse()
        .map_err(|error| Fault::stopped("the settings do not fit").because(error).at(place))?;
    C::build(config, context)
}
