//! A hotline's front-end database, like those of real offices: all text is GBK in binary columns,
//! including keys and times, and an order's number is not unique.

use super::*;

async fn hotline() -> City {
    let city = city().await;
    city.run(
        "CREATE TABLE CNS_CINFO (ROWGUID VARCHAR(36) PRIMARY KEY, SERIALNUM VARCHAR(32),
           RQSTPERSON VARCHAR(100), RQSTCONTENT VARCHAR(4000), LASTMODIFYTIME VARCHAR(32),
           ISFETCH INTEGER DEFAULT 0, SJJHZT INTEGER DEFAULT 0);
         CREATE TABLE XF_PRESSING (ID INTEGER PRIMARY KEY, BUSINUMBER VARCHAR(32),
           ADDCONTENT VARCHAR(4000), FLAG INTEGER, ISFETCH INTEGER DEFAULT 0);
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 250)
         INSERT INTO CNS_CINFO (ROWGUID, SERIALNUM, RQSTPERSON, RQSTCONTENT, LASTMODIFYTIME)
         SELECT CAST('guid-' || n AS BLOB), CAST('DH' || (n / 2) AS BLOB), x'd5c5fe9f', x'cab2',
           CAST(datetime('now', '+8 hours', '-' || (n / 10) || ' hours') AS BLOB) FROM n;
         INSERT INTO XF_PRESSING (ID, BUSINUMBER, ADDCONTENT, FLAG)
         VALUES (1, CAST('DH7' AS BLOB), x'b4df', 2)",
    )
    .await;
    let url = city.url.clone();
    let mut city = city;
    city.settings = json!({
        "url": url, "table": "CNS_CINFO", "key": "ROWGUID", "charset": "gbk", "page": 60,
        "widths": { "RQSTCONTENT": 4000 },
        "changes": {
            "column": "LASTMODIFYTIME", "format": "%Y-%m-%d %H:%M:%S", "overlap": "5m"
        },
        "flag": [
            { "column": "ISFETCH", "pending": 0, "done": 1 },
            { "column": "SJJHZT", "pending": { "from": 0, "below": 5 }, "done": 20 },
        ],
        "reread": { "days": 60, "every": "1h" },
        "part": [{
            "name": "pressing", "table": "XF_PRESSING", "key": "ID", "parent": "SERIALNUM",
            "column": "BUSINUMBER",
            "flag": [{ "column": "ISFETCH", "pending": 0, "done": 1 }],
        }],
    });
    city
}

#[tokio::test]
async fn every_order_is_read_decoded_and_acknowledged() {
    let city = hotline().await;
    let (entries, at) = city.entries(None, 40).await;
    assert_eq!(keys_of(&entries).len(), 250);
    let order = entries.iter().find(|entry| key(entry) == "guid-15").unwrap();
    assert_eq!(body(order)["RQSTPERSON"], "张䶮");
    assert_eq!(body(order)["SERIALNUM"], "DH7");
    assert_eq!(body(order)["pressing"][0]["ADDCONTENT"], "催");
    let pending = "SELECT COUNT(*) FROM CNS_CINFO WHERE ISFETCH = 0 OR SJJHZT <> 20";
    assert_eq!(city.count(pending).await, 0);
    let (entries, _) = city.entries(Some(at), 40).await;
    assert!(entries.len() < 20, "{} rows were read again", entries.len());
}

#[tokio::test]
async fn an_urge_reaches_both_orders_of_one_number() {
    let city = hotline().await;
    let (_, at) = city.entries(None, 40).await;
    city.run("INSERT INTO XF_PRESSING (ID, BUSINUMBER, FLAG) VALUES (2, CAST('DH90' AS BLOB), 2)")
        .await;
    let (entries, _) = city.entries(Some(at), 40).await;
    let urged: BTreeSet<String> = entries
        .iter()
        .filter(|entry| body(entry)["pressing"].as_array().is_some_and(|urges| !urges.is_empty()))
        .map(key)
        .collect();
    assert_eq!(urged, BTreeSet::from(["guid-180".to_owned(), "guid-181".to_owned()]));
}
