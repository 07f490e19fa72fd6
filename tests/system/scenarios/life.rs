//! The life of demands, from acceptance to archive: what each source tells of it arrives in the fields about handling,
//! and the oracle of the city says what each of them must be.

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use sandbox::{Behaviour, Enterprise};

use super::{hotline::Desk, *};

/// The fields about handling, and those that say whom a demand concerns.
const FIELDS: [&str; 18] = [
    "category",
    "urgency",
    "org",
    "org_joint",
    "accepted_at",
    "dispatched_at",
    "signed_at",
    "responded_at",
    "resolved_at",
    "closed_at",
    "due_at",
    "reply",
    "flags",
    "counts",
    "repeat",
    "tasks",
    "evaluations",
    "trail",
];

/// In how many demands the source tells a field, and in how many the store has it.
type Shares = BTreeMap<&'static str, (usize, usize)>;

/// Compares what the pipeline stored with the truth, field by field. Logs the share of each field, and
/// requires that nearly all demands have those in `always`.
fn assert_told(pipeline: &Pipeline, truth: &Truth, always: &[&str]) -> Shares {
    assert_eq!(pipeline.differences(truth), [""; 0]);
    let (mut shares, mut n_demands) = (Shares::new(), 0_usize);
    for record in truth.records().iter().filter(|record| record.deleted_at.is_none()) {
        let Some(demand) = pipeline.demand(&record.key) else { continue };
        let Some(expected) = record.last().expected_fields() else { continue };
        let kept = serde_json::to_value(&demand.body).unwrap();
        n_demands += 1;
        for field in FIELDS {
            let (told, found) = shares.entry(field).or_default();
            *told += usize::from(expected.contains_key(field));
            *found += usize::from(kept.get(field).is_some());
        }
    }
    let mut log = std::io::stderr().lock();
    writeln!(log, "{}: {n_demands} demands", truth.channel).unwrap();
    for (field, (told, found)) in shares.iter().filter(|(_, (told, _))| *told > 0) {
        let share = found * 100 / n_demands;
        writeln!(log, "  {field:14} told {told:6}, stored {found:6}, {share:3} %").unwrap();
        assert!(found * 100 >= told * 95, "{}: {field}: {found} of {told}", truth.channel);
    }
    for field in always {
        let (_, found) = shares[field];
        assert!(found * 100 >= n_demands * 95, "{}: {field}: {found}", truth.channel);
    }
    shares
}

/// The fields that were told at least once.
fn told(shares: &Shares) -> Vec<&str> {
    shares.iter().filter(|(_, (told, _))| *told > 0).map(|(field, _)| *field).collect()
}

#[tokio::test]
async fn the_hotline_tells_the_whole_life_of_a_demand_over_four_tables_and_later_states() {
    let desk = Desk::new("all").await;
    desk.hotline.file_in_progress(17_200).await.unwrap();
    desk.pipeline.pull().await.unwrap();
    let always = ["category", "org", "due_at", "accepted_at", "dispatched_at", "tasks", "trail"];
    for _ in 0..3 {
        // The next pass reads what changed while the last one acknowledged it.
        desk.clock.advance(Duration::from_secs(7_200));
        desk.hotline.advance_random(400).await.unwrap();
        desk.hotline.add_pressings(100).await.unwrap();
        desk.pipeline.pull().await.unwrap();
    }
    desk.pipeline.pull().await.unwrap();
    let truth = desk.hotline.truth().await.unwrap();
    let shares = assert_told(&desk.pipeline, &truth, &always);
    let all = FIELDS.into_iter().filter(|field| *field != "repeat").collect::<Vec<_>>();
    let mut told = told(&shares);
    told.sort_by_key(|field| FIELDS.iter().position(|known| known == field));
    assert_eq!(told, all);
}

/// Reads `n` demands that are at all stages of their lives, and then their later states.
async fn told_by<S: Source>(
    n: u64,
    always: &[&str],
    file: impl Fn(&S, u64),
    advance: impl Fn(&S),
) -> Shares {
    let scene = Scene::<S>::new("").await;
    file(&scene.source, n);
    scene.pull_patiently().await;
    scene.clock.advance(Duration::from_secs(3_600));
    advance(&scene.source);
    // Some sources show a change only to a reader that looks again.
    scene.clock.advance(Duration::from_secs(7 * 3_600));
    scene.pull_patiently().await;
    scene.pull_patiently().await;
    assert_told(&scene.pipeline, &scene.source.truth(), always)
}

#[tokio::test]
async fn petitions_tell_who_handles_them_until_when_and_what_was_answered() {
    let file = |source: &Petitions, n| drop(source.file_in_progress(n));
    let advance = |source: &Petitions| drop(source.advance_random(100));
    let always = ["category", "org", "due_at", "dispatched_at", "tasks", "trail"];
    let shares = told_by(1_200, &always, file, advance).await;
    for field in ["signed_at", "accepted_at", "responded_at", "resolved_at", "reply", "evaluations"]
    {
        assert!(shares[field].0 > 100, "{field}: {:?}", shares[field]);
    }
}

#[tokio::test]
async fn the_message_board_tells_who_answered_when_and_how_well() {
    let file = |source: &MessageBoard, n| drop(source.file_in_progress(n));
    let advance = |source: &MessageBoard| drop(source.advance_random(60));
    let shares = told_by(800, &["category"], file, advance).await;
    for field in ["org", "responded_at", "reply", "evaluations"] {
        assert!(shares[field].0 > 100, "{field}: {:?}", shares[field]);
    }
}

#[tokio::test]
async fn inspections_tell_the_limit_the_unit_and_the_result() {
    let always = ["org", "due_at", "dispatched_at"];
    let file = |source: &StateInspection, n| drop(source.file_in_progress(n));
    let advance = |source: &StateInspection| drop(source.advance_random(20));
    let state = told_by(200, &always, file, advance).await;
    let file = |source: &ProvinceInspection, n| drop(source.file_in_progress(n));
    let advance = |source: &ProvinceInspection| drop(source.advance_random(20));
    let province = told_by(200, &always, file, advance).await;
    for (field, shares) in [("resolved_at", state), ("reply", province)] {
        assert!(shares[field].0 > 10, "{field}: {:?}", shares[field]);
    }
}

#[tokio::test(start_paused = true)]
async fn files_of_firms_tell_who_handles_a_request_and_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let clock = morning();
    let settings = Behaviour::new(7, clock.clone());
    let platform = Enterprise::create(&folder.path().join("wqfw"), settings).unwrap();
    let place = platform.folder().display().to_string();
    let pipeline = Pipeline::new("enterprise", vec![("ENTERPRISE_DROP_URL", place)]).unwrap();
    platform.submit_in_progress(400);
    for _ in 0..3 {
        clock.advance(sandbox::DROP_INTERVAL);
        platform.drop_file().unwrap();
        pipeline.pull().await.unwrap();
        platform.advance_random(30);
    }
    clock.advance(sandbox::DROP_INTERVAL);
    platform.drop_file().unwrap();
    pipeline.pull().await.unwrap();
    let always = ["category", "org", "counts", "tasks"];
    let shares = assert_told(&pipeline, &platform.truth(), &always);
    for field in ["dispatched_at", "accepted_at", "resolved_at", "evaluations"] {
        assert!(shares[field].0 > 50, "{field}: {:?}", shares[field]);
    }
}
