use std::fs;
use std::time::Duration;

use super::*;
use crate::truth::Outcome;
use crate::{Clock, QuirkRates, QuirkSet as _};
use chrono::NaiveDateTime;

struct Fixture {
    enterprise: Enterprise,
    clock: Clock,
    _folder: tempfile::TempDir,
}

fn fixture(quirks: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let start = NaiveDateTime::parse_from_str("2026-10-09 10:00:00", "%F %T").unwrap();
    let clock = Clock::starting(start);
    let mut settings = Behaviour::new(7, clock.clone());
    settings.quirks = QuirkRates::parse(quirks).unwrap();
    let enterprise = Enterprise::create(&folder.path().join("wqfw"), settings).unwrap();
    Fixture { enterprise, clock, _folder: folder }
}

impl Fixture {
    fn drop_after_half_an_hour(&self) -> Option<String> {
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
    let fixture = fixture("");
    let number = fixture.enterprise.submit(1).remove(0);
    fixture.clock.advance(DROP_INTERVAL / 2);
    let mut names = vec![fixture.enterprise.drop_file().unwrap().unwrap()];
    names.extend((0..2).map(|_| fixture.drop_after_half_an_hour().unwrap()));
    assert!(names.iter().all(|name| fixture.text(name).contains(&number)));
    assert_eq!(fixture.drop_after_half_an_hour(), None);
    assert_eq!(fixture.enterprise.counters().unwrap().waiting, 3);
    assert_eq!(fixture.enterprise.truth().record(&number).unwrap().states.len(), 1);
}

#[test]
fn a_manifest_describes_its_file() {
    let fixture = fixture("");
    fixture.enterprise.submit(5);
    let name = fixture.drop_after_half_an_hour().unwrap();
    assert_eq!(name, "WQFW_340200_APPEAL_20261009103000.csv");
    let bytes = fixture.bytes(&name);
    let manifest = String::from_utf8(fixture.bytes(&format!("{name}.ok"))).unwrap();
    assert!(manifest.starts_with(&format!("{name}|5|{}|", bytes.len())), "{manifest}");
    assert!(fixture.text(&name).starts_with("诉求编号,诉求企业代码,"));
}

#[test]
fn the_same_seed_drops_the_same_files() {
    let drops = |quirks: &str| {
        let fixture = fixture(quirks);
        fixture.enterprise.submit(40);
        let name = fixture.drop_after_half_an_hour().unwrap();
        fixture.bytes(&name)
    };
    assert_eq!(drops(""), drops(""));
    assert_ne!(drops(""), drops("nul@3"));
}

#[test]
fn every_quirk_makes_a_difference() {
    let clean = {
        let fixture = fixture("");
        fixture.enterprise.submit(6);
        let name = fixture.drop_after_half_an_hour().unwrap();
        (fixture.bytes(&name), fixture.bytes(&format!("{name}.ok")))
    };
    // A file is replaced only later, and that has its own test.
    for quirk in EnterpriseQuirk::all().filter(|quirk| *quirk != EnterpriseQuirk::Replaced) {
        let fixture = fixture(&format!("{}@1", quirk.name()));
        fixture.enterprise.submit(6);
        let name = fixture.drop_after_half_an_hour().unwrap();
        let announced = fs::read(fixture.enterprise.folder().join(format!("{name}.ok"))).ok();
        let same = fixture.bytes(&name) == clean.0 && announced.as_ref() == Some(&clean.1);
        assert!(!same, "{} changes nothing", quirk.name());
        let is_in_truth = !fixture.enterprise.truth().records().is_empty();
        assert_eq!(is_in_truth, !quirk.hides_rows(), "{}", quirk.name());
    }
}

#[test]
fn an_early_manifest_is_followed_by_the_rest() {
    let fixture = fixture("early_manifest@1");
    fixture.enterprise.submit(6);
    let name = fixture.drop_after_half_an_hour().unwrap();
    let half = fixture.bytes(&name).len();
    fixture.enterprise.finish(&name).unwrap();
    assert!(fixture.bytes(&name).len() > half);
    assert!(fixture.enterprise.finish(&name).is_err());
}

#[test]
fn a_replaced_file_is_dropped_again_under_its_name() {
    let fixture = fixture("replaced@1");
    fixture.enterprise.submit(6);
    let name = fixture.drop_after_half_an_hour().unwrap();
    let first = fixture.bytes(&name);
    fixture.drop_after_half_an_hour();
    assert_ne!(fixture.bytes(&name), first);
}

#[test]
fn appeals_change_until_their_last_state() {
    let fixture = fixture("");
    fixture.enterprise.submit(3);
    fixture.drop_after_half_an_hour();
    for _ in 0..40 {
        fixture.clock.advance(Duration::from_secs(60));
        fixture.enterprise.advance_random(1);
    }
    fixture.drop_after_half_an_hour();
    let truth = fixture.enterprise.truth();
    let ended = truth.records().iter().filter(|record| match &record.last().outcome {
        Outcome::Demand(fields) => fields["status"] == "resolved" || fields["status"] == "returned",
        Outcome::Reject(_) => false,
    });
    assert_eq!(ended.count(), 3);
}
