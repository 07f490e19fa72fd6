//! What lets requests in: a login, and a scheme that authenticates each request.

use connector_wire::auth::{self, Auth, SigningContext, SigningSteps};
use contract::Fault;

use crate::login::Login;

/// The credentials of a channel.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) auth: Auth,
    pub(crate) login: Option<Login>,
}

impl Credentials {
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
        if let Some(login) = &self.login {
            steps.steps.iter_mut().for_each(|(_, text)| *text = login.hide(text));
        }
        Ok(steps)
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

    /// The query parameter in which requests carry a secret.
    pub(crate) fn secret_param(&self) -> Option<&str> {
        self.auth.secret_param().or_else(|| self.login.as_ref()?.secret_param())
    }

    /// A text with `…` in the place of all secrets in use.
    pub(crate) fn hide(&self, text: &str) -> String {
        let text = self.auth.hide(text);
        self.login.as_ref().map_or_else(|| text.clone(), |login| login.hide(&text))
    }
}
