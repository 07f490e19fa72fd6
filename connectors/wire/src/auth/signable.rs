//! A request as a signature sees it: its parameters and its body are parsed once, whatever is signed.

use std::cell::OnceCell;

use super::{
    Request,
    sorted::{Fields, Sorted},
};

/// What the parts of a signature are taken from.
pub(super) struct Signable<'a> {
    pub(super) request: &'a Request,
    /// The body as it is signed whole.
    pub(super) body: &'a [u8],
    /// The time of the request, as it is sent.
    pub(super) timestamp: &'a str,
    /// The random text, as it is sent.
    pub(super) nonce: &'a str,
    params: Vec<(String, String)>,
    /// Parsed only for what is not among the parameters.
    members: OnceCell<Vec<(String, String)>>,
    joined: OnceCell<String>,
    joined_members: OnceCell<String>,
}

impl<'a> Signable<'a> {
    pub(super) fn new(request: &'a Request, timestamp: &'a str, nonce: &'a str) -> Self {
        Self::with_body(request, &request.body, timestamp, nonce)
    }

    /// A request whose body is beside it: its parameters and members are those of `request` alone.
    pub(super) fn with_body(
        request: &'a Request,
        body: &'a [u8],
        timestamp: &'a str,
        nonce: &'a str,
    ) -> Self {
        let params = request.params();
        let (members, joined, joined_members) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { request, body, timestamp, nonce, params, members, joined, joined_members }
    }

    /// The value of a parameter, or of a member of a JSON body that is a text, a number or a boolean.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let members = || self.members.get_or_init(|| self.request.members());
        value_of(&self.params, name).or_else(|| value_of(members(), name))
    }

    /// All parameters, sorted by name, as `a=1&b=2`; empty ones are left out.
    pub(super) fn joined_params(&self) -> &str {
        self.joined.get_or_init(|| Sorted::plain(Fields::Params).text(self.request))
    }

    /// The same of the members of a JSON body.
    pub(super) fn joined_members(&self) -> &str {
        self.joined_members.get_or_init(|| Sorted::plain(Fields::Members).text(self.request))
    }
}

fn value_of<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
