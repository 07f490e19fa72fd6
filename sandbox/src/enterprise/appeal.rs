//! One appeal of a firm: a row of a file.

use chrono::{Days, NaiveDateTime, NaiveTime, TimeDelta};

use super::EnterpriseQuirk as Quirk;
use crate::dice::Dice;
use crate::faker::{any_district, credit_code, firm, landline, mobile, name};
use crate::text::{demand_text, lengthen};
use crate::time::{dashed, serial, slashed};
use crate::{Behaviour, QuirkSet as _};

/// One appeal in its present state.
#[derive(Clone, Debug)]
pub(super) struct Appeal {
    /// 诉求编号, its number.
    pub(super) number: String,
    /// The credit code of the firm, as it is written.
    pub(super) code: String,
    /// The name of the firm.
    pub(super) firm: String,
    pub(super) firm_kind: &'static str,
    pub(super) person: String,
    pub(super) phone: String,
    pub(super) title: String,
    /// 诉求类型, its type.
    pub(super) kind: &'static str,
    pub(super) content: String,
    /// 期望时间, when the firm expects a result, as it is written.
    pub(super) expected_time: String,
    /// The same as a time.
    pub(super) expected_at: NaiveDateTime,
    pub(super) submitted: NaiveDateTime,
    /// 来源, how the firm submitted it, as a code or a label.
    pub(super) source: &'static str,
    pub(super) status: &'static str,
    /// Why it was returned; empty if it was not.
    pub(super) return_reason: &'static str,
    /// The organisation responsible.
    pub(super) org: &'static str,
    pub(super) satisfaction: &'static str,
    /// 派发时间, when it was sent to the organisation.
    pub(super) dispatched: Option<NaiveDateTime>,
    /// 受理时间, when the organisation accepted it.
    pub(super) accepted: Option<NaiveDateTime>,
    /// 办结时间, when the organisation was done with it.
    pub(super) finished: Option<NaiveDateTime>,
    /// 催办次数, how often the firm reminded the organisation.
    pub(super) n_urges: u32,
    /// When it was last changed.
    pub(super) changed: NaiveDateTime,
    pub(super) quirks: Vec<Quirk>,
}

impl Appeal {
    /// Submits appeal `number`, counted from 1.
    pub(super) fn new(behaviour: &Behaviour<Quirk>, number: u64, now: NaiveDateTime) -> Self {
        let mut dice = Dice::new(behaviour.seed ^ APPEAL_STREAM, number);
        let district = any_district(&mut dice);
        let text = demand_text(&mut dice, district);
        let code = credit_code(&mut dice, district);
        let expected_at = now.date() + Days::new(u64::from(dice.between(3, 40)));
        let expected_at = expected_at.and_time(NaiveTime::MIN);
        let (kind, org) = KINDS[dice.below(KINDS.len())];
        let mut appeal = Self {
            number: format!("WQ{}{:06}", now.format("%Y%m%d"), number),
            code,
            firm: firm(&mut dice),
            firm_kind: dice.pick(KINDS_OF_FIRM),
            person: name(&mut dice),
            phone: if dice.one_in(4) { landline(&mut dice) } else { mobile(&mut dice) },
            title: text.title,
            kind,
            content: text.content,
            expected_time: expected_at.format("%Y-%m-%d").to_string(),
            expected_at,
            submitted: now - TimeDelta::seconds(now.and_utc().timestamp() % 60),
            source: dice.pick(&["1", "2", "2", "PC", "手机"]),
            status: dice.pick(&["待派发", "待受理", "处理中"]),
            return_reason: "",
            org,
            satisfaction: "",
            dispatched: None,
            accepted: None,
            finished: None,
            n_urges: 0,
            changed: now,
            quirks: Vec::new(),
        };
        let hours = |hours| appeal.submitted - TimeDelta::hours(hours);
        let (dispatched, accepted, submitted) = match appeal.status {
            "待派发" => (None, None, appeal.submitted),
            "待受理" => (Some(hours(2)), None, hours(3)),
            _ => (Some(hours(26)), Some(hours(3)), hours(27)),
        };
        (appeal.dispatched, appeal.accepted, appeal.submitted) = (dispatched, accepted, submitted);
        for quirk in behaviour.quirks.at(number).filter(|q| Quirk::ITEM_QUIRKS.contains(q)) {
            appeal.apply(quirk, behaviour, number, &mut dice);
        }
        appeal
    }

