//! How the next page is asked for.

use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

/// How the next page is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Page {
    /// There is one page.
    // With braces: serde passes over unknown keys beside a variant without.
    None {},
    /// By its number. Every page but the last is read twice, because a record that goes away
    /// moves others to a page that was read already.
    Number {
        /// The parameter that takes the number.
        param: String,
        /// Number of the first page.
        #[serde(default = "one")]
        first: u32,
        /// How many records a page has.
        #[serde(default)]
        size: Option<Size>,
        /// Which page is the last.
        #[serde(default)]
        stop: Stop,
    },
    /// By the number of records before it.
    Offset {
        /// The parameter that takes the number.
        param: String,
        /// How many records a page has.
        #[serde(default)]
        size: Option<Size>,
        /// Which page is the last.
        #[serde(default)]
        stop: Stop,
    },
    /// By a token in the page before; the last page has none.
    Token {
        /// The parameter that takes the token.
        param: String,
        /// Where the token stands in the answer; write this or `header`.
        #[serde(default)]
        at: Option<Path>,
        /// The header of the answer that holds it.
        #[serde(default)]
        header: Option<String>,
        /// How many records a page has.
        #[serde(default)]
        size: Option<Size>,
    },
    /// By the header `Link` with `rel="next"` (RFC 8288); the last page has none.
    Link {
        /// How many records a page has.
        #[serde(default)]
        size: Option<Size>,
    },
    /// By an address in the answer, on the same host; the last page has none.
    Next {
        /// Where it stands.
        at: Path,
        /// How many records a page has.
        #[serde(default)]
        size: Option<Size>,
    },
    /// After the last record, in an ascending order without equals. Without `since`, a record is
    /// seen once and its changes never: add `reread`.
    Keyset {
        /// The parameter that takes the value.
        param: String,
        /// The value, within a record.
        at: Path,
        /// What the first page is asked with; nothing where this is left out.
        #[serde(default)]
        first: Option<String>,
        /// How many records a page has.
        #[serde(default)]
        size: Option<Size>,
        /// Which page is the last.
        #[serde(default)]
        stop: Stop,
    },
    /// Newest first, back to where the walk before began. Numbers only grow.
    Newest {
        /// The parameter that takes the number of the last record.
        param: String,
        /// The number, within a record.
        at: Path,
        /// What the first page is asked with; nothing where this is left out.
        #[serde(default)]
        first: Option<String>,
        /// How many records a page has.
        #[serde(default)]
        size: Option<Size>,
    },
}

/// How many records a page has.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// The parameter that takes the number.
    pub param: String,
    /// The number.
    #[schemars(range(min = 1, max = 10_000))]
    pub value: u32,
}

/// Which page is the last.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The first without records: the only rule that a careless source cannot break.
    #[default]
    Empty,
    /// The first with fewer records than `size`.
    Short,
    /// The one with which as many records are read as the answer says there are.
    Total(Path),
}

impl Default for Page {
    fn default() -> Self {
        Self::None {}
    }
}

fn one() -> u32 {
    1
}
