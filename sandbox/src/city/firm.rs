//! Invented firms and their credit codes.

use crate::checksum::{organisation_check, uscc_check};
use crate::city::District;
use crate::dice::Dice;

const FIRST: &str = "皖鸠弋赭锦恒鼎瑞盛宏嘉汇百泰丰隆旭骏";
const SECOND: &str = "宸业达通程源信诚博禾康润兴阳安然";
const TRADES: &[&str] = &[
    "物业服务有限公司",
    "建筑工程有限公司",
    "房地产开发有限公司",
    "劳务有限公司",
    "餐饮管理有限公司",
    "科技有限公司",
    "汽车销售服务有限公司",
    "教育咨询有限公司",
    "商贸有限公司",
    "装饰工程有限公司",
    "电子商务有限公司",
    "供应链管理有限公司",
];
const ORGANISATION_LETTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A firm's full name, such as 芜湖恒达物业服务有限公司.
pub(crate) fn firm(dice: &mut Dice) -> String {
    let (first, second) = (dice.letter(FIRST), dice.letter(SECOND));
    format!("芜湖{first}{second}{}", dice.pick(TRADES))
}

/// A unified social credit code of an enterprise in the district, with both check characters right.
pub(crate) fn credit_code(dice: &mut Dice, district: &District) -> String {
    let serial: String = (0..6).map(|_| dice.letter(ORGANISATION_LETTERS)).collect();
    let organisation = format!("MA{serial}");
    let inner = organisation_check(&organisation).unwrap_or('0');
    let first_17 = format!("91{}{organisation}{inner}", district.code);
    let check = uscc_check(&first_17).unwrap_or('0');
    format!("{first_17}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::DISTRICTS;

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
