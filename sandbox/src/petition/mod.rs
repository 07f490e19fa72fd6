//! 信访: the petition bureau's web service, SOAP 1.1 in the manner of asmx.
//!
//! `POST /XfjkWebService/Service.asmx` with the actions `GetXfjList`, `AckXfj` and `GetDict`. The
//! business answer is an XML document of its own, as a string inside CDATA; everything is GBK bytes
//! declared as GB2312. Cases that were not acknowledged come again whatever the window.

mod answer;
mod case;
mod element;
mod faults;
mod person;
mod soap;

use std::collections::HashMap;
use std::time::Duration;

use self::case::{Case, STEPS, xfjid};
pub use self::faults::Fault;
use crate::source::limit::Bucket;
use crate::source::register::{Entry, Mark};
use crate::source::site::{Ask, Reply};
use crate::source::{Conduct, Office, Upstream};
use crate::truth::Told;

/// What both sides know; its MD5 is sent.
const SHARED: &str = "sim-shared-340200";

/// The petition bureau.
#[derive(Debug)]
pub struct Bureau {
    bucket: Bucket,
    /// Whether the call before this one was told that it came too soon.
    told_to_wait: bool,
    /// By number, the step of the case that was last served.
    served: HashMap<u64, usize>,
    /// By number, the step of the case that was acknowledged.
    acknowledged: HashMap<u64, usize>,
}

impl Upstream for Bureau {
    type Fault = Fault;
    const CHANNEL: &'static str = "petition";

    fn new(conduct: &Conduct<Fault>) -> Self {
        Self {
            bucket: Bucket::new(conduct.limits, Duration::from_secs(3), 1),
            told_to_wait: false,
            served: HashMap::new(),
            acknowledged: HashMap::new(),
        }
    }

    fn key(number: u64) -> String {
        xfjid(number)
    }

    fn steps(_: &Conduct<Fault>, _: u64) -> usize {
        STEPS
    }

    fn told(conduct: &Conduct<Fault>, entry: &Entry, mark: Mark) -> Told {
        Case::new(conduct, entry, mark).told()
    }

    fn answer(&mut self, office: &mut Office<Fault>, ask: &Ask) -> Reply {
        answer::answer(self, office, ask)
    }

    fn environment() -> Vec<(&'static str, String)> {
        vec![("PETITION_SHARED_TEXT", SHARED.to_owned())]
    }
}

#[cfg(test)]
mod tests;
