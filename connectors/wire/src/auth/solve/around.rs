//! The places where vendors put the secret in a text.

use super::{
    fields::{named_fields, sorted, values},
    sent::{Field, Sent},
};
use crate::auth::SignedPart;

/// The text between the secret and what is signed.
const AROUND: [&str; 6] = ["", "&", "|", ":", ",", "\n"];
/// The names of a secret among named parameters.
const SECRET_NAMES: [&str; 22] = [
    "key",
    "secret",
    "appSecret",
    "app_secret",
    "appsecret",
    "secretKey",
    "secret_key",
    "signKey",
    "sign_key",
    "token",
    "appKey",
    "app_key",
    "appkey",
    "accessSecret",
    "access_secret",
    "accessKeySecret",
    "apiKey",
    "api_key",
    "client_secret",
    "clientSecret",
    "password",
    "salt",
];
/// What is signed, with the secret before, after and around it, with and without a name, and without the secret.
pub(super) fn with_secret(sent: &Sent, core: &[SignedPart]) -> Vec<Vec<SignedPart>> {
    around(&SignedPart::Secret(sent.secret.clone()), core)
}

/// The same with what is made of the secret.
pub(super) fn around(secret: &SignedPart, core: &[SignedPart]) -> Vec<Vec<SignedPart>> {
    let secret = || secret.clone();
    let text = |text: &str| SignedPart::Text(text.to_owned());
    let core = || core.iter().cloned();
    let mut all = vec![core().collect()];
    for between in AROUND {
        let (first, last) = ([secret(), text(between)], [text(between), secret()]);
        all.push(core().chain(last.clone()).collect());
        all.push(first.clone().into_iter().chain(core()).collect());
        all.push(first.into_iter().chain(core()).chain(last).collect());
    }
    for name in SECRET_NAMES {
        let after = |before: String| core().chain([SignedPart::Text(before), secret()]).collect();
        all.push(after(format!("&{name}=")));
        all.push(after(name.to_owned()));
        let before = [text(&format!("{name}=")), secret(), text("&")];
        all.push(before.into_iter().chain(core()).collect());
        all.push([text(name), secret()].into_iter().chain(core()).collect());
    }
    all
}

/// The secret as one more parameter, at its place among the sorted ones.
pub(super) fn secret_among(sent: &Sent) -> Vec<Vec<SignedPart>> {
    let lists = SECRET_NAMES.map(|name| {
        let mut fields = sent.fields.clone();
        fields.retain(|field| field.name != name && !field.value.is_empty());
        let part = SignedPart::Secret(sent.secret.clone());
        fields.push(Field { name: name.to_owned(), value: String::new(), part });
        let fields = sorted(&fields);
        [named_fields(&fields, "=", "&"), named_fields(&fields, "", ""), values(&fields, "")]
    });
    lists.into_iter().flatten().collect()
}
