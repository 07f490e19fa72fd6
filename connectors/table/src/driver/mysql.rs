//! MySQL and MariaDB: values arrive in binary form; the name of a column's type decides how they are read.

use std::time::Duration;

use chrono::{NaiveDate, NaiveTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, MySql, MySqlConnection, MySqlPool, Row as _,
    TypeInfo as _,
    mysql::{
        MySqlArguments, MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions, MySqlRow,
        types::MySqlTime,
    },
    query::Query,
};

use super::DbError;
use crate::{
    sql::Sql,
    value::{Row, Value},
};

pub(super) fn open(
    options: &MySqlConnectOptions,
    timeout: Duration,
    size: u32,
    zone: Tz,
) -> MySqlPool {
    MySqlPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(timeout)
        .after_connect(move |connection, _| Box::pin(prepare(connection, timeout, zone)))
        // Otherwise the driver would set UTC, but `prepare` sets the source's time zone.
        .connect_lazy_with(options.clone().timezone(None).disable_statement_logging())
}

/// Sets the time limits of the session, and its time zone to the source's: `ON UPDATE CURRENT_TIMESTAMP`
/// and the source's triggers run in our session and must write the source's local time.
pub(super) async fn prepare(
    connection: &mut MySqlConnection,
    timeout: Duration,
    zone: Tz,
) -> Result<(), sqlx::Error> {
    let (version, now): (String, chrono::NaiveDateTime) =
        sqlx::query_as("SELECT VERSION(), UTC_TIMESTAMP()").fetch_one(&mut *connection).await?;
    let limit = if version.contains("MariaDB") {
        format!("max_statement_time = {}", timeout.as_secs_f64())
    } else {
        format!("max_execution_time = {}", timeout.as_millis())
    };
    let wait = format!("innodb_lock_wait_timeout = {}", timeout.as_secs().max(1));
    // A value that does not fit into a column must be an error, but dates that the owner of the table has
    // allowed must be none: 2026-02-30 and zero dates.
    let mode =
        "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES'".to_owned();
    // Acknowledgements name their rows, even if the key has no index.
    let updates = "sql_safe_updates = 0".to_owned();
    for setting in [limit, wait, mode, updates] {
        let set = AssertSqlSafe(format!("SET SESSION {setting}"));
        match sqlx::raw_sql(set).execute(&mut *connection).await {
            // Older servers do not know the limit; our own limit remains.
            Err(sqlx::Error::Database(error))
                if error
                    .try_downcast_ref::<MySqlDatabaseError>()
                    .is_some_and(|it| it.number() == 1193) => {}
            set => {
                set?;
            }
        }
    }
    let named = format!("SET time_zone = '{}'", zone.name());
    if sqlx::raw_sql(AssertSqlSafe(named)).execute(&mut *connection).await.is_err() {
        // A server without time zone tables accepts only offsets.
        let offset = zone.offset_from_utc_datetime(&now).fix();
        let fixed = format!("SET time_zone = '{offset}'");
        sqlx::raw_sql(AssertSqlSafe(fixed)).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) type MySqlQuery = Query<'static, MySql, MySqlArguments>;

pub(super) fn query(sql: Sql) -> MySqlQuery {
    let (text, binds) = sql.into_parts();
    binds.into_iter().fold(sqlx::query(text).persistent(false), bind)
}

fn bind(query: MySqlQuery, value: Value) -> MySqlQuery {
    match value {
        Value::Null => query.bind(None::<String>),
        Value::Bool(is) => query.bind(is),
        Value::Int(number) => query.bind(number),
        Value::Unsigned(number) => query.bind(number),
        Value::Real(number) => query.bind(number),
        Value::Bytes(bytes) | Value::Id(bytes) | Value::BrokenText(bytes) => query.bind(bytes),
        Value::Date(date) => query.bind(date),
        Value::Local(time) => query.bind(time),
        Value::Instant(time) => query.bind(time),
        other => query.bind(other.to_text()),
    }
}

pub(super) fn read_row(row: &MySqlRow) -> Result<Row, sqlx::Error> {
    let columns = row.columns().iter().enumerate().map(|(index, column)| {
        let info = column.type_info();
        let name = column.name();
        // Read the bytes first: the driver reports a zero date as NULL, but ORDER BY does not treat it
        // as one.
        let Some(bytes) = get_bytes(row, index)? else { return Ok((name.to_owned(), Value::Null)) };
        let value = match info.name() {
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                Value::Int(row.try_get_unchecked(index)?)
            }
            "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
            | "BIGINT UNSIGNED" | "YEAR" | "BIT" => Value::Unsigned(row.try_get_unchecked(index)?),
            "FLOAT" => Value::Real(super::to_f64(row.try_get_unchecked(index)?)),
            "DOUBLE" => Value::Real(row.try_get_unchecked(index)?),
            "DECIMAL" => Value::Decimal(String::from_utf8_lossy(&bytes).into_owned()),
            "DATE" => date_value(&bytes),
            "DATETIME" | "TIMESTAMP" => time_value(&bytes),
            "TIME" => Value::Text(row.try_get_unchecked::<MySqlTime, _>(index)?.to_string()),
            "JSON" => text_value(bytes),
            // The driver also says VARBINARY for text with a binary collation; only the character set
            // shows the difference.
            _ if <str as sqlx::Type<MySql>>::compatible(info) => text_value(bytes),
            "NULL" => Value::Null,
            _ => Value::Bytes(bytes),
        };
        Ok((name.to_owned(), value))
    });
    super::to_row(columns)
}

