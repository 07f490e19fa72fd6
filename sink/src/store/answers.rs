//! Requests that concern several processes: each live process that one concerns answers it for itself.

use contract::Fault;

use super::service::{request, state};
use crate::store::{
    Database, Request, RequestState,
    database::sql::{Columns, NO_ROWS},
};

impl Database {
    /// The number of the last request to all processes; 0 if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn last_request_to_all(&self) -> Result<i64, Fault> {
        let read = |row: &dyn Columns| row.some_int("seq");
        let last = self.query_first("read the requests", LAST, &[], read).await?;
        Ok(last.unwrap_or(0))
    }

    /// The requests to all processes after the request `seq`, the oldest first, whether they were answered or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn requests_to_all(&self, seq: i64) -> Result<Vec<Request>, Fault> {
        let requests = self.query("read the requests", TO_ALL, &[seq.into()], request).await?;
        Ok(requests.into_iter().flatten().collect())
    }

    /// Records what became of the request `seq` in the process with this id.
    ///
    /// # Errors
    /// The store cannot be reached or written.
    pub async fn answer_as(
        &self,
        process: &str,
        seq: i64,
        state: &RequestState,
    ) -> Result<(), Fault> {
        let (state, answer) = state.columns();
        let values = [seq.into(), process.into(), state.into(), answer.as_str().into()];
        self.write("answer a request", ANSWER_AS, &values, NO_ROWS).await?;
        Ok(())
    }

    /// The answers to the request `seq`, each with the id of its process.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn answers(&self, seq: i64) -> Result<Vec<(String, RequestState)>, Fault> {
        let read = |row: &dyn Columns| Ok((row.some_text("process")?, state(row)?));
        self.query("read the answers to a request", ANSWERS, &[seq.into()], read).await
    }
}

const LAST: &str = "SELECT coalesce(max(seq), 0) AS seq FROM request
     WHERE {to_all}";

const TO_ALL: &str = "SELECT seq, channel, kind, stretch FROM request
     WHERE seq > $1 AND {to_all} ORDER BY seq";

/// Records the state $3 of request $1 in process $2, with answer $4.
const ANSWER_AS: &str = "INSERT INTO request_answer (request, process, state, answer)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (request, process) DO UPDATE SET state = $3, answer = $4";

const ANSWERS: &str =
    "SELECT process, state, answer FROM request_answer WHERE request = $1 ORDER BY process";
