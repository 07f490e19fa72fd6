//! Makes a demand from a record: maps it by the `[demand]` table of its channel, seals personal
//! values, and masks them in free text.
//!
//! Values are sealed here and not in the store, so that no plain personal value leaves the process
//! that read it. In the bus, the store and its backups, only a key holder can open a value. A repeated
//! record must give the same bytes, so normalising uses no clock, no randomness and no I/O. A value that
//! cannot be read is absent and flagged.
//!
//! Suggested reading order: the configuration ([`MappingConfig`], [`CodeTables`]), the rules that are
//! built from it (`build.rs`, `plan.rs`, `rule/`), and their application ([`Mapping`]).

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
mod repair;
mod scrub;
mod seal;
mod trace;

pub use build::MappingProblem;
pub use codes::{
    Calendar, CodeTable, CodeTables, CodesProblem, Difference, Region, RegionTable, from_cell,
    to_cell,
};
pub use config::{
    AttachmentConfig, Clean, Conversion, CountsConfig, EnterpriseConfig, EvaluationConfig, Extract,
    Field, FieldTable, JsonPath, LocationConfig, MappingConfig, PersonConfig, RelatedConfig,
    RepeatConfig, StepConfig, TaskConfig,
};
pub use mapping::{Mapping, NORMALIZER_VERSION};
pub use redact::{OwnNumbers, open_unmasked};
pub use seal::{
    KeyError, Keys, OpenError, Personal, Place, RAW, Sealer, Suite, UNMASKED, open_raw, open_sealed,
};
pub use trace::FieldTrace;
