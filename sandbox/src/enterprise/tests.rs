use std::fs;
use std::time::Duration;

use super::*;
use crate::truth::Outcome;
use crate::{Clock, QuirkRates, QuirkSet as _};
use chrono::NaiveDateTime;

struct Town {
    enterprise: Enterprise,
    clock: Clock,
    _folder: tempfile::TempDir,
}

fn town(quirks: &str) -> Town {
    let folder = tempfile::tempdir().unwrap();
    let start = NaiveDateTime::parse_from_str("2026-10-09 10:00:00", "%F %T").unwrap();
    let clock = Clock::starting(start);
    let mut settings = Behaviour::new(7, clock.clone());
    settings.quirks = QuirkRates::parse(quirks).unwrap();
    let enterprise = Enterprise::create(&folder.path().join("wqfw"), settings).unwrap();
    Town { enterprise, clock, _folder: folder }
}

impl Town {
    fn half_an_hour(&self) -> Option<String> {
        self.clock.advance(DROP_INTERVAL);
        self.enterprise.drop_file().unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.enterprise.folder().join(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        encoding_rs::GB18030.decode(&self.bytes(name)).0.into_owned()
    }
}

#[test]
fn a_row_is_in_three_files_and_then_in_no_more() {
    let town = town("");
    let number = town.enterprise.submit(1).remove(0);
    town.clock.advance(DROP_INTERVAL / 2);
    let mut names = vec![town.enterprise.drop_file().unwrap().unwrap()];
    names.extend((0..2).map(|_| town.half_an_hour().unwrap()));
    assert!(names.iter().all(|name| town.text(name).contains(&number)));
    assert_eq!(town.half_an_hour(), None);
    assert_eq!(town.enterprise.counters().unwrap().waiting, 3);
    assert_eq!(town.enterprise.truth().record(&number).unwrap().states.len(), 1);
}

#[test]
fn a_manifest_describes_its_file() {
    let town = town("");
    town.enterprise.submit(5);
    let name = town.half_an_hour().unwrap();
    assert_eq!(name, "WQFW_340200_APPEAL_20261009103000.csv");
    let bytes = town.bytes(&name);
    let manifest = String::from_utf8(town.bytes(&format!("{name}.ok"))).unwrap();
    assert!(manifest.starts_with(&format!("{name}|5|{}|", bytes.len())), "{manifest}");
    assert!(town.text(&name).starts_with("诉求编号,诉求企业代码,"));
}

#[test]
fn the_same_seed_drops_the_same_files() {
    let drops = |quirks: &str| {
        let town = town(quirks);
        town.enterprise.submit(40);
        let name = town.half_an_hour().unwrap();
        town.bytes(&name)
    };
    assert_eq!(drops(""), drops(""));
    assert_ne!(drops(""), drops("nul@3"));
}

#[test]
fn every_switch_makes_a_difference() {
    let clean = {
        let town = town("");
        town.enterprise.submit(6);
        let name = town.half_an_hour().unwrap();
        (town.bytes(&name), town.bytes(&format!("{name}.ok")))
    };
    // The file that is replaced falls later.
    for quirk in EnterpriseQuirk::all().filter(|quirk| *quirk != EnterpriseQuirk::Replaced) {
        let town = town(&format!("{}@1", quirk.name()));
        town.enterprise.submit(6);
        let name = town.half_an_hour().unwrap();
        let announced = fs::read(town.enterprise.folder().join(format!("{name}.ok"))).ok();
        let same = town.bytes(&name) == clean.0 && announced.as_ref() == Some(&clean.1);
        assert!(!same, "{} changes nothing", quirk.name());
        let is_told = !town.enterprise.truth().records().is_empty();
        assert_eq!(is_told, quirk != EnterpriseQuirk::NoManifest, "{}", quirk.name());
    }
}

#[test]
fn an_early_manifest_is_followed_by_the_rest() {
    let town = town("early_manifest@1");
    town.enterprise.submit(6);
    let name = town.half_an_hour().unwrap();
    let half = town.bytes(&name).len();
    town.enterprise.finish(&name).unwrap();
    assert!(town.bytes(&name).len() > half);
    assert!(town.enterprise.finish(&name).is_err());
}

#[test]
fn a_replaced_file_is_dropped_again_under_its_name() {
    let town = town("replaced@1");
    town.enterprise.submit(6);
    let name = town.half_an_hour().unwrap();
    let first = town.bytes(&name);
    town.half_an_hour();
    assert_ne!(town.bytes(&name), first);
}

#[test]
fn appeals_change_until_their_last_state() {
    let town = town("");
    town.enterprise.submit(3);
    town.half_an_hour();
    for _ in 0..40 {
        town.clock.advance(Duration::from_secs(60));
        town.enterprise.advance_random(1);
    }
    town.half_an_hour();
    let truth = town.enterprise.truth();
    let ended = truth.records().iter().filter(|record| match &record.last().outcome {
        Outcome::Demand(facts) => facts["status"] == "resolved" || facts["status"] == "returned",
        Outcome::Reject(_) => false,
    });
    assert_eq!(ended.count(), 3);
}
