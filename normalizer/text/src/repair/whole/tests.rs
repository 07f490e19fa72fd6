use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_text_that_is_refused_at_its_first_letter_cannot_be_undone(
        before in "[ -~]{0,3}",
        text in "[\u{80}-\u{FF}€]{0,6}|[一-龥]{0,6}|[缇や紬璇夋眰]{1,6}|\\PC{0,4}",
        after in "[ -~]{0,3}",
    ) {
        let text = before + &text + &after;
        for rule in Rule::ALL {
            for tables in Generation::ALL.map(Tables::of) {
                let read = rule.wrong_charset().table(tables);
                let other = |c| read.other_bytes(c).or_else(|| read.bytes(c));
                let usual = undo_as(rule, &text, tables, |c| read.bytes(c));
                let expected = usual.or_else(|| undo_as(rule, &text, tables, other));
                prop_assert_eq!(undo(rule, &text, tables), expected);
            }
        }
    }
}
