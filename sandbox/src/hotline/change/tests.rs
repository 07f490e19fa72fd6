use std::time::Duration;

use crate::hotline::Gbk;
use crate::tests::town;

#[tokio::test]
async fn the_oracle_lists_every_state_even_two_within_one_second() {
    let mut town = town("").await;
    let key = town.hotline.file(1).await.unwrap().remove(0);
    for status in ["40", "50", "60", "80", "100"] {
        town.clock.advance(Duration::from_millis(500));
        town.hotline.change(&key, |row| row.cstatus = Gbk::new(status)).await.unwrap();
    }
    let oracle = town.hotline.oracle().await.unwrap();
    let states = &oracle.case(&key).unwrap().states;
    let told: Vec<_> = states[1..]
        .iter()
        .map(|s| (s.row.cstatus.read().unwrap(), &s.row.lastmodifytime[17..]))
        .map(|(status, second)| format!("{status}@{second}"))
        .collect();
    assert_eq!(told, ["40@00", "50@01", "60@01", "80@02", "100@02"]);
    assert_eq!(town.column("SELECT ROWGUID FROM CNS_CINFO").await.len(), 1);
}

#[tokio::test]
async fn rows_have_the_time_at_which_the_database_accepted_them() {
    let town = town("").await;
    let key = town.hotline.file(1).await.unwrap().remove(0);
    for (minute, doing) in ["file", "touch", "change", "urge"].into_iter().enumerate() {
        let guard = town.hotline.lock().await.unwrap();
        let writing = async {
            match doing {
                "file" => drop(town.hotline.file(1).await.unwrap()),
                "touch" => drop(town.hotline.advance_random(1).await.unwrap()),
                "change" => town.hotline.change(&key, |_| {}).await.unwrap(),
                _ => drop(town.hotline.add_pressings(1).await.unwrap()),
            }
        };
        let letting_in = async {
            town.clock.advance(Duration::from_secs(60));
            guard.release().await.unwrap();
        };
        tokio::join!(writing, letting_in);
        let oracle = town.hotline.oracle().await.unwrap();
        let rows = oracle.cases().iter().map(|case| &case.last().row);
        let urges = rows.clone().flat_map(|row| oracle.pressings(&row.serialnum));
        let mut times: Vec<_> = rows.map(|row| &row.lastmodifytime).collect();
        times.extend(urges.map(|urge| &urge.addtime));
        let expected = format!("2026-10-09 10:{}:00", 31 + minute);
        assert_eq!(times.into_iter().max(), Some(&expected), "{doing}");
    }
}

#[tokio::test]
async fn a_touch_changes_cases_and_keeps_the_flag() {
    let mut town = town("").await;
    town.hotline.file(20).await.unwrap();
    town.run("UPDATE CNS_CINFO SET ISFETCH = 1, SJJHZT = 20").await.unwrap();
    town.clock.advance(Duration::from_secs(90));
    let touched = town.hotline.advance_random(200).await.unwrap();
    assert_eq!(touched.len(), 200);
    let flags = town.column("SELECT ROWGUID FROM CNS_CINFO WHERE ISFETCH = 1").await;
    assert_eq!(flags.len(), 20);
    let oracle = town.hotline.oracle().await.unwrap();
    for key in &touched {
        let state = oracle.case(key).unwrap().last();
        assert_eq!(state.row.lastmodifytime, "2026-10-09 10:31:30");
        assert!(state.is_readable);
        let closed = ["80", "100"].contains(&state.row.cstatus.read().unwrap().as_str());
        assert_eq!(state.row.finishtime.is_some(), closed);
    }
    assert!(oracle.cases().iter().any(|c| c.last().row.cstatus.bytes() == b"100"));
}

#[tokio::test]
async fn urging_adds_rows_and_does_not_change_the_case() {
    let mut town = town("").await;
    town.hotline.file(3).await.unwrap();
    let before = town.column("SELECT LASTMODIFYTIME FROM CNS_CINFO").await;
    town.clock.advance(Duration::from_secs(90));
    let urged = town.hotline.add_pressings(9).await.unwrap();
    assert_eq!(town.column("SELECT LASTMODIFYTIME FROM CNS_CINFO").await, before);
    let told = town.column("SELECT BUSINUMBER FROM XF_PRESSING ORDER BY ID").await;
    assert_eq!(told.into_iter().flatten().collect::<Vec<_>>(), urged);
    let oracle = town.hotline.oracle().await.unwrap();
    let serials: std::collections::BTreeSet<_> = urged.iter().collect();
    let known: usize = serials.iter().map(|serial| oracle.pressings(serial).len()).sum();
    assert_eq!(known, 9);
}

#[tokio::test]
async fn a_deleted_row_is_gone_and_stays_in_the_oracle() {
    let mut town = town("").await;
    let keys = town.hotline.file(2).await.unwrap();
    town.hotline.delete(&keys[0]).await.unwrap();
    assert_eq!(town.column("SELECT ROWGUID FROM CNS_CINFO").await, [Some(keys[1].clone())]);
    assert!(town.hotline.oracle().await.unwrap().case(&keys[0]).unwrap().deleted_at.is_some());
    assert!(town.hotline.change(&keys[0], |_| {}).await.is_err());
    assert!(town.hotline.advance_random(30).await.unwrap().iter().all(|key| *key == keys[1]));
}
