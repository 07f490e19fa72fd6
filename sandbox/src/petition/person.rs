//! The people of a case (信访人).

use crate::city;
use crate::dice::Dice;
use crate::petition::Fault;
use crate::petition::element::Element;
use crate::source::Item;
use crate::truth::Person;

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

/// The people of a case, one to four; the first is the main person unless a fault says otherwise.
pub(super) fn people(case: &Item<'_, Fault>, dice: &mut Dice) -> Vec<Petitioner> {
    let (number, district) = (case.number, case.district);
    let mains = match () {
        () if case.spoils(Fault::NoMain) => 0,
        () if case.spoils(Fault::ThreeMains) => 3,
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
    if case.spoils(Fault::RareName) {
        people[0].name = city::rare_name(dice);
    }
    if case.spoils(Fault::BadChecksum) {
        let right = people[0].identity.pop();
        people[0].identity.push(if right == Some('8') { '9' } else { '8' });
    }
    people
}

impl Petitioner {
    pub(super) fn element(&self) -> Element {
        let flag = |yes: bool| if yes { "1" } else { "0" };
        Element::Parent(
            "XFR",
            vec![
                Element::text("xfrid", self.id.as_str()),
                Element::text("xm", self.name.as_str()),
                Element::text("xb", flag(self.is_male)),
                Element::text("zjlx", "111"),
                Element::text("zjhm", self.identity.as_str()),
                Element::text("sjh", self.phone.as_str()),
                Element::text("zz", self.address.as_str()),
                Element::text("zzdm", self.area),
                Element::text("xfjzfrbz", flag(self.is_main)),
            ],
        )
    }

    pub(super) fn fact(&self) -> Person {
        Person {
            role: Some(if self.is_main { "main" } else { "joint" }),
            name: Some(self.name.clone()),
            phone: Some(self.phone.clone()),
            id_no: Some(self.identity.clone()),
            gender: Some(if self.is_male { "male" } else { "female" }),
        }
    }
}