fn text_value(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::Text(text),
        Err(broken) => Value::BrokenText(broken.into_bytes()),
    }
}

/// The bytes of a value; `None` only for NULL.
fn get_bytes(row: &MySqlRow, index: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
    match row.try_get_unchecked(index) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(sqlx::Error::ColumnDecode { source, .. })
            if source.is::<sqlx::error::UnexpectedNullError>() =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Decodes a time: its length, the year (2 bytes), month, day, hour, minute, second and the
/// microseconds (4 bytes). The server leaves out zeros at the end. Invalid dates (0000-00-00) become text.
fn time_value(bytes: &[u8]) -> Value {
    let (year, month, day) = ymd(bytes);
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
    let micros = byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
    let time = NaiveTime::from_hms_micro_opt(byte(5), byte(6), byte(7), micros);
    match (NaiveDate::from_ymd_opt(i32::from(year), month, day), time) {
        (Some(date), Some(time)) => Value::Local(date.and_time(time)),
        _ => {
            let fraction = if micros > 0 { format!(".{micros:06}") } else { String::new() };
            let (hour, minute, second) = (byte(5), byte(6), byte(7));
            Value::Text(format!(
                "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}"
            ))
        }
    }
}

fn date_value(bytes: &[u8]) -> Value {
    let (year, month, day) = ymd(bytes);
    match NaiveDate::from_ymd_opt(i32::from(year), month, day) {
        Some(date) if year > 0 => Value::Date(date),
        _ => Value::Text(format!("{year:04}-{month:02}-{day:02}")),
    }
}

/// The year, month and day in the bytes of a time.
fn ymd(bytes: &[u8]) -> (u16, u32, u32) {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    (u16::from_le_bytes([byte(1), byte(2)]), u32::from(byte(3)), u32::from(byte(4)))
}

/// The error codes are in <https://mariadb.com/kb/en/mariadb-error-codes/>.
pub(super) fn classify(error: &MySqlDatabaseError) -> DbError {
    by_number(error.number(), error.message())
}

fn by_number(number: u16, message: &str) -> DbError {
    match number {
        // The smallest ones are of the files and the memory of the server.
        1..=119 | 1021 | 1026 | 1037 | 1038 | 1041 | 1114 | 1135 => DbError::OutOfResources,
        1205 | 1213 | 1020 => DbError::Locked,
        1317 | 1969 | 3024 => DbError::TimedOut,
        1040 | 1203 | 1226 => DbError::TooManyConnections,
        1053 | 1077 | 1079 => DbError::Restarting,
        1158..=1161 | 1927 | 4031 => DbError::ConnectionLost,
        1820 | 1862 => DbError::PasswordExpired,
        3118 | 4151 => DbError::AccountLocked,
        1142 | 1143 | 1370 | 1227 => DbError::Denied,
        1209 | 1290 | 1792 | 1836 | 3100 => DbError::ReadOnly,
        1146 => DbError::NoTable,
        1054 => {
            let name = message.split('\'').nth(1).unwrap_or_default();
            DbError::NoColumn(name.trim_start_matches("t.").to_owned())
        }
        1045 => DbError::WrongPassword,
        1698 => DbError::NoPasswordLogin,
        1130 => DbError::NotFromHere,
        1129 => DbError::HostBlocked,
        1251 | 1275 => DbError::LoginMethod("of another version".to_owned()),
        3159 => DbError::TlsDemanded,
        1044 => DbError::DatabaseDenied,
        1049 => DbError::NoDatabase,
        1048 | 1062 | 1264 | 1265 | 1292 | 1366 | 1406 | 1442 | 1451 | 1452 | 1644 | 3819
        | 4025 => DbError::RowRefused,
        number => DbError::Other(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_use_its_disk_or_memory_is_asked_again() {
        for (number, message) in [
            (3, "Error writing file '/tmp/MLfd=12' (Errcode: 28 \"No space left on device\")"),
            (6, "Error on delete of '/tmp/#sql-temptable-1.MAI' (Errcode: 2)"),
            (1021, "Disk full (/tmp/#sql_1_0.MAI)"),
            (1038, "Out of sort memory, consider increasing server sort buffer size"),
            (1135, "Can't create a new thread (errno 11)"),
        ] {
            assert_eq!(by_number(number, message), DbError::OutOfResources, "{number}");
        }
        assert_eq!(by_number(1064, "syntax"), DbError::Other("1064".to_owned()));
        let unknown = by_number(1054, "Unknown column 't.NAME' in 'field list'");
        assert_eq!(unknown, DbError::NoColumn("NAME".to_owned()));
    }

    #[test]
    fn dates_that_no_calendar_has_stay_text() {
        assert_eq!(time_value(&[0]), Value::Text("0000-00-00 00:00:00".into()));
        let micros = [11, 0, 0, 0, 0, 0, 0, 0, 250, 0, 0, 0];
        assert_eq!(time_value(&micros), Value::Text("0000-00-00 00:00:00.000250".into()));
        assert_eq!(date_value(&[4, 0xea, 7, 0, 0]), Value::Text("2026-00-00".into()));
        let time = "2026-10-09T10:34:12.000250".parse().unwrap();
        assert_eq!(time_value(&[11, 0xea, 7, 10, 9, 10, 34, 12, 250, 0, 0, 0]), Value::Local(time));
        assert_eq!(date_value(&[4, 0xea, 7, 10, 9]), Value::Date("2026-10-09".parse().unwrap()));
    }
}
