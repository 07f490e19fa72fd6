//! What a request needs before it is sent: cookies, a login, a token, a signature or the answer to a challenge.

use connector_wire::auth::{self, SigningContext};
use contract::{Fault, FaultKind};

use crate::{
    client::{Answer, FetchError},
    elsewhere::Elsewhere,
    fetch::Source,
    kept, origin,
    plan::Plan,
    request::Request,
};

impl Source {
    /// Fetches cookies if the channel needs them and has none.
    pub(crate) async fn fetch_cookies(&mut self, plan: &Plan) -> Result<(), FetchError> {
        let Some(url) = plan.warm_up.as_ref().filter(|_| !self.has_cookies) else { return Ok(()) };
        let request = Request::get(url.clone());
        let Self { client, credentials, .. } = self;
        let elsewhere = Elsewhere::new(credentials);
        let follow =
            |request: &mut Request, is_here| elsewhere.follow(credentials, request, is_here);
        let warmed_up = client.exchange(request.clone(), &request, None, |_| false, follow).await;
        self.client.traces.hide_in_last(&self.credentials);
        self.client.traces.hide_last_answer();
        match warmed_up {
            // Only the cookies matter.
            Ok(_) | Err(FetchError::TooLarge(_)) => self.has_cookies = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Signs in if the channel does so, and has not or no longer.
    pub(crate) async fn sign_in(&mut self, plan: &Plan) -> Result<(), FetchError> {
        let context = self.signing_context()?;
        let Self { client, credentials, .. } = self;
        let Some(login) = credentials.login.as_ref().filter(|login| !login.is_valid(context.now))
        else {
            return Ok(());
        };
        let (signed, shown, steps) = login.request(&context)?;
        let is_answer = |status| login.has_status(status);
        let elsewhere = Elsewhere::of_request(credentials, &signed, Some(&shown));
        let follow =
            |request: &mut Request, is_here| elsewhere.follow(credentials, request, is_here);
        let answer = client.exchange(signed, &shown, Some(steps), is_answer, follow).await;
        client.traces.hide_in_last(credentials);
        client.traces.hide_last_answer();
        if let Some(trace) = client.traces.list.last_mut() {
            login.hide_tokens(&mut trace.answer_headers);
        }
        let answer = answer?;
        let has_cookies = client.cookies.header(&answer.url).is_some();
        let now = client.now();
        let read = match &mut credentials.login {
            Some(login) => login.read(plan, &answer, has_cookies, now),
            None => Ok(()),
        };
        if let Err(FetchError::Fault(fault)) = &read
            && let FaultKind::Throttled(wait) = fault.kind()
        {
            client.gate.hold(wait);
        }
        read.inspect(|()| kept::keep(self))
    }

    /// Authenticates a request. Fetches a token first if one is needed.
    pub(crate) async fn authenticate(
        &mut self,
        plan: &Plan,
        request: &Request,
    ) -> Result<(Request, auth::SigningSteps), FetchError> {
        let mut context = self.signing_context()?;
        if let Some(token_request) = self.credentials.auth.token_request(&context) {
            let url = origin::parse_address("auth", &token_request.url, plan.config.insecure)?;
            let signed = Request::get(url.clone()).with_auth(token_request.request);
            let unsigned = Request { method: signed.method, ..Request::get(url) };
            let signature = Some(token_request.steps);
            let Self { client, credentials, .. } = self;
            let elsewhere = Elsewhere::of_request(credentials, &signed, None);
            let follow =
                |request: &mut Request, is_here| elsewhere.follow(credentials, request, is_here);
            let answer = client.exchange(signed, &unsigned, signature, |_| false, follow).await;
            self.client.traces.hide_in_last(&self.credentials);
            let answer = answer?;
            self.client.traces.hide_last_answer();
            context = self.signing_context()?;
            self.credentials.auth.read_token(answer.status, &answer.body, context.now)?;
        }
        let mut signed = request.to_auth();
        let signature = self.credentials.sign(&mut signed, &context)?;
        let mut signed = request.clone().with_auth(signed);
        self.credentials.auth.begin_request();
        let answered = self.credentials.answer_challenge(&mut signed);
        Ok((signed, answered.unwrap_or(signature)))
    }

    /// Takes the challenge of a refusal. Returns whether to repeat the request with an answer to it.
    pub(crate) fn take_challenge(&mut self, answer: &Answer) -> Result<bool, Fault> {
        let context = self.signing_context()?;
        self.credentials.take_challenge(answer, &context)
    }

    fn signing_context(&self) -> Result<SigningContext, Fault> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|_| Fault::transient("this machine cannot produce random numbers"))?;
        Ok(SigningContext { now: self.client.now(), nonce, zone: self.zone })
    }
}
