//! The text to sign as the document of a vendor shows it, read as the parts of which it is made.

use std::ops::ControlFlow;

use super::{
    around::with_secret,
    search::{Search, Uses},
    sent::{Field, Sent},
};
use crate::auth::SignedPart;

/// What stands for the secret, so that nobody has to write it into a command.
const PLACEHOLDER: &str = "{secret}";
/// Minimum length in bytes of a value that is recognised within a word.
const MIN_LENGTH: usize = 6;

/// Tries all readings of the text.
pub(super) fn try_all(search: &mut Search<'_>) -> ControlFlow<()> {
    let sent = search.sent;
    let Some(text) = &sent.text else { return ControlFlow::Continue(()) };
    // A document may write a line break as `\n`.
    let texts = [text.clone(), text.replace("\\n", "\n")];
    // What can be read as all parameters is read so: that is true also for requests with further ones.
    let known = [known(sent, true), known(sent, false)];
    for (known, text) in known.iter().flat_map(|known| texts.iter().map(move |text| (known, text)))
    {
        for parts in with_secret(sent, &read(sent, text, known)) {
            search.try_parts(parts, Uses::Any)?;
        }
        if !search.recipes.is_empty() {
            search.notes.push(
                "what a recipe has as { text = ... } is the same in every request: if a part of it changes, give \
                 it with --param, --header or --key too"
                    .to_owned(),
            );
            break;
        }
    }
    ControlFlow::Continue(())
}

/// The values of the sample that may stand in the text.
fn known(sent: &Sent, with_params: bool) -> Vec<Field> {
    let field = |value: &str, part: SignedPart| Field {
        name: String::new(),
        value: value.to_owned(),
        part,
    };
    let request = &sent.request;
    let body = String::from_utf8_lossy(&request.body);
    let mut known = vec![
        field(sent.timestamp(), SignedPart::Timestamp),
        field(sent.nonce(), SignedPart::Nonce),
        field(&request.method, SignedPart::Method),
        field(&request.path, SignedPart::Path),
        field(&body, SignedPart::Body),
    ];
    if with_params {
        known.push(field(&sent.joined_params(), SignedPart::Params));
        known.push(field(&sent.joined_members(), SignedPart::Members));
    }
    known.extend(sent.fields.iter().chain(&sent.headers).chain(&sent.keys).cloned());
    known.retain(|field| !field.value.is_empty());
    known
}

/// The parts of a text. The secret comes first: no part of it may remain as text.
fn read(sent: &Sent, text: &str, known: &[Field]) -> Vec<SignedPart> {
    let text = text.replace(sent.secret.expose(), PLACEHOLDER);
    let mut parts = Vec::new();
    for (index, piece) in text.split(PLACEHOLDER).enumerate() {
        if index > 0 {
            parts.push(SignedPart::Secret(sent.secret.clone()));
        }
        read_piece(piece, known, &mut parts);
    }
    parts
}

fn read_piece(piece: &str, known: &[Field], parts: &mut Vec<SignedPart>) {
    let (mut before, mut rest, mut literal) = (String::new(), piece, String::new());
    while let Some(first) = rest.chars().next() {
        // The first of equal ones: `max_by_key` returns the last.
        let fits = known.iter().rev().filter(|field| is_at(field, &before, rest));
        let best = fits.max_by_key(|field| (is_named(field, &before), field.value.len()));
        let n = best.map_or(first.len_utf8(), |field| field.value.len());
        let (taken, after) = rest.split_at(n);
        match best {
            Some(field) => {
                if !literal.is_empty() {
                    parts.push(SignedPart::Text(std::mem::take(&mut literal)));
                }
                parts.push(field.part.clone());
            }
            None => literal.push(first),
        }
        before.push_str(taken);
        rest = after;
    }
    if !literal.is_empty() {
        parts.push(SignedPart::Text(literal));
    }
}

/// Whether the text goes on with this value, and not only with a word that has it in it.
fn is_at(field: &Field, before: &str, rest: &str) -> bool {
    let value = field.value.as_str();
    let Some(after) = rest.strip_prefix(value) else { return false };
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let begins_within = is_word(before.chars().next_back()) && is_word(value.chars().next());
    let ends_within = is_word(value.chars().next_back()) && is_word(after.chars().next());
    let is_alone = !begins_within && (!ends_within || before.is_empty() && value.len() > 2);
    is_alone || value.len() >= MIN_LENGTH || is_named(field, before)
}

/// Whether the name of a value stands before it.
fn is_named(field: &Field, before: &str) -> bool {
    let before = before.trim_end_matches(['=', ':', '"', ' ']);
    !field.name.is_empty() && before.ends_with(&field.name)
}
