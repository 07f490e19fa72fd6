//! Messages prove that this gateway published them. Whoever may write to a queue could otherwise invent demands, and
//! replace those of the sources.

use std::fmt;

use contract::Message;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key with which ingest proves its messages, and with which the sink verifies them (HMAC-SHA-256); rows of the
/// audit log and statements of a day are proved with it too. It opens no sealed value, so the sink may have it.
#[derive(Clone)]
pub struct BusKey([u8; 32]);

impl BusKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The proof of a message, in hexadecimal digits.
    pub(super) fn prove(&self, message: &Message) -> String {
        hex::encode(self.mac(message).finalize().into_bytes())
    }

    /// Whether this is the proof of this message. The time that it takes does not tell how much of it is right.
    pub(super) fn proves(&self, message: &Message, proof: &str) -> bool {
        hex::decode(proof).is_ok_and(|proof| self.mac(message).verify_slice(&proof).is_ok())
    }

    /// The proof of a statement of the books, in hexadecimal digits.
    pub fn prove_statement(&self, statement: &[u8]) -> String {
        hex::encode(self.statement_mac(statement).finalize().into_bytes())
    }

    /// Whether this is the proof of this statement.
    pub fn proves_statement(&self, statement: &[u8], proof: &str) -> bool {
        let proof = hex::decode(proof);
        proof.is_ok_and(|proof| self.statement_mac(statement).verify_slice(&proof).is_ok())
    }

    fn statement_mac(&self, statement: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.begin(b"tonghui statement\0");
        mac.update(statement);
        mac
    }

    /// A MAC with this key for one purpose: what is proved for one proves nothing for another.
    pub(crate) fn begin(&self, purpose: &[u8]) -> Hmac<Sha256> {
        // Padded to a whole block, as RFC 2104 does: a key of this length cannot be refused.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose);
        mac
    }

    /// Everything that decides what the sink does with a message: its id, wire version, number of events and the hash
    /// of its body.
    fn mac(&self, message: &Message) -> Hmac<Sha256> {
        let Message { id, wire_version, events, body } = message;
        let mut mac = self.begin(b"tonghui message 2\0");
        mac.update(format!("{id}\0").as_bytes());
        mac.update(&wire_version.to_be_bytes());
        mac.update(&events.to_be_bytes());
        mac.update(body.sha256());
        mac
    }
}

impl fmt::Debug for BusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BusKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::suite::sample::{read, record};

    #[test]
    fn a_proof_is_that_of_one_key_and_one_message() {
        let message = read(1, [record("a", "text")]).messages()[0].clone();
        let (key, other) = (BusKey::new([1; 32]), BusKey::new([2; 32]));
        let proof = key.prove(&message);
        assert!(key.proves(&message, &proof));
        assert!(!other.proves(&message, &proof));
        for wrong in ["", "00", "not hexadecimal", &proof[1..], &proof.replace(&proof[..1], "g")] {
            assert!(!key.proves(&message, wrong), "{wrong}");
        }
        let id = |read_no, part| contract::MessageId {
            read_no: contract::ReadNo(read_no),
            part,
            ..message.id.clone()
        };
        for changed in [
            Message { id: id(2, 0), ..message.clone() },
            Message { id: id(1, 1), ..message.clone() },
            Message { wire_version: 2, ..message.clone() },
            Message { events: 2, ..message.clone() },
            Message { body: Bytes::from_static(b"[]").into(), ..message.clone() },
        ] {
            assert!(!key.proves(&changed, &proof), "{:?}", changed.id);
        }
        assert!(!format!("{key:?}").contains('1'));
    }

    #[test]
    fn a_statement_has_the_proof_of_one_key_and_of_all_its_bytes() {
        let (key, other) = (BusKey::new([1; 32]), BusKey::new([2; 32]));
        let proof = key.prove_statement(b"read 5");
        assert!(key.proves_statement(b"read 5", &proof));
        assert!(!key.proves_statement(b"read 6", &proof));
        assert!(!other.proves_statement(b"read 5", &proof));
        assert!(!key.proves_statement(b"read 5", ""));
    }
}
