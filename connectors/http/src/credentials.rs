//! What lets requests in: a login, and a scheme that authenticates each request.

use connector_wire::auth::{self, Auth, SentRequest, SigningContext, SigningSteps, hide_forms};
use contract::Fault;
use normalizer_text::Charset;

use crate::{
    client::Answer,
    login::Login,
    request::{Call, Request},
};

/// The credentials of a channel.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) auth: Auth,
    pub(crate) login: Option<Login>,
    /// What nothing may repeat of the account of a proxy.
    pub(crate) proxy: Vec<String>,
}

impl Credentials {
    /// Checks that the scheme can read a request, and that the tokens can be put into it.
    pub(crate) fn check_call(&self, call: &Call) -> Result<(), Fault> {
        call.check_auth(&self.auth)?;
        let config = &call.config;
        let is_other = config.query_charset.is_some_and(|charset| charset != Charset::Utf8);
        let puts_field = self.login.as_ref().is_some_and(Login::puts_field);
        if config.form.is_some() && is_other && puts_field {
            let what = "a token can be put only into a form in UTF-8";
            return Err(Fault::stopped(what).at("query_charset").remedy(
                "remove `query_charset`, or put the token into a header, a parameter or a cookie",
            ));
        }
        Ok(())
    }

    /// Puts the tokens of the login into a request, and then authenticates it: a signature may cover them.
    pub(crate) fn sign(
        &self,
        request: &mut auth::Request,
        context: &SigningContext,
    ) -> Result<SigningSteps, Fault> {
        if let Some(login) = &self.login {
            login.apply(request)?;
        }
        let mut steps = self.auth.sign(request, context)?;
        // Not only tokens, but also what a signature sends as it is may stand among the parameters that it covers.
        steps.steps.iter_mut().for_each(|(_, text)| *text = self.hide(text));
        Ok(steps)
    }

    /// Puts the answer to the challenge of the source into a request, which is sent as it is. Returns how it was made;
    /// `None` if that is not the scheme.
    pub(crate) fn answer_challenge(&mut self, request: &mut Request) -> Option<SigningSteps> {
        let target = request.target();
        let origin = request.url.origin().ascii_serialization();
        let sent =
            SentRequest { method: request.method.name(), target: &target, body: &request.body };
        let (value, mut steps) = self.auth.answer_challenge(&origin, sent)?;
        // The address may carry the token of a login.
        steps.steps.iter_mut().for_each(|(_, text)| *text = self.hide(text));
        if let Some(value) = value {
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
            request.headers.push(("authorization".to_owned(), value));
        }
        Some(steps)
    }

    /// Takes the challenge of a refusal. Returns whether to repeat the request with an answer to it.
    pub(crate) fn take_challenge(
        &mut self,
        answer: &Answer,
        context: &SigningContext,
    ) -> Result<bool, Fault> {
        let origin = answer.url.origin().ascii_serialization();
        self.auth.take_challenge(&origin, answer.challenges(), context)
    }

    /// Notes that the source has accepted the answer to its challenge, unless it has failed.
    pub(crate) fn accept_challenge(&mut self, answer: &Answer) {
        if answer.status < 400 {
            let origin = answer.url.origin().ascii_serialization();
            let info = answer.headers.get("authentication-info").map(String::as_str);
            self.auth.accept_challenge(&origin, info);
        }
    }

    /// What a refusal means that is not repeated.
    pub(crate) fn explain_refusal(&self, answer: &Answer, fault: Fault) -> Fault {
        self.auth.explain_refusal(answer.challenges(), fault)
    }

    /// Notes that the source has accepted the last request.
    pub(crate) fn confirm(&mut self) {
        self.auth.confirm_token();
        self.login.iter_mut().for_each(Login::confirm);
    }

    /// Discards the tokens, because the source has refused the last request. Returns whether to fetch others and
    /// repeat it.
    pub(crate) fn discard(&mut self) -> bool {
        let is_new_login_due = self.login.as_mut().is_some_and(Login::discard);
        self.auth.discard_token() || is_new_login_due
    }

    /// Whether cookies are those of a login.
    pub(crate) fn are_cookies(&self) -> bool {
        self.login.as_ref().is_some_and(Login::is_by_cookies)
    }

    /// The query parameters in which requests carry a secret.
    pub(crate) fn secret_params(&self) -> Vec<String> {
        let of_login = self.login.iter().flat_map(Login::secret_params);
        self.auth.secret_params().into_iter().chain(of_login).map(str::to_owned).collect()
    }

    /// The query parameters that are for the host in `url` alone: those with a secret, and that of a signature.
    pub(crate) fn own_params(&self) -> Vec<String> {
        let signature = self.auth.signature_param().map(str::to_owned);
        self.secret_params().into_iter().chain(signature).collect()
    }

    /// A text with `…` in the place of all secrets in use.
    pub(crate) fn hide(&self, text: &str) -> String {
        let text = hide_forms(&self.auth.hide(text), self.proxy.clone());
        match &self.login {
            Some(login) => login.hide(&text),
            None => text,
        }
    }
}
