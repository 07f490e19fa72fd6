//! The statements that ask a database about itself: its clock, its transactions, the columns of a table.

use super::{Dialect, Sql, quote};
use crate::{plan::TablePlan, value::Value};

impl Sql {
    /// Asks for the time of the source's clock, as text in UTC: `2026-10-09T02:30:00.123456`.
    pub(crate) fn now(dialect: Dialect) -> Self {
        let text = match dialect {
            Dialect::Sqlite => "SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')",
            Dialect::Postgres => {
                "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
            }
            Dialect::MySql => "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f')",
        };
        Self { text: text.to_owned(), binds: Vec::new() }
    }

    /// Asks for the oldest transaction that may still write, and for the one that begins next, as numbers in
    /// the order in which they begin. In MySQL these are seconds since 1970. SQLite has only one writer, so
    /// none of its numbers becomes visible late.
    pub(crate) fn transactions(dialect: Dialect) -> Option<Self> {
        let text = match dialect {
            Dialect::Sqlite => return None,
            Dialect::Postgres => {
                "SELECT txid_snapshot_xmin(s), txid_snapshot_xmax(s)
                 FROM (SELECT txid_current_snapshot() AS s) AS snapshots"
            }
            Dialect::MySql => {
                "SELECT COALESCE(MIN(TIMESTAMPDIFF(SECOND, '1970-01-01',
                 CONVERT_TZ(trx_started, 'SYSTEM', '+00:00'))), UNIX_TIMESTAMP() + 1),
                 UNIX_TIMESTAMP() + 1 FROM information_schema.innodb_trx
                 WHERE trx_rows_modified > 0 OR trx_state = 'LOCK WAIT'"
            }
        };
        Some(Self::plain(text.to_owned()))
    }

    /// Asks what the columns of a table are: name, type, kind, whether the values are unique, what else
    /// matters, and two texts about the charset. See [`Catalog::new`].
    pub(crate) fn catalog(dialect: Dialect, table: &TablePlan) -> Self {
        let name = table.pieces.last().cloned().unwrap_or_default();
        let schema = table.pieces.iter().rev().nth(1).cloned();
        let mut binds = Vec::new();
        let text = match dialect {
            Dialect::Sqlite => {
                let schema = schema.unwrap_or_else(|| "main".to_owned());
                binds.extend([name.clone(), schema.clone(), name, schema]);
                "SELECT c.name, c.type, '', CASE WHEN c.pk > 0 THEN 'PRI' WHEN EXISTS (
                 SELECT 1 FROM pragma_index_list(?, ?) AS l WHERE l.\"unique\" AND NOT l.partial AND
                 (SELECT group_concat(i.name) FROM pragma_index_info(l.name) AS i) = c.name)
                 THEN 'UNI' END, '', '', '' FROM pragma_table_xinfo(?, ?) AS c WHERE c.hidden <> 1"
            }
            Dialect::Postgres => {
                let quoted = table.pieces.iter().map(|piece| quote(dialect, piece));
                binds.push(quoted.collect::<Vec<_>>().join("."));
                "SELECT CAST(a.attname AS TEXT), format_type(b.oid, CASE WHEN t.typtype = 'd' THEN
                 t.typtypmod ELSE a.atttypmod END), CASE WHEN b.oid < 16384 THEN
                 CAST(b.typname AS TEXT) END, CASE WHEN EXISTS (SELECT 1 FROM pg_index AS i WHERE
                 i.indrelid = a.attrelid AND i.indisunique AND i.indnatts = 1 AND i.indpred IS NULL
                 AND i.indkey[0] = a.attnum) THEN 'UNI' END,
                 CASE b.typtype WHEN 'e' THEN 'E' ELSE CAST(b.typcategory AS TEXT) END,
                 CAST(getdatabaseencoding() AS TEXT), ''
                 FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid JOIN pg_type AS b
                 ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
                 WHERE a.attrelid = CAST($1 AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
                 ORDER BY a.attnum"
            }
            Dialect::MySql => {
                binds.extend(schema.iter().cloned().chain([name]));
                if schema.is_some() { MYSQL_COLUMNS_OF_SCHEMA } else { MYSQL_COLUMNS }
            }
        };
        Self { text: text.to_owned(), binds: binds.into_iter().map(Value::Text).collect() }
    }
}

macro_rules! mysql_columns {
    ($schema:literal) => {
        concat!(
            "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR), CAST(data_type AS CHAR),
             CAST(column_key AS CHAR), CONCAT(CASE WHEN extra LIKE '%on update%' AND privileges
             LIKE '%update%' THEN 'moved ' ELSE '' END, CASE WHEN extra LIKE '%invisible%' THEN
             'hidden' ELSE '' END), CAST(character_set_name AS CHAR),
             CAST(collation_name AS CHAR) FROM information_schema.columns WHERE table_schema = ",
            $schema,
            " AND table_name = ? ORDER BY ordinal_position"
        )
    };
}

/// Describes the columns of a table in the database of the connection.
const MYSQL_COLUMNS: &str = mysql_columns!("DATABASE()");
/// Describes the columns of a table in a database that is named.
const MYSQL_COLUMNS_OF_SCHEMA: &str = mysql_columns!("?");
