//! What a source is told, and what it makes of it.

use std::time::Duration;

use connector_testkit::Source as _;
use contract::{Connector as _, Cursor, Entry};
use serde_json::json;

use super::{City, Desk, FindBy, mysql, postgres};

const OLD: Duration = Duration::from_secs(7200);

/// Reads and settles one pass. Returns the entries, and the fault of its end.
pub(crate) async fn pass(
    city: &City,
    at: &mut Option<Cursor>,
) -> (Vec<Entry>, Option<contract::Fault>) {
    let (mut table, mut entries) = (city.table(), Vec::new());
    loop {
        let after = at.as_ref().map(|at| at.decode().unwrap());
        let batch = Box::pin(table.read(after.as_ref(), 10)).await.unwrap();
        *at = Some(Cursor::encode(&batch.upto).unwrap());
        let is_end = batch.end.is_some();
        entries.extend(batch.entries);
        let settled = table.settled(&batch.upto).await;
        if is_end || settled.is_err() {
            return (entries, settled.err());
        }
    }
}

#[tokio::test]
async fn acknowledgements_that_change_nothing_are_a_fault_after_all_rows_were_read() {
    for mut city in [postgres(FindBy::ChangesAndFlag).await, mysql(FindBy::FlagOnly).await] {
        let keys: Vec<String> = (0..25).map(|n| format!("k{n}")).collect();
        city.add(&keys, OLD).await;
        city.run(match city.desk {
            Desk::Postgres(_) => {
                "CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.isfetch = OLD.isfetch; NEW.sjjhzt = OLD.sjjhzt; RETURN NEW; END $$;
                 CREATE TRIGGER back BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION back()"
            }
            _ => {
                "CREATE TRIGGER back BEFORE UPDATE ON orders FOR EACH ROW
                 SET NEW.isfetch = OLD.isfetch, NEW.sjjhzt = OLD.sjjhzt"
            }
        })
        .await;
        let (entries, fault) = pass(&city, &mut None).await;
        assert!(entries.len() >= 25, "{}", entries.len());
        let fault = fault.unwrap().to_string();
        assert!(fault.contains("the source took 0 of "), "{fault}");
        city.run(match city.desk {
            Desk::Postgres(_) => "DROP TRIGGER back ON orders",
            _ => "DROP TRIGGER back",
        })
        .await;
        assert!(pass(&city, &mut None).await.1.is_none());
        assert_eq!(city.n_pending().await, 0);
    }
}

#[tokio::test]
async fn rows_that_an_account_may_read_and_not_change_are_a_fault() {
    let mut city = postgres(FindBy::FlagOnly).await;
    city.add(&["a".into(), "b".into(), "c".into()], OLD).await;
    let name = city.url.rsplit('/').next().unwrap().to_owned();
    let host = city.url.rsplit('@').next().unwrap().to_owned();
    city.run(&format!(
        "CREATE ROLE {name}_reader LOGIN PASSWORD 'x1';
         GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO {name}_reader;
         ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
         CREATE POLICY all_are_read ON orders FOR SELECT USING (true)"
    ))
    .await;
    let city = city.with(json!({ "url": format!("postgres://{name}_reader:x1@{host}") }));
    let (entries, fault) = pass(&city, &mut None).await;
    assert_eq!(entries.len(), 3);
    let fault = fault.unwrap().to_string();
    assert!(fault.contains("the source took 0 of 3"), "{fault}");
}

#[tokio::test]
async fn a_read_only_source_is_called_that_and_is_read_to_its_end() {
    let mut city = postgres(FindBy::ChangesAndFlag).await;
    let keys: Vec<String> = (0..25).map(|n| format!("k{n}")).collect();
    city.add(&keys, OLD).await;
    let name = city.url.rsplit('/').next().unwrap().to_owned();
    city.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let (entries, fault) = pass(&city, &mut None).await;
    assert!(entries.len() >= 25);
    let fault = fault.unwrap().to_string();
    assert!(fault.contains("the database is read only") && fault.contains("primary"), "{fault}");
}

#[tokio::test]
async fn an_acknowledgement_is_no_change() {
    let mut cities = Vec::new();
    for mut city in [postgres(FindBy::ChangesAndFlag).await, mysql(FindBy::ChangesAndFlag).await] {
        city.add(&(0..15).map(|n| format!("k{n}")).collect::<Vec<_>>(), OLD).await;
        city.run(match city.desk {
            Desk::Postgres(_) => {
                "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 NEW.changed = now() AT TIME ZONE 'Asia/Shanghai'; RETURN NEW; END $$;
                 CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()"
            }
            _ => {
                "ALTER TABLE orders MODIFY changed DATETIME(3) NOT NULL
                 DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)"
            }
        })
        .await;
        cities.push(city);
    }
    for city in cities {
        let old = format!("SELECT COUNT(*) FROM orders WHERE changed < {}", city.ago(OLD / 2));
        let is_kept = matches!(city.desk, Desk::MySql(_));
        let mut at = None;
        assert_eq!(pass(&city, &mut at).await.0.len(), 15);
        assert_eq!(city.n_pending().await, 0);
        assert_eq!(city.count(&old).await, if is_kept { 15 } else { 0 });
        for _ in 0..3 {
            assert_eq!(pass(&city, &mut at).await.0.len(), 0);
        }
        // What the owner changes is news, and so is the way back.
        for title in ["new", "title"] {
            let zone = if is_kept { "SET time_zone = '+08:00';" } else { "" };
            city.run(&format!("{zone} UPDATE orders SET title = '{title}' WHERE id = 'k3'")).await;
            let (entries, _) = pass(&city, &mut at).await;
            assert!(entries.iter().any(|it| it.key().unwrap().as_str() == "k3"), "{title}");
        }
    }
}

#[tokio::test]
async fn fifty_channels_of_a_database_share_few_connections() {
    let mut city = postgres(FindBy::ChangesAndFlag).await;
    city.add(&["a".into()], OLD).await;
    let mut tables: Vec<_> = (0..50).map(|_| city.table()).collect();
    for table in &mut tables {
        assert_eq!(table.read(None, 10).await.unwrap().entries.len(), 1);
    }
    let n = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
             AND pid <> pg_backend_pid()";
    let n = city.count(n).await;
    assert!(n <= 10, "{n} connections");
}
