//! Text as the hotline stores it: GBK bytes, which may hold anything once they were written.

use std::sync::Arc;

use encoding_rs::GB18030;
use serde::{Serialize, Serializer};

/// A text column's bytes. Clones share them.
///
/// Serialized, it is the text a correct reader gets, or null when no reader can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gbk(Arc<[u8]>);

impl Gbk {
    /// The bytes of `text`: GBK where that suffices, four bytes of GB18030 elsewhere.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(GB18030.encode(text).0.into())
    }

    /// Bytes as they are, readable or not.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes in the column.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of the bytes. A character cut in half at the very end is left out; bytes that are no
    /// text anywhere else make the whole unreadable, `None`.
    #[must_use]
    pub fn read(&self) -> Option<String> {
        // A GB18030 character has four bytes at most, so at most three may be left of one.
        (0..=3).find_map(|cut| {
            let whole = self.0.get(..self.0.len().checked_sub(cut)?)?;
            let text = GB18030.decode_without_bom_handling_and_without_replacement(whole)?;
            Some(text.into_owned())
        })
    }

    /// At most `limit` bytes of it, cut in the middle of a character if the limit is there.
    #[must_use]
    pub(super) fn fit(&self, limit: usize) -> Self {
        if self.0.len() <= limit { self.clone() } else { Self(self.0[..limit].into()) }
    }
}

impl From<&str> for Gbk {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl Serialize for Gbk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.read().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_names_have_the_bytes_of_the_standard() {
        for (text, bytes) in [
            ("张䶮", &b"\xd5\xc5\xfe\x9f"[..]),
            ("㛃", b"\x82\x30\xb7\x31"),
            ("𬭎", b"\x99\x33\xa9\x32"),
            ("芜湖市", b"\xce\xdf\xba\xfe\xca\xd0"),
            ("喆", b"\x86\xb4"),
            ("a\0b", b"a\0b"),
        ] {
            assert_eq!(Gbk::new(text).bytes(), bytes, "{text}");
            assert_eq!(Gbk::new(text).read().as_deref(), Some(text));
        }
    }

    #[test]
    fn half_a_character_at_the_end_is_left_out_and_rubbish_inside_is_unreadable() {
        assert_eq!(Gbk::new("张三").fit(3).read().as_deref(), Some("张"));
        assert_eq!(Gbk::new("张𬭎").fit(5).read().as_deref(), Some("张"));
        assert_eq!(Gbk::from_bytes(&b"\xd5\xc5\xff\xff\xc8\xfd\xc8\xfd"[..]).read(), None);
    }
}
