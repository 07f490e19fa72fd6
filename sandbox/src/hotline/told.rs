//! The hotline's cases as [`Truth`]: the facts that must come out of a row.

use serde_json::{Map, Value};

use crate::Switch;
use crate::city::current_code;
use crate::hotline::{Expected, Fault, Hotline, Pressing, Row, State, life};
use crate::truth::{Class, Doubt, Facts, Outcome, Person, Step, Told, Truth, cleaned};
use crate::when;

impl Hotline {
    /// The [`Oracle`](crate::Oracle) in the form of all channels. Additions to a case are parts of
    /// its last state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn truth(&self) -> anyhow::Result<Truth> {
        let oracle = self.oracle().await?;
        let mut truth = Truth::new("hotline");
        for case in oracle.cases() {
            let key = &case.last().row.rowguid;
            for (left, state) in (0..case.states.len()).rev().zip(&case.states) {
                let serial = &state.row.serialnum;
                let added = if left == 0 { oracle.pressings(serial) } else { &[] };
                truth.told(key, told(state, added)?);
            }
            if let Some(at) = case.gone {
                truth.history.gone(key, at);
            }
        }
        Ok(truth)
    }
}

fn told(state: &State, added: &[Pressing]) -> anyhow::Result<Told> {
    let outcome = match state.expected {
        Expected::Poison => Outcome::Reject(Class::MalformedBytes),
        Expected::Readable => Outcome::Demand(Box::new(facts(state, added))),
    };
    let mut parts = Map::new();
    if !added.is_empty() {
        parts.insert("pressing".to_owned(), serde_json::to_value(added)?);
    }
    let faults = state.faults.iter().map(|fault| fault.name()).collect();
    let payload: Value = serde_json::to_value(&state.row)?;
    Ok(Told { at: state.at, outcome, faults, payload, parts })
}

fn facts(state: &State, added: &[Pressing]) -> Facts {
    let row = &state.row;
    let text = |text: &crate::Gbk| text.read().filter(|text| !text.is_empty());
    let clean = |raw| text(raw).map(|text| cleaned(&text));
    let status_raw = text(&row.cstatus);
    Facts {
        source_no: Some(row.serialnum.clone()),
        kind: kind(&row.rqsttype),
        kind_raw: Some(row.rqsttype.clone()),
        title: clean(&row.rqsttitle),
        content: clean(&row.rqstcontent),
        category_raw: text(&row.accordtype),
        received_at: when::read(&row.rqsttime),
        updated_at: when::read(&row.lastmodifytime),
        urgency: Some(if row.isimpt == "30" { "urgent" } else { "normal" }),
        region: current_code(&row.areacode),
        region_raw: Some(row.areacode.clone()),
        address: text(&row.rqstaddress),
        confidential: Some(row.issecret == "1"),
        status: status_raw.as_deref().and_then(life::unified),
        status_raw,
        resolved_at: row.finishtime.as_deref().and_then(when::read),
        people: Person::main(
            text(&row.rqstperson),
            row.linknumber.clone().or_else(|| row.rqstnumber.clone()),
        ),
        trail: added.iter().map(step).collect(),
        quality: doubts(row, &state.faults),
        ..Facts::default()
    }
}

fn step(added: &Pressing) -> Step {
    Step {
        at: when::read(&added.addtime),
        step: Some(if added.flag == 1 { "补充" } else { "催办" }.to_owned()),
        note: added.addcontent.read(),
        ..Step::default()
    }
}

fn doubts(row: &Row, faults: &[Fault]) -> Vec<Doubt> {
    let doubt = |fault: &Fault| {
        let (field, flag) = match fault {
            Fault::UnknownType => ("kind", "unknown_code"),
            Fault::LostZero => ("people", "bad_phone"),
            Fault::CutText if row.is_full() => ("content", "truncated"),
            Fault::Nul => ("content", "control_characters"),
            Fault::OldArea => ("region", "outdated_region"),
            Fault::Mojibake => ("content", "damaged"),
            _ => return None,
        };
        Some(Doubt { field, flag })
    };
    faults.iter().filter_map(doubt).collect()
}

fn kind(code: &str) -> Option<&'static str> {
    Some(match code {
        "10" => "consult",
        "15" => "suggestion",
        "20" => "complaint",
        "25" => "report",
        "30" => "help",
        "35" => "praise",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gbk;
    use crate::tests::town;

    #[tokio::test]
    async fn a_case_has_the_same_content_in_the_form_of_all_channels() {
        let town = town("poison@2,slash_time@3,old_area@4").await;
        let keys = town.hotline.file(4).await.unwrap();
        town.hotline.change(&keys[0], |row| row.cstatus = Gbk::new("80")).await.unwrap();
        town.hotline.delete(&keys[2]).await.unwrap();
        let truth = town.hotline.truth().await.unwrap();
        assert_eq!(truth.channel(), "hotline");
        let states = &truth.thing(&keys[0]).unwrap().states;
        assert_eq!(states.len(), 2);
        assert_eq!(states[1].facts().unwrap().status, Some("resolved"));
        assert_eq!(states[1].payload["CSTATUS"], "80");
        assert_eq!(
            truth.thing(&keys[1]).unwrap().last().outcome,
            Outcome::Reject(Class::MalformedBytes)
        );
        let slashed = truth.thing(&keys[2]).unwrap();
        assert!(slashed.gone.is_some() && slashed.last().facts().unwrap().received_at.is_some());
        let old = truth.thing(&keys[3]).unwrap().last();
        assert_eq!(old.faults, ["poison", "old_area"].into_iter().rev().collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn additions_belong_to_the_last_state() {
        let town = town("").await;
        let key = town.hotline.file(1).await.unwrap().remove(0);
        town.hotline.urge(3).await.unwrap();
        town.hotline.change(&key, |row| row.cstatus = Gbk::new("40")).await.unwrap();
        let truth = town.hotline.truth().await.unwrap();
        let states = &truth.thing(&key).unwrap().states;
        assert!(states[0].parts.is_empty() && states[0].facts().unwrap().trail.is_empty());
        assert_eq!(states[1].parts["pressing"].as_array().unwrap().len(), 3);
        assert_eq!(states[1].facts().unwrap().trail.len(), 3);
    }

    #[tokio::test]
    async fn with_only_the_newest_state_kept_a_city_does_not_grow() {
        let settings = crate::Settings {
            memory: crate::Memory::Newest,
            ..crate::Settings::new(7, crate::Clock::starting(crate::tests::morning()))
        };
        let town = crate::tests::town_with(settings).await;
        town.hotline.file(3).await.unwrap();
        town.hotline.touch(50).await.unwrap();
        town.hotline.urge(50).await.unwrap();
        let truth = town.hotline.truth().await.unwrap();
        assert!(truth.things().iter().all(|thing| thing.states.len() == 1));
        let steps: usize = truth.things().iter().map(|t| t.last().parts.len()).sum();
        assert!(steps <= 3);
    }
}
