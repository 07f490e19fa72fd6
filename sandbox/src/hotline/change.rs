//! Changes of existing rows, which a reader that only follows a flag never sees.

use anyhow::Context;

use crate::hotline::database::WriteTransaction;
use crate::hotline::{Gbk, Hotline, Pressing, Quirk, Row, life};
use crate::text::phrases;
use crate::when;

impl Hotline {
    /// Moves `n` randomly chosen cases one status further and sets `LASTMODIFYTIME` to now; one in
    /// four gets a line appended to its content, and a closed one its `FINISHTIME`. `ISFETCH` is
    /// not reset. Returns their `ROWGUID`s; the same one may occur twice.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn touch(&self, n: u64) -> anyhow::Result<Vec<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        let mut touched = Vec::new();
        for _ in 0..n {
            let Some((mut row, mut faults)) = any_case(&mut transaction) else { break };
            let status = row.cstatus.read().unwrap_or_default();
            let next = life::next(transaction.dice, &status);
            row.cstatus = Gbk::new(next);
            row.lastmodifytime = when::plain(now);
            if life::closed(next) && row.finishtime.is_none() {
                row.finishtime = Some(when::plain(now));
            }
            if transaction.dice.one_in(4) {
                let line = format!(
                    "\n【{}】{}",
                    when::plain(now),
                    transaction.dice.pick(&phrases().hotline.appended)
                );
                let more = [row.rqstcontent.bytes(), Gbk::new(&line).bytes()].concat();
                row.rqstcontent = Gbk::from_bytes(more);
            }
            row.fit(self.settings.storage, &mut faults);
            touched.push(row.rowguid.clone());
            transaction.write(now, vec![(row, faults)]).await?;
        }
        transaction.commit().await?;
        Ok(touched)
    }

    /// Adds `n` rows to `XF_PRESSING` for randomly chosen cases, reminders and supplements; the
    /// rows of the cases do not change. Returns the serial numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn urge(&self, n: u64) -> anyhow::Result<Vec<String>> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        let mut urged = Vec::new();
        for _ in 0..n {
            let Some((row, _)) = any_case(&mut transaction) else { break };
            let words = &phrases().hotline;
            let (flag, texts) = if transaction.dice.one_in(3) {
                (1, &words.supplements)
            } else {
                (2, &words.reminders)
            };
            *transaction.n_pressings += 1;
            let pressing = Pressing {
                id: *transaction.n_pressings,
                businumber: row.serialnum.clone(),
                addtime: when::plain(now),
                addcontent: Gbk::new(transaction.dice.pick(texts)),
                flag,
            };
            urged.push(row.serialnum);
            transaction.add_pressing(pressing).await?;
        }
        transaction.commit().await?;
        Ok(urged)
    }

    /// Changes one row: sets `LASTMODIFYTIME` to now, then `edit` may set any column, this one too.
    /// Nothing is cut to the width of its column.
    ///
    /// # Errors
    /// When the row does not exist, or `edit` changed its key, or the database refuses.
    pub async fn change(&self, rowguid: &str, edit: impl FnOnce(&mut Row)) -> anyhow::Result<()> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        let now = self.settings.clock.now();
        let case = transaction.oracle.case(rowguid).filter(|case| case.gone.is_none());
        let last = case.with_context(|| format!("there is no row {rowguid} to change"))?.last();
        let (mut row, faults) = (last.row.clone(), last.faults.clone());
        row.lastmodifytime = when::plain(now);
        edit(&mut row);
        anyhow::ensure!(row.rowguid == rowguid, "the key {rowguid} cannot change");
        transaction.write(now, vec![(row, faults)]).await?;
        transaction.commit().await
    }

    /// Deletes one row; its additions are kept.
    ///
    /// # Errors
    /// When the database refuses. A row that is deleted already is not an error.
    pub async fn delete(&self, rowguid: &str) -> anyhow::Result<()> {
        let mut database = self.database.lock().await;
        let mut transaction = database.begin().await?;
        transaction.delete(self.settings.clock.now(), rowguid).await?;
        transaction.commit().await
    }
}

/// A case that still exists, in its present state; `None` if hardly any does.
fn any_case(transaction: &mut WriteTransaction<'_>) -> Option<(Row, Vec<Quirk>)> {
    let WriteTransaction { oracle, dice, .. } = transaction;
    let cases = oracle.cases();
    let chosen = (0..100)
        .find_map(|_| cases.get(dice.below(cases.len())).filter(|case| case.gone.is_none()))?;
    Some((chosen.last().row.clone(), chosen.last().faults.clone()))
}

#[cfg(test)]
mod tests;