    /// Advances to the next state; returns false if there is none.
    pub(super) fn advance(&mut self, dice: &mut Dice, now: NaiveDateTime) -> bool {
        self.status = match self.status {
            "待派发" => {
                self.dispatched = Some(now);
                "待受理"
            }
            "待受理" if dice.one_in(8) => {
                self.return_reason = "不属于受理范围";
                "已驳回"
            }
            "待受理" => {
                self.accepted = Some(now);
                "处理中"
            }
            "处理中" => {
                self.finished = Some(now);
                self.n_urges = if dice.one_in(4) { dice.between(1, 3) } else { 0 };
                "待确认"
            }
            "待确认" => {
                self.satisfaction = dice.pick(&["满意", "满意", "基本满意", "不满意"]);
                "已确认"
            }
            _ => return false,
        };
        self.changed = now;
        true
    }

    /// The cells of its row, in the order of [`columns`](super::file_bytes::columns).
    pub(super) fn cells(&self) -> [String; 20] {
        let submitted = if self.quirks.contains(&Quirk::TwelveHour) {
            self.submitted.format("%Y-%m-%d %I:%M").to_string()
        } else {
            slashed(self.submitted)
        };
        let time = |at: Option<NaiveDateTime>| at.map_or_else(String::new, dashed);
        let cells: [&str; 20] = [
            &self.number,
            &self.code,
            &self.firm,
            self.firm_kind,
            &self.person,
            &self.phone,
            &self.title,
            self.kind,
            &self.content,
            &self.expected_time,
            &submitted,
            self.source,
            self.status,
            self.return_reason,
            self.org,
            self.satisfaction,
            &time(self.dispatched),
            &time(self.accepted),
            &time(self.finished),
            &self.n_urges.to_string(),
        ];
        cells.map(str::to_owned)
    }

    /// Applies a quirk that changes a column, if `quirk` is one, and records it.
    fn apply(&mut self, quirk: Quirk, behaviour: &Behaviour<Quirk>, number: u64, dice: &mut Dice) {
        match quirk {
            Quirk::Nul => self.content.insert(0, '\0'),
            Quirk::LongRow => self.content = lengthen(dice, &self.content, 40_000),
            Quirk::ExpectedTimeAsDayNumber => self.expected_time = serial(self.expected_at),
            Quirk::WideCode => self.code = self.code.chars().map(to_full_width).collect(),
            Quirk::LowerCode => self.code = self.code.to_lowercase(),
            Quirk::OldCode => self.code = format!("3402000000{}", dice.digits(5)),
            Quirk::UnknownType => self.kind = "闲聊",
            Quirk::TwinFirm if number > 1 => {
                self.firm = Self::new(behaviour, number - 1, self.changed).firm;
            }
            _ => {}
        }
        self.quirks.push(quirk);
    }
}

fn to_full_width(letter: char) -> char {
    char::from_u32(u32::from(letter) + 0xFEE0).unwrap_or(letter)
}

/// XORed with the seed, so that appeals differ from the items of other channels with the same seed.
const APPEAL_STREAM: u64 = 0x7771;

/// Types of appeals, and the organisation responsible for each.
const KINDS: &[(&str, &str)] = &[
    ("融资服务", "芜湖市地方金融管理局"),
    ("用工服务", "芜湖市人力资源和社会保障局"),
    ("税务服务", "国家税务总局芜湖市税务局"),
    ("出口服务", "芜湖市商务局"),
    ("政策咨询", "芜湖市经济和信息化局"),
    ("建议", "芜湖市数据资源管理局"),
    ("投诉", "芜湖市市场监督管理局"),
];
const KINDS_OF_FIRM: &[&str] =
    &["有限责任公司", "有限责任公司", "股份有限公司", "个体工商户", "合伙企业"];
