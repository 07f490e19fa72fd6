//! The files of `migrations/`, in the program. The macro of the driver would do the same, but its crate builds
//! every driver a second time, for the compiler.

use std::sync::LazyLock;

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

/// A version of the tables.
struct Script {
    /// Its number and what it adds, `0001_demands`.
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! scripts {
    ($($name:literal)*) => {
        &[$(Script {
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

const SCRIPTS: &[Script] = scripts![
    "0001_demands"
    "0002_books"
    "0003_service"
    "0004_audit"
    "0005_backfill"
    "0006_budget"
    "0007_links"
    "0008_index"
    "0009_pass"
    "0010_repair"
    "0011_failed_exchange"
    "0012_lost"
    "0013_audit_chain"
    "0014_process"
    "0015_pass_end"
    "0016_feed"
];

/// The tables in SQLite.
pub(in crate::store) static SQLITE: LazyLock<Migrator> =
    LazyLock::new(|| migrator(|script| script.sqlite));

/// The tables in PostgreSQL.
pub(in crate::store) static POSTGRES: LazyLock<Migrator> =
    LazyLock::new(|| migrator(|script| script.postgres));

fn migrator(sql: impl Fn(&Script) -> &'static str) -> Migrator {
    let migrations = SCRIPTS.iter().zip(1..).map(|(script, version)| {
        let (_, description) = script.name.split_once('_').unwrap_or(("", script.name));
        let description = description.replace('_', " ").into();
        Migration::new(
            version,
            description,
            MigrationType::Simple,
            sql(script).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_folders_is_a_script_whose_number_is_its_place() {
        for database in ["sqlite", "postgres"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
            let files = fs::read_dir(folder).unwrap();
            let files: BTreeSet<_> =
                files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            let scripts = SCRIPTS.iter().map(|script| format!("{}.sql", script.name));
            assert_eq!(files, scripts.collect(), "{database}");
        }
        for (script, version) in SCRIPTS.iter().zip(1..) {
            assert!(script.name.starts_with(&format!("{version:04}_")), "{}", script.name);
        }
    }
}
