//! Whether a store belongs to the key that seals personal values.

use contract::Fault;

use crate::store::{Database, database::row::Columns};

impl Database {
    /// Binds the store to the keys that seal personal values: ids and values that prove them, the
    /// set in use first. The first use records it, and a rotation is followed.
    ///
    /// # Errors
    /// `Stopped` where the store was last used with a key that is not among them.
    pub async fn bind_key(&self, keys: &[(u32, String)]) -> Result<(), Fault> {
        let mut tx = self.begin_alone("bind the sealing key").await?;
        let read = |row: &dyn Columns| {
            let (key_id, check_value) = (row.some_int("key_id")?, row.some_text("check_value")?);
            Ok(BoundKey { key_id, check_value })
        };
        let known = tx.query("SELECT key_id, check_value FROM sealing_key", &[], read).await?;
        if let Bind::Write(key_id, check_value) =
            BoundKey::check(known.first(), keys, self.place())?
        {
            tx.execute("DELETE FROM sealing_key", &[]).await?;
            let values = [i64::from(key_id).into(), check_value.into()];
            tx.execute(RECORD, &values).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

const RECORD: &str = "INSERT INTO sealing_key (key_id, check_value) VALUES ($1, $2)";

/// The key that a store was first used with, and a value that proves it.
struct BoundKey {
    key_id: i64,
    check_value: String,
}

/// What is to be done with the key that a store is bound to.
#[derive(Debug, PartialEq, Eq)]
enum Bind<'a> {
    /// It is the one in use.
    Same,
    /// Write this one: the store is new, or the keys were rotated.
    Write(u32, &'a str),
}

impl BoundKey {
    /// Refuses keys that do not contain this one. The set in use is the first.
    fn check<'a>(
        known: Option<&Self>,
        keys: &'a [(u32, String)],
        place: &str,
    ) -> Result<Bind<'a>, Fault> {
        let Some((current, check_value)) = keys.first() else {
            return Err(Fault::stopped("there is no key").at(place));
        };
        let Some(Self { key_id, check_value: known }) = known else {
            return Ok(Bind::Write(*current, check_value));
        };
        match keys.iter().position(|(id, value)| i64::from(*id) == *key_id && value == known) {
            Some(0) => Ok(Bind::Same),
            Some(_) => Ok(Bind::Write(*current, check_value)),
            None => Err(Fault::stopped(format!(
                "its personal values are sealed with another key (key {key_id}) than the one given \
                 (key {current})"
            ))
            .at(place)
            .remedy(format!("restore the key file of key {key_id}, or add that set to this one"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_follows_a_rotation_and_refuses_strangers() {
        let keys = |sets: &[(u32, &str)]| {
            sets.iter().map(|(id, value)| (*id, (*value).to_owned())).collect::<Vec<_>>()
        };
        let bound = BoundKey { key_id: 1, check_value: "one".into() };
        let (new, same, rotated) =
            (keys(&[(1, "one")]), keys(&[(1, "one")]), keys(&[(2, "two"), (1, "one")]));
        assert_eq!(BoundKey::check(None, &new, "x").unwrap(), Bind::Write(1, "one"));
        assert_eq!(BoundKey::check(Some(&bound), &same, "x").unwrap(), Bind::Same);
        assert_eq!(BoundKey::check(Some(&bound), &rotated, "x").unwrap(), Bind::Write(2, "two"));
        for strange in [keys(&[(1, "two")]), keys(&[(2, "one")]), keys(&[])] {
            assert!(BoundKey::check(Some(&bound), &strange, "x").is_err());
        }
    }
}
