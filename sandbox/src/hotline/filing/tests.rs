use super::*;
use crate::tests::{fixture, fixture_with, morning, texts};
use crate::{Clock, Storage};

const ALL: &str = "SELECT ROWGUID || SERIALNUM || RQSTTIME || LASTMODIFYTIME || hex(RQSTPERSON) \
                   || hex(RQSTTITLE) || hex(RQSTCONTENT) || hex(CSTATUS) || RQSTTYPE \
                   FROM CNS_CINFO ORDER BY ROWGUID";

#[tokio::test]
async fn the_same_seed_files_the_same_rows_in_one_call_or_several() {
    let settings = || Settings {
        spread: Duration::ZERO,
        quirks: crate::QuirkRates::demonstration(),
        ..Settings::new(7, Clock::starting(morning()))
    };
    let (mut one, mut two) = (fixture_with(settings()).await, fixture_with(settings()).await);
    one.hotline.file(300).await.unwrap();
    for _ in 0..3 {
        two.hotline.file(100).await.unwrap();
    }
    assert_eq!(one.column(ALL).await, two.column(ALL).await);
    let mut other = fixture_with(Settings { seed: 8, ..settings() }).await;
    other.hotline.file(300).await.unwrap();
    assert_ne!(one.column(ALL).await, other.column(ALL).await);
}

#[tokio::test]
async fn the_case_history_holds_exactly_what_the_table_holds() {
    let mut fixture = fixture("all").await;
    fixture.hotline.file(500).await.unwrap();
    fixture.hotline.advance_random(100).await.unwrap();
    type ServedState = (String, Vec<u8>, Vec<u8>, Option<String>);
    let actual: Vec<ServedState> = sqlx::query_as(
        "SELECT ROWGUID, RQSTCONTENT, CSTATUS, LINKNUMBER FROM CNS_CINFO ORDER BY ROWGUID",
    )
    .fetch_all(&mut fixture.reader)
    .await
    .unwrap();
    let history = fixture.hotline.case_history().await.unwrap();
    assert_eq!(actual.len(), history.cases().len());
    for (rowguid, content, status, link) in actual {
        let row = &history.case(&rowguid).unwrap().last().row;
        assert_eq!(row.rqstcontent.bytes(), content);
        assert_eq!(row.cstatus.bytes(), status);
        assert_eq!(row.linknumber, link);
    }
}

#[tokio::test]
async fn text_is_stored_as_blobs_and_codes_and_times_as_text() {
    let mut fixture = fixture("").await;
    fixture.hotline.file(1).await.unwrap();
    fixture.hotline.add_pressings(1).await.unwrap();
    for (kind, columns) in [
        ("blob", "RQSTPERSON RQSTADDRESS ACCORDTYPE RQSTTITLE RQSTCONTENT CSTATUS REGISTERNAME"),
        ("text", "ROWGUID SERIALNUM RQSTTIME RQSTTYPE AREACODE LASTMODIFYTIME ISSECRET"),
        ("integer", "ISFETCH SJJHZT"),
    ] {
        for column in columns.split(' ') {
            let sql = format!("SELECT typeof({column}) FROM CNS_CINFO");
            assert_eq!(fixture.column(&sql).await, [Some(kind.to_owned())], "{column}");
        }
    }
    let sql = "SELECT typeof(ADDCONTENT) FROM XF_PRESSING";
    assert_eq!(fixture.column(sql).await, [Some("blob".to_owned())]);
}

#[tokio::test]
async fn the_first_rows_are_spread_and_later_ones_are_filed_now() {
    let mut fixture = fixture("").await;
    fixture.hotline.file(4).await.unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    fixture.hotline.file(1).await.unwrap();
    let times = fixture.column("SELECT LASTMODIFYTIME FROM CNS_CINFO ORDER BY 1").await;
    let times: Vec<_> = times.iter().flatten().map(|time| &time[11..]).collect();
    assert_eq!(times, ["06:00:00", "07:30:00", "09:00:00", "10:30:00", "10:31:00"]);
}

#[tokio::test]
async fn a_late_commit_is_older_than_the_newest_row() {
    let fixture = fixture("").await;
    fixture.hotline.file(2).await.unwrap();
    let late = fixture.hotline.commit_late(Duration::from_secs(280)).await.unwrap().unwrap();
    let row = fixture.last().await;
    assert_eq!((row.rowguid, &row.lastmodifytime[11..]), (late, "10:25:20"));
}

#[tokio::test]
async fn a_corpus_is_filed_in_order_unmodified_and_once() {
    let long = "很长".repeat(5_000);
    let corpus = texts(&[" 甲\t\u{a0}", &long, "㛃😡_x000D_"]);
    let settings = Settings::new(9, Clock::starting(morning()));
    let fixture = fixture_with(Settings { corpus, storage: Storage::Clob, ..settings }).await;
    assert_eq!(fixture.hotline.file(10).await.unwrap().len(), 3);
    assert!(fixture.hotline.file(1).await.unwrap().is_empty());
    let history = fixture.hotline.case_history().await.unwrap();
    let actual: Vec<_> =
        history.cases().iter().map(|case| case.last().row.rqstcontent.read().unwrap()).collect();
    assert_eq!(actual, [" 甲\t\u{a0}", &long, "㛃😡_x000D_"]);
}
