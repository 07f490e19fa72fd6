//! The connectors of this program. A new kind needs one `register` line.
//!
//! A connector works with typed settings and cursors. This module erases their types: it deserialises
//! settings, serialises cursors, and gives the loop a `dyn AnyConnector`.

use std::sync::Arc;

use config::{ConnectorSchema, Section, SectionSchemas};
use contract::{
    Batch, Connector, ConnectorContext, Cursor, Entry, Exchange, Fault, Receiver, TimeRange,
};
use futures_util::future::BoxFuture;
use schemars::SchemaGenerator;
use serde_json::Value;

use crate::shipped;

/// All kinds, in the order in which they are listed.
pub fn kinds() -> Vec<ConnectorKind> {
    vec![
        register::<connector_table::Table>(),
        register::<connector_http::Http>(),
        register::<connector_files::Files>(),
        register::<connector_process::Process>(),
        register::<connector_webhook::Webhook>(),
    ]
}

/// A kind of connector.
pub struct ConnectorKind {
    /// Its name: the value of `connector` in a channel file.
    pub name: &'static str,
    /// JSON Schema of its table in a channel file.
    pub schema: Value,
    /// Whether the source pushes records, instead of being polled.
    pub is_pushed: bool,
    /// Builds a connector from its checked settings, without using the network. Fails if the settings
    /// contradict each other.
    pub build: Build,
    /// Checks that a text is a cursor of this kind. Fails, with the reason, if it is none.
    pub check_cursor: fn(&Cursor) -> Result<(), Fault>,
    /// Builds the receiver of a push source; `None` for a source that is polled. Fails if the settings
    /// are wrong.
    pub receiver: BuildReceiver,
}

type Build = fn(&Section, ConnectorContext) -> Result<Box<dyn AnyConnector>, Fault>;
type BuildReceiver = fn(&Section) -> Result<Option<Arc<dyn Receiver>>, String>;

impl ConnectorKind {
    /// The kind with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        kinds().into_iter().find(|kind| kind.name == name)
    }
}

/// The schemas of all connector settings and of the mapping, against which `config` checks files.
pub fn section_schemas() -> SectionSchemas {
    let connectors = kinds()
        .into_iter()
        .map(|kind| ConnectorSchema { name: kind.name.to_owned(), schema: kind.schema })
        .collect();
    let demand = SchemaGenerator::default().into_root_schema_for::<normalizer::MappingConfig>();
    let codes =
        shipped::codes().filter_map(|(file, _)| Some(file.strip_suffix(".csv")?.to_owned()));
    SectionSchemas { connectors, demand: demand.into(), shipped_code_tables: codes.collect() }
}

/// A connector whose types of settings and cursors are erased.
pub trait AnyConnector: Send {
    /// See [`Connector::read`].
    fn read<'a>(
        &'a mut self,
        after: Option<&'a Cursor>,
        max: usize,
    ) -> BoxFuture<'a, Result<Batch, Fault>>;

    /// See [`Connector::settled`].
    fn settled<'a>(&'a mut self, upto: &'a Cursor) -> BoxFuture<'a, Result<(), Fault>>;

    /// See [`Connector::failed_exchange`].
    fn failed_exchange(&mut self) -> Option<Exchange>;

    /// See [`Connector::inspect`].
    fn inspect(&mut self) -> BoxFuture<'_, Result<Vec<Fault>, Fault>>;

    /// See [`Connector::limit_to`].
    ///
    /// # Errors
    /// The source cannot read a time range.
    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault>;

    /// See [`Connector::ensure_listable`].
    ///
    /// # Errors
    /// The source does not show all its records again.
    fn ensure_listable(&self) -> Result<(), Fault>;

    /// See [`Connector::sample`].
    ///
    /// # Errors
    /// It is not a page of this kind of source.
    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault>;
}

struct TypeErased<C>(C);

impl<C: Connector> AnyConnector for TypeErased<C> {
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
                end: batch.end,
                trouble: batch.trouble,
            })
        })
    }

    fn settled<'a>(&'a mut self, upto: &'a Cursor) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.settled(&upto.decode()?).await })
    }

    fn failed_exchange(&mut self) -> Option<Exchange> {
        self.0.failed_exchange()
    }

    fn inspect(&mut self) -> BoxFuture<'_, Result<Vec<Fault>, Fault>> {
        Box::pin(self.0.inspect())
    }

    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        self.0.limit_to(range)
    }

    fn ensure_listable(&self) -> Result<(), Fault> {
        self.0.ensure_listable()
    }

    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        self.0.sample(name, page)
    }
}

/// The kind of this connector.
fn register<C: Connector>() -> ConnectorKind {
    ConnectorKind {
        name: C::KIND,
        schema: SchemaGenerator::default().into_root_schema_for::<C::Config>().into(),
        is_pushed: C::RECEIVER.is_some(),
        build: |settings, context| Ok(Box::new(TypeErased(connector::<C>(settings, context)?))),
        check_cursor: |cursor| cursor.decode::<C::Cursor>().map(drop),
        receiver: |settings| match C::RECEIVER {
            Some(receiver) => settings.parse().map(|config| Some(receiver(&config))),
            None => Ok(None),
        },
    }
}

/// Builds a connector of a known type, for callers that need more than [`AnyConnector`] has.
///
/// # Errors
/// The settings are wrong, or contradict each other.
pub fn connector<C: Connector>(settings: &Section, context: ConnectorContext) -> Result<C, Fault> {
    let place = format!("[{}]", C::KIND);
    let config = settings
        .parse()
        .map_err(|error| Fault::stopped("the settings are wrong").because(error).at(place))?;
    C::build(config, context)
}
