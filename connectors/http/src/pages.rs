//! How one page leads to the next. The functions are pure, so a test can imitate any mistake of a source.
//!
//! The cursor contains a [`Position`], from which any process can continue. Each kind of paging
//! defines two things: which parameters request the next page, and how a page moves the position.
//!
//! A walk always ends: at a page without new records, where the source says so, or at a page, token or
//! address that it has met before. Whether everything came is not decided here, but by the account.

mod border;
mod count;
mod keyset;
mod newest;
mod position;
mod stop;
mod token;

use contract::EndedBy;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use self::{
    count::{Number, Offset},
    keyset::Keyset,
    newest::Newest,
    token::{Next, Token},
};
pub(crate) use position::{Follows, NextPage, Position};
use stop::whole_number;
pub(crate) use stop::{Said, StopRule, Total, TotalPlace};

use crate::answer;

/// Why a pass that was to list changes reads everything.
pub(crate) const FORGOTTEN: &str =
    "the source no longer knows where the last pass ended, so everything is read again";

/// A parameter of a request.
pub(crate) type Param = (String, Value);

/// How the next page is requested.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Paging {
    /// There is only one page.
    // The braces make serde refuse unknown keys.
    None {},
    /// Pages are requested by number. Every page except the last is read twice, because the deletion of a
    /// record moves others to a page that was already read.
    Number(Number),
    /// Pages are requested by the number of records before them.
    Offset(Offset),
    /// Each page names the next one by a token; the last page has none.
    Token(Token),
    /// Each page names the next one in the `Link` header with `rel="next"` (RFC 8288), except the last.
    Link {
        /// How many records a page has.
        size: Option<Size>,
        /// Takes only the path and the query of addresses, for a source that names itself as it is called in its
        /// own network: scheme, host and port stay those of the page.
        #[serde(default)]
        path_only: bool,
    },
    /// Each page contains the address of the next one; the last page has none.
    Next(Next),
    /// Each page begins after the last record of the previous one; records are sorted by a unique value.
    /// Without `since` or `day`, each record is read only once, so later changes are not seen, and the values
    /// must ascend.
    Keyset(Keyset),
    /// The newest records come first, and have the greatest numbers. A pass ends when it reaches the
    /// records of the last pass.
    Newest(Newest),
}

/// How many records a page has.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    /// The parameter for the number of records.
    pub(crate) param: String,
    /// The number of records to request.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) value: u32,
}

impl Size {
    fn records(&self) -> usize {
        usize::try_from(self.value).unwrap_or(1)
    }
}

impl Default for Paging {
    fn default() -> Self {
        Self::None {}
    }
}

/// What a page means for the walk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// How the walk ends here; `None` if a page follows.
    pub(crate) end: Option<EndedBy>,
    /// The records of the page were read before.
    pub(crate) was_read_before: bool,
    /// The pass ends here, and the next one goes on with the page that follows.
    pub(crate) pauses: bool,
    /// What was noticed because of which records may be missing.
    pub(crate) gap: Option<String>,
    /// What was noticed because of which everything is read again.
    pub(crate) doubt: Option<String>,
}

impl Step {
    /// The same with what was noticed before, if anything was.
    fn with_gap(self, gap: Option<String>) -> Self {
        Self { gap: gap.or(self.gap), ..self }
    }
}

impl Paging {
    /// How many records a page has; `None` if the settings do not say it.
    pub(crate) fn size(&self) -> Option<&Size> {
        match self {
            Self::None {} => None,
            Self::Number(Number { size, .. })
            | Self::Offset(Offset { size, .. })
            | Self::Token(Token { size, .. })
            | Self::Link { size, .. }
            | Self::Next(Next { size, .. })
            | Self::Keyset(Keyset { size, .. })
            | Self::Newest(Newest { size, .. }) => size.as_ref(),
        }
    }

    /// The rule that recognises the last page; `None` if this kind of paging needs none.
    pub(crate) fn stop(&self) -> Option<&StopRule> {
        match self {
            Self::Number(Number { stop, .. })
            | Self::Offset(Offset { stop, .. })
            | Self::Keyset(Keyset { stop, .. }) => Some(stop),
            _ => None,
        }
    }

    /// The parameter for the next page. If the first request lacks it, also what to do where it must not.
    pub(crate) fn named_param(&self) -> Option<(&str, Option<&'static str>)> {
        match self {
            Self::Number(Number { param, .. }) | Self::Offset(Offset { param, .. }) => {
                Some((param.as_str(), None))
            }
            Self::Token(Token { param, .. }) => {
                let remedy =
                    "leave the placeholder out: the token is added as soon as there is one";
                Some((param.as_str(), Some(remedy)))
            }
            Self::Keyset(Keyset { param, first, .. })
            | Self::Newest(Newest { param, first, .. }) => {
                Some((param.as_str(), first.is_none().then_some("set `first` in `page`")))
            }
            Self::None {} | Self::Link { .. } | Self::Next(_) => None,
        }
    }

