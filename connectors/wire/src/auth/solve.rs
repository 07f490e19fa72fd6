//! Finds out how a vendor signs, from one request that the source accepts, and from the secret.
//!
//! A recipe is a scheme with its settings, as a channel file says it. The search tries the recipes that fit the
//! sample, the likeliest first, and stops after [`MAX_RECIPES`]. Each of them is evaluated by the code that
//! signs requests, and one that fits has signed the sample again before it is returned. Only an equal
//! signature counts: a digest is never nearly right.

mod around;
mod check;
mod digests;
mod document;
mod fields;
mod named;
mod orders;
mod recipe;
mod search;
mod sent;
mod spelling;

use std::ops::ControlFlow;

use contract::{Fault, Secret};
use serde::Serialize;

pub use self::recipe::Recipe;
use self::{search::Search, sent::Sent};
use super::Request;

/// Maximum number of recipes that are tried; they take a second or two.
pub const MAX_RECIPES: u64 = 500_000;

/// What the search does not try: a channel file cannot say it, or it is unusual.
pub const NOT_SEARCHED: [&str; 10] = [
    "SHA-384, SM2, RSA and other digests than MD5, SHA-1, SHA-256, SHA-512, SM3 and their HMAC",
    "a digest within the text other than the MD5 of the secret, of the parameters or of all: write { digest = … }",
    "an HMAC whose key is made of the secret and something else (write `key_parts`), or whose text is empty",
    "a digest that is cut or has a prefix like sha256=",
    "parameters that are encoded, in upper case (write `sorted`, `encoded`, `upper`) or sorted by their values",
    "nested members that are signed one by one, and a body that is written anew before it is signed",
    "a time in an unusual form: write its `format`",
    "a second secret, such as the token of a user beside the key of the application: write two { secret = … }",
    "parts that are joined with several or with unusual texts, unless --text shows them",
    "more than five parts in any order, except fields sorted by name or in the order of the request",
];

/// A request that a source accepts, and what is known of its signature.
pub struct Sample {
    /// The request as it is sent. The signature, the time and the random text may be in it or not.
    pub request: Request,
    /// The signature.
    pub signature: String,
    /// The secret.
    pub secret: Secret,
    /// The name of a variable that will hold the secret, for the settings that are returned.
    pub variable: String,
    /// Public values that may be signed, such as the key of the application.
    pub keys: Vec<String>,
    /// The time of the request, if it is not recognised by its name.
    pub timestamp: Option<String>,
    /// The random text of the request, if it is not recognised by its name.
    pub nonce: Option<String>,
    /// The text to sign, as the document of the vendor shows it; `{secret}` stands for the secret.
    pub text: Option<String>,
}

/// What the search has found.
#[derive(Debug, Serialize)]
pub struct Solution {
    /// The recipes that give the signature, the likeliest first: at most five.
    pub recipes: Vec<Recipe>,
    /// The groups of recipes that were tried, in their order.
    pub groups: Vec<Group>,
    /// What must be checked before a recipe is used.
    pub notes: Vec<String>,
}

/// Recipes of one kind.
#[derive(Debug, Serialize)]
pub struct Group {
    /// What they are.
    pub name: &'static str,
    /// How many of them were tried.
    pub tried: u64,
    /// Whether these are all.
    pub is_complete: bool,
}

/// The name of a group, what tries it, and whether the search ends with it if a recipe fits.
type Try = (&'static str, fn(&mut Search<'_>) -> ControlFlow<()>, bool);

/// The groups, the likeliest first.
const GROUPS: [Try; 6] = [
    ("the named schemes of platforms", named::try_all, true),
    ("the given text, with the secret in it, around it or as the key", document::try_all, true),
    (
        "the parameters, all or all but one, sorted or in their order, as values or with names, with the secret",
        fields::try_all,
        false,
    ),
    (
        "the same with md5(secret), or with the MD5 of the parameters or of all",
        digests::try_all,
        false,
    ),
    (
        "up to five of secret, keys, time, nonce, method, path, body and all parameters, in every order",
        orders::try_general,
        false,
    ),
    ("up to five of these, single parameters and headers", orders::try_with_fields, false),
];

/// Searches for the recipes that give the signature of a sample.
///
/// # Errors
/// The sample cannot be that of a signature which a channel file can say.
pub fn solve(sample: &Sample) -> Result<Solution, Fault> {
    solve_within(sample, MAX_RECIPES)
}

/// The same, with another number of recipes.
fn solve_within(sample: &Sample, max_recipes: u64) -> Result<Solution, Fault> {
    let sent = Sent::new(sample)?;
    let mut search = Search::new(&sent, max_recipes)?;
    let mut groups = Vec::new();
    for (name, try_all, ends_with_a_hit) in GROUPS {
        let before = search.tried;
        let flow = try_all(&mut search);
        groups.push(Group { name, tried: search.tried - before, is_complete: flow.is_continue() });
        if flow.is_break() || ends_with_a_hit && !search.recipes.is_empty() {
            break;
        }
    }
    let Search { recipes, mut notes, .. } = search;
    notes.dedup();
    // The named schemes know where everything is, and have random texts of their own.
    if recipes.iter().any(|recipe| recipe.scheme == "sign") {
        notes.extend(sent.notes.iter().cloned());
    }
    Ok(Solution { recipes, groups, notes })
}

#[cfg(test)]
mod tests;
