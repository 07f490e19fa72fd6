//! Mail addresses.

use memchr::memchr_iter;

use super::Hidden;

/// The longest part before the sign, RFC 5321.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// Adds what is found in `text`. The first character stays, and the domain: it is rarely a person's.
pub(super) fn find(text: &str, hidden: &mut Vec<Hidden>) {
    for at in memchr_iter(b'@', text.as_bytes()) {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + 1..]);
        let local = before.iter().rev().take(LONGEST_LOCAL).take_while(|b| is_local(**b)).count();
        let domain = after.iter().take(LONGEST_DOMAIN).take_while(|b| is_domain(**b)).count();
        let domain = text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
        let has_end = domain.rsplit_once('.').is_some_and(|(name, end)| {
            !name.is_empty() && end.len() >= 2 && end.bytes().all(|b| b.is_ascii_alphabetic())
        });
        if local > 0 && has_end {
            let start = at - local;
            let first = &text[start..=start];
            let mask = format!("{first}***@{domain}");
            hidden.push(Hidden { at: start..at + 1 + domain.len(), mask });
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}
