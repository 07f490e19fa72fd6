//! The fields about handling that a demand of the hotline must have.

use serde_json::{Value, json};

use crate::hotline::{Gbk, Pressing, Row, Task};
use crate::time;
use crate::truth::{deadline, unified_code, utc};

/// The expected fields; `additions` are the reminders and supplements.
pub(super) fn fields(row: &Row, additions: &[Pressing]) -> Value {
    let dossier = row.life.dossier(&row.rowguid);
    let (tasks, steps) = (&dossier.tasks, &dossier.steps);
    let lead = tasks.iter().find(|task| task.tasktype == "10" && task.taskstatus != "30");
    let org_raw = lead.map(|task| text(&task.ouname));
    let joint =
        tasks.iter().filter(|task| task.tasktype == "20").map(|task| full_name(&task.ouname));
    let n_steps = |name: &str| steps.iter().filter(|step| text(&step.operatename) == name).count();
    let flags = row.attention.split(',').filter_map(|code| unified_code("attention", code));
    let visits = dossier.visits.iter().map(|visit| {
        json!({
            "by": unified_code("visit", &text(&visit.visittype)),
            "at": moment(&visit.visittime),
            "contacted": visit.iscontact == "1",
            "resolved": visit.issolve == "1",
            "satisfaction": unified_code("satisfaction", &text(&visit.satisfaction)),
            "satisfaction_raw": text(&visit.satisfaction),
            "valid": visit.isvalid == "1",
        })
    });
    let steps = steps.iter().map(|step| {
        json!({
            "at": moment(&step.operatetime),
            "step": text(&step.operatename),
            "org": text(&step.ouname),
            "note": step.remark.as_ref().map(text),
        })
    });
    let additions_in_trail = additions.iter().map(|addition| {
        let step = if addition.flag == 1 { "补充" } else { "催办" };
        json!({ "at": moment(&addition.addtime), "step": step, "note": addition.addcontent.read() })
    });
    let at = |column: &Option<String>| column.as_deref().and_then(moment);
    json!({
        "org": lead.map(|task| full_name(&task.ouname)),
        "org_raw": org_raw,
        "org_joint": joint.collect::<Vec<_>>(),
        "accepted_at": at(&row.accepttime),
        "dispatched_at": at(&row.sendtime),
        "signed_at": at(&row.signtime),
        "responded_at": at(&row.contacttime),
        "resolved_at": at(&row.finishtime),
        "closed_at": at(&row.archivetime),
        "due_at": due(row.accepttime.as_deref(), row.casefinishlimit, &row.limitunit),
        "reply": Some(text(&row.answercontent)).filter(|answer| !answer.is_empty()),
        "flags": flags.collect::<Vec<_>>(),
        "counts": {
            "urged": additions.iter().filter(|addition| addition.flag == 2).count(),
            "returned": n_steps("退回"),
            "extended": n_steps("延期"),
        },
        "tasks": tasks.iter().map(task_fields).collect::<Vec<_>>(),
        "evaluations": visits.collect::<Vec<_>>(),
        "trail": steps.chain(additions_in_trail).collect::<Vec<_>>(),
    })
}

fn task_fields(task: &Task) -> Value {
    json!({
        "org": text(&task.ouname),
        "role": if task.tasktype == "10" { "lead" } else { "joint" },
        "side": if text(&task.dutytype) == "属地" { "territorial" } else { "sector" },
        "level": unified_code("level", &text(&task.oulevel)),
        "status": unified_code("task_status", &task.taskstatus),
        "dispatched_at": moment(&task.sendtime),
        "signed_at": task.signtime.as_deref().and_then(moment),
        "due_at": due(Some(&task.sendtime), task.taskfinishlimit, &task.limitunit),
        "limit_unit": unified_code("limit_unit", &task.limitunit),
        "responded_at": task.feedbacktime.as_deref().and_then(moment),
        "returned_reason": task.backreason.as_ref().map(text),
    })
}

fn due(begin: Option<&str>, limit: i64, unit: &str) -> Option<String> {
    deadline(time::parse_dashed(begin?)?, limit, unit).map(utc)
}

fn moment(text: &str) -> Option<String> {
    time::parse_dashed(text).map(utc)
}

fn full_name(name: &Gbk) -> Option<&'static str> {
    unified_code("org", &text(name))
}

fn text(column: &Gbk) -> String {
    column.read().unwrap_or_default()
}
