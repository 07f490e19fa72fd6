//! Tests the channel of the 12345 hotline with each quirk of the simulated hotline.

use std::time::Duration;

use contract::demand::QualityFlag;
use normalizer::{Place, open_sealed};
use sandbox::{Gbk, Hotline};
use system_tests::compare::has_flag;

use super::*;

/// A hotline and the channel that reads it.
pub(super) struct Desk {
    pub(super) hotline: Hotline,
    pub(super) clock: Clock,
    pub(super) pipeline: Pipeline,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub(super) async fn new(quirks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = morning();
        let plain = sandbox::Settings::new(7, clock.clone());
        let settings = sandbox::Settings { quirks: QuirkRates::parse(quirks).unwrap(), ..plain };
        let hotline = Hotline::create(&folder.path().join("hotline.db"), settings).await.unwrap();
        let url = vec![("HOTLINE_DATABASE_URL", hotline.url().to_owned())];
        let pipeline = Pipeline::new("hotline", url).unwrap().with_clock(&clock).unwrap();
        Self { hotline, clock, pipeline, _folder: folder }
    }

    /// Reads until caught up, and checks that nothing is lost or altered.
    pub(super) async fn pull(&self) {
        self.pipeline.pull().await.unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(self.differences().await, [""; 0]);
    }

    pub(super) async fn differences(&self) -> Vec<String> {
        self.pipeline.differences(&self.hotline.truth().await.unwrap())
    }

    async fn at(&self, key: &str) -> Struck {
        let truth = self.hotline.truth().await.unwrap();
        let told = truth.record(key).unwrap().states.last().map(Arc::clone).unwrap();
        Struck { key: key.to_owned(), told, demand: self.pipeline.demand(key) }
    }
}

/// Reads three orders, of which `quirk` strikes the second one, which is returned.
async fn struck(quirk: &str) -> (Desk, Struck) {
    let desk = Desk::new(&format!("{quirk}@2")).await;
    let key = desk.hotline.file(3).await.unwrap().remove(1);
    desk.pull().await;
    let struck = desk.at(&key).await;
    (desk, struck)
}

#[tokio::test]
async fn t01_a_poison_row_at_the_head_is_quarantined_and_the_rest_delivered_and_flagged() {
    let desk = Desk::new("poison@1").await;
    let poison = desk.hotline.file(1).await.unwrap().remove(0);
    let folder = &desk.hotline;
    desk.clock.advance(Duration::from_secs(60));
    // The later ones are readable again.
    for _ in 0..5 {
        let key = folder.file(1).await.unwrap().remove(0);
        folder.change(&key, |row| row.rqstcontent = Gbk::new("路灯不亮")).await.unwrap();
    }
    desk.pull().await;
    let row = desk.pipeline.quarantined(&poison).unwrap();
    assert_eq!(row.reason, "malformed_bytes");
    assert!(row.place == "CNS_CINFO.RQSTCONTENT", "{}", row.place);
    assert!(row.raw.is_some(), "its bytes wait with it");
    assert_eq!(desk.pipeline.store.demands().len(), 5);
    // A quarantined record is in custody too: it is flagged like the others.
    assert_eq!(desk.hotline.counters().await.unwrap().acknowledged, 6);
}

#[tokio::test]
async fn t19_an_order_that_becomes_visible_late_is_found_by_the_overlap() {
    let desk = Desk::new("").await;
    desk.hotline.file(20).await.unwrap();
    desk.pull().await;
    desk.clock.advance(Duration::from_secs(60));
    let late = desk.hotline.commit_late(Duration::from_secs(280)).await.unwrap().unwrap();
    desk.pull().await;
    assert!(desk.pipeline.demand(&late).is_some());

    // Without the flag too: the walk alone finds it.
    let mut desk = Desk::new("").await;
    let text = std::fs::read_to_string(desk.pipeline.context.folder.join("channel.toml")).unwrap();
    let from = text.find("[[table.flag]]").unwrap();
    let upto = text.find("[[table.part]]").unwrap();
    desk.pipeline.edit(&text[from..upto], "").unwrap();
    desk.hotline.file(20).await.unwrap();
    desk.pipeline.pull().await.unwrap();
    let late = desk.hotline.commit_late(Duration::from_secs(280)).await.unwrap().unwrap();
    desk.pipeline.pull().await.unwrap();
    assert!(desk.pipeline.demand(&late).is_some());
}

#[tokio::test]
async fn one_number_of_two_orders_is_two_demands() {
    let desk = Desk::new("twin_serial@2").await;
    let keys = desk.hotline.file(2).await.unwrap();
    desk.pull().await;
    let number = |key: &str| desk.pipeline.demand(key).unwrap().body.source_no.unwrap();
    assert_eq!(number(&keys[0]), number(&keys[1]));
}

#[tokio::test]
async fn an_order_that_is_renumbered_stays_one_demand() {
    let (desk, struck) = struck("renumbered").await;
    assert_eq!(
        struck.demand().body.source_no.as_deref(),
        struck.told.payload["SERIALNUM"].as_str()
    );
    assert_eq!(desk.pipeline.store.demands().len(), 3);
}

#[tokio::test]
async fn a_time_is_the_same_however_it_is_written() {
    for quirk in ["slash_time", "compact_time", "serial_time"] {
        let (_, struck) = struck(quirk).await;
        assert!(struck.demand().body.received_at.is_some(), "{quirk}");
    }
}

#[tokio::test]
async fn a_time_that_is_not_there_is_not_invented() {
    let (_, struck) = struck("empty_time").await;
    assert_eq!(struck.demand().body.received_at, None);
}

