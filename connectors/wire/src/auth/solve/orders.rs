//! A few parts of the sample in every order.

use std::ops::ControlFlow;

use super::{
    search::{Search, Uses},
    sent::Sent,
};
use crate::auth::SignedPart;

/// Maximum number of parts in every order.
const MAX_PARTS: usize = 5;
/// The text between parts, and whether it stands behind the last one too. The likeliest first.
const BETWEEN: [(&str, bool); 11] = [
    ("", false),
    ("&", false),
    ("\n", false),
    ("\n", true),
    ("|", false),
    (",", false),
    (":", false),
    (";", false),
    ("_", false),
    ("-", false),
    (".", false),
];

/// What stands at one place.
type Atom = Vec<SignedPart>;

/// Tries the parts that most signatures have.
pub(super) fn try_general(search: &mut Search<'_>) -> ControlFlow<()> {
    let atoms = general(search.sent);
    try_orders(search, &atoms, 0)
}

/// Tries these with single fields and headers. Orders without such a one were tried before.
pub(super) fn try_with_fields(search: &mut Search<'_>) -> ControlFlow<()> {
    let mut atoms = general(search.sent);
    let n_general = atoms.len();
    let fields = search.sent.fields.iter().chain(&search.sent.headers);
    for field in fields.filter(|field| !field.value.is_empty()) {
        let atom = vec![field.part.clone()];
        if !atoms.contains(&atom) {
            atoms.push(atom);
        }
    }
    if atoms.len() == n_general {
        return ControlFlow::Continue(());
    }
    try_orders(search, &atoms, n_general)
}

/// Short lists come first, and for each length those without a separator. At least one of the parts of a list is the
/// atom `from`, or one after it.
fn try_orders(search: &mut Search<'_>, atoms: &[Atom], from: usize) -> ControlFlow<()> {
    for length in 1..=MAX_PARTS.min(atoms.len()) {
        // One part has nothing between.
        let separators = if length == 1 { BETWEEN.get(..1) } else { BETWEEN.get(..) };
        for (between, is_last) in separators.unwrap_or_default() {
            let lists = Lists { atoms, length, from, between, is_last: *is_last };
            lists.try_all(search, &mut Vec::new())?;
        }
    }
    ControlFlow::Continue(())
}

/// All lists of one length with one separator.
struct Lists<'a> {
    atoms: &'a [Atom],
    length: usize,
    from: usize,
    between: &'a str,
    is_last: bool,
}

impl Lists<'_> {
    fn try_all(&self, search: &mut Search<'_>, chosen: &mut Vec<usize>) -> ControlFlow<()> {
        if chosen.len() == self.length {
            return match chosen.iter().any(|index| *index >= self.from) {
                true => self.try_list(search, chosen),
                false => ControlFlow::Continue(()),
            };
        }
        for index in 0..self.atoms.len() {
            if !chosen.contains(&index) {
                chosen.push(index);
                self.try_all(search, chosen)?;
                chosen.pop();
            }
        }
        ControlFlow::Continue(())
    }

    fn try_list(&self, search: &mut Search<'_>, chosen: &[usize]) -> ControlFlow<()> {
        let between = || SignedPart::Text(self.between.to_owned());
        let mut parts = Vec::new();
        for (position, atom) in chosen.iter().filter_map(|index| self.atoms.get(*index)).enumerate()
        {
            if position > 0 && !self.between.is_empty() {
                parts.push(between());
            }
            parts.extend_from_slice(atom);
        }
        if self.is_last {
            parts.push(between());
        }
        let first = chosen.first().and_then(|index| self.atoms.get(*index));
        if let Some(first) = first.filter(|_| self.between.is_empty() && self.length > 1) {
            // Some vendors sign the time or the secret at both ends.
            let twice = parts.iter().chain(first).cloned().collect();
            search.try_parts(twice, Uses::Once)?;
        }
        search.try_parts(parts, Uses::Once)
    }
}

/// The parts that most signatures have.
fn general(sent: &Sent) -> Vec<Atom> {
    let mut atoms = vec![vec![SignedPart::Secret(sent.secret.clone())]];
    atoms.extend(sent.keys.iter().map(|key| vec![key.part.clone()]));
    let request = &sent.request;
    let parts = [
        (SignedPart::Timestamp, sent.timestamp.is_some()),
        (SignedPart::Nonce, sent.nonce.is_some()),
        (SignedPart::Method, !request.method.is_empty()),
        (SignedPart::Path, !request.path.is_empty()),
        (SignedPart::Body, !request.body.is_empty()),
        (SignedPart::Params, !sent.joined_params().is_empty()),
        (SignedPart::Members, !sent.joined_members().is_empty()),
    ];
    let parts = parts.into_iter().filter(|(_, is_there)| *is_there);
    atoms.extend(parts.map(|(part, _)| vec![part]));
    atoms
}
