//! Makes a demand out of a record: maps it by the channel's `[demand]` table, seals what is
//! personal, and masks what is personal in its prose.
//!
//! Sealing happens here and not in the store, so that no plain personal value ever leaves the
//! process that read it: the bus, the store, its backups and its operators carry values that only a
//! key holder can open. Because a sealed value must be the same at every repetition, the whole of
//! it is pure: no clock, no randomness, no I/O; what cannot be read is absent and flagged.
//!
//! Read in this order: what an author writes ([`MappingConfig`], [`CodeTables`]), how it is resolved
//! (`build.rs` to `plan.rs`), what a rule does (`rule/`), and the one function that all of it serves
//! ([`Mapping`]).

#![warn(missing_docs)]

mod codes;
mod config;

mod build;
mod expr;
mod extract;
mod notes;
mod path;
mod plan;
mod rule;
mod source;

mod mapping;
mod redact;
mod scrub;
mod seal;
mod trace;
mod unseal;

pub use build::MappingProblem;
pub use codes::{CodeTable, CodeTables, CodesProblem, Difference, Region, RegionTable};
pub use config::{
    AttachmentConfig, Clean, Conversion, CountsConfig, EnterpriseConfig, EvaluationConfig, Extract,
    Field, FieldTable, JsonPath, LocationConfig, MappingConfig, PersonConfig, RelatedConfig,
    RepeatConfig, StepConfig, TaskConfig,
};
pub use mapping::{Mapping, NORMALIZER_VERSION};
pub use seal::{KeyError, Keys, OpenError, Personal, Sealer, Suite};
pub use trace::Traced;
pub use unseal::{Place, RAW, UNMASKED, open_raw, open_sealed, open_unmasked};
