use super::*;
use crate::{
    config::{Flag, Scalar},
    cursor::PendingAck,
    plan::ChangesPlan,
};

fn table() -> TablePlan {
    TablePlan {
        name: "city.CNS_CINFO".into(),
        pieces: vec!["city".into(), "CNS_CINFO".into()],
        key: "ROWGUID".into(),
        columns: Some(vec!["ROWGUID".into(), "T".into()]),
        described: std::collections::BTreeMap::new(),
        changes: Some(ChangesPlan {
            column: "T".into(),
            format: crate::time::ColumnFormat::new(None, chrono_tz::UTC).unwrap(),
            overlap: std::time::Duration::ZERO,
            range: None,
        }),
        flags: vec![Flag {
            column: "ISFETCH".into(),
            pending: Pending::Value(Scalar::Number(0)),
            done: Scalar::Number(1),
        }],
        parents: Vec::new(),
        mapped: None,
    }
}

#[test]
fn a_page_names_its_columns_conditions_order_and_limit() {
    let (table, after) =
        (table(), (Value::Text("x".into()), Value::TypedText(TextType::Uuid, "y".into())));
    let select = Select {
        table: &table,
        conditions: vec![Condition::NotNull("ROWGUID"), Condition::After("T", &after)],
        order: Order::Column("T"),
        limit: 7,
    };
    let sql = Sql::select(Dialect::Postgres, &select, &Catalog::default());
    assert_eq!(
        sql.text,
        "SELECT t.\"ROWGUID\", t.\"T\", CASE WHEN t.\"ISFETCH\" = $1 THEN 1 ELSE 0 END AS \
         tonghui_pending FROM \"city\".\"CNS_CINFO\" AS t WHERE t.\"ROWGUID\" IS NOT NULL AND \
         t.\"T\" >= $2 AND (t.\"T\" > $3 OR t.\"ROWGUID\" > CAST($4 AS UUID)) \
         ORDER BY t.\"T\", t.\"ROWGUID\" LIMIT 7"
    );
    assert_eq!(sql.binds.len(), 4);
}

#[test]
fn an_acknowledgement_sets_flags_of_unchanged_pending_rows_only() {
    let acks = [
        PendingAck { key: Value::Int(1), changed: Some(Value::Text("x".into())), content: None },
        PendingAck { key: Value::Int(2), changed: None, content: Some(7) },
    ];
    let sql = Sql::acknowledge(Dialect::MySql, &table(), &Catalog::default(), &acks, true);
    assert_eq!(
        sql.text,
        "UPDATE `city`.`CNS_CINFO` AS t SET `ISFETCH` = ? WHERE t.`ROWGUID` IN (?, ?) AND \
         t.`ISFETCH` = ? AND ((t.`ROWGUID`, t.`T`) IN ((?, ?)) OR t.`T` IS NULL AND \
         t.`ROWGUID` IN (?))"
    );
}

#[test]
fn an_acknowledgement_does_not_search_all_pending_rows() {
    let acks = [PendingAck { key: Value::Int(1), changed: None, content: Some(7) }];
    let sql = Sql::acknowledge(Dialect::Sqlite, &table(), &Catalog::default(), &acks, true);
    assert!(sql.text.contains("AND +t.\"ISFETCH\" IN (?, ?)"), "{}", sql.text);
}
