//! The connectors of this program. A new kind is one `register` line.
//!
//! The author of a connector works with typed settings and cursors. Their types are erased here: settings
//! are deserialised, cursors serialised, and the loop sees `dyn AnyConnector`.

use std::sync::Arc;

use config::{Section, Vocabulary};
use contract::{Batch, Connector, ConnectorContext, Cursor, Entry, Fault, Receiver, TimeRange};
use futures_util::future::BoxFuture;
use schemars::SchemaGenerator;
use serde_json::Value;

use crate::shipped;

/// All kinds, in the order in which they are listed.
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
    /// Whether the source pushes records, instead of being polled.
    pub is_pushed: bool,
    /// Builds a connector from its checked settings. Touches no network. Fails if the settings
    /// contradict each other.
    pub build: Build,
    /// Builds the receiver of a push source; `None` for a source that is polled. Fails if the settings
    /// do not fit.
    pub receiver: BuildReceiver,
}

type Build = fn(&Section, ConnectorContext) -> Result<Box<dyn AnyConnector>, Fault>;
type BuildReceiver = fn(&Section) -> Result<Option<Arc<dyn Receiver>>, String>;

impl Kind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        kinds().into_iter().find(|kind| kind.name == name)
    }
}

/// The schemas of all connector settings and of the mapping. `config` checks files against them without
/// knowing their owners.
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

/// A connector with its types erased.
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

/// Builds a connector with its own types, for callers that need more than [`AnyConnector`] has.
///
/// # Errors
/// The settings do not fit the connector, or contradict each other.
pub fn connector<C: Connector>(settings: &Section, context: ConnectorContext) -> Result<C, Fault> {
    let place = format!("[{}]", C::KIND);
    let config = settings
        .parse()
        .map_err(|error| Fault::stopped("the settings are wrong").because(error).at(place))?;
    C::build(config, context)
}