    /// The parameters for the next page, or its address if the last page named it.
    pub(crate) fn params(&self, at: &Position, size: usize) -> (Vec<Param>, Option<String>) {
        let param = match self {
            Self::None {} => None,
            Self::Number(number) => Some(number.param(at, size)),
            Self::Offset(offset) => Some((offset.param.clone(), at.offset().into())),
            Self::Token(token) => at.value().map(|value| (token.param.clone(), value.into())),
            Self::Link { .. } | Self::Next(_) => match &at.next {
                Some(NextPage::AtUrl(url)) => return (Vec::new(), Some(url.clone())),
                _ => None,
            },
            Self::Keyset(keyset) => keyset.param(at),
            Self::Newest(newest) => newest.param(at),
        };
        (param.into_iter().collect(), None)
    }

    /// Where `page` should name the next one, if it has nothing there, not even `null`.
    pub(crate) fn unnamed_at(&self, page: &answer::Page) -> Option<String> {
        let (at, is_missing) = match self {
            Self::Token(Token { at: Some(at), .. }) | Self::Next(Next { at, .. }) => {
                (at.as_str(), at.first(&page.tree).is_none())
            }
            Self::Token(Token { header: Some(header), .. }) => {
                (header.as_str(), !page.headers.contains_key(&header.to_lowercase()))
            }
            _ => return None,
        };
        // A list of changes may have one page.
        let ends = self.changes().is_some_and(|changes| changes.first(&page.tree).is_some());
        (is_missing && !ends).then(|| at.to_owned())
    }

    /// Like [`Paging::step`], but does not move.
    pub(crate) fn peek(&self, at: &Position, page: &answer::Page, size: usize, said: Said) -> Step {
        self.step(&mut at.clone(), page, size, said)
    }

    /// Moves past `page`. `size` is the number of records that was requested, `said` what the answer says
    /// about the list.
    pub(crate) fn step(
        &self,
        at: &mut Position,
        page: &answer::Page,
        size: usize,
        said: Said,
    ) -> Step {
        let was_rereading = at.rereading.is_some();
        let before = at.follows;
        // Nothing has changed since the last pass: the next one begins where this one did.
        let is_unchanged = page.missing == Some(204) && self.resumes(at);
        let unchanged_at = at.next.clone().filter(|_| is_unchanged);
        let mut step = match self {
            Self::None {} => Step { end: Some(EndedBy::Unstated), ..Step::default() },
            Self::Number(number) => number.step(at, page, size, said),
            Self::Offset(offset) => offset.step(at, page, size, said),
            Self::Token(token) => {
                let gap = token.at.as_ref().and_then(|at| token::problem(page, at));
                let step = token::step(at, page, token.find(page), NextPage::AfterValue, said);
                let mut step = step.with_gap(gap);
                token::note_changes(at, page, (token.changes.as_ref(), &mut step), |token| token);
                step
            }
            Self::Link { path_only, .. } => {
                let (next, gap) = match token::next_link(page) {
                    Ok(next) => (next.map(|next| page.resolve(next, *path_only)), None),
                    Err(problem) => (None, Some(problem.to_owned())),
                };
                token::step(at, page, next, NextPage::AtUrl, said).with_gap(gap)
            }
            Self::Next(next) => {
                let gap = token::problem(page, &next.at);
                let Next { changes, path_only, .. } = next;
                let resolve = |address| page.resolve(address, *path_only);
                let next = token::named(page.value(&next.at)).map(resolve);
                let step = token::step(at, page, next, NextPage::AtUrl, said);
                let mut step = step.with_gap(gap);
                token::note_changes(at, page, (changes.as_ref(), &mut step), resolve);
                step
            }
            Self::Keyset(keyset) => keyset.step(at, page, size, said),
            Self::Newest(newest) => newest.step(at, page, size, said),
        };
        if let Some(NextPage::AfterValue(next) | NextPage::AtUrl(next)) = unchanged_at {
            (at.resume, step.doubt) = (Some(next), None);
        }
        let end = step.end.or(at.ends);
        // A source that has no second page may return the first one again; but that one is not full.
        let is_always_first = at.n_repeats > 0 && at.n_pages == at.n_repeats + 1;
        if end == Some(EndedBy::Repeated) && is_always_first && page.len() >= size {
            step.gap.get_or_insert_with(|| {
                "every page has the same records as the first: perhaps the source does not know the \
                 parameter in `page`"
                    .to_owned()
            });
        }
        if was_rereading || matches!(self, Self::None {}) {
            return step;
        }
        let says_nothing = page.is_empty() && said.is_last.is_none();
        at.follows = self.follows(at, page, size, said).or(before.filter(|_| says_nothing));
        if let Some(status) = page.missing
            && let Some(why) = self.why_expected(status, before)
        {
            step.gap.get_or_insert_with(|| {
                format!(
                    "page {} does not exist (status {status}), but {why}; if the source answers so beyond its \
                     last page, add a rule to [[http.empty]]",
                    at.n_pages
                )
            });
        }
        if end.is_some() && at.follows == Some(Follows::Said) {
            step.gap.get_or_insert_with(|| {
                format!("by `last`, more pages follow page {}, but it leads to none", at.n_pages)
            });
        }
        // An end that is no circle shows that the source does not answer so beyond its last page. Pages of one
        // record may have the same key by chance.
        let is_end = end.is_some_and(|end| end != EndedBy::Repeated);
        let are_full = at.largest >= size.max(2);
        if is_end && at.n_repeats > 0 && are_full && matches!(self, Self::Number(_)) {
            step.gap.get_or_insert_with(|| {
                "a page had the same records as an earlier one, instead of its own".to_owned()
            });
        }
        step
    }

