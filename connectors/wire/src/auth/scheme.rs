//! The authentication schemes, under their names in the settings.

use contract::Secret;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    ApiKey, Basic, BodyToken, CustomSignature, HttpDigest, MessageBoard, Mtls, National, Oauth2,
    SharedMd5, WsSecurity, XBg, XTif,
};

/// How requests are authenticated: `"none"`, or one scheme, like `{ bearer = { env = "TOKEN" } }`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum Scheme {
    /// No authentication.
    #[default]
    None,
    /// User and password in the header `Authorization` (RFC 7617).
    Basic(Basic),
    /// HTTP Digest (RFC 7616 and 2617, with MD5 or SHA-256): the first request is answered with a challenge, and
    /// repeated with a digest of the password. A refused password is not sent again, so that no account is locked.
    Digest(HttpDigest),
    /// A fixed token in the header `Authorization` (RFC 6750).
    Bearer(Secret),
    /// A fixed key in a header or a query parameter.
    ApiKey(ApiKey),
    /// A token from a token server, fetched when needed (OAuth 2).
    Oauth2(Oauth2),
    /// User and password in the header of the SOAP envelope in `body` (WS-Security UsernameToken 1.0 and 1.1).
    WsSecurity(WsSecurity),
    /// A certificate that authenticates the connection.
    Mtls(Mtls),
    /// A fixed token in the body.
    BodyToken(BodyToken),
    /// The MD5 of a shared secret text, sent in the body: `httpRequestVerify` of petition systems.
    SharedMd5(SharedMd5),
    /// The signature of the leaders' message board (领导留言板); the body becomes its `param`.
    MessageBoard(MessageBoard),
    /// Headers of the exchange platforms for government data (政务数据共享交换平台).
    Gjgxjhpt(National),
    /// Headers of the national platform for government services (国家政务服务平台).
    Gjzwfwpt(National),
    /// `x-tif` headers of the platforms of Guangdong and of medical insurance.
    XTif(XTif),
    /// `X-BG` headers of the platforms of Zhejiang.
    XBg(XBg),
    /// A digest or HMAC over parts of the request, in an order that the settings give.
    Sign(CustomSignature),
}

/// Changes the schema of an enum. Its alternative tables, with one key each, become one table that must
/// have exactly one of the keys. So a misspelt key is compared with all keys, and an editor can list them.
pub fn merge_tables(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.remove("oneOf") else { return };
    let (mut strings, mut keys) = (Vec::new(), Map::new());
    for mut variant in variants {
        let description = variant.get("description").cloned();
        let Some(properties) = variant.get_mut("properties").and_then(Value::as_object_mut) else {
            strings.push(variant);
            continue;
        };
        for (key, value) in properties {
            let mut value = value.take();
            if let (Some(description), Some(object)) = (&description, value.as_object_mut()) {
                object.insert("description".to_owned(), description.clone());
            }
            keys.insert(key.clone(), value);
        }
    }
    let table = json!({
        "type": "object",
        "properties": keys,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    });
    if strings.is_empty() {
        schema.ensure_object().extend(table.as_object().cloned().unwrap_or_default());
    } else {
        strings.push(table);
        schema.insert("anyOf".to_owned(), Value::Array(strings));
    }
}
