//! The one place that writes: a connection, the oracle beside it, and transactions that keep the
//! two in step.
//!
//! Every writing transaction first learns what the database did by itself since the last one (a
//! fate that came true when the reader set a flag), because the next state of a row is made from the
//! last one the oracle knows.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use chrono::NaiveDateTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, QueryBuilder, Row as _, Sqlite, Transaction,
};

use crate::dice::Dice;
use crate::hotline::{Fault, Gbk, Oracle, Pressing, Row, Settings, Storage};

/// Who writes, with what it must remember between two transactions.
pub(super) struct FrontDatabase {
    connection: SqliteConnection,
    pub(super) oracle: Oracle,
    pub(super) dice: Dice,
    /// Demands filed so far.
    pub(super) filed: u64,
    /// Rows of `XF_PRESSING` so far.
    pub(super) pressed: i64,
}

/// A writing transaction.
pub(super) struct Shift<'a> {
    transaction: Transaction<'a, Sqlite>,
    pub(super) oracle: &'a mut Oracle,
    pub(super) dice: &'a mut Dice,
    pub(super) filed: &'a mut u64,
    pub(super) pressed: &'a mut i64,
}

/// What happens to a row when the reader sets its flag.
pub(super) enum Fate {
    /// Its status has become this one meanwhile.
    Race(Gbk),
    Delete,
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
        Ok(Self { connection, oracle: Oracle::new(settings.memory), dice, filed: 0, pressed: 0 })
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Opens a transaction in which writing is allowed.
    pub(super) async fn begin(&mut self) -> anyhow::Result<Shift<'_>> {
        let Self { connection, oracle, dice, filed, pressed } = self;
        let transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut shift = Shift { transaction, oracle, dice, filed, pressed };
        sqlx::query("INSERT INTO SANDBOX_WRITER VALUES (1)")
            .execute(&mut *shift.transaction)
            .await?;
        shift.learn().await?;
        Ok(shift)
    }
}

impl fmt::Debug for FrontDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontDatabase").field("filed", &self.filed).finish_non_exhaustive()
    }
}

impl Shift<'_> {
    /// Inserts the rows, or puts them in the place of the ones with their keys; the reader's columns
    /// stay as they are.
    pub(super) async fn write(
        &mut self,
        at: NaiveDateTime,
        rows: Vec<(Row, Vec<Fault>)>,
    ) -> anyhow::Result<()> {
        // 21 parameters a row; SQLite takes 32,766 a statement.
        for chunk in rows.chunks(100) {
            let mut insert = QueryBuilder::<Sqlite>::new(INSERT);
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
            insert.push(OR_REPLACE);
            insert.build().execute(&mut *self.transaction).await?;
        }
        for (row, faults) in rows {
            self.oracle.saw(at, row, faults);
        }
        Ok(())
    }

    pub(super) async fn delete(&mut self, at: NaiveDateTime, rowguid: &str) -> anyhow::Result<()> {
        let delete = sqlx::query("DELETE FROM CNS_CINFO WHERE ROWGUID = ?").bind(rowguid);
        delete.execute(&mut *self.transaction).await?;
        self.oracle.lost(at, rowguid);
        Ok(())
    }

    pub(super) async fn press(&mut self, pressing: Pressing) -> anyhow::Result<()> {
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
        self.oracle.pressed(pressing);
        Ok(())
    }

    /// Plans what happens when the reader sets the row's flag.
    pub(super) async fn plan(&mut self, rowguid: &str, fate: &Fate) -> anyhow::Result<()> {
        let (kind, status) = match fate {
            Fate::Race(status) => ("race", Some(status.bytes())),
            Fate::Delete => ("delete", None),
        };
        sqlx::query(
            "INSERT OR REPLACE INTO SANDBOX_FATE (ROWGUID, KIND, CSTATUS) VALUES (?, ?, ?)",
        )
        .bind(rowguid)
        .bind(kind)
        .bind(status)
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

    /// Takes note of the fates that came true.
    async fn learn(&mut self) -> anyhow::Result<()> {
        let query =
            "DELETE FROM SANDBOX_FATE WHERE SEEN IS NOT NULL RETURNING ROWGUID, CSTATUS, SEEN";
        for done in sqlx::query(query).fetch_all(&mut *self.transaction).await? {
            let rowguid: &str = done.try_get("ROWGUID")?;
            let seen: String = done.try_get("SEEN")?;
            let at = time(&seen)?;
            let Some(status) = done.try_get::<Option<Vec<u8>>, _>("CSTATUS")? else {
                self.oracle.lost(at, rowguid);
                continue;
            };
            let case = self.oracle.case(rowguid).context("a row came true that was never filed")?;
            let (mut row, mut faults) = (case.last().row.clone(), case.last().faults.clone());
            row.cstatus = Gbk::from_bytes(status);
            row.lastmodifytime = seen;
            faults.push(Fault::RaceUpdate);
            self.oracle.saw(at, row, faults);
        }
        Ok(())
    }
}

fn time(text: &str) -> anyhow::Result<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        .context("LASTMODIFYTIME must be yyyy-MM-dd HH:mm:ss")
}

const INSERT: &str = "INSERT INTO CNS_CINFO (ROWGUID, SERIALNUM, RQSTPERSON, RQSTTIME, RQSTNUMBER, \
    LINKNUMBER, RQSTTYPE, RQSTSOURCE, RQSTAREACODE, AREACODE, RQSTADDRESS, ACCORDTYPE, RQSTTITLE, \
    RQSTCONTENT, CSTATUS, ISIMPT, ISSECRET, REPLAYTYPE, REGISTERNAME, FINISHTIME, LASTMODIFYTIME) ";

const OR_REPLACE: &str = " ON CONFLICT (ROWGUID) DO UPDATE SET SERIALNUM = excluded.SERIALNUM, \
    RQSTPERSON = excluded.RQSTPERSON, RQSTTIME = excluded.RQSTTIME, \
    RQSTNUMBER = excluded.RQSTNUMBER, LINKNUMBER = excluded.LINKNUMBER, \
    RQSTTYPE = excluded.RQSTTYPE, RQSTSOURCE = excluded.RQSTSOURCE, \
    RQSTAREACODE = excluded.RQSTAREACODE, AREACODE = excluded.AREACODE, \
    RQSTADDRESS = excluded.RQSTADDRESS, ACCORDTYPE = excluded.ACCORDTYPE, \
    RQSTTITLE = excluded.RQSTTITLE, RQSTCONTENT = excluded.RQSTCONTENT, \
    CSTATUS = excluded.CSTATUS, ISIMPT = excluded.ISIMPT, ISSECRET = excluded.ISSECRET, \
    REPLAYTYPE = excluded.REPLAYTYPE, REGISTERNAME = excluded.REGISTERNAME, \
    FINISHTIME = excluded.FINISHTIME, LASTMODIFYTIME = excluded.LASTMODIFYTIME";
