//! Recognises encodings that are not decoded, so that the message that refuses a file names its true
//! encoding: HZ and ISO-2022 look like ASCII, and UTF-32 like UTF-16.

/// Maximum number of bytes that are kept.
const MAX_ESCAPE_BYTES: usize = 512;

/// The bytes from the first sequence on that may switch to another charset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Escapes {
    /// The last byte that was pushed while nothing was found.
    last: u8,
    found: Vec<u8>,
}

impl Escapes {
    /// Adds the next bytes of the text.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.found.is_empty() {
            let before = std::iter::once(&self.last).chain(bytes);
            let is_escape = |pair: (&u8, &u8)| matches!(pair, (b'~', b'{') | (0x1B, b'$'));
            let at = before.zip(bytes).position(is_escape);
            self.last = bytes.last().copied().unwrap_or(self.last);
            let Some(at) = at else { return };
            let first = if bytes[at] == b'{' { b'~' } else { 0x1B };
            self.found.push(first);
            self.found.extend(bytes[at..].iter().take(MAX_ESCAPE_BYTES));
            return;
        }
        let n_left = MAX_ESCAPE_BYTES.saturating_sub(self.found.len());
        self.found.extend(bytes.iter().take(n_left));
    }

    /// The name of the 7-bit encoding of a text that is ASCII otherwise.
    pub(crate) fn encoding(&self) -> Option<&'static str> {
        match &self.found[..] {
            [0x1B, _, b')', b'C', ..] => Some("ISO-2022-KR"),
            [0x1B, _, b')' | b'*', b'A' | b'E' | b'G' | b'H', ..] => Some("ISO-2022-CN"),
            [0x1B, _, b'@' | b'B' | b'(', ..] => Some("ISO-2022-JP"),
            [b'~', b'{', text @ ..] => {
                let end = text.windows(2).position(|pair| pair == b"~}")?;
                let is_pair = |pair: &[u8]| matches!(pair, [0x21..=0x77, 0x21..=0x7E]);
                (end > 0 && text[..end].chunks(2).all(is_pair)).then_some("HZ (HZ-GB-2312)")
            }
            _ => None,
        }
    }
}

/// `UTF-32BE` or `UTF-32LE`, if the first bytes of a text are encoded in one of them.
pub(crate) fn utf32(head: &[u8]) -> Option<&'static str> {
    let is_valid = |to_code: fn([u8; 4]) -> u32| {
        let (units, _) = head.as_chunks::<4>();
        let is_character = |unit: &[u8; 4]| {
            let code = to_code(*unit);
            (0x09..0x4_0000).contains(&code) && char::from_u32(code).is_some()
        };
        units.len() >= 2 && units.iter().all(is_character)
    };
    let big_endian = is_valid(u32::from_be_bytes).then_some("UTF-32BE");
    big_endian.or_else(|| is_valid(u32::from_le_bytes).then_some("UTF-32LE"))
}
