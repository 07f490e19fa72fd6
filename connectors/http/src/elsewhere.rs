//! What a request to another origin must not carry: the secrets of this channel. They are for the origin in `url`
//! alone, whatever an answer from there says.

use std::borrow::Cow;

use connector_wire::auth::Scheme;
use contract::Fault;
use reqwest::Url;

use crate::{
    client,
    credentials::Credentials,
    origin::{self, is_same_origin},
    plan::Plan,
    request::{Call, Request},
};

/// Keeps the secrets of a channel out of addresses of another origin.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    /// The query parameters that carry a secret.
    params: Vec<String>,
}

impl Elsewhere {
    /// For addresses that a page names.
    pub(crate) fn new(credentials: &Credentials) -> Self {
        Self { params: credentials.own_params() }
    }

    /// For redirects of a request. All parameters that are not those of the request without its credentials may be
    /// secret, such as a signature.
    pub(crate) fn of_request(
        credentials: &Credentials,
        signed: &Request,
        unsigned: Option<&Request>,
    ) -> Self {
        let known = unsigned.map(|unsigned| names(&unsigned.url)).unwrap_or_default();
        let mut this = Self::new(credentials);
        this.params.extend(names(&signed.url).into_iter().filter(|name| !known.contains(name)));
        this
    }

    /// A request that follows a redirect: one that stays at its host is left as it is.
    ///
    /// # Errors
    /// It repeats a secret elsewhere.
    pub(crate) fn follow(
        &self,
        credentials: &Credentials,
        request: &mut Request,
        is_here: bool,
    ) -> Result<(), Fault> {
        if !is_here {
            request.url = self.clean(credentials, request.url.clone(), "the redirect to")?;
        }
        Ok(())
    }

    /// The address without the parameters that carry a secret, in any case of their names: some servers repeat the
    /// whole query where they redirect to. `what` is what named the address.
    ///
    /// # Errors
    /// It repeats a secret elsewhere.
    fn clean(&self, credentials: &Credentials, mut url: Url, what: &str) -> Result<Url, Fault> {
        origin::remove_params(&mut url, |name| {
            self.params.iter().any(|param| param.eq_ignore_ascii_case(name))
        });
        check(credentials, &url, what)?;
        Ok(url)
    }

    /// A request as it is sent: to another origin than that in `url`, without a secret that an answer has named.
    ///
    /// # Errors
    /// It repeats a secret elsewhere.
    pub(crate) fn request<'r>(
        &self,
        credentials: &Credentials,
        plan: &Plan,
        call: &Call,
        request: &'r Request,
    ) -> Result<Cow<'r, Request>, Fault> {
        if plan.list.is_at_home(&request.url) {
            return Ok(Cow::Borrowed(request));
        }
        // The parameters of a part there are those of its own settings.
        if call.is_at_home(&request.url) {
            check(credentials, &request.url, "the request to")?;
            return Ok(Cow::Borrowed(request));
        }
        let url =
            self.clean(credentials, request.url.clone(), "the address that the source names at")?;
        Ok(Cow::Owned(Request { url, ..request.clone() }))
    }
}

/// Checks that parts and acknowledgements go to the origin that gets the credentials, or to one that the settings
/// name as another: what is asked for without credentials must be meant so.
pub(crate) fn check_calls(plan: &Plan, credentials: &Credentials) -> Result<(), Fault> {
    let has_credentials =
        credentials.login.is_some() || !matches!(plan.config.auth, Scheme::None | Scheme::Mtls(_));
    let parts = plan.parts.iter().map(|call| ("part", call));
    let jobs = plan.job.iter().flat_map(|job| [("job", &job.poll), ("job", &job.result)]);
    let mut calls = parts.chain(plan.ack.iter().map(|call| ("ack", call))).chain(jobs);
    let is_named = |url: &Url| plan.allowed_hosts.iter().any(|other| is_same_origin(url, other));
    let is_unclear = |(_, call): &(&str, &Call)| {
        has_credentials && !plan.list.is_at_home(&call.url) && !is_named(&call.url)
    };
    let Some((setting, call)) = calls.find(is_unclear) else { return Ok(()) };
    let other = origin::name(&call.url);
    let what = format!("`url` is at {other}, which gets no credential of this channel");
    Err(Fault::stopped(what).at(setting).remedy(format!(
        "only {} gets them; if {other} needs none, add \"{other}\" to `redirects`",
        origin::name(&plan.list.url)
    )))
}

/// The names of the query parameters of an address.
fn names(url: &Url) -> Vec<String> {
    url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

/// Checks that an address repeats no secret, in any form.
fn check(credentials: &Credentials, url: &Url, what: &str) -> Result<(), Fault> {
    if credentials.hide(url.as_str()) == url.as_str() {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    Err(Fault::stopped(format!("{what} {host} repeats a secret of this channel"))
        .at(client::source_name(url))
        .remedy(
            "the secret was not sent there; ask the owner of the source to leave it out of this address, or, if it \
             is meant for that host, write that host into `url`",
        ))
}
