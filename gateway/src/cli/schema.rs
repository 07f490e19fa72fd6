//! `tonghui schema`: the public face of settings and demands, generated and never kept by hand.

use clap::ValueEnum;
use schemars::generate::SchemaSettings;

use super::out::{self, Exit};
use crate::registry::vocabulary;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Of what.
    of: Of,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    /// gateway.toml
    Gateway,
    /// channels/NAME/channel.toml
    Channel,
    /// `DemandV1`, the unified demand on the wire
    Demand,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let schema = match args.of {
        Of::Gateway => config::schema_gateway(),
        Of::Channel => config::schema_channel(&vocabulary()),
        Of::Demand => {
            let generator = SchemaSettings::draft2020_12().into_generator();
            generator.into_root_schema_for::<contract::Demand>().into()
        }
    };
    out::print(serde_json::to_string_pretty(&schema)?)?;
    Ok(Exit::Done)
}
