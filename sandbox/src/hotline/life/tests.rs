use super::*;
use crate::hotline::Gbk;
use crate::tests::morning;

/// The status and the dossier of each of `n` cases.
fn dossiers(n: u64) -> Vec<(&'static str, Dossier)> {
    let told = (1..=n).map(|number| {
        let call = TimeDelta::seconds(300);
        let (life, status, _) =
            Life::until(morning(), call, ("35", Stage::InProgress), (7, number, number % 6 != 0));
        (status, life.dossier("g"))
    });
    told.collect()
}

#[test]
fn a_life_has_no_event_before_its_call_or_after_its_last_change() {
    for number in 1..500 {
        let call = TimeDelta::seconds(300);
        let (life, _, called_at) =
            Life::until(morning(), call, ("25", Stage::InProgress), (7, number, true));
        let times: Vec<_> = life.events.iter().map(|(at, _)| *at).collect();
        assert!(times.is_sorted(), "{life:?}");
        assert!(called_at < times[0] && times[times.len() - 1] <= morning(), "{life:?}");
    }
}

#[test]
fn lives_contain_everything_that_happens_to_real_ones() {
    let dossiers = dossiers(2_000);
    let count = |has: &dyn Fn(&Dossier) -> bool| dossiers.iter().filter(|(_, d)| has(d)).count();
    for step in [
        "受理",
        "派单",
        "签收",
        "联系诉求人",
        "延期",
        "退回",
        "反馈",
        "审核",
        "回访",
        "不满意重办",
        "督办",
        "办结",
        "归档",
    ] {
        let n = count(&|d| d.steps.iter().any(|known| known.operatename == Gbk::new(step)));
        assert!(n >= 15, "{step}: {n}");
    }
    let of_type = |d: &Dossier, kind| d.tasks.iter().filter(|task| task.tasktype == kind).count();
    assert!(count(&|d| of_type(d, "20") > 0) > 200, "several units");
    assert!(count(&|d| of_type(d, "10") > 1) > 5, "another unit after a return");
    assert!(count(&|d| d.visits.len() > 1) > 5, "another visit after a bad one");
    for unit in ["0", "1", "2"] {
        assert!(count(&|d| d.limitunit == unit) > 20, "{unit}");
    }
}

#[test]
fn the_dossier_agrees_with_the_status() {
    for (status, dossier) in dossiers(2_000) {
        let last = dossier.tasks.iter().rev().find(|task| task.tasktype == "10").unwrap();
        let expected = match status {
            "35" => "10",
            "40" | "65" => "20",
            "45" => "30",
            "50" => "100",
            _ => "80",
        };
        assert_eq!(last.taskstatus, expected, "{status}");
        assert_eq!(dossier.finishtime.is_some(), ["80", "100"].contains(&status), "{status}");
        assert_eq!(dossier.archivetime.is_some(), status == "100", "{status}");
    }
}
