use std::time::Duration;

use crate::hotline::Gbk;
use crate::tests::fixture;

#[tokio::test]
async fn the_case_history_lists_every_state_even_two_within_one_second() {
    let mut fixture = fixture("").await;
    let key = fixture.hotline.file(1).await.unwrap().remove(0);
    for status in ["40", "50", "60", "80", "100"] {
        fixture.clock.advance(Duration::from_millis(500));
        fixture.hotline.change(&key, |row| row.cstatus = Gbk::new(status)).await.unwrap();
    }
    let history = fixture.hotline.case_history().await.unwrap();
    let states = &history.case(&key).unwrap().states;
    let actual: Vec<_> = states[1..]
        .iter()
        .map(|s| (s.row.cstatus.read().unwrap(), &s.row.lastmodifytime[17..]))
        .map(|(status, second)| format!("{status}@{second}"))
        .collect();
    assert_eq!(actual, ["40@00", "50@01", "60@01", "80@02", "100@02"]);
    assert_eq!(fixture.column("SELECT ROWGUID FROM CNS_CINFO").await.len(), 1);
}

#[tokio::test]
async fn rows_have_the_time_at_which_they_were_written() {
    let fixture = fixture("").await;
    let key = fixture.hotline.file(1).await.unwrap().remove(0);
    for (minute, doing) in ["file", "advance", "change", "remind"].into_iter().enumerate() {
        let guard = fixture.hotline.lock().await.unwrap();
        let writing = async {
            match doing {
                "file" => drop(fixture.hotline.file(1).await.unwrap()),
                "advance" => drop(fixture.hotline.advance_random(1).await.unwrap()),
                "change" => fixture.hotline.change(&key, |_| {}).await.unwrap(),
                _ => drop(fixture.hotline.add_pressings(1).await.unwrap()),
            }
        };
        let unlocking = async {
            fixture.clock.advance(Duration::from_secs(60));
            guard.release().await.unwrap();
        };
        tokio::join!(writing, unlocking);
        let history = fixture.hotline.case_history().await.unwrap();
        let rows = history.cases().iter().map(|case| &case.last().row);
        let pressings = rows.clone().flat_map(|row| history.pressings(&row.serialnum));
        let mut times: Vec<_> = rows.map(|row| &row.lastmodifytime).collect();
        times.extend(pressings.map(|pressing| &pressing.addtime));
        let expected = format!("2026-10-09 10:{}:00", 31 + minute);
        assert_eq!(times.into_iter().max(), Some(&expected), "{doing}");
    }
}

#[tokio::test]
async fn advancing_cases_keeps_the_flag() {
    let mut fixture = fixture("").await;
    fixture.hotline.file(100).await.unwrap();
    fixture.run("UPDATE CNS_CINFO SET ISFETCH = 1, SJJHZT = 20").await.unwrap();
    fixture.clock.advance(Duration::from_secs(90));
    let keys = fixture.hotline.advance_random(200).await.unwrap();
    assert_eq!(keys.len(), 200);
    let flags = fixture.column("SELECT ROWGUID FROM CNS_CINFO WHERE ISFETCH = 1").await;
    assert_eq!(flags.len(), 100);
    let history = fixture.hotline.case_history().await.unwrap();
    for key in &keys {
        let state = history.case(key).unwrap().last();
        assert_eq!(state.row.lastmodifytime, "2026-10-09 10:31:30");
        assert!(state.is_readable);
        let closed = ["80", "100"].contains(&state.row.cstatus.read().unwrap().as_str());
        assert_eq!(state.row.finishtime.is_some(), closed);
    }
    assert!(history.cases().iter().any(|c| c.last().row.cstatus.bytes() == b"100"));
}

#[tokio::test]
async fn reminders_do_not_change_the_case() {
    let mut fixture = fixture("").await;
    fixture.hotline.file(3).await.unwrap();
    let before = fixture.column("SELECT LASTMODIFYTIME FROM CNS_CINFO").await;
    fixture.clock.advance(Duration::from_secs(90));
    let serials_added = fixture.hotline.add_pressings(9).await.unwrap();
    assert_eq!(fixture.column("SELECT LASTMODIFYTIME FROM CNS_CINFO").await, before);
    let actual = fixture.column("SELECT BUSINUMBER FROM XF_PRESSING ORDER BY ID").await;
    assert_eq!(actual.into_iter().flatten().collect::<Vec<_>>(), serials_added);
    let history = fixture.hotline.case_history().await.unwrap();
    let serials: std::collections::BTreeSet<_> = serials_added.iter().collect();
    let n_pressings: usize = serials.iter().map(|serial| history.pressings(serial).len()).sum();
    assert_eq!(n_pressings, 9);
}

#[tokio::test]
async fn a_deleted_row_is_gone_and_stays_in_the_case_history() {
    let mut fixture = fixture("").await;
    let keys = fixture.hotline.file(2).await.unwrap();
    fixture.hotline.delete(&keys[0]).await.unwrap();
    assert_eq!(fixture.column("SELECT ROWGUID FROM CNS_CINFO").await, [Some(keys[1].clone())]);
    assert!(
        fixture.hotline.case_history().await.unwrap().case(&keys[0]).unwrap().deleted_at.is_some()
    );
    assert!(fixture.hotline.change(&keys[0], |_| {}).await.is_err());
    assert!(fixture.hotline.advance_random(30).await.unwrap().iter().all(|key| *key == keys[1]));
}
