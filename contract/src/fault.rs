//! Faults: failures, classified by what to do next.
//!
//! The code that sees the failure chooses its kind, because no other code knows whether a retry can
//! help. One `match` in [`Retry`](crate::Retry) turns the kind into a wait. Bad records never become
//! faults: they are verdicts (see [`Verdict`](crate::Verdict)).

use std::{error::Error, fmt, time::Duration};

/// The kind of a [`Fault`]: what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It may go away by itself: retry from the stored position, with growing waits.
    Transient,
    /// The source or server asked for a pause: retry no earlier than after this time.
    Throttled(Duration),
    /// Somebody must fix something: report it. A channel is retried every five minutes and at a reload.
    Stopped,
}

impl FaultKind {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled(_) => "throttled",
            Self::Stopped => "stopped",
        }
    }
}

/// What somebody must do before a channel is read on, if a command has to know that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Correct the file of the channel.
    File,
    /// Accept that its records lack fields that they used to have.
    Shape,
}

/// What happened, where, and what to do about it. Never contains a personal value or a secret.
///
/// A fault is displayed as `PLACE, PLACE: WHAT: CAUSE; REMEDY`, without repeating anything.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    /// Outermost first.
    path: Vec<String>,
    what: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    remedy: Option<String>,
    obstacle: Option<Obstacle>,
}

impl Fault {
    /// A fault that may go away by itself.
    pub fn transient(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Transient, what)
    }

    /// A fault because the source or server asks for a pause of `wait`.
    pub fn throttled(wait: Duration, what: impl Into<String>) -> Self {
        Self::new(FaultKind::Throttled(wait), what)
    }

    /// A fault that somebody must fix; say how with [`Fault::remedy`].
    pub fn stopped(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Stopped, what)
    }

    /// A fault of the given kind.
    pub fn new(kind: FaultKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            path: Vec::new(),
            what: what.into(),
            cause: None,
            remedy: None,
            obstacle: None,
        }
    }

    /// Adds the place where it happened: a broker, an upstream, a table, a file, a row. The new place comes
    /// before the more exact ones that are there already; a place that is there is not added again. Do not
    /// add the channel: its name is always shown beside its faults.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        let place = place.into();
        if !self.path.contains(&place) {
            self.path.insert(0, place);
        }
        self
    }

    /// Adds what the reader should do. If there is a remedy already, it stays: the code that saw the
    /// failure knows best.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy.get_or_insert_with(|| remedy.into());
        self
    }

    /// Adds the error that caused it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says what kind of action the remedy is.
    #[must_use]
    pub fn until(mut self, obstacle: Obstacle) -> Self {
        self.obstacle = Some(obstacle);
        self
    }

    /// What somebody must do first, if a command has to know that.
    pub fn obstacle(&self) -> Option<Obstacle> {
        self.obstacle
    }

    /// The kind, which decides what happens next.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Whether somebody must fix something first.
    pub fn is_stopped(&self) -> bool {
        self.kind == FaultKind::Stopped
    }

    /// Whether a retry can help.
    pub fn is_transient(&self) -> bool {
        self.kind == FaultKind::Transient
    }

    /// Where it happened, outermost first.
    pub fn place(&self) -> &[String] {
        &self.path
    }

    /// The text of the cause; `None` if there is none, or if `what` contains it.
    fn cause(&self) -> Option<String> {
        let cause = causes_text(&**self.cause.as_ref()?);
        let cause = cause.trim_end_matches('.');
        (!self.what.contains(cause)).then(|| cause.to_owned())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.join(", "))?;
        }
        f.write_str(&self.what)?;
        if let Some(cause) = self.cause() {
            write!(f, ": {cause}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

/// `source` returns nothing, because the text contains the causes already: code that prints sources would
/// repeat them.
impl Error for Fault {}

/// An error and its causes as one text, outermost first. Many errors repeat their cause in their own
/// text; here, each text appears once.
pub fn causes_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if cause_text.contains(&text) {
            text = cause_text;
        } else if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error over another one, with the text that drivers would give it.
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Over {
        text: &'static str,
        #[source]
        under: Option<Box<Over>>,
    }

    fn over<const N: usize>(texts: [&'static str; N]) -> Over {
        let mut texts = texts.into_iter().rev();
        let innermost = Over { text: texts.next().unwrap(), under: None };
        texts.fold(innermost, |under, text| Over { text, under: Some(Box::new(under)) })
    }

    #[test]
    fn a_fault_says_what_happened_where_and_what_to_do() {
        let fault = Fault::stopped("the account may not update ISFETCH")
            .at("table CNS_CINFO")
            .at("upstream city")
            .because("access denied")
            .remedy("grant UPDATE on the three flag columns");
        assert_eq!(
            fault.to_string(),
            "upstream city, table CNS_CINFO: the account may not update ISFETCH: \
             access denied; grant UPDATE on the three flag columns"
        );
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert_eq!(fault.place(), ["upstream city", "table CNS_CINFO"]);
        assert_eq!(fault.cause().as_deref(), Some("access denied"));
    }

    #[test]
    fn a_place_is_named_once_however_many_callers_name_it() {
        let fault = Fault::transient("no answer").at("table A").at("upstream x").at("upstream x");
        assert_eq!(fault.to_string(), "upstream x, table A: no answer");
        assert_eq!(fault.at("table A").place(), ["upstream x", "table A"]);
    }

    #[test]
    fn the_remedy_of_the_place_that_saw_the_failure_stays() {
        let fault = Fault::stopped("refused").remedy("grant SELECT").remedy("look into the log");
        assert_eq!(fault.to_string(), "refused; grant SELECT");
    }

    #[test]
    fn each_cause_is_said_once() {
        let lock = "(code: 5) database is locked";
        for (causes, text) in [
            (over(["error returned from database: (code: 5) database is locked", lock]), {
                "cannot open: error returned from database: (code: 5) database is locked"
            }),
            (over(["connect error", "io", "refused"]), "cannot open: connect error: io: refused"),
            (over([lock, "io: (code: 5) database is locked"]), {
                "cannot open: io: (code: 5) database is locked"
            }),
            (over(["open"]), "cannot open"),
        ] {
            let fault = Fault::transient("cannot open").because(causes);
            assert_eq!(fault.to_string(), text);
            assert!(fault.source().is_none(), "whoever prints chains would repeat it");
        }
    }
}
