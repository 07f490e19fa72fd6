//! Applies the edits of a round, and keeps the positions of all repairs in the original text. A
//! round undoes one wrong decoding; a later round edits the result of the earlier ones.

use crate::Span;

use super::{Edit, Repair};

/// The text with the edits applied.
pub(super) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut from = 0;
    for Edit { from: broken, repaired, .. } in edits {
        edited.push_str(&text[from..broken.offset]);
        edited.push_str(repaired);
        from = broken.offset + broken.len;
    }
    edited.push_str(&text[from..]);
    edited
}

/// Joins the repairs of earlier rounds with the edits of this round. Repairs that overlap become one.
/// So its ends are never inside an earlier repair, and its position in the original text is exact.
pub(super) fn join(earlier: Vec<Repair>, edits: &[Edit]) -> Vec<Repair> {
    let mut joined = Vec::with_capacity(earlier.len() + edits.len());
    let mut earlier = earlier.into_iter().peekable();
    let mut edits = edits.iter().peekable();
    let (mut to_original, mut to_current) = (OffsetMap::default(), OffsetMap::default());
    loop {
        let starts = [earlier.peek().map(|r| r.span.offset), edits.peek().map(|e| e.from.offset)];
        let Some(start) = starts.into_iter().flatten().min() else { return joined };
        let (original, current) = (to_original.of(start), to_current.of(start));
        let mut end = start;
        let (mut rules, mut added) = (Vec::new(), Vec::new());
        let reaches = |offset: usize, end: usize| offset < end || offset == start;
        loop {
            if let Some(repair) = earlier.next_if(|repair| reaches(repair.span.offset, end)) {
                end = end.max(repair.span.offset + repair.span.len);
                to_original.skip(repair.span, repair.before.len);
                if repair.rules.len() > rules.len() {
                    rules = repair.rules;
                }
            } else if let Some(edit) = edits.next_if(|edit| reaches(edit.from.offset, end)) {
                end = end.max(edit.from.offset + edit.from.len);
                to_current.skip(edit.from, edit.repaired.len());
                if !added.ends_with(&edit.rules) {
                    added.extend_from_slice(&edit.rules);
                }
            } else {
                break;
            }
        }
        rules.extend(added);
        let span = Span { offset: current, len: to_current.of(end) - current };
        let before = Span { offset: original, len: to_original.of(end) - original };
        joined.push(Repair { rules, span, before });
    }
}

/// Maps positions in one text to positions in another. Valid only after the last part that differs:
/// `from` and `to` are the ends of that part in the two texts.
#[derive(Default)]
struct OffsetMap {
    from: usize,
    to: usize,
}

impl OffsetMap {
    fn of(&self, offset: usize) -> usize {
        self.to + (offset - self.from)
    }

    /// Moves past a part at `span` that has `len` bytes in the other text.
    fn skip(&mut self, span: Span, len: usize) {
        self.to = self.of(span.offset) + len;
        self.from = span.offset + span.len;
    }
}
