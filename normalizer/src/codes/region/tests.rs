use std::path::PathBuf;

use super::*;

const ROWS: &str = "code,name,old_of,aliases,from,until
340000,安徽省,,安徽,,
340200,芜湖市,,,,
320500,苏州市,,,,
341400,巢湖市,340200,,,
330100,杭州市,,,,
320102,鼓楼区,,,,
350102,鼓楼区,,,,
350100,福州市,,,,
340202,镜湖区,,,,
340203,马塘区,340209,,,200412
340203,弋江区,340209,,200512,202006
340208,三山区,340209,,,
340209,弋江区,,,,
340210,湾沚区,,,,
340221,芜湖县,340210,,,
340202001,张家山街道,,,,
340202009,旧街道,340202001,,,
";

fn table(rows: &str) -> (RegionTable, Vec<CodesProblem>) {
    let file = CodeFile { name: "region".into(), path: PathBuf::new(), bytes: rows.into() };
    let mut problems = Vec::new();
    (RegionTable::parse(&file, None, &mut problems), problems)
}

#[test]
fn codes_of_every_width_are_found_and_old_ones_lead_to_current_ones() {
    let (table, problems) = table(ROWS);
    assert_eq!(problems, []);
    for (given, expected) in [
        ("3205", Region::Current("320500")),
        ("3414", Region::Outdated("340200")),
        ("340202", Region::Current("340202")),
        ("330100000000", Region::Current("330100")),
        ("340202000", Region::Current("340202")),
        ("340202001000", Region::Current("340202001")),
        ("340202001", Region::Current("340202001")),
        ("340202001017", Region::Current("340202001017")),
        ("340202009", Region::Outdated("340202001")),
        ("340221", Region::Outdated("340210")),
        ("340208", Region::Outdated("340209")),
        ("340203", Region::Outdated("340209")),
        ("340221101000", Region::Outdated("340210")),
        ("3402021", Region::Unknown),
        ("34020", Region::Unknown),
        ("3499", Region::Unknown),
        ("999999", Region::Unknown),
        ("", Region::Unknown),
        ("镜湖区", Region::Unknown),
        ("3402020000000000000000000000", Region::Unknown),
    ] {
        assert_eq!(table.find(given, None), expected, "{given}");
    }
}

#[test]
fn names_are_read_from_the_largest_division_down_and_ambiguous_ones_are_unknown() {
    let (table, _) = table(ROWS);
    for (given, within, expected) in [
        (" 安徽省 芜湖市", None, Region::Current("340200")),
        ("安徽/芜湖市/镜湖区", None, Region::Current("340202")),
        ("镜湖区", None, Region::Current("340202")),
        ("镜湖区张家山街道某路", None, Region::Current("340202001")),
        ("芜湖县", None, Region::Outdated("340210")),
        ("弋江区", None, Region::Current("340209")),
        ("鼓楼区", None, Region::Unknown),
        ("鼓楼区", Some("350100"), Region::Current("350102")),
        ("福州市鼓楼区", None, Region::Current("350102")),
        ("镜湖区", Some("350100"), Region::Current("340202")),
        ("镜湖区中山南路", None, Region::Current("340202")),
        ("芜湖市外国语学校", None, Region::Current("340200")),
        ("安徽 芜湖市", Some("340200"), Region::Current("340200")),
        ("某路", None, Region::Unknown),
        // A road or a firm is named after a place elsewhere.
        ("安徽路", None, Region::Unknown),
        ("安徽商会", Some("340200"), Region::Unknown),
        ("安徽省外", None, Region::Unknown),
        ("芜湖市以外", None, Region::Unknown),
        ("镜湖区、弋江区", None, Region::Unknown),
        ("", None, Region::Unknown),
    ] {
        assert_eq!(table.find_name(given, within), expected, "{given}");
    }
}

#[test]
fn a_folder_overrides_what_is_shipped() {
    let (below, _) = table(ROWS);
    let over = "code,name,old_of\n340221,芜湖县,340202\n340299,新区,\n";
    let file = CodeFile { name: "region".into(), path: PathBuf::new(), bytes: over.into() };
    let mut problems = Vec::new();
    let table = RegionTable::parse(&file, Some(&below), &mut problems);
    assert_eq!(problems, []);
    assert_eq!(table.find("340221", None), Region::Outdated("340202"));
    assert_eq!(table.find("340299", None), Region::Current("340299"));
    assert_eq!(table.find("340202", None), Region::Current("340202"));
    let changed: Vec<_> = table.differences(&below).into_iter().map(|d| d.raw).collect();
    assert_eq!(changed, ["340221", "340299"]);
}
