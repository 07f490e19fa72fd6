//! From one page to the next: pure, so that every careless source can be a table in a test.
//!
//! A [`Walk`] goes over the pages of one stretch. Its state is small and in the cursor, so it goes
//! on in another process where it was. Each kind of page has a file of its own; all answer two
//! questions: with which parameters the page is asked for, and what an answer means for the walk.

mod keyset;
mod newest;
mod number;
mod offset;
mod token;
mod walk;

use serde_json::Value;

pub(crate) use keyset::Keyset;
pub(crate) use newest::Newest;
pub(crate) use number::Number;
pub(crate) use offset::Offset;
pub(crate) use token::{Origin, Token};
pub(crate) use walk::{End, Spot, Walk};

use crate::{
    answer::Page,
    config::{self, Size, Stop},
};

/// A parameter of a request.
pub(crate) type Param = (String, Value);

/// How pages follow each other.
#[derive(Debug)]
pub(crate) enum Pager {
    Single,
    Number(Number),
    Offset(Offset),
    Token(Token),
    Keyset(Keyset),
    Newest(Newest),
}

/// What a page means for the walk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Whether there are more pages.
    pub(crate) end: End,
    /// Its records were given before: they need not be given again.
    pub(crate) is_known: bool,
}

/// The source answers a question for the next page with a page that was read already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeated(pub(crate) String);

impl Pager {
    pub(crate) fn new(page: config::Page) -> (Self, Option<Size>) {
        use config::Page as From;
        match page {
            From::None => (Self::Single, None),
            From::Number { param, first, size, stop } => {
                (Self::Number(Number { param, first, stop }), size)
            }
            From::Offset { param, size, stop } => (Self::Offset(Offset { param, stop }), size),
            From::Token { param, at, header, size } => {
                let origin = match (at, header) {
                    (Some(at), _) => Origin::Body(at),
                    (None, header) => Origin::Header(header.unwrap_or_default().to_lowercase()),
                };
                (Self::Token(Token { param: Some(param), origin }), size)
            }
            From::Link { size } => (Self::Token(Token { param: None, origin: Origin::Link }), size),
            From::Next { at, size } => {
                (Self::Token(Token { param: None, origin: Origin::Body(at) }), size)
            }
            From::Keyset { param, at, first, size, stop } => {
                (Self::Keyset(Keyset { param, at, first, stop }), size)
            }
            From::Newest { param, at, first, size } => {
                (Self::Newest(Newest { param, at, first }), size)
            }
        }
    }

    /// The parameters of the next page, and the address where that is another one.
    pub(crate) fn ask(&self, walk: &Walk, size: usize) -> (Vec<Param>, Option<String>) {
        match self {
            Self::Single => (Vec::new(), None),
            Self::Number(number) => (vec![number.ask(walk, size)], None),
            Self::Offset(offset) => (vec![offset.ask(walk)], None),
            Self::Token(token) => token.ask(walk),
            Self::Keyset(keyset) => (keyset.ask(walk).into_iter().collect(), None),
            Self::Newest(newest) => (newest.ask(walk).into_iter().collect(), None),
        }
    }

    /// What `page` means, without moving. `size` is what was asked for.
    ///
    /// # Errors
    /// It is the page before once more.
    pub(crate) fn judge(&self, walk: &Walk, page: &Page, size: usize) -> Result<Step, Repeated> {
        let mut moved = walk.clone();
        self.pass(&mut moved, page, size)
    }

    /// Moves behind `page`.
    ///
    /// # Errors
    /// It is the page before once more; the walk has not moved.
    pub(crate) fn pass(&self, walk: &mut Walk, page: &Page, size: usize) -> Result<Step, Repeated> {
        match self {
            Self::Single => Ok(Step { end: End::Last, is_known: false }),
            Self::Number(number) => number.pass(walk, page, size),
            Self::Offset(offset) => offset.pass(walk, page, size),
            Self::Token(token) => token.pass(walk, page),
            Self::Keyset(keyset) => keyset.pass(walk, page, size),
            Self::Newest(newest) => newest.pass(walk, page),
        }
    }

    /// Where the next walk begins when this one is complete. `is_whole`: no stretch has ended, the
    /// source only has nothing more yet.
    pub(crate) fn restart(&self, walk: Walk, is_whole: bool) -> Walk {
        match self {
            Self::Newest(_) => Walk { mark: walk.mark, ..Walk::default() },
            Self::Keyset(_) if is_whole => Walk { at: walk.at, ..Walk::default() },
            _ => Walk::default(),
        }
    }

    /// Moves behind a page that cannot be read, where that is possible without it.
    pub(crate) fn skip(&self, walk: &mut Walk, size: usize) -> Option<End> {
        match self {
            Self::Single => Some(End::Last),
            Self::Number(number) => Some(number.skip(walk, size)),
            Self::Offset(offset) => Some(offset.skip(walk, size)),
            Self::Token(_) | Self::Keyset(_) | Self::Newest(_) => None,
        }
    }
}

impl Stop {
    /// Whether `page` is the last, by this rule alone; `read` records come before its end.
    fn is_met(&self, page: &Page, read: u64, size: usize) -> bool {
        match self {
            Self::Empty => page.is_empty(),
            Self::Short => page.len() < size,
            Self::Total(at) => {
                let total = page.text(at).and_then(|total| total.parse::<u64>().ok());
                // A total that cannot be read is no reason to stop.
                page.is_empty() || total.is_some_and(|total| read >= total)
            }
        }
    }
}

/// Refuses a page that is the page before once more.
fn differs(walk: &Walk, page: &Page) -> Result<String, Repeated> {
    let print = page.print();
    if !page.is_empty() && walk.print.as_deref() == Some(print.as_str()) {
        return Err(Repeated(format!("page {} is page {} again", walk.pages + 1, walk.pages)));
    }
    Ok(print)
}

#[cfg(test)]
mod tests;
