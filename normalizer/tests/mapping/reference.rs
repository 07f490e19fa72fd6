//! The reference mapping of the hotline, from TOML to a sealed demand.

use crate::support::{accept, demand, record, reference, sample, sealer};
use contract::{DemandBody, FieldFlag, demand::QualityFlag};
use normalizer::{open_raw, open_sealed, open_unmasked};
use serde_json::json;

/// The body without sealed values, which are checked by opening them.
fn plain(body: &DemandBody) -> serde_json::Value {
    let mut body = serde_json::to_value(body).unwrap();
    fn strip(value: &mut serde_json::Value) {
        if let Some(object) = value.as_object_mut() {
            object.remove("sealed");
            object.remove("token");
            object.values_mut().for_each(strip);
        }
        if let Some(list) = value.as_array_mut() {
            list.iter_mut().for_each(strip);
        }
    }
    strip(&mut body);
    body
}

#[test]
fn the_sample_row_becomes_this_demand() {
    let demand = demand(&reference(), sample());
    assert_eq!(
        plain(&demand.body),
        json!({
            "source_no": "DH202610090137",
            "kind": "complaint",
            "kind_raw": "20",
            "title": "反映夜间施工噪音扰民",
            "content": "市民来电反映:某工地连续三晚 23 点后施工, 影响休息。",
            "category_raw": "城乡建设/市政/施工噪音",
            "tags": ["phone"],
            "received_at": "2026-10-09T02:30:00Z",
            "updated_at": "2026-10-09T02:34:12Z",
            "urgency": "urgent",
            "region": "340202",
            "region_raw": "340202000000",
            "address": {"mask": "镜湖区****"},
            "address_area": "镜湖区",
            "people": [{
                "role": "main",
                "name": {"mask": "张**"},
                "phone": {"mask": "****0000"},
            }],
            "confidential": false,
            "status": "assigned",
            "status_raw": "35",
        })
    );
    let (sealer, place, person) = (sealer(), (&demand).into(), &demand.body.people[0]);
    let open = |field: &str, value: &_| open_sealed(&sealer, place, field, value).unwrap();
    assert_eq!(open("people.0.name", person.name.as_ref().unwrap()), "张䶮");
    assert_eq!(open("people.0.phone", person.phone.as_ref().unwrap()), "0553-3800000");
    assert_eq!(open("address", demand.body.address.as_ref().unwrap()), "镜湖区某路与某街交口");
    let raw = open_raw(&sealer, place, &demand.raw).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&raw).unwrap(), sample());
}

#[test]
fn parts_become_trail_and_counts() {
    let mut tree = sample();
    tree["pressing"] = json!([
        {"ADDTIME": "2026-10-09 11:00:00", "ADDCONTENT": "张䶮催办, 电话13800001234", "FLAG": 2},
        {"ADDTIME": "2026/10/9 12:05", "ADDCONTENT": "补充: 车牌皖B12345", "FLAG": 1},
    ]);
    let demand = demand(&reference(), tree);
    assert_eq!(
        serde_json::to_value((&demand.body.counts, &demand.body.trail)).unwrap(),
        json!([{"urged": 1}, [
            {"at": "2026-10-09T03:00:00Z", "step": "催办", "note": "张**催办, 电话138****1234"},
            {"at": "2026-10-09T04:05:00Z", "step": "补充", "note": "补充: 车牌皖B****"},
        ]])
    );
    let unmasked = open_unmasked(&sealer(), &demand).unwrap();
    assert_eq!(unmasked["trail.0.note"], "张䶮催办, 电话13800001234");
    assert_eq!(unmasked.len(), 2);
}

#[test]
fn a_faulty_field_is_flagged_and_no_value_is_invented() {
    use QualityFlag::*;
    for (column, value, field, flag) in [
        ("RQSTTYPE", json!("77"), "kind", UnknownCode),
        ("RQSTTYPE", json!(77), "kind", UnknownCode),
        ("CSTATUS", json!("办妥"), "status", UnknownCode),
        ("RQSTTIME", json!("昨天"), "received_at", BadTime),
        ("RQSTTIME", json!("1900-01-01 00:00:00"), "received_at", OutOfRange),
        ("AREACODE", json!("340221"), "region", OutdatedRegion),
        ("AREACODE", json!("340208000000"), "region", OutdatedRegion),
        ("AREACODE", json!("999999"), "region", UnknownCode),
        ("ISSECRET", json!("maybe"), "confidential", UnknownCode),
        ("LINKNUMBER", json!("12"), "people.phone", BadPhone),
        ("LINKNUMBER", json!("5533800000"), "people.phone", BadPhone),
        ("LINKNUMBER", json!("138****1234"), "people.phone", MaskedValue),
        ("RQSTPERSON", json!("陈***"), "people.name", MaskedValue),
        ("RQSTCONTENT", json!("坏\u{0}了"), "content", ControlCharacters),
        ("RQSTCONTENT", json!({"$hex": "b3c9"}), "content", MalformedBytes),
        ("RQSTTITLE", json!(["a"]), "title", OutOfRange),
        ("RQSTSOURCE", json!("ZZ"), "tags", UnknownCode),
    ] {
        let mut tree = sample();
        tree[column] = value.clone();
        let body = demand(&reference(), tree).body;
        let found: Vec<_> =
            body.quality.iter().map(|note| (note.field.as_str(), note.flag)).collect();
        assert_eq!(found, [(field, flag)], "{column} {value}");
    }
}

#[test]
fn unknown_labels_are_kept_unchanged() {
    let mut tree = sample();
    tree["RQSTTYPE"] = json!("77");
    tree["CSTATUS"] = json!("待签收");
    tree["AREACODE"] = json!("340221101000");
    let body = demand(&reference(), tree).body;
    assert_eq!((body.kind, body.kind_raw.as_deref()), (None, Some("77")));
    assert_eq!(body.status.map(contract::demand::Status::code), Some("assigned"));
    assert_eq!(body.region.as_deref(), Some("340210"));
    assert_eq!(body.region_raw.as_deref(), Some("340221101000"));
}

#[test]
fn the_decoders_findings_name_the_field_that_came_from_the_column() {
    let mut record = record(sample());
    let flag = |field: &str| FieldFlag {
        field: field.to_owned(),
        flag: QualityFlag::Truncated,
        detail: "4000 bytes".to_owned(),
    };
    record.text.flags =
        vec![flag("RQSTCONTENT"), flag("pressing[1].ADDCONTENT"), flag("REGISTERNAME")];
    let accepted = accept(&reference(), &record);
    let fields: Vec<_> = accepted.body.quality.iter().map(|note| note.field.as_str()).collect();
    assert_eq!(fields, ["content", "trail.note", "REGISTERNAME"]);
}

#[test]
fn a_single_value_is_not_a_record() {
    use contract::{Normalizer, Verdict};
    for tree in [json!(null), json!("text"), json!(7)] {
        let verdict = reference().normalize(&record(tree));
        assert!(matches!(verdict, Verdict::Reject(reason) if reason.code == "unreadable_body"));
    }
}
