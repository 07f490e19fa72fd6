//! What a configuration may say: the settings of every kind of source, and of the mapping.
//!
//! `config` checks files against these schemas without knowing whose they are.

use config::{Kind, Vocabulary};
use schemars::SchemaGenerator;

use crate::{registry, shipped};

/// The schemas of all owners.
pub fn vocabulary() -> Vocabulary {
    let connectors = registry::kinds()
        .into_iter()
        .map(|kind| Kind { name: kind.name.to_owned(), schema: kind.schema })
        .collect();
    let demand = SchemaGenerator::default().into_root_schema_for::<normalizer::MappingConfig>();
    let codes = shipped::codes().filter_map(|(file, _)| Some(file.strip_suffix(".csv")?.to_owned()));
    Vocabulary { connectors, demand: demand.into(), codes: codes.collect() }
}
