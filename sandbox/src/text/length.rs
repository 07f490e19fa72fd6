//! How long a demand is, in characters.

use crate::dice::Dice;

/// Quantiles in per mille, and the length there; lengths between are interpolated.
const QUANTILES: [(u32, u32); 11] = [
    (0, 40),
    (100, 90),
    (250, 145),
    (500, 230),
    (750, 410),
    (900, 720),
    (955, 1_000),
    (968, 1_500),
    (978, 2_400),
    (996, 4_000),
    (1_000, 9_000),
];

/// The number of characters a text should reach.
pub(crate) fn length(dice: &mut Dice) -> usize {
    let at = dice.between(0, 999);
    let above = QUANTILES.iter().position(|(quantile, _)| at < *quantile).unwrap_or(1);
    let ((low, from), (high, to)) = (QUANTILES[above - 1], QUANTILES[above]);
    // The last stretch holds the giants: half of them beyond 7,000 characters.
    let length = from + (to - from) * (at - low) / (high - low);
    let spread = (to - from) / (high - low);
    usize::try_from(length + dice.between(0, spread)).unwrap_or(usize::MAX)
}
