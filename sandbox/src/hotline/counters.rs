//! What the reader did, counted by the database itself.

use sqlx::Row as _;

use crate::hotline::Hotline;

/// Counts since the database was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Rows of `CNS_CINFO` whose `ISFETCH` went to 1.
    pub acknowledged: i64,
    /// Times `ISFETCH` was set to 1 on a row where it was 1 already.
    pub acknowledged_again: i64,
    /// Rows of `XF_PRESSING` whose `ISFETCH` went to 1.
    pub pressings_acknowledged: i64,
    /// Statements refused for lack of privileges. One inside a transaction the reader then rolled
    /// back is not counted.
    pub refused: i64,
}

impl Hotline {
    /// The counts now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn counters(&self) -> anyhow::Result<Counters> {
        let mut desk = self.desk.lock().await;
        let query = sqlx::query("SELECT NAME, N FROM SANDBOX_COUNTER");
        let mut counters = Counters::default();
        for row in query.fetch_all(desk.connection()).await? {
            let n = row.try_get("N")?;
            match row.try_get("NAME")? {
                "acknowledged" => counters.acknowledged = n,
                "acknowledged_again" => counters.acknowledged_again = n,
                "pressings_acknowledged" => counters.pressings_acknowledged = n,
                "refused" => counters.refused = n,
                _ => {}
            }
        }
        Ok(counters)
    }
}

#[cfg(test)]
mod tests {
    use crate::hotline::town::town;

    #[tokio::test]
    async fn the_reader_may_write_its_own_columns_only() {
        let mut town = town("").await;
        town.hotline.file(3).await.unwrap();
        town.hotline.urge(1).await.unwrap();
        let flag = "UPDATE CNS_CINFO SET ISFETCH = 1, SJJHZT = 20, SJJHSBYY = 'ok'";
        assert_eq!(town.run(flag).await, Ok(3));
        assert_eq!(town.run("UPDATE XF_PRESSING SET ISFETCH = 1").await, Ok(1));
        let refused = [
            "UPDATE CNS_CINFO SET CSTATUS = '100'",
            "UPDATE CNS_CINFO SET ISFETCH = 0, LASTMODIFYTIME = LASTMODIFYTIME",
            "UPDATE CNS_CINFO SET ROWGUID = 'x' || ROWGUID",
            "DELETE FROM CNS_CINFO",
            "INSERT INTO CNS_CINFO (ROWGUID) VALUES ('x')",
            "REPLACE INTO CNS_CINFO (ROWGUID) VALUES ('x')",
            "INSERT INTO XF_PRESSING (BUSINUMBER) VALUES ('x')",
            "UPDATE XF_PRESSING SET FLAG = 1",
            "DELETE FROM XF_PRESSING",
        ];
        for sql in refused {
            let answer = town.run(sql).await.unwrap_err();
            assert!(answer.contains("ORA-01031: insufficient privileges"), "{sql}: {answer}");
        }
        assert_eq!(town.hotline.counters().await.unwrap().refused, refused.len() as i64);
        let kept = town.column("SELECT ROWGUID FROM CNS_CINFO WHERE ISFETCH = 1").await;
        assert_eq!(kept.len(), 3, "a refused statement changes nothing");
    }

    #[tokio::test]
    async fn acknowledgements_are_counted_the_first_time_and_again() {
        let mut town = town("").await;
        town.hotline.file(5).await.unwrap();
        town.hotline.urge(2).await.unwrap();
        town.run("UPDATE CNS_CINFO SET ISFETCH = 1").await.unwrap();
        town.run("UPDATE CNS_CINFO SET ISFETCH = 1").await.unwrap();
        town.run("UPDATE XF_PRESSING SET ISFETCH = 1").await.unwrap();
        let counters = town.hotline.counters().await.unwrap();
        assert_eq!((counters.acknowledged, counters.acknowledged_again), (5, 5));
        assert_eq!((counters.pressings_acknowledged, counters.refused), (2, 0));
    }
}
