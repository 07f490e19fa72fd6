//! The parameters of the sample, joined in all usual ways, with the secret at all usual places.

use std::ops::ControlFlow;

use super::{
    around::{secret_among, with_secret},
    search::{Search, Uses},
    sent::{Field, Sent},
};
use crate::auth::SignedPart;

/// The text between the name and the value of a parameter, and the one between parameters.
const NAMED: [(&str, &str); 11] = [
    ("=", "&"),
    ("", ""),
    ("=", ""),
    (":", ""),
    ("=", ","),
    ("=", ";"),
    ("=", "|"),
    ("=", "\n"),
    (":", "\n"),
    (":", ","),
    (":", "&"),
];
/// The text between values.
const BETWEEN: [&str; 12] = ["", "&", "|", ",", ";", ":", "\n", "_", "-", "+", "#", " "];
/// More fields are not left out one by one.
const MAX_LEFT_OUT: usize = 40;

/// Tries all of them.
pub(super) fn try_all(search: &mut Search<'_>) -> ControlFlow<()> {
    let sent = search.sent;
    for parts in singles(sent).into_iter().chain(cores(sent)) {
        for parts in with_secret(sent, &parts) {
            search.try_parts(parts, Uses::Any)?;
        }
    }
    for parts in secret_among(sent) {
        search.try_parts(parts, Uses::Once)?;
    }
    ControlFlow::Continue(())
}

/// What may be all that is signed beside the secret.
pub(super) fn singles(sent: &Sent) -> Vec<Vec<SignedPart>> {
    let mut single = vec![SignedPart::Params, SignedPart::Members];
    single.extend([SignedPart::Body, SignedPart::Timestamp, SignedPart::Path]);
    single.retain(|part| !is_empty(sent, part));
    single.into_iter().map(|part| vec![part]).collect()
}

/// The parameters as values or with their names. What `params` or `members` says is left out: it is shorter, and
/// true also for requests with further parameters.
pub(super) fn cores(sent: &Sent) -> Vec<Vec<SignedPart>> {
    let joined = [sent.joined_params(), sent.joined_members()];
    let mut cores = Vec::new();
    for fields in orders(&sent.fields) {
        let text: Vec<_> =
            fields.iter().map(|field| format!("{}={}", field.name, field.value)).collect();
        let is_params = joined.contains(&text.join("&"));
        let named = NAMED.iter().filter(|named| !(is_params && **named == ("=", "&")));
        cores.extend(named.map(|(between, next)| named_fields(&fields, between, next)));
        cores.extend(BETWEEN.map(|between| values(&fields, between)));
    }
    let mut sorted = sorted(&sent.fields);
    sorted.retain(|field| !field.value.is_empty());
    if (2..=MAX_LEFT_OUT).contains(&sorted.len()) {
        for left_out in 0..sorted.len() {
            let mut fields = sorted.clone();
            fields.remove(left_out);
            cores.push(named_fields(&fields, "=", "&"));
            cores.push(named_fields(&fields, "", ""));
            cores.push(values(&fields, ""));
        }
    }
    cores
}

/// The fields in the order of the request, sorted by name, and by name without its case; each also without
/// empty ones.
fn orders(fields: &[Field]) -> Vec<Vec<Field>> {
    let mut without_case = fields.to_vec();
    without_case.sort_by_key(|field| field.name.to_lowercase());
    let mut orders: Vec<Vec<Field>> = Vec::new();
    for all in [sorted(fields), fields.to_vec(), without_case] {
        let filled: Vec<_> = all.iter().filter(|field| !field.value.is_empty()).cloned().collect();
        for order in [filled, all] {
            let names = |fields: &[Field]| -> Vec<String> {
                fields.iter().map(|field| field.name.clone()).collect()
            };
            if !order.is_empty() && !orders.iter().any(|known| names(known) == names(&order)) {
                orders.push(order);
            }
        }
    }
    orders
}

pub(super) fn sorted(fields: &[Field]) -> Vec<Field> {
    let mut fields = fields.to_vec();
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    fields
}

pub(super) fn named_fields(fields: &[Field], between: &str, next: &str) -> Vec<SignedPart> {
    let mut parts = Vec::new();
    for (index, Field { name, part, .. }) in fields.iter().enumerate() {
        let next = if index > 0 { next } else { "" };
        parts.push(SignedPart::Text(format!("{next}{name}{between}")));
        parts.push(part.clone());
    }
    parts
}

pub(super) fn values(fields: &[Field], between: &str) -> Vec<SignedPart> {
    let mut parts = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 && !between.is_empty() {
            parts.push(SignedPart::Text(between.to_owned()));
        }
        parts.push(field.part.clone());
    }
    parts
}

/// Whether the sample has nothing for this part.
fn is_empty(sent: &Sent, part: &SignedPart) -> bool {
    match part {
        SignedPart::Params => sent.joined_params().is_empty(),
        SignedPart::Members => sent.joined_members().is_empty(),
        SignedPart::Body => sent.request.body.is_empty(),
        SignedPart::Timestamp => sent.timestamp().is_empty(),
        SignedPart::Path => sent.request.path.is_empty(),
        _ => false,
    }
}
