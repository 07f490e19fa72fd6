//! The simulator's connection to the hotline's database. Its transactions keep the case history consistent
//! with the database.
//!
//! Triggers make planned changes when a reader sets a flag. The simulator makes the next state of a row
//! from its last state in the case history, so every transaction first adds such changes there.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use chrono::NaiveDateTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, QueryBuilder, Row as _, Sqlite, Transaction,
};

use crate::dice::Dice;
use crate::hotline::{
    CaseHistory, Counters, Dossier, Gbk, Pressing, Quirk, Row, Settings, Storage,
};
use crate::time::parse_dashed;

/// The connection that writes, with the data that its transactions need.
#[derive(Debug)]
pub(super) struct FrontDatabase {
    connection: SqliteConnection,
    pub(super) case_history: CaseHistory,
    pub(super) dice: Dice,
    /// The number of rows in `XF_PRESSING`.
    pub(super) n_pressings: i64,
}

/// A transaction that writes.
pub(super) struct WriteTransaction<'a> {
    transaction: Transaction<'a, Sqlite>,
    pub(super) case_history: &'a mut CaseHistory,
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
        Ok(Self {
            connection,
            case_history: CaseHistory::new(settings.retention),
            dice,
            n_pressings: 0,
        })
    }

    pub(super) async fn counters(&mut self) -> anyhow::Result<Counters> {
        let query = sqlx::query_as(
            "SELECT acknowledged, acknowledged_again, pressings_acknowledged, refused FROM SANDBOX_COUNTER",
        );
        let (acknowledged, acknowledged_again, pressings_acknowledged, refused) =
            query.fetch_one(&mut self.connection).await?;
        Ok(Counters { acknowledged, acknowledged_again, pressings_acknowledged, refused })
    }

    /// Begins a transaction, in which the triggers allow every write.
    pub(super) async fn begin(&mut self) -> anyhow::Result<WriteTransaction<'_>> {
        let Self { connection, case_history, dice, n_pressings } = self;
        let transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut writing = WriteTransaction { transaction, case_history, dice, n_pressings };
        sqlx::query("INSERT INTO SANDBOX_WRITER VALUES (1)")
            .execute(&mut *writing.transaction)
            .await?;
        writing.record_planned_changes().await?;
        Ok(writing)
    }
}

