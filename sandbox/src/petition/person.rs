//! The people of a petition case (信访人).

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::faker;
use crate::petition::Quirk;
use crate::source::Item;

/// One person of a case.
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

/// Generates the one to four people of a case. Unless a quirk applies, the first is the main person.
pub(super) fn people(case: &Item<'_, Quirk>, dice: &mut Dice) -> Vec<Petitioner> {
    let (number, district) = (case.number, case.district);
    let n_main = match () {
        () if case.has_quirk(Quirk::NoMain) => 0,
        () if case.has_quirk(Quirk::ThreeMains) => 3,
        () => 1,
    };
    let count = 1 + [0, 0, 0, 1, 2, 3][dice.below(6)];
    let mut people: Vec<_> = (0..count.max(n_main))
        .map(|i| {
            let identity = faker::identity_number(dice, district);
            Petitioner {
                id: format!("r{number}{i}"),
                name: faker::name(dice),
                // The 17th digit is odd for men.
                is_male: identity.as_bytes()[16] % 2 == 1,
                identity,
                phone: faker::mobile(dice),
                address: format!("{}{}", district.name, faker::community(dice)),
                area: district.code,
                is_main: i < n_main,
            }
        })
        .collect();
    if case.has_quirk(Quirk::RareName) {
        people[0].name = faker::rare_name(dice);
    }
    if case.has_quirk(Quirk::BadChecksum) {
        let valid = people[0].identity.pop();
        people[0].identity.push(if valid == Some('8') { '9' } else { '8' });
    }
    people
}

impl Petitioner {
    /// The content of the element `XFR`.
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

    /// The person as the demand must contain it.
    pub(super) fn expected(&self) -> Value {
        json!({
            "role": if self.is_main { "main" } else { "joint" },
            "name": self.name,
            "phone": self.phone,
            "id_no": self.identity,
            "gender": if self.is_male { "male" } else { "female" },
        })
    }
}
