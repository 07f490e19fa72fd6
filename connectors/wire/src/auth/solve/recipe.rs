//! A recipe: a scheme and its settings, as a channel file says them.

use contract::Secret;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    sent::Sent,
    spelling::{compressed, merged},
};
use crate::auth::{Auth, CustomSignature, DigestFormat, Request, Scheme, SignedPart};

/// A scheme and its settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The name of the scheme.
    pub scheme: &'static str,
    /// Its settings; the secret is a reference to a variable.
    pub settings: Map<String, Value>,
}

impl Recipe {
    /// The recipe of a signature whose secret is in a variable.
    pub(super) fn of(signature: &CustomSignature, variable: &str) -> Self {
        let mut settings = Map::new();
        let mut set = |name: &str, value: Value| settings.insert(name.to_owned(), value);
        set("algorithm", written(&signature.algorithm));
        if signature.key.is_some() {
            set("key", reference(variable));
        }
        let spelled = merged(&signature.parts);
        let (parts, join) =
            compressed(&signature.parts).unwrap_or_else(|| (spelled.iter().collect(), ""));
        set("parts", parts.into_iter().map(|part| written_part(part, variable)).collect());
        if !join.is_empty() {
            set("join", join.into());
        }
        if signature.coding != DigestFormat::default() {
            set("coding", written(&signature.coding));
        }
        set("put", written(&signature.put));
        if let Some(timestamp) = &signature.timestamp {
            set("timestamp", written(timestamp));
        }
        if let Some(nonce) = &signature.nonce {
            set("nonce", written(nonce));
        }
        Self { scheme: "sign", settings }
    }

    /// Whether a channel with these settings signs the sample as it was signed.
    pub(super) fn fits(&self, sent: &Sent) -> bool {
        let Some(scheme) = self.scheme(&sent.secret) else { return false };
        let Ok(auth) = Auth::build(scheme.clone()) else { return false };
        let (context, mut request) = (sent.context(), sent.request.clone());
        let steps = match &scheme {
            Scheme::Sign(signature) => {
                signature.sign_with(sent.timestamp(), sent.nonce(), &mut request)
            }
            Scheme::XTif(settings) => {
                Ok(settings.sign_with_nonce(sent.nonce(), &mut request, &context))
            }
            Scheme::MessageBoard(_) => {
                // In the settings, the body is what is sent as its `param`.
                let members = request.members();
                if let Some((_, param)) = members.into_iter().find(|(name, _)| name == "param") {
                    request.body = param.into_bytes();
                }
                auth.sign(&mut request, &context)
            }
            Scheme::SharedMd5(_) => {
                // Its steps do not show the digest, and it depends on nothing in the request.
                let json = ("content-type".to_owned(), "application/json".to_owned());
                let mut request = Request { headers: vec![json], ..Request::default() };
                let signed = auth.sign(&mut request, &context);
                let members = request.members();
                return signed.is_ok() && members.iter().any(|(_, value)| *value == sent.signature);
            }
            _ => auth.sign(&mut request, &context),
        };
        let last = steps.ok().and_then(|steps| steps.steps.into_iter().next_back());
        last.is_some_and(|(_, signature)| signature == sent.signature)
    }

    /// The settings as a channel has them, with the secret.
    pub(super) fn scheme(&self, secret: &Secret) -> Option<Scheme> {
        let settings = resolved(&Value::Object(self.settings.clone()), secret);
        serde_json::from_value(json!({ self.scheme: settings })).ok()
    }
}

/// A reference to a secret.
pub(super) fn reference(variable: &str) -> Value {
    json!({ "env": variable })
}

/// The settings with the secret in place of each reference, as the configuration resolves them.
fn resolved(settings: &Value, secret: &Secret) -> Value {
    match settings {
        Value::Object(table) if table.contains_key("env") => secret.expose().into(),
        Value::Object(table) => {
            let entries = table.iter();
            entries.map(|(name, value)| (name.clone(), resolved(value, secret))).collect()
        }
        Value::Array(values) => values.iter().map(|value| resolved(value, secret)).collect(),
        other => other.clone(),
    }
}

/// A value as the settings write it.
fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A part as the settings write it.
fn written_part(part: &SignedPart, variable: &str) -> Value {
    match part {
        SignedPart::Text(text) => json!({ "text": text }),
        SignedPart::Secret(_) => json!({ "secret": reference(variable) }),
        SignedPart::Param(name) => json!({ "param": name }),
        SignedPart::Header(name) => json!({ "header": name }),
        SignedPart::Params => "params".into(),
        SignedPart::Members => "members".into(),
        SignedPart::Sorted(sorted) => json!({ "sorted": written(sorted) }),
        SignedPart::Digest(digest) => {
            let mut table = Map::new();
            table.insert("algorithm".to_owned(), written(&digest.algorithm));
            if digest.coding != DigestFormat::default() {
                table.insert("coding".to_owned(), written(&digest.coding));
            }
            table.insert("parts".to_owned(), written_parts(&digest.parts, variable));
            json!({ "digest": table })
        }
        SignedPart::Encoded(parts) => json!({ "encoded": written_parts(parts, variable) }),
        SignedPart::Upper(parts) => json!({ "upper": written_parts(parts, variable) }),
        SignedPart::Timestamp => "timestamp".into(),
        SignedPart::Nonce => "nonce".into(),
        SignedPart::Body => "body".into(),
        SignedPart::Method => "method".into(),
        SignedPart::Path => "path".into(),
    }
}

fn written_parts(parts: &[SignedPart], variable: &str) -> Value {
    parts.iter().map(|part| written_part(part, variable)).collect()
}
