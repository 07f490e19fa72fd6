//! What to say about pages and records that cannot be believed.

use std::collections::BTreeSet;

use contract::Fault;

use crate::answer::Page;

/// What is wrong with an answer in CSV that has nothing.
pub(crate) const BLANK: &str = "it is empty, without a header: if the source sends nothing when it has no records, name \
                                the columns in `csv.header`";

/// What is known of the answers before an empty page.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// What those with records said about themselves.
    pub(crate) signs: &'a BTreeSet<String>,
    /// Whether there were any in this walk.
    pub(crate) is_compared: bool,
    /// Whether the channel says which answers are successes.
    pub(crate) is_success: bool,
}

/// What to say if the walk ends with `page`, its `page_no`-th, and the page says something against that. A first page
/// has none before it with which its words could be compared.
pub(crate) fn of_end(page: &Page, page_no: u64, known: &Known<'_>) -> Option<String> {
    let remarks = page.remarks.as_ref().filter(|_| page_no > 1)?;
    let what = remarks.against_end(known.signs, known.is_compared, known.is_success)?;
    Some(format!(
        "page {page_no} has no records, but says {what}, so more may follow; if the source answers so beyond its \
         last page, add a rule to [[http.empty]]"
    ))
}

/// What to say if a key stands for different records under two values of `each`.
pub(crate) fn shared_key() -> Fault {
    let what = "records of two values of `each` have the same key and different contents";
    Fault::stopped(what).remedy(
        "add a path to `key`, like key = [\"$.a\", \"$.b\"], so that each record has its own; if a record does not \
         have the value of `each`, write one channel for each value",
    )
}

/// What to say if pages became smaller because one was too large, and the source does not send them so: then the
/// numbers of its pages do not mean what was asked for.
pub(crate) fn ignored_size(page: &str, size: usize) -> Fault {
    Fault::stopped(format!(
        "a page is larger than `limit_mib`, and {page} of {size} records is not what was asked for: the source \
         does not keep to `size`"
    ))
    .remedy("raise `limit_mib`, so that a page of the source fits")
}
