//! The life cycle of a case: the status codes, their labels and the usual transitions.

use crate::dice::Dice;
use crate::hotline::Row;

/// The code and the label of each status.
static STATUSES: [(&str, &str); 10] = [
    ("15", "初审待交办"),
    ("25", "终审待交办"),
    ("35", "待签收"),
    ("40", "处理中"),
    ("45", "部门退回"),
    ("50", "结果审核待交办"),
    ("60", "待回访"),
    ("65", "回访不满意"),
    ("80", "直接办结"),
    ("100", "归档"),
];

/// A random status for a new case.
pub(super) fn initial_status(dice: &mut Dice) -> &'static str {
    dice.pick(&["35", "35", "35", "35", "35", "25", "15", "40"])
}

/// The status after `current`: a label if `current` is a label, otherwise a code. Most cases go through 35,
/// 40, 50, 60, 80 and 100; some are also returned (45) or reopened (65).
pub(super) fn next_status(dice: &mut Dice, current: &str) -> &'static str {
    let found = find(current);
    let code = match found.map_or(current, |(code, _)| code) {
        "15" => "25",
        "25" | "45" => "35",
        "35" | "65" => "40",
        "40" if dice.one_in(12) => "45",
        "40" => "50",
        "50" => "60",
        "60" if dice.one_in(12) => "65",
        "60" => "80",
        _ => "100",
    };
    if found.is_some_and(|(_, label)| *label == current) { label(code) } else { code }
}

/// Whether nothing more happens to this case.
pub(super) fn is_archived(row: &Row) -> bool {
    row.cstatus.read().is_some_and(|status| code(&status) == "100")
}

/// The label of a code; the code itself if it is not in the list.
pub(super) fn label(code: &str) -> &str {
    find(code).map_or(code, |(_, label)| label)
}

/// The code of a status (a code or a label); the text itself if it is not in the list.
pub(super) fn code(status: &str) -> &str {
    find(status).map_or(status, |(code, _)| code)
}

/// The code and the label of a status, given either of them; `None` if it is not in the list.
fn find(status: &str) -> Option<&'static (&'static str, &'static str)> {
    STATUSES.iter().find(|(code, label)| [*code, *label].contains(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_archived_in_the_end() {
        for start in ["15", "35", "待签收"] {
            let mut dice = Dice::new(4, 4);
            let mut status = start;
            let mut steps = Vec::new();
            while !["100", "归档"].contains(&status) {
                status = next_status(&mut dice, status);
                steps.push(status);
            }
            assert_eq!(code(steps[steps.len() - 2]), "80", "{start}: {steps:?}");
            assert!(steps.len() < 30);
        }
    }
}
