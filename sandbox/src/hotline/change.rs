//! Changes existing rows. A reader that selects rows only by `ISFETCH` never sees these changes.

use anyhow::Context;

use crate::hotline::database::WriteTransaction;
use crate::hotline::{Gbk, Hotline, Pressing, Quirk, Row, lifecycle};
use crate::text::phrases;
use crate::time;

impl Hotline {
    /// Advances `n` randomly chosen cases to their next status, and sets `LASTMODIFYTIME` to now, but not those
    /// that are archived. Appends a line to the content of one in four, and adds what happened to the columns about handling and the other
    /// tables. Does not reset `ISFETCH`. Returns the `ROWGUID`s; the same one can occur twice.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn advance_random(&self, n: u64) -> anyhow::Result<Vec<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        let mut keys = Vec::new();
        for _ in 0..n {
            let is_open = |row: &Row| !lifecycle::is_archived(row);
            let Some((mut row, mut quirks)) = any_case(&mut transaction, is_open) else { break };
            let status = row.cstatus.read().unwrap_or_default();
            let next = lifecycle::next_status(transaction.dice, &status);
            row.cstatus = Gbk::new(next);
            row.lastmodifytime = time::dashed(now);
            row.life.enter(next, now);
            row.tell_life();
            if transaction.dice.one_in(4) {
                let line = format!(
                    "\n【{}】{}",
                    time::dashed(now),
                    transaction.dice.pick(&phrases().hotline.appended)
                );
                let bytes = [row.rqstcontent.bytes(), Gbk::new(&line).bytes()].concat();
                row.rqstcontent = Gbk::from_bytes(bytes);
            }
            row.cut_to_width(self.settings.storage, &mut quirks);
            keys.push(row.rowguid.clone());
            transaction.write(now, vec![(row, quirks)]).await?;
        }
        transaction.commit().await?;
        Ok(keys)
    }

    /// Adds `n` reminders or supplements for randomly chosen cases to `XF_PRESSING`. The rows of the cases
    /// do not change. Returns the serial numbers of the cases.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn add_pressings(&self, n: u64) -> anyhow::Result<Vec<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        let mut serials = Vec::new();
        for _ in 0..n {
            let Some((row, _)) = any_case(&mut transaction, |_| true) else { break };
            let additions = &phrases().hotline;
            let (flag, texts) = if transaction.dice.one_in(3) {
                (1, &additions.supplements)
            } else {
                (2, &additions.reminders)
            };
            *transaction.n_pressings += 1;
            let pressing = Pressing {
                id: *transaction.n_pressings,
                businumber: row.serialnum.clone(),
                addtime: time::dashed(now),
                addcontent: Gbk::new(transaction.dice.pick(texts)),
                flag,
            };
            serials.push(row.serialnum);
            transaction.add_pressing(pressing).await?;
        }
        transaction.commit().await?;
        Ok(serials)
    }

    /// Changes one row: sets `LASTMODIFYTIME` to now, and then calls `edit`, which may change any column
    /// except the key. Columns are not cut to their width.
    ///
    /// # Errors
    /// If the row does not exist, `edit` changed its key, or the database refuses.
    pub async fn change(&self, rowguid: &str, edit: impl FnOnce(&mut Row)) -> anyhow::Result<()> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        let case = transaction.case_history.case(rowguid).filter(|case| case.deleted_at.is_none());
        let last = case.with_context(|| format!("the row {rowguid} does not exist"))?.last();
        let (mut row, quirks) = (last.row.clone(), last.quirks.clone());
        row.lastmodifytime = time::dashed(now);
        edit(&mut row);
        anyhow::ensure!(row.rowguid == rowguid, "the key {rowguid} must not be changed");
        transaction.write(now, vec![(row, quirks)]).await?;
        transaction.commit().await
    }

    /// Deletes one row of `CNS_CINFO`. Its rows in `XF_PRESSING` are kept.
    ///
    /// # Errors
    /// If the database refuses. If the row does not exist, this does nothing.
    pub async fn delete(&self, rowguid: &str) -> anyhow::Result<()> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        transaction.delete(self.settings.clock.now(), rowguid).await?;
        transaction.commit().await
    }
}

/// A random case that was not deleted and that `is_wanted`, in its present state; `None` if a hundred random
/// choices found none.
fn any_case(
    transaction: &mut WriteTransaction<'_>,
    is_wanted: impl Fn(&Row) -> bool,
) -> Option<(Row, Vec<Quirk>)> {
    let WriteTransaction { case_history, dice, .. } = transaction;
    let cases = case_history.cases();
    let mut random = (0..100).filter_map(|_| cases.get(dice.below(cases.len())));
    let chosen = random.find(|case| case.deleted_at.is_none() && is_wanted(&case.last().row))?;
    Some((chosen.last().row.clone(), chosen.last().quirks.clone()))
}

#[cfg(test)]
mod tests;
