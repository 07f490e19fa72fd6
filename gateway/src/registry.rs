//! The connectors this program has. A new kind is one `register` line.
//!
//! Authors of a connector see their own types; here they are erased once: the settings are
//! deserialised, the cursor is serialised, and the loop sees `dyn AnyConnector`.

use config::Section;
use connector_webhook::Guard;
use contract::{Batch, Connector, Cursor, Entry, Fault, Means, TimeRange};
use futures_util::future::BoxFuture;
use schemars::SchemaGenerator;
use serde_json::Value;

/// All kinds, in the order in which they are listed to people.
pub fn kinds() -> Vec<Kind> {
    vec![
        register::<connector_table::Table>(),
        register::<connector_http::Http>(),
        register::<connector_files::Files>(),
        register::<connector_process::Process>(),
        Kind { guard: Some(guard), ..register::<connector_webhook::Webhook>() },
    ]
}

/// A kind of source.
pub struct Kind {
    /// Its name in `connector = "…"`.
    pub name: &'static str,
    /// JSON Schema of its table in a channel file.
    pub schema: Value,
    /// Who may send; `None` for a kind that asks.
    pub guard: Option<BuildGuard>,
    build: Build,
}

/// Builds the guard of a channel from its checked settings.
pub type BuildGuard = fn(&Section) -> Result<Guard, Fault>;

type Build = fn(&Section, Means) -> Result<Box<dyn AnyConnector>, Fault>;

impl Kind {
    /// Builds a connector from its checked settings. Touches no network.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn build(&self, settings: &Section, means: Means) -> Result<Box<dyn AnyConnector>, Fault> {
        (self.build)(settings, means)
    }
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

    /// As [`Connector::confine`].
    ///
    /// # Errors
    /// As there.
    fn confine(&mut self, range: TimeRange) -> Result<(), Fault>;

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

    fn confine(&mut self, range: TimeRange) -> Result<(), Fault> {
        self.0.confine(range)
    }

    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        self.0.sample(name, page)
    }
}

fn guard(settings: &Section) -> Result<Guard, Fault> {
    let config: connector_webhook::Config = settings
        .parse()
        .map_err(|error| Fault::stopped("the settings do not fit").because(error))?;
    Ok(Guard::new(&config))
}

fn register<C: Connector>() -> Kind {
    Kind {
        name: C::KIND,
        schema: SchemaGenerator::default().into_root_schema_for::<C::Config>().into(),
        guard: None,
        build: |settings, means| Ok(Box::new(Erased(connector::<C>(settings, means)?))),
    }
}

/// A connector with its own types, for whoever needs more of it than all kinds have.
///
/// # Errors
/// Settings that contradict each other.
pub fn connector<C: Connector>(settings: &Section, means: Means) -> Result<C, Fault> {
    let place = format!("channel {}, [{}]", means.channel, C::KIND);
    let config = settings
        .parse()
        .map_err(|error| Fault::stopped("the settings do not fit").because(error).at(place))?;
    C::build(config, means)
}
