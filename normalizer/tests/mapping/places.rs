//! Responsible units, regions and coordinates.

use contract::demand::QualityFlag::{OutOfRange, OutdatedRegion, UnknownCode};
use serde_json::{Value, json};

use crate::conversions::{doubt, map};

#[test]
fn codes_are_found_by_their_longest_prefix() {
    let demand = r#"org = { at = "$.c", codes = "hotline/status", prefix = true }"#;
    let org = |label: &str| map(demand, json!({ "c": label })).0["org"].clone();
    assert_eq!(org("100200"), "archived");
    assert_eq!(org("15x"), "reviewing");
    assert_eq!(org("处理中（第二次）"), "in_progress");
    assert_eq!(org("77"), Value::Null);
}

#[test]
fn regions_are_read_from_codes_and_names() {
    let demand = r#"region = { at = "$.r", within = "340200" }"#;
    for (given, region, doubts) in [
        ("340202", "340202", vec![]),
        ("340202001000", "340202001", vec![]),
        ("3402", "340200", vec![]),
        (" 安徽省 芜湖市", "340200", vec![]),
        ("镜湖区", "340202", vec![]),
        ("芜湖市/繁昌区", "340212", vec![]),
        ("芜湖县", "340210", doubt("region", OutdatedRegion)),
        ("341422", "340281", doubt("region", OutdatedRegion)),
    ] {
        let (body, found) = map(demand, json!({ "r": given }));
        assert_eq!((body["region"].as_str(), found), (Some(region), doubts), "{given}");
        assert_eq!(body["region_raw"], given.trim());
    }
    let (body, doubts) = map(demand, json!({"r": "某地"}));
    assert_eq!((body["region"].clone(), doubts), (Value::Null, doubt("region", UnknownCode)));
}

#[test]
fn coordinates_are_converted_and_invalid_ones_are_absent() {
    let point = |crs: &str, x: Value, y: Value| {
        let demand = format!("location = {{ lon = '$.x', lat = '$.y', crs = '{crs}' }}");
        let (body, doubts) = map(&demand, json!({"x": x, "y": y}));
        let location = body["location"].as_object().cloned();
        let degrees = location.map(|at| (at["lon"].as_f64().unwrap(), at["lat"].as_f64().unwrap()));
        (degrees, doubts)
    };
    assert_eq!(
        point("wgs84", json!("118.376451"), json!(31.326319)).0,
        Some((118.376451, 31.326319))
    );
    assert_eq!(point("gcj02", json!("0"), json!(0)), (None, doubt("location.lon", OutOfRange)));
    let (right, _) = point("gcj02", json!("118.38"), json!("31.33"));
    let (swapped, doubts) = point("gcj02", json!("31.33"), json!("118.38"));
    assert_eq!((swapped, doubts), (right, doubt("location.lon", OutOfRange)));
    let (lon, lat) = right.unwrap();
    assert!((lon - 118.38).abs() < 0.01 && (lat - 31.33).abs() < 0.01 && lon != 118.38);
    assert_eq!(point("wgs84", json!("31,33"), json!("x")).0, None);
    let (bd, _) = point("bd09", json!("116.404"), json!("39.915"));
    let (lon, lat) = bd.unwrap();
    assert!((lon - 116.391).abs() < 2e-3 && (lat - 39.907).abs() < 2e-3, "{lon} {lat}");
}