impl WriteTransaction<'_> {
    /// Inserts rows, or updates the rows with the same keys, but not the columns that readers write. Adds
    /// the new states to the case history, visible since `at`.
    pub(super) async fn write(
        &mut self,
        at: NaiveDateTime,
        rows: Vec<(Row, Vec<Quirk>)>,
    ) -> anyhow::Result<()> {
        // A row has 30 parameters; SQLite allows 32,766 in a statement.
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
                values.push_bind(&row.accepttime).push_bind(&row.sendtime);
                values.push_bind(&row.signtime).push_bind(&row.contacttime);
                values.push_bind(&row.archivetime).push_bind(row.casefinishlimit);
                values.push_bind(&row.limitunit).push_bind(&row.attention);
                values.push_bind(row.answercontent.bytes()).push_bind(&row.lastmodifytime);
            });
            insert.push(" ON CONFLICT (ROWGUID) DO UPDATE SET ").push(updates.join(", "));
            insert.build().execute(&mut *self.transaction).await?;
            let dossiers = chunk.iter().map(|(row, _)| row.life.dossier(&row.rowguid)).collect();
            self.write_dossiers(dossiers).await?;
        }
        for (row, quirks) in rows {
            self.case_history.add_state(at, row, quirks);
        }
        Ok(())
    }

    /// Inserts the rows of cases in the other tables, or replaces those with the same keys.
    async fn write_dossiers(&mut self, dossiers: Vec<Dossier>) -> anyhow::Result<()> {
        let tasks: Vec<_> = dossiers.iter().flat_map(|dossier| &dossier.tasks).collect();
        let visits: Vec<_> = dossiers.iter().flat_map(|dossier| &dossier.visits).collect();
        let steps: Vec<_> = dossiers.iter().flat_map(|dossier| &dossier.steps).collect();
        let table =
            |name: &str| QueryBuilder::<Sqlite>::new(format!("INSERT OR REPLACE INTO {name} "));
        for chunk in tasks.chunks(1_000) {
            let mut insert = table("CNS_CTASK");
            insert.push_values(chunk, |mut values, task| {
                values.push_bind(task.id).push_bind(&task.caseguid);
                values.push_bind(task.ouname.bytes()).push_bind(task.oulevel.bytes());
                values.push_bind(task.dutytype.bytes()).push_bind(&task.tasktype);
                values.push_bind(&task.taskstatus).push_bind(&task.sendtime);
                values.push_bind(&task.signtime).push_bind(task.taskfinishlimit);
                values.push_bind(&task.limitunit).push_bind(&task.feedbacktime);
                values.push_bind(task.backreason.as_ref().map(Gbk::bytes));
            });
            insert.build().execute(&mut *self.transaction).await?;
        }
        for chunk in visits.chunks(1_000) {
            let mut insert = table("CNS_CVISIT");
            insert.push_values(chunk, |mut values, visit| {
                values.push_bind(visit.id).push_bind(&visit.caseguid);
                values.push_bind(&visit.visittime).push_bind(visit.visittype.bytes());
                values.push_bind(&visit.iscontact).push_bind(&visit.issolve);
                values.push_bind(visit.satisfaction.bytes()).push_bind(&visit.isvalid);
            });
            insert.build().execute(&mut *self.transaction).await?;
        }
        for chunk in steps.chunks(1_000) {
            let mut insert = table("CNS_CSTEP");
            insert.push_values(chunk, |mut values, step| {
                values.push_bind(step.id).push_bind(&step.caseguid);
                values.push_bind(&step.operatetime).push_bind(step.operatename.bytes());
                values.push_bind(step.ouname.bytes());
                values.push_bind(step.remark.as_ref().map(Gbk::bytes));
            });
            insert.build().execute(&mut *self.transaction).await?;
        }
        Ok(())
    }

    pub(super) async fn delete(&mut self, at: NaiveDateTime, rowguid: &str) -> anyhow::Result<()> {
        let delete = sqlx::query("DELETE FROM CNS_CINFO WHERE ROWGUID = ?").bind(rowguid);
        delete.execute(&mut *self.transaction).await?;
        self.case_history.cases.delete(rowguid, at);
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
        self.case_history.add_pressing(pressing);
        Ok(())
    }

    /// Plans a change for the moment when a reader sets the row's flag: its status becomes `status`; `None`
    /// deletes the row.
    pub(super) async fn plan(&mut self, rowguid: &str, status: Option<&str>) -> anyhow::Result<()> {
        let kind = if status.is_some() { "race" } else { "delete" };
        sqlx::query(
            "INSERT OR REPLACE INTO SANDBOX_PLAN (ROWGUID, KIND, CSTATUS) VALUES (?, ?, ?)",
        )
        .bind(rowguid)
        .bind(kind)
        .bind(status.map(|status| Gbk::new(status).bytes().to_vec()))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// The newest `LASTMODIFYTIME` of all cases; `None` if there are none.
    pub(super) async fn newest(&mut self) -> anyhow::Result<Option<NaiveDateTime>> {
        let newest: Option<String> =
            sqlx::query_scalar("SELECT MAX(LASTMODIFYTIME) FROM CNS_CINFO")
                .fetch_one(&mut *self.transaction)
                .await?;
        newest.as_deref().map(parse_time).transpose()
    }

    pub(super) async fn commit(mut self) -> anyhow::Result<()> {
        sqlx::query("DELETE FROM SANDBOX_WRITER").execute(&mut *self.transaction).await?;
        Ok(self.transaction.commit().await?)
    }

    /// Adds to the case history the planned changes that triggers made since the last transaction.
    async fn record_planned_changes(&mut self) -> anyhow::Result<()> {
        let query = "DELETE FROM SANDBOX_PLAN WHERE DONE_AT IS NOT NULL \
                     RETURNING ROWGUID, CSTATUS, DONE_AT";
        for change in sqlx::query(query).fetch_all(&mut *self.transaction).await? {
            let rowguid: &str = change.try_get("ROWGUID")?;
            let done_at: String = change.try_get("DONE_AT")?;
            let at = parse_time(&done_at)?;
            let Some(status) = change.try_get::<Option<Vec<u8>>, _>("CSTATUS")? else {
                self.case_history.cases.delete(rowguid, at);
                continue;
            };
            let case =
                self.case_history.case(rowguid).context("a planned change of an unknown row")?;
            let (mut row, mut quirks) = (case.last().row.clone(), case.last().quirks.clone());
            row.cstatus = Gbk::from_bytes(status);
            row.lastmodifytime = done_at;
            quirks.push(Quirk::RaceUpdate);
            self.case_history.add_state(at, row, quirks);
        }
        Ok(())
    }
}

fn parse_time(text: &str) -> anyhow::Result<NaiveDateTime> {
    parse_dashed(text).context("LASTMODIFYTIME must have the format yyyy-MM-dd HH:mm:ss")
}

/// The columns that the hotline writes, in the order of [`WriteTransaction::write`].
const COLUMNS: &str = "ROWGUID, SERIALNUM, RQSTPERSON, RQSTTIME, RQSTNUMBER, LINKNUMBER, RQSTTYPE, \
    RQSTSOURCE, RQSTAREACODE, AREACODE, RQSTADDRESS, ACCORDTYPE, RQSTTITLE, RQSTCONTENT, CSTATUS, \
    ISIMPT, ISSECRET, REPLAYTYPE, REGISTERNAME, FINISHTIME, ACCEPTTIME, SENDTIME, SIGNTIME, \
    CONTACTTIME, ARCHIVETIME, CASEFINISHLIMIT, LIMITUNIT, ATTENTION, ANSWERCONTENT, LASTMODIFYTIME";
