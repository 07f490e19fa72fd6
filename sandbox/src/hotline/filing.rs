//! Files new demands, in bulk or late.

use std::time::Duration;

use chrono::NaiveDateTime;

use crate::dice::Dice;
use crate::hotline::database::WriteTransaction;
use crate::hotline::record::record;
use crate::hotline::{Hotline, Quirk, Settings, life};
use crate::when::{part, plain};

impl Hotline {
    /// Files `n` new demands in one transaction and returns their `ROWGUID`s in order; fewer when
    /// the corpus is used up. The first call spreads its rows over [`Settings::spread`].
    ///
    /// # Errors
    /// When the database refuses, for example because a reader keeps it locked for thirty seconds.
    pub async fn file(&self, n: u64) -> anyhow::Result<Vec<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        let spread = if transaction.oracle.cases().is_empty() {
            self.settings.spread
        } else {
            Duration::ZERO
        };
        let mut filed = Vec::new();
        let mut n_left = n;
        while n_left > 0 {
            // In portions, so that not all rows are in memory twice, and other tasks can run.
            let portion = n_left.min(1_000);
            let times = (0..portion).map(|i| now - part(spread, n_left - 1 - i, n)).collect();
            let keys = file_portion(&mut transaction, &self.settings, times).await?;
            let exhausted = keys.is_empty();
            filed.extend(keys);
            if exhausted {
                break;
            }
            n_left -= portion;
        }
        transaction.commit().await?;

        // Renumbering must be a separate change: the first number has to be visible before.
        let renumbered = filed.iter().filter(|(_, faults)| faults.contains(&Quirk::Renumbered));
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        for (rowguid, _) in renumbered {
            let Some(case) = transaction.oracle.case(rowguid) else { continue };
            let (mut row, mut faults) = (case.last().row.clone(), case.last().faults.clone());
            row.serialnum = format!("ZW{}", &row.serialnum[2..]);
            if case.last().row.serialnum == row.serialnum {
                row.serialnum = format!("DH{}", &row.serialnum[2..]);
            }
            row.lastmodifytime = plain(now);
            faults.push(Quirk::Renumbered);
            transaction.write(now, vec![(row, faults)]).await?;
        }
        transaction.commit().await?;
        Ok(filed.into_iter().map(|(rowguid, _)| rowguid).collect())
    }

    /// Files one demand whose `LASTMODIFYTIME` is older than the newest in the table by `behind`,
    /// as after the late commit of a long transaction. Returns its `ROWGUID`; `None` if the corpus
    /// is used up.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub async fn commit_late(&self, behind: Duration) -> anyhow::Result<Option<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let newest = transaction.newest().await?.unwrap_or_else(|| self.settings.clock.now());
        let times = vec![newest - part(behind, 1, 1)];
        let keys = file_portion(&mut transaction, &self.settings, times).await?;
        transaction.commit().await?;
        Ok(keys.into_iter().next().map(|(rowguid, _)| rowguid))
    }
}

/// Files one demand for each time. Returns the key of each with its quirks, including the quirks
/// that happen later.
async fn file_portion(
    transaction: &mut WriteTransaction<'_>,
    settings: &Settings,
    times: Vec<NaiveDateTime>,
) -> anyhow::Result<Vec<(String, Vec<Quirk>)>> {
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    let mut before =
        transaction.oracle.cases().last().map(|case| case.last().row.serialnum.clone());
    for (at, number) in times.into_iter().zip(transaction.oracle.cases().len() as u64 + 1..) {
        let Some((row, faults)) = record(settings, number, at, before.as_deref()) else { break };
        before = Some(row.serialnum.clone());
        let due: Vec<Quirk> = settings.faults.at(number).collect();
        if due.contains(&Quirk::Deleted) {
            transaction.plan(&row.rowguid, None).await?;
        } else if due.contains(&Quirk::RaceUpdate) {
            let status = row.cstatus.read().unwrap_or_default();
            let next = life::next(&mut Dice::new(settings.seed, number), &status);
            transaction.plan(&row.rowguid, Some(next)).await?;
        }
        keys.push((row.rowguid.clone(), due));
        rows.push((row, faults));
    }
    transaction.write(settings.clock.now(), rows).await?;
    Ok(keys)
}

#[cfg(test)]
mod tests;
