//! Quirks: the known ways in which sources misbehave. Each quirk has a name, and applies every n-th time.

use std::num::NonZeroU64;

use anyhow::Context;

/// The quirks of one kind of source; the macro `quirks!` implements this trait.
pub trait QuirkSet: Copy + Eq + 'static {
    /// Each quirk with its name and its `n`: in a demonstration, it applies every n-th time; 0 is never.
    const TABLE: &'static [(Self, &'static str, u64)];
    /// The quirks that apply to items; the others apply to requests, pushes or files.
    const ITEM_QUIRKS: &'static [Self];

    /// All quirks.
    fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|(quirk, _, _)| *quirk)
    }

    /// Its name in [`QuirkRates::parse`] and in [`Truth`](crate::Truth).
    #[must_use]
    fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(quirk, _, _)| *quirk == self).map_or("", |(_, name, _)| name)
    }
}

/// Declares the quirks of one kind of source, each as `Variant = "name" @ n`: in a demonstration, it
/// applies every n-th time (never if n is 0). Quirks in `items` apply to every n-th item; quirks in
/// `others` apply to every n-th request, push or file.
macro_rules! quirks {
    (
        $type:ident of items {
            $($(#[$item_doc:meta])* $item:ident = $item_name:literal @ $item_n:literal,)*
        }
        others { $($(#[$doc:meta])* $quirk:ident = $name:literal @ $n:literal,)* }
    ) => {
        /// One way to misbehave.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$item_doc])* $item,)*
            $($(#[$doc])* $quirk,)*
        }

        impl $crate::quirk::QuirkSet for $type {
            const ITEM_QUIRKS: &'static [Self] = &[$(Self::$item,)*];
            const TABLE: &'static [(Self, &'static str, u64)] = &[
                $((Self::$item, $item_name, $item_n),)*
                $((Self::$quirk, $name, $n),)*
            ];
        }
    };
}
pub(crate) use quirks;

/// Which quirks apply, and how often: a quirk with the number n applies every n-th time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuirkRates<Q>(Vec<(Q, NonZeroU64)>);

impl<Q: QuirkSet> QuirkRates<Q> {
    /// No quirks.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The quirks of a demonstration, at the rates that [`QuirkSet::TABLE`] has.
    #[must_use]
    pub fn demonstration() -> Self {
        let rate = |&(quirk, _, n): &(Q, &str, u64)| Some((quirk, NonZeroU64::new(n)?));
        Self(Q::TABLE.iter().filter_map(rate).collect())
    }

    /// Parses rates such as `poison@100,late_commit@50`: `poison` applies the 100th time, the 200th and so
    /// on. `all` means [`demonstration`](Self::demonstration); an empty text means no quirks.
    ///
    /// # Errors
    /// If a name is unknown, or a rate is not a whole number above 0.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text.trim() == "all" {
            return Ok(Self::demonstration());
        }
        let rates = text.split(',').map(str::trim).filter(|rate| !rate.is_empty());
        rates.map(parse_rate).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The quirks that apply to the item, request, push or file `number`, counted from 1.
    pub(crate) fn at(&self, number: u64) -> impl Iterator<Item = Q> {
        let due = move |(_, n): &&(Q, NonZeroU64)| number.is_multiple_of(n.get());
        self.0.iter().filter(due).map(|(quirk, _)| *quirk)
    }

    /// Whether this quirk applies to the item, request, push or file `number`, counted from 1.
    pub(crate) fn applies(&self, quirk: Q, number: u64) -> bool {
        self.at(number).any(|due| due == quirk)
    }
}

/// Parses one rate, `name@n`.
fn parse_rate<Q: QuirkSet>(part: &str) -> anyhow::Result<(Q, NonZeroU64)> {
    let (name, n) = part.split_once('@').with_context(|| format!("`{part}`: write name@n"))?;
    let found = Q::TABLE.iter().find(|(_, table_name, _)| *table_name == name);
    let (quirk, _, _) = found.with_context(|| {
        let names: Vec<_> = Q::TABLE.iter().map(|(_, name, _)| *name).collect();
        format!("there is no quirk `{name}`; the quirks are: {}", names.join(", "))
    })?;
    let n = n.parse().with_context(|| format!("{part}: {n} is not a whole number above 0"))?;
    Ok((*quirk, n))
}

#[cfg(test)]
mod tests;
