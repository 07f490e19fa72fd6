//! Parses the address of the folder.

use std::path::PathBuf;

use contract::{Fault, Secret};
use percent_encoding::percent_decode_str;
use url::Url;

/// The address of a folder. Parsing does not use the network.
#[derive(Debug)]
pub(super) enum Address {
    Local(PathBuf),
    Sftp(SftpAddress),
}

/// The server, the login and the path of a folder.
#[derive(Debug, Clone)]
pub(super) struct SftpAddress {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    /// Without the `/` at its end, so it is empty for the root.
    pub(super) folder: String,
}

impl Address {
    /// Parses an address. No fault repeats it, because it may contain a password.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if !text.contains("://") {
            return Ok(Self::Local(PathBuf::from(text)));
        }
        let invalid = || {
            Fault::stopped("`url` is not the address of a folder").remedy(
                "write a path, or sftp://USER:PASSWORD@HOST:PORT/PATH, with special characters \
                 percent-encoded",
            )
        };
        let url = Url::parse(text).map_err(|_| invalid())?;
        let decoded = |part: &str| decode(part).ok_or_else(invalid);
        match url.scheme() {
            "file" => Ok(Self::Local(url.to_file_path().map_err(|()| invalid())?)),
            "sftp" if !url.username().is_empty() => Ok(Self::Sftp(SftpAddress {
                host: url.host_str().ok_or_else(invalid)?.to_owned(),
                port: url.port().unwrap_or(22),
                user: decoded(url.username())?,
                password: url.password().map(decoded).transpose()?.map(Secret::new),
                folder: decoded(url.path())?.trim_end_matches('/').to_owned(),
            })),
            "sftp" => Err(Fault::stopped("`url` names no user")
                .remedy("write sftp://USER:PASSWORD@HOST:PORT/PATH")),
            "ftp" | "ftps" | "smb" | "scp" | "http" | "https" => {
                let scheme = url.scheme();
                Err(Fault::stopped(format!(
                    "`url` begins with {scheme}://, which is not supported here"
                ))
                .remedy("ask for SFTP, or mount the folder on this machine and write its path"))
            }
            _ => Err(invalid()),
        }
    }
}

/// Decodes a part of a URL. `None` if it contains a lone `%`, which the library would keep, or is
/// not UTF-8.
fn decode(text: &str) -> Option<String> {
    let n_digits = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
    let is_valid = text.split('%').skip(1).all(|rest| n_digits(rest) == 2);
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    is_valid.then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_or_a_server() {
        for (text, expected) in [
            ("drops/wqfw", "drops/wqfw"),
            ("/outbound/企业", "/outbound/企业"),
            ("file:///outbound/wqfw", "/outbound/wqfw"),
        ] {
            let Ok(Address::Local(path)) = Address::parse(text) else { panic!("{text}") };
            assert_eq!(path, PathBuf::from(expected));
        }
        let text = "sftp://wqfw:p%40ss%E8%AF%89@[::1]:2022/outbound/wqfw/";
        let Ok(Address::Sftp(address)) = Address::parse(text) else { panic!("{text}") };
        assert_eq!((address.host.as_str(), address.port), ("[::1]", 2022));
        assert_eq!((address.user.as_str(), address.folder.as_str()), ("wqfw", "/outbound/wqfw"));
        assert_eq!(address.password.unwrap().expose(), "p@ss诉");
    }

    #[test]
    fn an_invalid_address_is_refused_and_not_repeated() {
        for text in [
            "ftp://a:s3cret@b/c",
            "sftp://b/c",
            "sftp://a:s3cret@b:port/c",
            "sftp://a:s3cret%GG@b/",
        ] {
            let fault = Address::parse(text).unwrap_err().to_string();
            assert!(!fault.contains("s3cret"), "{fault}");
        }
    }
}
