//! How hosts are reached: through a proxy, or at an address that the settings name.

use std::{collections::BTreeMap, net::IpAddr};

use connector_wire::{auth::percent_encoded, local::is_this_machine};
use contract::{Fault, Proxy, ProxyAccount};
use reqwest::Url;
use serde::{Deserialize as _, Deserializer, de::Error as _};

use crate::{config::Config, plan::Plan};

/// The proxy that the settings name; `None` if there is to be none.
pub(crate) fn proxy(setting: &Proxy) -> Result<Option<reqwest::Proxy>, Fault> {
    let Some(address) = setting.address() else { return Ok(None) };
    // No fault repeats it: it may contain a password.
    let wrong = |what: &str| Fault::stopped(format!("`proxy` {what}")).at("proxy");
    let no_address = || {
        wrong("is not an address").remedy(
            "write it like http://host:3128; without `proxy` here, it is that of [network] in gateway.toml",
        )
    };
    let mut url = Url::parse(address).map_err(|_| no_address())?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") || !url.has_host() {
        return Err(no_address());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("contains a user or password").remedy(
            "write proxy = { url = \"http://host:3128\", user = \"NAME\", password = { file = \"PATH\" } }",
        ));
    }
    if let Proxy::Account(ProxyAccount { user, password, .. }) = setting {
        let encoded = |text: &str| percent_encoded(text).to_string();
        let is_set = url.set_username(&encoded(user)).is_ok()
            && url.set_password(Some(&encoded(password.expose()))).is_ok();
        if !is_set {
            return Err(no_address());
        }
    }
    let proxy = reqwest::Proxy::all(url.as_str()).map_err(|_| no_address())?;
    Ok(Some(proxy))
}

/// What nothing may repeat of the account of a proxy: some proxies repeat what they were sent.
pub(crate) fn proxy_secrets(config: &Config) -> Vec<String> {
    let Some(Proxy::Account(ProxyAccount { user, password, .. })) = &config.proxy else {
        return Vec::new();
    };
    let password = password.expose();
    vec![password.to_owned(), format!("{user}:{password}")]
}

/// Reads the addresses of hosts. A fault names the host, because there may be many.
pub(crate) fn addresses<'de, D: Deserializer<'de>>(
    settings: D,
) -> Result<BTreeMap<String, IpAddr>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(settings)?;
    let addresses = texts.into_iter().map(|(host, text)| match text.parse() {
        Ok(address) => Ok((host, address)),
        Err(_) => Err(D::Error::custom(format!(
            "`resolve` of `{host}`: `{text}` is not an IP address; write it without a port, like \
             resolve = {{ \"{host}\" = \"10.0.0.5\" }}"
        ))),
    });
    addresses.collect()
}

/// Whether requests that are not encrypted go to a proxy, which may be a web server that is none.
pub(crate) fn uses_web_proxy(config: &Config) -> bool {
    let address = config.proxy.as_ref().and_then(Proxy::address);
    address.is_some_and(|address| address.starts_with("http"))
}

/// Checks that each address in `resolve` is used: that of a host which is asked for, and not by a proxy. The name of
/// this machine leads nowhere else, because requests to it need no encryption. `logins` are the addresses that are
/// asked for a token.
pub(crate) fn check_resolve<'a>(
    plan: &'a Plan,
    logins: impl Iterator<Item = &'a Url>,
) -> Result<(), Fault> {
    let Config { resolve, proxy, .. } = &plan.config;
    let jobs = plan.job.iter().flat_map(|job| [&job.poll, &job.result]);
    let calls = [&plan.list].into_iter().chain(&plan.parts).chain(&plan.ack).chain(jobs);
    let calls = calls.map(|call| &call.url);
    let urls = calls.chain(&plan.warm_up).chain(&plan.allowed_hosts).chain(logins);
    let hosts: Vec<&str> = urls.filter_map(Url::host_str).collect();
    if let Some(host) = resolve.keys().find(|host| !hosts.contains(&host.as_str())) {
        return Err(Fault::stopped(format!("this channel asks no host `{host}`"))
            .at("resolve")
            .remedy(format!("its hosts are {}", hosts.join(", "))));
    }
    let is_elsewhere =
        |(host, address): &(&String, &IpAddr)| is_this_machine(host) && !address.is_loopback();
    if let Some((host, address)) = resolve.iter().find(is_elsewhere) {
        return Err(Fault::stopped(format!("`{host}` is this machine, and {address} is another"))
            .at("resolve")
            .remedy("give the other machine a name of its own in `url`"));
    }
    if !resolve.is_empty() && proxy.as_ref().and_then(Proxy::address).is_some() {
        return Err(Fault::stopped("the proxy resolves the names of hosts itself")
            .at("resolve")
            .remedy("remove `resolve`, or set proxy = \"none\""));
    }
    Ok(())
}
