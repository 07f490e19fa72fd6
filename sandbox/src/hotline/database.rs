//! All writing: a connection, the oracle, and transactions that keep the two consistent.
//!
//! Every transaction first reads what the database itself changed since the last one (a planned
//! change that happened when the reader set a flag), because the next state of a row is made from
//! the last state in the oracle.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use chrono::NaiveDateTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, QueryBuilder, Row as _, Sqlite, Transaction,
};

use crate::dice::Dice;
use crate::hotline::{Counters, Gbk, Oracle, Pressing, Quirk, Row, Settings, Storage};
use crate::when::from_plain;

/// The connection that writes, and what must be known in the next transaction.
#[derive(Debug)]
pub(super) struct FrontDatabase {
    connection: SqliteConnection,
    pub(super) oracle: Oracle,
    pub(super) dice: Dice,
    /// Rows of `XF_PRESSING` so far.
    pub(super) n_pressings: i64,
}

/// A writing transaction.
pub(super) struct WriteTransaction<'a> {
    transaction: Transaction<'a, Sqlite>,
    pub(super) oracle: &'a mut Oracle,
    pub(super) dice: &'a mut Dice,
    pub(super) n_pressings: &'a mut i64,
}

impl FrontDatabase {
    pub(super) async fn open(path: &Path, settings: &Settings) -> anyhow::Result<Self> {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off)
            .busy_timeout(Duration::from_secs(30))
            .connect()
            .await?;
        let tables = include_str!("tables.sql");
        let tables = match settings.storage {
            Storage::Varchar4000 => tables.to_owned(),
            Storage::Clob => tables.replace("VARCHAR(4000)", "CLOB"),
        };
        sqlx::raw_sql(AssertSqlSafe(tables)).execute(&mut connection).await?;
        let dice = Dice::new(settings.seed, u64::MAX);
        Ok(Self { connection, oracle: Oracle::new(settings.retention), dice, n_pressings: 0 })
    }

    pub(super) async fn counters(&mut self) -> anyhow::Result<Counters> {
        let query = sqlx::query_as("SELECT * FROM SANDBOX_COUNTER");
        Ok(query.fetch_one(&mut self.connection).await?)
    }

    /// Opens a transaction in which writing is allowed.
    pub(super) async fn begin(&mut self) -> anyhow::Result<WriteTransaction<'_>> {
        let Self { connection, oracle, dice, n_pressings } = self;
        let transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut writing = WriteTransaction { transaction, oracle, dice, n_pressings };
        sqlx::query("INSERT INTO SANDBOX_WRITER VALUES (1)")
            .execute(&mut *writing.transaction)
            .await?;
        writing.record_planned_changes().await?;
        Ok(writing)
    }
}

