//! The rule for coordinates, which converts them to WGS-84.
//!
//! By law, maps of China use a shifted coordinate system (GCJ-02), and Baidu shifts it once more (BD-09).
//! The formulas of both shifts are known from observation. They are undone here with an error of about
//! a metre, so that the points of all channels can be shown on one map.

use contract::demand::{Crs, Location, QualityFlag};

use super::{Rule, text::number_text};
use crate::{
    notes::Notes,
    source::{FieldSource, Record},
};

/// Reads a point in degrees.
pub(crate) struct PointRule {
    pub(crate) lon: FieldSource,
    pub(crate) lat: FieldSource,
    pub(crate) crs: Crs,
}

impl Rule<Location> for PointRule {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Location> {
        let target = self.lon.target;
        let lon = degrees(&self.lon, record, notes);
        let lat = degrees(&self.lat, record, notes);
        let (mut lon, mut lat) = (lon?, lat?);
        // A phone that does not know its position sends zeros.
        if lon.abs() < 1e-6 && lat.abs() < 1e-6 {
            notes.add(target, QualityFlag::OutOfRange, Some("no fix: both are zero"));
            return None;
        }
        // In China no longitude is a valid latitude, so the pair was certainly swapped.
        if !is_in_china(lon, lat) && is_in_china(lat, lon) {
            notes.add(target, QualityFlag::OutOfRange, Some("longitude and latitude were swapped"));
            (lon, lat) = (lat, lon);
        }
        if lat.abs() > 90.0 {
            notes.add(self.lat.target, QualityFlag::OutOfRange, Some("not degrees"));
            return None;
        }
        if !is_in_china(lon, lat) {
            // The shifts are defined only inside China.
            notes.add(target, QualityFlag::OutOfRange, Some("outside China"));
            return Some(Location { lon, lat, crs: self.crs });
        }
        let (lon, lat) = match self.crs {
            Crs::Wgs84 => (lon, lat),
            Crs::Gcj02 => gcj02_to_wgs84(lon, lat),
            Crs::Bd09 => {
                let (lon, lat) = bd09_to_gcj02(lon, lat);
                gcj02_to_wgs84(lon, lat)
            }
        };
        Some(Location { lon: rounded(lon), lat: rounded(lat), crs: self.crs })
    }
}

fn is_in_china(lon: f64, lat: f64) -> bool {
    (73.0..136.0).contains(&lon) && (3.0..54.0).contains(&lat)
}

/// Reads a number of degrees; anything else is flagged.
fn degrees(source: &FieldSource, record: Record<'_>, notes: &mut Notes) -> Option<f64> {
    let text = source.text(record, notes)?;
    let number = number_text(&text).and_then(|text| text.parse::<f64>().ok());
    let degrees = number.filter(|number| number.abs() <= 180.0);
    if degrees.is_none() {
        notes.add(source.target, QualityFlag::OutOfRange, Some("not degrees"));
    }
    degrees
}

/// Rounds to 1e-7 degrees (a centimetre), because the last bits of sine and cosine differ between machines.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

/// Semi-major axis in metres and first eccentricity squared of the Krasovsky 1940 ellipsoid.
const AXIS: f64 = 6_378_245.0;
const ECCENTRICITY: f64 = 0.006_693_421_622_965_943;
const PI: f64 = std::f64::consts::PI;

/// The shift from WGS-84 to GCJ-02 at a WGS-84 point, in degrees of longitude and latitude. The numbers are
/// those of the published formula, which does not explain them.
fn shift(lon: f64, lat: f64) -> (f64, f64) {
    let (x, y) = (lon - 105.0, lat - 35.0);
    let wave = |value: f64, period: f64| (value * PI / period).sin();
    let common = 20.0 * wave(x, 1.0 / 6.0) + 20.0 * wave(x, 0.5);
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * x.abs().sqrt()
        + (common + 20.0 * wave(y, 1.0) + 40.0 * wave(y, 3.0)) * 2.0 / 3.0
        + (160.0 * wave(y, 12.0) + 320.0 * wave(y, 30.0)) * 2.0 / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * x.abs().sqrt()
        + (common + 20.0 * wave(x, 1.0) + 40.0 * wave(x, 3.0)) * 2.0 / 3.0
        + (150.0 * wave(x, 12.0) + 300.0 * wave(x, 30.0)) * 2.0 / 3.0;
    let radians = lat.to_radians();
    // The radii of curvature of the ellipsoid, by the usual formula with W², to convert metres into angles.
    let w_squared = 1.0 - ECCENTRICITY * radians.sin().powi(2);
    let radius_north = AXIS * (1.0 - ECCENTRICITY) / (w_squared * w_squared.sqrt());
    let radius_east = AXIS / w_squared.sqrt() * radians.cos();
    ((east / radius_east).to_degrees(), (north / radius_north).to_degrees())
}

/// Undoes the shift by iteration, because it has no inverse formula. A few iterations are enough.
fn gcj02_to_wgs84(lon: f64, lat: f64) -> (f64, f64) {
    let mut point = (lon, lat);
    for _ in 0..4 {
        let (east, north) = shift(point.0, point.1);
        point = (lon - east, lat - north);
    }
    point
}

/// The published formula of the inverse.
fn bd09_to_gcj02(lon: f64, lat: f64) -> (f64, f64) {
    let (x, y) = (lon - 0.0065, lat - 0.006);
    let turns = PI * 3_000.0 / 180.0;
    let radius = x.hypot(y) - 0.000_02 * (y * turns).sin();
    let angle = y.atan2(x) - 0.000_003 * (x * turns).cos();
    (radius * angle.cos(), radius * angle.sin())
}

#[cfg(test)]
mod tests;
