//! Quirks: every known way in which a source misbehaves has a name, and occurs every n-th time.

use std::num::NonZeroU64;

use anyhow::Context;

/// The quirks of one simulator; `quirks!` implements it.
pub trait QuirkSet: Copy + Eq + 'static {
    /// Quirk, name, and that it occurs every n-th time in a demonstration; 0 for never.
    const TABLE: &'static [(Self, &'static str, u64)];
    /// Those that strike items.
    const OF_ITEMS: &'static [Self];

    /// All quirks.
    fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|(quirk, _, _)| *quirk)
    }

    /// The name in settings and in the truth.
    #[must_use]
    fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(quirk, _, _)| *quirk == self).map_or("", |(_, name, _)| name)
    }
}

/// Declares the quirks of a simulator: variant, name, and that it occurs every n-th time in a
/// demonstration. First those of items, of which the filed ones are counted, then those of requests,
/// pushes or files.
macro_rules! quirks {
    (
        $type:ident of items {
            $($(#[$item_doc:meta])* $item:ident = $item_name:literal @ $item_rarity:literal,)*
        }
        others { $($(#[$doc:meta])* $quirk:ident = $name:literal @ $rarity:literal,)* }
    ) => {
        /// One way to misbehave.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$item_doc])* $item,)*
            $($(#[$doc])* $quirk,)*
        }

        impl $crate::faults::QuirkSet for $type {
            const OF_ITEMS: &'static [Self] = &[$(Self::$item,)*];
            const TABLE: &'static [(Self, &'static str, u64)] = &[
                $((Self::$item, $item_name, $item_rarity),)*
                $((Self::$quirk, $name, $rarity),)*
            ];
        }
    };
}
pub(crate) use quirks;

/// Which quirks occur, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults<F>(Vec<(F, NonZeroU64)>);

impl<F: QuirkSet> Faults<F> {
    /// A source where everything works.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// All quirks of a demonstration, as often as they occur there.
    #[must_use]
    pub fn all_sparse() -> Self {
        let every = |&(quirk, _, n): &(F, &str, u64)| Some((quirk, NonZeroU64::new(n)?));
        Self(F::TABLE.iter().filter_map(every).collect())
    }

    /// Reads `poison@100,late_commit@50`: the first quirk strikes the 100th time, the 200th and so on.
    /// `all` means [`all_sparse`](Self::all_sparse), an empty text means none.
    ///
    /// # Errors
    /// When a name is unknown or a number is not a whole number above 0.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text.trim() == "all" {
            return Ok(Self::all_sparse());
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(one).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The quirks that strike time `number`, counted from 1.
    pub(crate) fn at(&self, number: u64) -> impl Iterator<Item = F> {
        let due = move |(_, n): &&(F, NonZeroU64)| number.is_multiple_of(n.get());
        self.0.iter().filter(due).map(|(quirk, _)| *quirk)
    }

    /// Whether this quirk strikes time `number`, counted from 1.
    pub(crate) fn strikes(&self, quirk: F, number: u64) -> bool {
        self.at(number).any(|due| due == quirk)
    }
}

fn one<F: QuirkSet>(part: &str) -> anyhow::Result<(F, NonZeroU64)> {
    let (name, n) = part.split_once('@').with_context(|| format!("{part}: write name@n"))?;
    let known = F::TABLE.iter().find(|(_, known, _)| *known == name);
    let (quirk, _, _) = known.with_context(|| {
        let names: Vec<_> = F::TABLE.iter().map(|(_, name, _)| *name).collect();
        format!("no fault is called {name}, there are: {}", names.join(", "))
    })?;
    let n = n.parse().with_context(|| format!("{part}: {n} is not a whole number above 0"))?;
    Ok((*quirk, n))
}

#[cfg(test)]
mod tests;
