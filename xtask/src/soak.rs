//! `cargo xtask soak`: the fault runs of the suite, longer than a build server should wait for.

use anyhow::Result;

use crate::{
    run::{cargo, must},
    servers::Servers,
    setup,
};

/// Rounds of the jobs, over thirty driven days: the suite makes twenty.
const ROUNDS: &str = "200";

pub(crate) fn soak() -> Result<()> {
    setup::setup()?;
    must(cargo(&["build", "--locked", "--workspace"]))?; // the programs that the tests start
    let servers = Servers::start()?;
    let mut tests = cargo(&["test", "--locked", "--workspace", "--test", "system", "--"]);
    tests.args(["jobs_of_every_kind", "thirty_kills", "three_processes", "--nocapture"]);
    tests.envs(servers.environment()).env("TONGHUI_SOAK_ROUNDS", ROUNDS);
    must(tests)
}
