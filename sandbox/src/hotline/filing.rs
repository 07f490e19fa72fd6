//! Files new demands.

use std::time::Duration;

use chrono::NaiveDateTime;

use crate::dice::Dice;
use crate::hotline::database::WriteTransaction;
use crate::hotline::life::Stage;
use crate::hotline::new_row::new_row;
use crate::hotline::{Hotline, Quirk, Settings, lifecycle};
use crate::time::{dashed, fraction};

impl Hotline {
    /// Files `n` new demands in one transaction, or fewer if the corpus is used up; a second transaction
    /// makes the changes of [`Quirk::Renumbered`]. Returns the `ROWGUID`s in order. The first call spreads
    /// its rows over [`Settings::spread`].
    ///
    /// # Errors
    /// The database refuses, for example because a reader has locked it for thirty seconds.
    pub async fn file(&self, n: u64) -> anyhow::Result<Vec<String>> {
        self.file_at_stage(n, Stage::New).await
    }

    /// Like [`file`](Self::file), but the demands came in earlier, and are at all stages of their lives.
    ///
    /// # Errors
    /// The same as for [`file`](Self::file).
    pub async fn file_in_progress(&self, n: u64) -> anyhow::Result<Vec<String>> {
        self.file_at_stage(n, Stage::InProgress).await
    }

    async fn file_at_stage(&self, n: u64, stage: Stage) -> anyhow::Result<Vec<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        // The case history is the simulator's own account of what was ever in the database.
        let is_first = transaction.case_history.cases().is_empty();
        let spread = if is_first { self.settings.spread } else { Duration::ZERO };
        let mut filed = Vec::new();
        let mut n_left = n;
        while n_left > 0 {
            // Files them in chunks, so that other tasks can run, and only one chunk at a time is in memory
            // beside its copy in the case history.
            let chunk = n_left.min(1_000);
            let times = (0..chunk).map(|i| now - fraction(spread, n_left - 1 - i, n)).collect();
            let keys = file_at(&mut transaction, &self.settings, times, stage).await?;
            if keys.is_empty() {
                break;
            }
            filed.extend(keys);
            n_left -= chunk;
        }
        transaction.commit().await?;

        // A separate transaction changes serial numbers, so that readers can see the old ones first.
        let renumbered = filed.iter().filter(|(_, quirks)| quirks.contains(&Quirk::Renumbered));
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        for (rowguid, _) in renumbered {
            let Some(case) = transaction.case_history.case(rowguid) else { continue };
            let (mut row, mut quirks) = (case.last().row.clone(), case.last().quirks.clone());
            // The first two letters name the intake channel; renumbering changes them.
            row.serialnum = format!("ZW{}", &row.serialnum[2..]);
            if case.last().row.serialnum == row.serialnum {
                row.serialnum = format!("DH{}", &row.serialnum[2..]);
            }
            row.lastmodifytime = dashed(now);
            quirks.push(Quirk::Renumbered);
            transaction.write(now, vec![(row, quirks)]).await?;
        }
        transaction.commit().await?;
        Ok(filed.into_iter().map(|(rowguid, _)| rowguid).collect())
    }

    /// Files one demand whose `LASTMODIFYTIME` is older by `delay` than the newest in the table, like a row
    /// from a long transaction that commits late. Returns its `ROWGUID`; `None` if the corpus is used up.
    ///
    /// # Errors
    /// The same as for [`file`](Self::file).
    pub async fn commit_late(&self, delay: Duration) -> anyhow::Result<Option<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let newest = transaction.newest().await?.unwrap_or_else(|| self.settings.clock.now());
        let times = vec![newest - delay];
        let keys = file_at(&mut transaction, &self.settings, times, Stage::New).await?;
        transaction.commit().await?;
        Ok(keys.into_iter().next().map(|(rowguid, _)| rowguid))
    }
}

/// Files one demand for each of these times, which become their `LASTMODIFYTIME`. Returns the key and the
/// quirks of each, including quirks that apply later.
async fn file_at(
    transaction: &mut WriteTransaction<'_>,
    settings: &Settings,
    times: Vec<NaiveDateTime>,
    stage: Stage,
) -> anyhow::Result<Vec<(String, Vec<Quirk>)>> {
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    let mut previous =
        transaction.case_history.cases().last().map(|case| case.last().row.serialnum.clone());
    for (at, number) in times.into_iter().zip(transaction.case_history.cases().len() as u64 + 1..) {
        let Some((row, quirks)) = new_row(settings, number, at, previous.as_deref(), stage) else {
            break;
        };
        previous = Some(row.serialnum.clone());
        let planned_quirks: Vec<Quirk> = settings.quirks.at(number).collect();
        if planned_quirks.contains(&Quirk::Deleted) {
            // Plans the deletion of the row: `None` instead of its next status.
            transaction.plan(&row.rowguid, None).await?;
        } else if planned_quirks.contains(&Quirk::RaceUpdate) {
            let status = row.cstatus.read().unwrap_or_default();
            let next = match lifecycle::next_status(&mut Dice::new(settings.seed, number), &status)
            {
                same if same == status => "65", // an archived case is opened again
                next => next,
            };
            transaction.plan(&row.rowguid, Some(next)).await?;
        }
        keys.push((row.rowguid.clone(), planned_quirks));
        rows.push((row, quirks));
    }
    transaction.write(settings.clock.now(), rows).await?;
    Ok(keys)
}

#[cfg(test)]
mod tests;
