//! How many demands per second a store keeps on this machine, with history and raw:
//! `cargo run --release -p sink --example rate -- [intakes] [file or postgres://…]`. It measures and
//! asserts nothing.
#![allow(clippy::print_stdout)]

use std::{env, error::Error, time::Instant};

use contract::{Intake, Store};
use sink::store::{
    Access, Database, Postgres, Sqlite,
    suite::sample::{intake, read, record},
};

/// Demands of one intake.
const SIZE: u64 = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let intakes: u64 = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let store = match arguments.next() {
        Some(url) if url.starts_with("postgres") => {
            Database::Postgres(Postgres::open(&url, Access::ReadWrite).await?)
        }
        file => {
            let file = file.map_or_else(|| folder.path().join("rate.db"), Into::into);
            Database::Sqlite(Sqlite::open(file, Access::ReadWrite).await?)
        }
    };
    run(intakes, &store).await
}

async fn run(intakes: u64, store: &impl Store) -> Result<(), Box<dyn Error>> {
    let text = "市民反映小区门口路灯不亮，".repeat(23);
    println!("{} bytes of text, {SIZE} demands per intake, {intakes} intakes", text.len());

    let new: Vec<Intake> = (1..=intakes).map(|read_no| one(read_no, read_no, &text)).collect();
    measure("new", store, &new).await?;
    let same: Vec<Intake> =
        (1..=intakes).map(|read_no| one(read_no, intakes + read_no, &text)).collect();
    measure("unchanged", store, &same).await?;
    let changed: Vec<Intake> =
        (1..=intakes).map(|read_no| one(read_no, 2 * intakes + read_no, &text[3..])).collect();
    measure("changed", store, &changed).await?;
    Ok(())
}

fn one(batch: u64, read_no: u64, text: &str) -> Intake {
    intake([&read(read_no, (0..SIZE).map(|n| record(&format!("{batch:06}-{n:06}"), text)))])
}

async fn measure(what: &str, store: &impl Store, intakes: &[Intake]) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    for intake in intakes {
        store.store(intake).await?;
    }
    let demands = f64::from(u32::try_from(intakes.len())?) * 1e3;
    println!("{what}: {:.0} demands/s", demands / start.elapsed().as_secs_f64());
    Ok(())
}
