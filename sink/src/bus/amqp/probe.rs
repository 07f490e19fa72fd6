//! Which RabbitMQ answers. It says so in its first frame; lapin reads that and does not tell, so it
//! is asked once per node, on a connection that goes no further.
//!
//! Before 3.10 a queue takes `x-dead-letter-strategy` without a word and dead-letters at most once: a
//! message could be lost between two queues, and nothing else would show it.

use std::io;

use contract::Fault;
use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::fault::{Place, at};

const OLDEST: (u32, u32) = (3, 10);
/// AMQP 0-9-1, 4.2.2.
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// Type, channel and size (4.2.3).
const FRAME_HEADER: usize = 7;
/// Far more than a broker says of itself.
const MOST: usize = 64 * 1024;

/// Lets a broker pass that is no RabbitMQ of before 3.10.
///
/// # Errors
/// It is too old, which somebody has to mend.
pub(super) async fn refuse_old(
    place: &Place,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<Result<(), Fault>> {
    stream.write_all(HEADER).await?;
    stream.flush().await?;
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await?;
    let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
    let mut said = vec![0; usize::try_from(size).unwrap_or(MOST).min(MOST)];
    stream.read_exact(&mut said).await?;
    let old = property(&said, "product").is_some_and(|product| product == "RabbitMQ")
        && property(&said, "version").and_then(numbers).is_some_and(|version| version < OLDEST);
    if !old {
        return Ok(Ok(()));
    }
    let (version, (major, minor)) = (property(&said, "version").unwrap_or_default(), OLDEST);
    let what = format!("RabbitMQ {version} cannot dead-letter without loss");
    let remedy = format!("upgrade it to {major}.{minor} or later");
    Ok(Err(Fault::stopped(what).at(at(place)).remedy(remedy)))
}

/// A text among the properties: name and value each behind their length, `S` between them (4.2.5.5).
fn property<'a>(said: &'a [u8], name: &str) -> Option<&'a str> {
    let length = u8::try_from(name.len()).ok()?;
    let key = [&[length], name.as_bytes(), b"S"].concat();
    let start = said.windows(key.len()).position(|window| window == key)? + key.len();
    let (size, rest) = said.get(start..)?.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
    std::str::from_utf8(rest.get(..size)?).ok()
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, is_old) in [("3.9.29", true), ("3.10.8", false), ("4.0.1", false)] {
            let found = numbers(version).unwrap();
            assert_eq!(found < OLDEST, is_old, "{version}");
        }
        assert_eq!(numbers("unknown"), None);
    }

    #[test]
    fn a_property_that_is_cut_off_is_none() {
        let said = b"\x07versionS\0\0\0\x063.9.29";
        assert_eq!(property(said, "version"), Some("3.9.29"));
        assert_eq!(property(&said[..said.len() - 1], "version"), None);
        assert_eq!(property(&said[..10], "version"), None);
        assert_eq!(property(said, "product"), None);
    }
}
