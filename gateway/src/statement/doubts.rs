//! What a statement does not say, or not for ever: in words, in Chinese and English.

use super::Statement;

impl Statement {
    /// What a reader must know who relies on the numbers.
    pub(crate) fn doubts(&self) -> Vec<[String; 2]> {
        let mut doubts = Vec::new();
        let mut add = |zh: &str, en: &str| doubts.push([zh.to_owned(), en.to_owned()]);
        if self.balanced == Some(false) {
            add("账不平，请查明原因", "the books do not balance: find out why");
        }
        if self.counts.in_flight > 0 {
            add(
                "还有消息在途：入库之后请重新出具，数字会变",
                "messages are in flight: make it again when they are stored, because the numbers will change",
            );
        }
        if self.is_read_too_early() {
            add(
                "当日结束之后渠道还没有读取过：当日最后一次读取可能还未入账",
                "the channel has not been read since the day ended: its last read may not be counted yet",
            );
        }
        if self.last_pass.is_none() {
            add(
                "当日没有结束的轮次，所以没有来源自报的条数",
                "no pass ended on the day, so there is no count by the source",
            );
        }
        if self.previous.is_none() {
            add(
                "未与前一日的对账单相连：看不出前面是否少了一张",
                "not chained to the statement of the day before: nobody can tell whether one is missing before it",
            );
        }
        add(
            "`reconcile` 的结果不入库，不在本单之内",
            "what `reconcile` finds is not stored, and not part of this",
        );
        doubts
    }

    fn is_read_too_early(&self) -> bool {
        let end = crate::clock::day_period(self.day, self.zone).map(|(_, end)| end);
        self.last_read_at.is_none() || self.last_read_at < end
    }
}
