//! Invented people: names, telephone numbers, identity numbers.
//!
//! Mobile numbers keep `0000` in the middle, which looks like a number to every rule and rings
//! nowhere.

use chrono::{Days, NaiveDate};

use crate::checksum::identity_check;
use crate::city::District;
use crate::dice::Dice;

/// Names whose characters old systems cannot hold: two bytes in the user-defined area, four bytes,
/// and characters beyond the basic plane.
pub(crate) const RARE_NAMES: &[&str] = &["张䶮", "李㛃", "王𬭎", "陈喆䶮", "刘𠮷", "阿依·古丽"];

const SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕\
                        苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵";
const COMPOUND_SURNAMES: &[&str] =
    &["欧阳", "诸葛", "上官", "司马", "端木", "皇甫", "尉迟", "夏侯"];
const GIVEN: &str = "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超秀霞平刚桂英华玉兰红建国文志斌宇浩轩子涵雨欣\
                     怡佳琪晨曦睿哲思源博雅梦婷俊峰海燕春梅淑珍振东立新德胜庆喆";

/// A person's name; one in forty with a two-character surname.
pub(crate) fn name(dice: &mut Dice) -> String {
    let mut name = if dice.one_in(40) {
        dice.pick(COMPOUND_SURNAMES).to_owned()
    } else {
        dice.letter(SURNAMES).to_string()
    };
    name.push(dice.letter(GIVEN));
    if !dice.one_in(4) {
        name.push(dice.letter(GIVEN));
    }
    name
}

/// A mobile number of eleven digits.
pub(crate) fn mobile(dice: &mut Dice) -> String {
    let second = dice.letter("3456789");
    format!("1{second}{}0000{}", dice.digits(1), dice.digits(4))
}

/// A landline with Wuhu's prefix.
pub(crate) fn landline(dice: &mut Dice) -> String {
    format!("0553-380{}", dice.digits(4))
}

/// An identity number of someone of working age or older, with its right check character.
pub(crate) fn identity_number(dice: &mut Dice, district: &District) -> String {
    let day = u64::from(dice.between(0, 20_000));
    let birth =
        NaiveDate::from_ymd_opt(1950, 1, 1).and_then(|d| d.checked_add_days(Days::new(day)));
    let birth = birth.unwrap_or_default().format("%Y%m%d");
    let first_17 = format!("{}{birth}{}", district.code, dice.digits(3));
    let check = identity_check(&first_17).unwrap_or('X');
    format!("{first_17}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::DISTRICTS;

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
}
