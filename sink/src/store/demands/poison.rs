//! A row that the database rejects must not hold up the others of its transaction: a binary search
//! finds it, it goes to quarantine, and the intake is tried again without it.

use std::future::Future;

use contract::{Event, Fault, Intake, Outcomes, Reason};

use crate::store::demands::plan::Banned;

/// A store that can try an intake as a whole.
pub(crate) trait Attempts: Sync {
    /// Where the rows are, for people.
    fn place(&self) -> &str;

    /// Judges and writes everything but the banned events, in one transaction.
    fn attempt(
        &self,
        intake: &Intake,
        banned: &Banned,
        then: Then,
    ) -> impl Future<Output = Result<Attempt, Fault>> + Send;
}

/// What to do with a transaction in which everything was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Commit,
    /// It was a trial.
    RollBack,
}

/// How a try ended.
#[derive(Debug)]
pub(crate) enum Attempt {
    Kept(Outcomes),
    /// The database rejected a row, for this reason.
    Refused(String),
}

/// Why a plan was not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    Database(sqlx::Error),
    /// Rows changed between reading and writing: the plan is void.
    Moved,
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Keeps the intake, and what the database refuses of it in quarantine.
pub(crate) async fn keep(store: &impl Attempts, intake: &Intake) -> Result<Outcomes, Fault> {
    let mut banned = Banned::new();
    loop {
        match store.attempt(intake, &banned, Then::Commit).await? {
            Attempt::Kept(outcomes) => return Ok(outcomes),
            Attempt::Refused(why) => {
                let (culprit, why) = find_culprit(store, intake, &banned, why).await?;
                banned.insert(culprit, Reason::new("refused_by_database", why));
            }
        }
    }
}

/// The demand that completes the shortest refused beginning of the intake, and why: another one may
/// be refused for another reason.
///
/// # Errors
/// `Stopped` where rows are refused without any demand.
async fn find_culprit(
    store: &impl Attempts,
    intake: &Intake,
    banned: &Banned,
    mut why: String,
) -> Result<((usize, usize), String), Fault> {
    let suspects: Vec<(usize, usize)> =
        demands(intake).filter(|position| !banned.contains_key(position)).collect();
    let nobody = |why: &str| {
        Fault::stopped(format!("the database rejects every intake, even without demands: {why}"))
            .at(store.place())
            .remedy("check what was changed in its tables")
    };
    if let Some(why) = refused_without(store, intake, banned, &suspects).await? {
        return Err(nobody(&why));
    }
    // The database accepts the first `accepted` of them and rejects the first `refused`.
    let (mut accepted, mut refused) = (0, suspects.len());
    while accepted + 1 < refused {
        let middle = accepted.midpoint(refused);
        match refused_without(store, intake, banned, &suspects[middle..]).await? {
            Some(reason) => (refused, why) = (middle, reason),
            None => accepted = middle,
        }
    }
    let culprit = refused.checked_sub(1).and_then(|last| suspects.get(last)).copied();
    culprit.map(|culprit| (culprit, why.clone())).ok_or_else(|| nobody(&why))
}

/// Why the database refuses the intake without these demands, if it does.
async fn refused_without(
    store: &impl Attempts,
    intake: &Intake,
    banned: &Banned,
    without: &[(usize, usize)],
) -> Result<Option<String>, Fault> {
    let mut trial = banned.clone();
    trial.extend(without.iter().map(|position| (*position, Reason::new("on_trial", ""))));
    Ok(match store.attempt(intake, &trial, Then::RollBack).await? {
        Attempt::Kept(_) => None,
        Attempt::Refused(why) => Some(why),
    })
}

/// Where the demands of an intake stand: (delivery, event).
fn demands(intake: &Intake) -> impl Iterator<Item = (usize, usize)> {
    intake.deliveries().iter().enumerate().flat_map(|(delivery, content)| {
        let events = content.events.iter().enumerate();
        events
            .filter(|(_, event)| matches!(event, Event::Demand(_)))
            .map(move |(event, _)| (delivery, event))
    })
}
