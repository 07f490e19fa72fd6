use super::*;

#[test]
fn a_shifted_point_returns_to_its_place() {
    for (lon, lat) in [(118.376_451, 31.326_319), (116.397, 39.909), (87.6, 43.8)] {
        let (east, north) = shift(lon, lat);
        // Known size of the shift: some hundred metres, towards the north-west or south-east.
        assert!(east.abs() < 0.01 && north.abs() < 0.01 && east.abs() > 0.001);
        let (back_lon, back_lat) = gcj02_to_wgs84(lon + east, lat + north);
        assert!((back_lon - lon).abs() < 1e-7 && (back_lat - lat).abs() < 1e-7);
    }
}

#[test]
fn the_published_pairs_agree_to_a_metre() {
    let (lon, lat) = gcj02_to_wgs84(116.404, 39.915);
    assert!((lon - 116.397_755).abs() < 2e-4 && (lat - 39.913_597).abs() < 2e-4, "{lon} {lat}");
    let (lon, lat) = bd09_to_gcj02(116.404, 39.915);
    assert!((lon - 116.397_627).abs() < 2e-5 && (lat - 39.908_656).abs() < 2e-5, "{lon} {lat}");
}
