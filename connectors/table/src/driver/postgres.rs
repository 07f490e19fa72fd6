//! PostgreSQL: values arrive in binary form; the name of a column's type decides how they are read.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, PgConnection, PgPool,
    Postgres, Row as _, TypeInfo as _, ValueRef as _,
    postgres::{PgArguments, PgConnectOptions, PgDatabaseError, PgPoolOptions, PgRow, PgSeverity},
    query::Query,
};
use uuid::Uuid;

use super::{Answer, DbError};
use crate::{
    sql::Sql,
    value::{Row, TextType, Value},
};

/// The server counts days and microseconds from this day.
const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// Behind a pooler such as pgbouncer, statements that follow each other may run in different sessions, and
/// a session also serves other clients. So nothing is kept in the session: no settings and no prepared
/// statements. Each statement runs in a transaction of its own.
pub(super) fn open(options: &PgConnectOptions, timeout: Duration, size: u32) -> PgPool {
    let options = options.clone().statement_cache_capacity(0).extra_float_digits(None);
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(timeout)
        .connect_lazy_with(options.disable_statement_logging())
}

/// Begins a transaction. The source's triggers run in it and must write the source's local time.
pub(super) fn begin(timeout: Duration, zone: Tz) -> String {
    let (limit, zone) = (timeout.as_millis(), zone.name());
    format!("BEGIN; SET LOCAL statement_timeout = {limit}; SET LOCAL TIME ZONE '{zone}'")
}

pub(super) type PgQuery = Query<'static, Postgres, PgArguments>;

pub(super) fn query(sql: Sql) -> PgQuery {
    let (text, binds) = sql.into_parts();
    binds.into_iter().fold(sqlx::query(text).persistent(false), bind)
}

/// Reads rows in a transaction of their own, which the statement `begin` begins.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    begin: AssertSqlSafe<String>,
    sql: Sql,
) -> Result<Answer, sqlx::Error> {
    let mut transaction = connection.begin_with(begin).await?;
    let answer = Answer::read(query(sql).fetch(&mut *transaction), read_row).await?;
    if !answer.is_cut {
        transaction.commit().await?;
    }
    Ok(answer)
}

fn bind(query: PgQuery, value: Value) -> PgQuery {
    match value {
        Value::Null => query.bind(None::<String>),
        Value::Bool(is) => query.bind(is),
        Value::Int(number) => query.bind(number),
        Value::Real(number) => query.bind(number),
        Value::Bytes(bytes) | Value::Id(bytes) | Value::BrokenText(bytes) => query.bind(bytes),
        Value::Date(date) => query.bind(date),
        Value::Local(time) => query.bind(time),
        Value::Instant(time) => query.bind(time),
        other => query.bind(other.to_text()),
    }
}

pub(super) fn read_row(row: &PgRow) -> Result<Row, sqlx::Error> {
    let columns = row.columns().iter().enumerate().map(|(index, column)| {
        let raw = row.try_get_raw(index)?;
        let info = raw.type_info().into_owned();
        let value = match info.name() {
            _ if raw.is_null() => Value::Null,
            "BOOL" => Value::Bool(row.try_get_unchecked(index)?),
            "INT2" => Value::Int(i64::from(row.try_get_unchecked::<i16, _>(index)?)),
            "INT4" => Value::Int(i64::from(row.try_get_unchecked::<i32, _>(index)?)),
            "INT8" => Value::Int(row.try_get_unchecked(index)?),
            "FLOAT4" => Value::Real(super::to_f64(row.try_get_unchecked(index)?)),
            "FLOAT8" => Value::Real(row.try_get_unchecked(index)?),
            "NUMERIC" => {
                Value::Decimal(raw.as_bytes().ok().and_then(decode_numeric).ok_or_else(|| {
                    super::unreadable_column(column.name(), "a malformed NUMERIC")
                })?)
            }
            "BYTEA" => Value::Bytes(row.try_get_unchecked(index)?),
            "DATE" => {
                let days: i32 = row.try_get_unchecked(index)?;
                let date = EPOCH.checked_add_signed(TimeDelta::days(days.into()));
                date.map_or_else(|| infinite_value(TextType::Date, days > 0), Value::Date)
            }
            "TIME" => {
                let time: NaiveTime = row.try_get_unchecked(index)?;
                Value::Text(time.format("%H:%M:%S%.f").to_string())
            }
            "TIMESTAMP" => {
                let micros: i64 = row.try_get_unchecked(index)?;
                to_time(micros)
                    .map_or_else(|| infinite_value(TextType::Timestamp, micros > 0), Value::Local)
            }
            "TIMESTAMPTZ" => {
                let micros: i64 = row.try_get_unchecked(index)?;
                let infinite = || infinite_value(TextType::TimestampWithZone, micros > 0);
                to_time(micros).map_or_else(infinite, |time| Value::Instant(time.and_utc()))
            }
            "UUID" => {
                let uuid = raw.as_bytes().ok().and_then(|bytes| Uuid::from_slice(bytes).ok());
                Value::TypedText(TextType::Uuid, uuid.unwrap_or_default().to_string())
            }
            // A text with the padding of the column would not equal the column.
            "CHAR" => {
                let text = raw.as_bytes().unwrap_or_default();
                let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
                text_value(text.get(..end).unwrap_or_default())
            }
            "TEXT" | "VARCHAR" | "JSON" => text_value(raw.as_bytes().unwrap_or_default()),
            // The binary form of JSONB is a version byte and the text.
            "JSONB" => {
                let text = raw.as_str().unwrap_or_default();
                Value::Text(text.trim_start_matches('\u{1}').to_owned())
            }
            other => return Err(super::unreadable_column(column.name(), other)),
        };
        Ok((column.name().to_owned(), value))
    });
    super::to_row(columns)
}

