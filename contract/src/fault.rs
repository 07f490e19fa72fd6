//! A failure, classified by what to do next.
//!
//! The class is chosen where the failure is seen, because only that place knows whether trying
//! again can help; it is acted on in one `match` in the supervisor. Bad records never become
//! faults: they are verdicts (see [`Verdict`](crate::Verdict)).

use std::{error::Error, fmt, time::Duration};

/// What the supervisor does about a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// May pass by itself: run again from the stored position, with growing waits.
    Transient,
    /// The other side said when it wants to be asked again: never earlier than this.
    Throttled(Duration),
    /// Somebody has to act: report, and try again on a slow clock and at reload.
    Stopped,
}

/// What happened, where, and what to do about it. Never contains a personal value or a secret.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    what: String,
    place: Option<String>,
    remedy: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault that may pass by itself.
    pub fn transient(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Transient, what)
    }

    /// The other side asks for a pause of `wait`.
    pub fn throttled(wait: Duration, what: impl Into<String>) -> Self {
        Self::new(FaultKind::Throttled(wait), what)
    }

    /// A fault that somebody must mend; say how with [`Fault::remedy`].
    pub fn stopped(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Stopped, what)
    }

    fn new(kind: FaultKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, remedy: None, source: None }
    }

    /// Where it happened: `file:line:column`, a channel, a table, a record id.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// What the person who reads this should do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The error underneath, for logs.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The class that decides what happens next.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Whether somebody must mend something first.
    pub fn is_stopped(&self) -> bool {
        self.kind == FaultKind::Stopped
    }

    /// Whether trying again by itself can help.
    pub fn is_transient(&self) -> bool {
        self.kind == FaultKind::Transient
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_happened_where_and_what_to_do() {
        let fault = Fault::stopped("the account may not update ISFETCH")
            .at("channel hotline, table CNS_CINFO")
            .because("access denied")
            .remedy("grant UPDATE on the three flag columns");
        assert_eq!(
            fault.to_string(),
            "channel hotline, table CNS_CINFO: the account may not update ISFETCH: \
             access denied; grant UPDATE on the three flag columns"
        );
        assert_eq!(fault.kind(), FaultKind::Stopped);
    }
}