#[tokio::test]
async fn a_status_written_as_a_label_is_that_status() {
    let (_, struck) = struck("status_label").await;
    let body = &struck.demand().body;
    assert_eq!(body.status_raw.as_deref(), struck.told.payload["CSTATUS"].as_str());
    let expected = &struck.told.expected_fields().unwrap()["status"];
    assert_eq!(body.status.unwrap().code(), expected.as_str().unwrap());
}

#[tokio::test]
async fn a_landline_gets_its_zero_back_and_is_flagged() {
    let (desk, struck) = struck("lost_zero").await;
    let demand = struck.demand();
    assert!(has_flag(demand, "people", QualityFlag::BadPhone));
    let phone = demand.body.people[0].phone.clone().unwrap();
    let place = Place::from(demand);
    let phone = open_sealed(&desk.pipeline.sealer, place, "people.0.phone", &phone).unwrap();
    assert!(phone.replace('-', "").starts_with("0553380"), "{phone}");
}

#[tokio::test]
async fn a_masked_number_is_nobodys() {
    let desk = Desk::new("masked_phone@2").await;
    let key = desk.hotline.file(3).await.unwrap().remove(1);
    desk.hotline.change(&key, |row| row.linknumber = None).await.unwrap();
    desk.pull().await;
    let struck = desk.at(&key).await;
    let phone = struck.demand().body.people[0].phone.clone().unwrap();
    assert!(phone.mask.starts_with("138****") && phone.token.is_none(), "{phone:?}");
}

#[tokio::test]
async fn a_type_that_no_table_has_is_kept_raw_and_flagged() {
    let (_, struck) = struck("unknown_type").await;
    let body = &struck.demand().body;
    assert_eq!((body.kind, body.kind_raw.as_deref()), (None, Some("77")));
}

#[tokio::test]
async fn a_text_cut_by_its_column_loses_half_a_character_and_is_flagged() {
    let (_, struck) = struck("cut_text").await;
    let demand = struck.demand();
    assert!(has_flag(demand, "content", QualityFlag::Truncated));
    assert!(!demand.body.content.as_ref().unwrap().contains('\u{fffd}'));
}

#[tokio::test]
async fn a_change_between_the_question_and_the_flag_is_not_lost() {
    let desk = Desk::new("race_update@2").await;
    let key = desk.hotline.file(3).await.unwrap().remove(1);
    desk.pipeline.pull().await.unwrap();
    desk.pull().await;
    assert_eq!(desk.at(&key).await.told.quirks, ["race_update"]);
    assert_eq!(desk.pipeline.n_states(&key), 2);
}

#[tokio::test]
async fn a_row_with_an_older_time_is_found_when_it_shows() {
    let desk = Desk::new("late_commit@2").await;
    desk.hotline.file(1).await.unwrap();
    desk.pull().await;
    let late = desk.hotline.file(1).await.unwrap().remove(0);
    desk.pull().await;
    assert!(desk.pipeline.demand(&late).is_some());
}

#[tokio::test]
async fn a_nul_is_taken_out_and_flagged() {
    let (_, struck) = struck("nul").await;
    assert!(has_flag(struck.demand(), "content", QualityFlag::ControlCharacters));
    assert!(!struck.demand().body.content.as_ref().unwrap().contains('\0'));
}

#[tokio::test]
async fn a_row_deleted_after_it_was_read_stays_as_it_was() {
    let (desk, struck) = struck("deleted").await;
    assert!(struck.demand.is_some());
    desk.pull().await;
    assert_eq!(desk.pipeline.store.demands().len(), 3);
    assert_eq!(desk.hotline.counters().await.unwrap().refused, 0);
}

#[tokio::test]
async fn an_old_area_code_is_todays_and_its_digits_stay() {
    let desk = Desk::new("old_area@1").await;
    let keys = desk.hotline.file(20).await.unwrap();
    desk.pull().await;
    let mut outdated = 0;
    for demand in keys.iter().filter_map(|key| desk.pipeline.demand(key)) {
        if has_flag(&demand, "region", QualityFlag::OutdatedRegion) {
            outdated += 1;
            assert_ne!(demand.body.region.as_deref(), demand.body.region_raw.as_deref());
        }
    }
    assert!(outdated > 0);
}

#[tokio::test]
async fn what_is_secret_or_nameless_says_so() {
    let (_, secret) = struck("secret").await;
    assert_eq!(secret.demand().body.confidential, Some(true));
    let (_, nameless) = struck("anonymous").await;
    let people = &nameless.demand().body.people;
    assert!(people.iter().all(|person| {
        person.phone.is_none() && person.name.as_ref().is_none_or(|name| name.token.is_none())
    }));
}

#[tokio::test]
async fn a_name_that_old_systems_cannot_hold_is_whole() {
    let (desk, struck) = struck("rare_name").await;
    let demand = struck.demand();
    let name = demand.body.people[0].name.clone().unwrap();
    let name = open_sealed(&desk.pipeline.sealer, Place::from(demand), "people.0.name", &name);
    assert_eq!(Some(name.unwrap().as_str()), struck.told.payload["RQSTPERSON"].as_str());
}

#[tokio::test]
async fn every_kind_of_dirt_is_cleaned_away() {
    for quirk in ["html", "nbsp", "tab", "zero_width", "excel_return", "four_byte", "mojibake"] {
        let (_, struck) = struck(quirk).await;
        let content = struck.demand().body.content.clone().unwrap();
        let dirt = ["<p", "\u{a0}", "\t", "\u{feff}", "_x000D_", "\u{fffd}"];
        assert!(dirt.iter().all(|dirt| !content.contains(dirt)), "{quirk}: {content}");
    }
}