impl WriteTransaction<'_> {
    /// Inserts the rows, or replaces the rows with the same keys; the columns of the reader stay as
    /// they are.
    pub(super) async fn write(
        &mut self,
        at: NaiveDateTime,
        rows: Vec<(Row, Vec<Quirk>)>,
    ) -> anyhow::Result<()> {
        // 21 parameters a row; SQLite takes 32,766 a statement.
        let columns = COLUMNS.split(", ").skip(1);
        let updates: Vec<_> = columns.map(|name| format!("{name} = excluded.{name}")).collect();
        for chunk in rows.chunks(100) {
            let insert = format!("INSERT INTO CNS_CINFO ({COLUMNS}) ");
            let mut insert = QueryBuilder::<Sqlite>::new(insert);
            insert.push_values(chunk, |mut values, (row, _)| {
                values.push_bind(&row.rowguid).push_bind(&row.serialnum);
                values.push_bind(row.rqstperson.bytes()).push_bind(&row.rqsttime);
                values.push_bind(&row.rqstnumber).push_bind(&row.linknumber);
                values.push_bind(&row.rqsttype).push_bind(&row.rqstsource);
                values.push_bind(&row.rqstareacode).push_bind(&row.areacode);
                values.push_bind(row.rqstaddress.bytes()).push_bind(row.accordtype.bytes());
                values.push_bind(row.rqsttitle.bytes()).push_bind(row.rqstcontent.bytes());
                values.push_bind(row.cstatus.bytes()).push_bind(&row.isimpt);
                values.push_bind(&row.issecret).push_bind(&row.replaytype);
                values.push_bind(row.registername.bytes()).push_bind(&row.finishtime);
                values.push_bind(&row.lastmodifytime);
            });
            insert.push(" ON CONFLICT (ROWGUID) DO UPDATE SET ").push(updates.join(", "));
            insert.build().execute(&mut *self.transaction).await?;
        }
        for (row, faults) in rows {
            self.oracle.add_state(at, row, faults);
        }
        Ok(())
    }

    pub(super) async fn delete(&mut self, at: NaiveDateTime, rowguid: &str) -> anyhow::Result<()> {
        let delete = sqlx::query("DELETE FROM CNS_CINFO WHERE ROWGUID = ?").bind(rowguid);
        delete.execute(&mut *self.transaction).await?;
        self.oracle.history.delete(rowguid, at);
        Ok(())
    }

    pub(super) async fn add_pressing(&mut self, pressing: Pressing) -> anyhow::Result<()> {
        let insert = "INSERT INTO XF_PRESSING (ID, BUSINUMBER, ADDTIME, ADDCONTENT, FLAG) \
                      VALUES (?, ?, ?, ?, ?)";
        sqlx::query(insert)
            .bind(pressing.id)
            .bind(&pressing.businumber)
            .bind(&pressing.addtime)
            .bind(pressing.addcontent.bytes())
            .bind(pressing.flag)
            .execute(&mut *self.transaction)
            .await?;
        self.oracle.add_pressing(pressing);
        Ok(())
    }

    /// Plans what happens when the reader sets the row's flag: its status becomes `status`, or it is
    /// deleted.
    pub(super) async fn plan(&mut self, rowguid: &str, status: Option<&str>) -> anyhow::Result<()> {
        let kind = if status.is_some() { "race" } else { "delete" };
        sqlx::query(
            "INSERT OR REPLACE INTO SANDBOX_FATE (ROWGUID, KIND, CSTATUS) VALUES (?, ?, ?)",
        )
        .bind(rowguid)
        .bind(kind)
        .bind(status.map(|status| Gbk::new(status).bytes().to_vec()))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// The newest `LASTMODIFYTIME` there is.
    pub(super) async fn newest(&mut self) -> anyhow::Result<Option<NaiveDateTime>> {
        let newest: Option<String> =
            sqlx::query_scalar("SELECT MAX(LASTMODIFYTIME) FROM CNS_CINFO")
                .fetch_one(&mut *self.transaction)
                .await?;
        newest.as_deref().map(time).transpose()
    }

    pub(super) async fn commit(mut self) -> anyhow::Result<()> {
        sqlx::query("DELETE FROM SANDBOX_WRITER").execute(&mut *self.transaction).await?;
        Ok(self.transaction.commit().await?)
    }

    /// Records the planned changes that have happened since the last transaction.
    async fn record_planned_changes(&mut self) -> anyhow::Result<()> {
        let query =
            "DELETE FROM SANDBOX_FATE WHERE SEEN IS NOT NULL RETURNING ROWGUID, CSTATUS, SEEN";
        for change in sqlx::query(query).fetch_all(&mut *self.transaction).await? {
            let rowguid: &str = change.try_get("ROWGUID")?;
            let seen: String = change.try_get("SEEN")?;
            let at = time(&seen)?;
            let Some(status) = change.try_get::<Option<Vec<u8>>, _>("CSTATUS")? else {
                self.oracle.history.delete(rowguid, at);
                continue;
            };
            let case = self.oracle.case(rowguid).context("a planned change is of no known row")?;
            let (mut row, mut faults) = (case.last().row.clone(), case.last().faults.clone());
            row.cstatus = Gbk::from_bytes(status);
            row.lastmodifytime = seen;
            faults.push(Quirk::RaceUpdate);
            self.oracle.add_state(at, row, faults);
        }
        Ok(())
    }
}

fn time(text: &str) -> anyhow::Result<NaiveDateTime> {
    from_plain(text).context("LASTMODIFYTIME must be yyyy-MM-dd HH:mm:ss")
}

/// The columns that the hotline writes, in the order of [`WriteTransaction::write`].
const COLUMNS: &str = "ROWGUID, SERIALNUM, RQSTPERSON, RQSTTIME, RQSTNUMBER, LINKNUMBER, RQSTTYPE, \
    RQSTSOURCE, RQSTAREACODE, AREACODE, RQSTADDRESS, ACCORDTYPE, RQSTTITLE, RQSTCONTENT, CSTATUS, \
    ISIMPT, ISSECRET, REPLAYTYPE, REGISTERNAME, FINISHTIME, LASTMODIFYTIME";