    /// Why a page must follow `page`, which was counted last; `None` if it may be the last one.
    fn follows(
        &self,
        at: &Position,
        page: &answer::Page,
        size: usize,
        said: Said,
    ) -> Option<Follows> {
        if let Some(is_last) = said.is_last {
            return (!is_last).then_some(Follows::Said);
        }
        let usual = match self.size() {
            Some(_) if at.n_pages <= 1 => size,
            // The source may limit the size.
            Some(_) => size.min(at.largest),
            None => at.largest,
        };
        let n_pages = match self.stop() {
            Some(StopRule::Pages(path)) => page.value(path).and_then(|n| whole_number(&n)),
            _ => None,
        };
        let has_all = said.total == Some(at.n_records) || n_pages == Some(at.n_pages);
        if page.is_empty() || page.n_listed() < usual || has_all {
            return None;
        }
        let counts_more = said.total.is_some_and(|total| total > at.n_records)
            || n_pages.is_some_and(|n| n > at.n_pages);
        if counts_more {
            return Some(Follows::Counted);
        }
        // Without `size`, the first page does not show how many records a page may have.
        (self.size().is_some() || at.n_pages > 1).then_some(Follows::Full)
    }

    /// Why a page that does not exist should; `None` if it may lie beyond the last one. `follows` is what the
    /// page before it says.
    fn why_expected(&self, status: u16, follows: Option<Follows>) -> Option<&'static str> {
        match follows {
            Some(Follows::Said) => Some("by `last`, the page before it is not the last"),
            Some(Follows::Counted) => Some("the source counts more than came up to there"),
            // A server that is well says that there is no more.
            _ if status == 204 => None,
            Some(Follows::Full) => Some("the page before it is full"),
            None if self.names_pages() => Some("the page before it names it"),
            None => None,
        }
    }

    /// Whether records move to other pages when those before them are no longer listed. Pages that begin after
    /// a value stay as they are.
    pub(crate) fn can_shift(&self) -> bool {
        !matches!(self, Self::Keyset(_) | Self::Newest(_))
    }

    /// Whether the number of a page counts pages of the size that is requested.
    pub(crate) fn numbers_by_size(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Whether each page names the next one.
    fn names_pages(&self) -> bool {
        matches!(self, Self::Token(_) | Self::Link { .. } | Self::Next(_))
    }

    /// Whether the page before this one named it.
    pub(crate) fn was_named(&self, at: &Position) -> bool {
        self.names_pages() && at.next.is_some()
    }

    /// Where the last page says how the next pass goes on; `None` if each pass lists everything.
    pub(crate) fn changes(&self) -> Option<&Path> {
        match self {
            Self::Token(Token { changes, .. }) | Self::Next(Next { changes, .. }) => {
                changes.as_ref()
            }
            _ => None,
        }
    }

    /// Where a record of a list of changes says that it is removed, if the settings say so.
    pub(crate) fn removed(&self) -> Option<&Path> {
        match self {
            Self::Token(Token { removed, .. }) | Self::Next(Next { removed, .. }) => {
                removed.as_ref()
            }
            _ => None,
        }
    }

    /// What is wrong with the page that was read last, if each pass goes on where the one before has ended:
    /// then what is new stands before the first page, and never comes.
    pub(crate) fn unsorted(&self, at: &Position) -> Option<String> {
        match self {
            Self::Keyset(keyset) if at.descends => Some(keyset.unsorted(at)),
            _ => None,
        }
    }

    /// Whether a pass begins here where the one before has ended.
    pub(crate) fn resumes(&self, at: &Position) -> bool {
        self.was_named(at) && at.n_pages == 0
    }

    /// Where the next pass begins when this one is complete. `selects_all` means that the channel has
    /// neither `since` nor `day`.
    pub(crate) fn restart(&self, at: Position, selects_all: bool) -> Position {
        let start = Self::start(&at);
        match self {
            Self::Newest(_) => Position { known_up_to: at.known_up_to, ..start },
            Self::Keyset(_) if selects_all => {
                let Position { resume, last_record, .. } = at;
                let next = resume.clone().map(NextPage::AfterValue);
                Position { next, resume, last_record, ..start }
            }
            // Without `changes`, there is none.
            Self::Token(_) => Position { next: at.resume.map(NextPage::AfterValue), ..start },
            Self::Next(_) => Position { next: at.resume.map(NextPage::AtUrl), ..start },
            _ => start,
        }
    }

    /// Where a pass begins that reads everything.
    pub(crate) fn start(at: &Position) -> Position {
        Position { largest: at.largest, ..Position::default() }
    }

    /// Begins the walk again, to find what it has not found.
    pub(crate) fn look_again(at: &Position) -> Position {
        let (largest, n_looks, keys_sum_before) = (at.largest, at.n_looks + 1, at.keys_sum);
        Position { largest, n_looks, keys_sum_before, ..Position::default() }
    }

    /// Moves past a page that cannot be read; `None` if the next page cannot be requested without it.
    pub(crate) fn skip(&self, at: &mut Position, size: usize) -> Option<Step> {
        let end = match self {
            Self::None {} => Some(EndedBy::Unstated),
            Self::Number(_) => Number::skip(at, size),
            Self::Offset(_) => Offset::skip(at, size),
            _ => return None,
        };
        Some(Step { end, ..Step::default() })
    }

    /// Whether pages beyond the last one can be requested: then some sources answer that they do not exist.
    pub(crate) fn can_exceed_end(&self, at: &Position) -> bool {
        matches!(self, Self::Number(_) | Self::Offset(_)) && at.offset() > 0
    }

    /// Whether the next page is requested only because the source may limit the number of records.
    pub(crate) fn is_second_opinion(&self, at: &Position, size: usize) -> bool {
        let is_second = self.can_exceed_end(at) && at.n_pages == 1;
        is_second && matches!(self.stop(), Some(StopRule::Short)) && at.largest < size
    }

    /// What a stored position depends on, as a text that stays the same in later versions.
    pub(crate) fn fingerprint(&self) -> String {
        let path = |at: &Path| at.as_str().to_owned();
        let size = self.size().map(|size| size.value.to_string());
        let parts: Vec<Option<String>> = match self {
            Self::None {} => vec![],
            Self::Number(number) => {
                vec![Some(number.param.clone()), Some(number.first.to_string()), size]
            }
            Self::Offset(offset) => vec![Some(offset.param.clone())],
            Self::Token(token) => {
                let at = token.at.as_ref().map(path);
                vec![Some(token.param.clone()), at, token.header.clone()]
            }
            Self::Link { .. } => vec![],
            Self::Next(next) => vec![Some(path(&next.at))],
            Self::Keyset(Keyset { param, at, first, .. })
            | Self::Newest(Newest { param, at, first, .. }) => {
                vec![Some(param.clone()), Some(path(at)), first.clone()]
            }
        };
        let changes = self.changes().map(|at| format!(" {}", at.as_str())).unwrap_or_default();
        // An address on another host that was stored without it would be refused again.
        let path_only = match self {
            Self::Link { path_only: true, .. } | Self::Next(Next { path_only: true, .. }) => {
                " path_only"
            }
            _ => "",
        };
        format!("{} {parts:?}{changes}{path_only}", self.kind())
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::None {} => "none",
            Self::Number(_) => "number",
            Self::Offset(_) => "offset",
            Self::Token(_) => "token",
            Self::Link { .. } => "link",
            Self::Next(_) => "next",
            Self::Keyset(_) => "keyset",
            Self::Newest(_) => "newest",
        }
    }
}

#[cfg(test)]
mod tests;
