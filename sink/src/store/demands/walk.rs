//! Going through all demands, a page at a time.

use std::sync::LazyLock;

use sqlx::Error;

use crate::store::{
    DemandRow,
    database::row::{self, Columns, decode},
    demands::questions,
};

/// Demands behind row $1 that were seen since $2, $3 at most.
pub(crate) static DEMANDS: LazyLock<String> = LazyLock::new(|| {
    questions::DEMAND
        .replacen("SELECT ", "SELECT seq, ", 1)
        .replace("WHERE id = $1", "WHERE seq > $1 AND last_seen_at >= $2 ORDER BY seq LIMIT $3")
});

/// A demand, and the name of its row.
pub(crate) fn numbered(row: &impl Columns) -> Result<(i64, DemandRow), Error> {
    let seq = row.int("seq")?.ok_or_else(|| decode("seq", "it is null"))?;
    Ok((seq, row::demand(row)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_that_of_one_demand_with_another_condition() {
        assert!(DEMANDS.starts_with("SELECT seq, revision"), "{}", *DEMANDS);
        assert!(DEMANDS.ends_with("LIMIT $3"), "{}", *DEMANDS);
    }
}
