//! The units that handle cases, as the hotline writes them.

use crate::dice::Dice;
use crate::faker::any_district;

/// A unit (承办单位).
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// Its name at the hotline; the unified demand has its full name.
    pub(super) name: &'static str,
    /// 属事 for a sector, 属地 for a place.
    pub(super) side: &'static str,
    pub(super) level: &'static str,
}

const SECTORS: &[&str] = &[
    "市城管局",
    "市住建局",
    "市生态环境局",
    "市人社局",
    "市公安局",
    "市交通局",
    "市市场监管局",
    "市教育局",
    "市医保局",
    "市卫健委",
    "市民政局",
    "市资规局",
    "市水务局",
    "市农业农村局",
    "市数据局",
];

/// For each district, the names of its government and of one of its streets or towns.
const PLACES: &[(&str, &str, &str)] = &[
    ("镜湖区", "镜湖区政府", "赭山街道"),
    ("鸠江区", "鸠江区政府", "清水街道"),
    ("弋江区", "弋江区政府", "马塘街道"),
    ("湾沚区", "湾沚区政府", "湾沚镇"),
    ("繁昌区", "繁昌区政府", "繁阳镇"),
    ("南陵县", "南陵县政府", "籍山镇"),
    ("无为市", "无为市政府", "无城镇"),
];

/// `n` different units.
pub(super) fn some_units(dice: &mut Dice, n: usize) -> Vec<Unit> {
    let district = any_district(dice).name;
    let here = PLACES.iter().filter(|(name, ..)| *name == district);
    let mut units: Vec<_> = here
        .flat_map(|(_, own, town)| [(*own, "县区级"), (*town, "乡镇街道级")])
        .map(|(name, level)| Unit { name, side: "属地", level })
        .collect();
    let start = dice.below(SECTORS.len());
    let sectors = SECTORS.iter().cycle().skip(start).take(SECTORS.len());
    // In half of the cases, a unit of the city comes first.
    let place = if dice.one_in(2) { 0 } else { 1 };
    units.splice(place..place, sectors.map(|name| Unit { name, side: "属事", level: "市级" }));
    units.truncate(n);
    units
}
