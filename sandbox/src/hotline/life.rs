//! The life of a case: its status codes, their labels and the usual way from one to the next.

use crate::dice::Dice;

const LABELS: &[(&str, &str)] = &[
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

/// A status a case may have when it first shows.
pub(super) fn first(dice: &mut Dice) -> &'static str {
    dice.pick(&["35", "35", "35", "35", "35", "25", "15", "40"])
}

/// The status after `current`, a code or a label, in the same spelling. Most cases go straight
/// 35 → 40 → 50 → 60 → 80 → 100; some are returned once or leave the citizen discontented.
pub(super) fn next(dice: &mut Dice, current: &str) -> &'static str {
    let labelled = LABELS.iter().find(|(_, label)| *label == current);
    let code = match labelled.map_or(current, |(code, _)| code) {
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
    if labelled.is_some() { label(code) } else { code }
}

/// True when a case in this status, code or label, is closed.
pub(super) fn closed(status: &str) -> bool {
    ["80", "100"].iter().any(|code| status == *code || status == label(code))
}

/// The label of a code; the code itself when it has none.
pub(super) fn label(code: &'static str) -> &'static str {
    LABELS.iter().find(|(known, _)| *known == code).map_or(code, |(_, label)| label)
}

/// The status of the unified demand for a code or a label.
pub(super) fn unified(status: &str) -> Option<&'static str> {
    let labelled = LABELS.iter().find(|(_, label)| *label == status);
    Some(match labelled.map_or(status, |(code, _)| code) {
        "15" | "25" => "reviewing",
        "35" => "assigned",
        "40" => "in_progress",
        "45" => "returned",
        "50" => "answered",
        "60" => "visiting",
        "65" => "reopened",
        "80" => "resolved",
        "100" => "archived",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_ends_in_the_archive() {
        for start in ["15", "35", "待签收"] {
            let mut dice = Dice::new(4, 4);
            let mut status = start;
            let mut steps = Vec::new();
            while !["100", "归档"].contains(&status) {
                status = next(&mut dice, status);
                steps.push(status);
            }
            assert!(closed(status) && closed(steps[steps.len() - 2]), "{start}: {steps:?}");
            assert!(steps.len() < 30);
        }
    }
}
