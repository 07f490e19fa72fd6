//! The people of a case (信访人).

use serde_json::{Value, json};

use crate::city;
use crate::dice::Dice;
use crate::petition::Quirk;
use crate::source::Item;

/// One of the people of a case.
pub(super) struct Petitioner {
    id: String,
    name: String,
    is_male: bool,
    identity: String,
    phone: String,
    address: String,
    area: &'static str,
    is_main: bool,
}

/// The people of a case, one to four; the first is the main person unless a quirk says otherwise.
pub(super) fn people(case: &Item<'_, Quirk>, dice: &mut Dice) -> Vec<Petitioner> {
    let (number, district) = (case.number, case.district);
    let mains = match () {
        () if case.has_quirk(Quirk::NoMain) => 0,
        () if case.has_quirk(Quirk::ThreeMains) => 3,
        () => 1,
    };
    let count = 1 + [0, 0, 0, 1, 2, 3][dice.below(6)];
    let mut people: Vec<_> = (0..count.max(mains))
        .map(|i| {
            let identity = city::identity_number(dice, district);
            Petitioner {
                id: format!("r{number}{i}"),
                name: city::name(dice),
                // The 17th digit is odd for men.
                is_male: identity.as_bytes()[16] % 2 == 1,
                identity,
                phone: city::mobile(dice),
                address: format!("{}{}", district.name, city::community(dice)),
                area: district.code,
                is_main: i < mains,
            }
        })
        .collect();
    if case.has_quirk(Quirk::RareName) {
        people[0].name = city::rare_name(dice);
    }
    if case.has_quirk(Quirk::BadChecksum) {
        let right = people[0].identity.pop();
        people[0].identity.push(if right == Some('8') { '9' } else { '8' });
    }
    people
}

impl Petitioner {
    pub(super) fn element(&self) -> Value {
        json!({
            "xfrid": self.id,
            "xm": self.name,
            "xb": self.is_male,
            "zjlx": "111",
            "zjhm": self.identity,
            "sjh": self.phone,
            "zz": self.address,
            "zzdm": self.area,
            "xfjzfrbz": self.is_main,
        })
    }

    pub(super) fn facts(&self) -> Value {
        json!({
            "role": if self.is_main { "main" } else { "joint" },
            "name": self.name,
            "phone": self.phone,
            "id_no": self.identity,
            "gender": if self.is_male { "male" } else { "female" },
        })
    }
}