/// A database with the encoding SQL_ASCII may contain any bytes.
fn text_value(bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::BrokenText(bytes.to_vec()),
    }
}

/// The time for a count of microseconds; `None` for `infinity`, on which the driver would panic.
fn to_time(micros: i64) -> Option<NaiveDateTime> {
    EPOCH.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::microseconds(micros))
}

fn infinite_value(text_type: TextType, is_future: bool) -> Value {
    Value::TypedText(text_type, if is_future { "infinity" } else { "-infinity" }.to_owned())
}

/// Decodes a NUMERIC of any size: the number of digits, weight of the first digit, sign and number of
/// decimal places, then the digits, in base 10000 (`numeric_send` in the server's `numeric.c`).
fn decode_numeric(bytes: &[u8]) -> Option<String> {
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (n_digits, weight) = (words.next()?, i32::from(words.next()?.cast_signed()));
    let (sign, scale) = (words.next()?, usize::from(words.next()?));
    let digits: Vec<u16> = words.take(usize::from(n_digits)).collect();
    let mut text = match sign {
        0 => String::new(),
        0x4000 => "-".to_owned(),
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    // The server does not send zero digits at either end.
    let digit = |place: i32| {
        usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0)
    };
    text.push_str(&digit(if weight < 0 { -1 } else { 0 }).to_string());
    for place in 1..=weight {
        text.push_str(&format!("{:04}", digit(place)));
    }
    if scale > 0 {
        // The first digit counts 10000 to the power of `weight`; the decimal point follows the digit of
        // power zero.
        let after_point: String = (0..)
            .take(scale.div_ceil(4))
            .map(|after: i32| format!("{:04}", digit(weight + 1 + after)))
            .collect();
        text.push('.');
        text.push_str(after_point.get(..scale)?);
    }
    Some(text)
}

/// The error codes are in <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn classify(error: &PgDatabaseError) -> DbError {
    // Errors before the end of the login are fatal.
    let is_fatal = error.severity() == PgSeverity::Fatal;
    match error.code() {
        "57014" => DbError::TimedOut,
        "55P03" | "55006" | "40001" | "40P01" => DbError::Locked,
        "42501" if is_fatal => DbError::DatabaseDenied,
        "42501" if error.message().contains("schema") => DbError::SchemaDenied,
        "42501" => DbError::Denied,
        "25006" => DbError::ReadOnly,
        "42P01" | "3F000" => DbError::NoTable,
        "42703" => {
            let name = error
                .message()
                .split('"')
                .nth(1)
                .or_else(|| error.message().split_whitespace().nth(1));
            DbError::NoColumn(name.unwrap_or_default().trim_start_matches("t.").to_owned())
        }
        "42883" | "42804" | "42846" | "22P02" => DbError::WrongType,
        "28P01" => DbError::WrongPassword,
        // The name of the file is the same in every language.
        "28000" if error.message().contains("pg_hba.conf") => DbError::NotFromHere,
        // The message is in the language of the server, but the name of the function is not.
        "28000" => match error.routine() {
            Some("ClientAuthentication") => DbError::CertificateDemanded,
            Some("auth_failed") => DbError::WrongIdentity,
            _ => DbError::NoAccount,
        },
        "3D000" => DbError::NoDatabase,
        // How a pooler refuses a login.
        "08P01" if is_fatal && error.message().contains("no such database") => DbError::NoDatabase,
        "08P01" if is_fatal => DbError::Refused("08P01".to_owned()),
        code => match code.get(..2) {
            Some("08") => DbError::ConnectionLost,
            Some("53") if code == "53300" => DbError::TooManyConnections,
            Some("53") => DbError::OutOfResources,
            Some("57") => DbError::Restarting,
            Some("58") => DbError::OutOfResources,
            Some("22" | "23" | "P0") => DbError::RowRefused,
            _ if is_fatal => DbError::Refused(code.to_owned()),
            _ => DbError::Other(code.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric_of(words: &[u16]) -> Option<String> {
        decode_numeric(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn numerics_of_any_size_are_text() {
        for (words, text) in [
            (vec![0, 0, 0, 0], "0"),
            (vec![0, 0, 0, 2], "0.00"),
            (vec![1, 0, 0, 0, 7], "7"),
            (vec![2, 1, 0x4000, 0, 12, 5], "-120005"),
            (vec![1, 2, 0, 0, 1], "100000000"),
            (vec![2, 0, 0, 2, 3, 1400], "3.14"),
            (vec![1, 0xffff, 0, 4, 5], "0.0005"),
            (vec![1, 0xfffe, 0, 6, 1200], "0.000012"),
            (vec![0, 0, 0xc000, 0], "NaN"),
        ] {
            assert_eq!(numeric_of(&words).as_deref(), Some(text));
        }
        assert_eq!(numeric_of(&[1]), None);
    }
}
