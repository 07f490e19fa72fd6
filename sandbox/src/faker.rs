//! Generates made-up places, people, businesses and their numbers.
//!
//! Only the districts (those of Wuhu) and their codes are real, because the gateway must know them. All
//! people and businesses are made up, so anybody may see a generated database.

use chrono::{Days, NaiveDate};

use crate::checksum::{USCC_ALPHABET, identity_check, organisation_check, uscc_check};
use crate::dice::Dice;
use crate::text::phrases;

/// A district, county or county-level city of Wuhu.
#[derive(Clone, Copy, Debug)]
pub(crate) struct District {
    /// The present name.
    pub(crate) name: &'static str,
    /// The present GB/T 2260 code.
    pub(crate) code: &'static str,
    /// A code from before the last merger, which old records still have.
    pub(crate) old_code: Option<&'static str>,
}

/// All districts. Those with many demands are in the list more than once, so a random choice takes them
/// more often.
pub(crate) const DISTRICTS: &[&District] = &[
    &District { name: "镜湖区", code: "340202", old_code: None },
    &District { name: "镜湖区", code: "340202", old_code: None },
    &District { name: "鸠江区", code: "340207", old_code: None },
    &District { name: "鸠江区", code: "340207", old_code: None },
    &District { name: "弋江区", code: "340209", old_code: Some("340208") },
    &District { name: "弋江区", code: "340209", old_code: Some("340203") },
    &District { name: "湾沚区", code: "340210", old_code: Some("340221") },
    &District { name: "繁昌区", code: "340212", old_code: Some("340222") },
    &District { name: "南陵县", code: "340223", old_code: None },
    &District { name: "无为市", code: "340281", old_code: Some("340225") },
];

/// A random district.
pub(crate) fn any_district(dice: &mut Dice) -> &'static District {
    DISTRICTS[dice.below(DISTRICTS.len())]
}

/// The present six-digit code for a present or former code of six or more digits; `None` if it is not in
/// Wuhu.
pub(crate) fn current_code(code: &str) -> Option<String> {
    let county = code.get(..6)?;
    let found = DISTRICTS.iter().find(|d| d.code == county || d.old_code == Some(county));
    found.map(|district| district.code.to_owned())
}

/// A road name, such as 云溪大道.
pub(crate) fn road(dice: &mut Dice) -> String {
    let names = &phrases().names;
    let (first, second) = (dice.letter(&names.road_first), dice.letter(&names.road_second));
    format!("{first}{second}{}", dice.pick(&names.road_kind))
}

/// A housing estate's name, such as 滨江雅苑.
pub(crate) fn community(dice: &mut Dice) -> String {
    let names = &phrases().names;
    let (first, second) = (dice.pick(&names.community_first), dice.pick(&names.community_second));
    match dice.below(4) {
        0 => format!("{first}{second}{}", dice.pick(&["一期", "二期", "三期", "东区", "西区"])),
        _ => format!("{first}{second}"),
    }
}

/// A person's name; one in forty has a surname of two characters.
pub(crate) fn name(dice: &mut Dice) -> String {
    let names = &phrases().names;
    let mut name = if dice.one_in(40) {
        dice.pick(&names.compound_surnames).to_owned()
    } else {
        dice.letter(&names.surnames).to_string()
    };
    name.push(dice.letter(&names.given_names));
    if !dice.one_in(4) {
        name.push(dice.letter(&names.given_names));
    }
    name
}

/// A name with characters that old systems cannot store.
pub(crate) fn rare_name(dice: &mut Dice) -> String {
    dice.pick(&phrases().names.rare).to_owned()
}

/// A mobile number of eleven digits.
pub(crate) fn mobile(dice: &mut Dice) -> String {
    let second = dice.letter("3456789");
    format!("1{second}{}0000{}", dice.digits(1), dice.digits(4))
}

/// A landline number with the area code of Wuhu.
pub(crate) fn landline(dice: &mut Dice) -> String {
    format!("0553-380{}", dice.digits(4))
}

/// An identity number with a date of birth between 1950 and 2004, and a valid check character.
pub(crate) fn identity_number(dice: &mut Dice, district: &District) -> String {
    let day = u64::from(dice.between(0, 20_000));
    let birth =
        NaiveDate::from_ymd_opt(1950, 1, 1).and_then(|d| d.checked_add_days(Days::new(day)));
    let birth = birth.unwrap_or_default().format("%Y%m%d");
    let first_17 = format!("{}{birth}{}", district.code, dice.digits(3));
    let check = identity_check(&first_17).unwrap_or('X');
    format!("{first_17}{check}")
}

/// The full name of a firm, such as 芜湖恒达物业服务有限公司.
pub(crate) fn firm(dice: &mut Dice) -> String {
    let names = &phrases().names;
    let (first, second) = (dice.letter(&names.firm_first), dice.letter(&names.firm_second));
    format!("芜湖{first}{second}{}", dice.pick(&names.trades))
}

/// The unified social credit code of a firm in the district, with two valid check characters.
pub(crate) fn credit_code(dice: &mut Dice, district: &District) -> String {
    let serial: String = (0..6).map(|_| dice.letter(USCC_ALPHABET)).collect();
    let organisation = format!("MA{serial}");
    let inner = organisation_check(&organisation).unwrap_or('0');
    let first_17 = format!("91{}{organisation}{inner}", district.code);
    let check = uscc_check(&first_17).unwrap_or('0');
    format!("{first_17}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faker::DISTRICTS;

    #[test]
    fn numbers_pass_the_rules_real_ones_pass() {
        let mut dice = Dice::new(3, 1);
        for _ in 0..500 {
            let mobile = mobile(&mut dice);
            assert!(mobile.len() == 11 && mobile.starts_with('1'), "{mobile}");
            assert!(('3'..='9').contains(&mobile.chars().nth(1).unwrap()), "{mobile}");
            let identity = identity_number(&mut dice, DISTRICTS[0]);
            assert_eq!(identity.len(), 18);
            assert_eq!(identity_check(&identity[..17]), identity.chars().last());
            assert!(landline(&mut dice).starts_with("0553-"));
            assert!((2..=4).contains(&name(&mut dice).chars().count()));
        }
    }

    #[test]
    fn credit_codes_pass_both_checks() {
        let mut dice = Dice::new(5, 1);
        for district in DISTRICTS.iter().cycle().take(300) {
            let code = credit_code(&mut dice, district);
            assert_eq!(code.len(), 18);
            assert_eq!(organisation_check(&code[8..16]), code.chars().nth(16), "{code}");
            assert_eq!(uscc_check(&code[..17]), code.chars().last(), "{code}");
        }
    }
}
