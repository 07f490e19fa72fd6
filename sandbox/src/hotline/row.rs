//! A row of `CNS_CINFO`, with the column names of the vendor, so that a test can compare it with
//! the database without a mapping.

use std::sync::Arc;

use encoding_rs::GB18030;
use serde::{Serialize, Serializer};

use crate::hotline::{Quirk, Storage};

/// One state of one case: every column that the hotline writes, without the three columns of the
/// reader (`ISFETCH`, `SJJHZT`, `SJJHSBYY`).
///
/// Columns that may hold Chinese text are [`Gbk`]; keys, codes, numbers and times are strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Row {
    /// 主键, unique.
    pub rowguid: String,
    /// 工单编号, meant to be unique.
    pub serialnum: String,
    /// 诉求人.
    pub rqstperson: Gbk,
    /// 诉求时间, Beijing time, in any spelling.
    pub rqsttime: String,
    /// 来电号码.
    pub rqstnumber: Option<String>,
    /// 联系号码.
    pub linknumber: Option<String>,
    /// 诉求类型 code.
    pub rqsttype: String,
    /// 来源 code.
    pub rqstsource: String,
    /// 诉求区划, six digits.
    pub rqstareacode: String,
    /// 归属区划, twelve digits.
    pub areacode: String,
    /// 事发地址.
    pub rqstaddress: Gbk,
    /// 归口分类, three levels.
    pub accordtype: Gbk,
    /// 标题.
    pub rqsttitle: Gbk,
    /// 内容.
    pub rqstcontent: Gbk,
    /// 工单状态, a code or (after an upgrade) a label.
    pub cstatus: Gbk,
    /// 重要/紧急, `30` when urgent.
    pub isimpt: String,
    /// 是否保密, `0` or `1`.
    pub issecret: String,
    /// 回复方式, `10` no call back, `20` call back.
    pub replaytype: String,
    /// 登记坐席.
    pub registername: Gbk,
    /// 办结时间, `yyyy-MM-dd HH:mm:ss`.
    pub finishtime: Option<String>,
    /// 最后修改时间, `yyyy-MM-dd HH:mm:ss`, to the second.
    pub lastmodifytime: String,
}

impl Row {
    /// All columns that a reader must decode.
    pub(super) fn texts(&self) -> [&Gbk; 7] {
        [
            &self.rqstperson,
            &self.rqstaddress,
            &self.accordtype,
            &self.rqsttitle,
            &self.rqstcontent,
            &self.cstatus,
            &self.registername,
        ]
    }

    /// Whether the content fills its column completely.
    pub(super) fn is_full(&self) -> bool {
        self.rqstcontent.bytes().len() == CONTENT_LIMIT
    }

    /// Cuts the columns to their width; true if the content was cut.
    pub(super) fn fit(&mut self, storage: Storage, faults: &mut Vec<Quirk>) {
        if storage == Storage::Clob {
            return;
        }
        let whole = self.rqstcontent.bytes().len();
        self.rqstcontent = self.rqstcontent.fit(CONTENT_LIMIT);
        self.rqsttitle = self.rqsttitle.fit(400);
        self.rqstaddress = self.rqstaddress.fit(400);
        self.rqstperson = self.rqstperson.fit(100);
        if whole > CONTENT_LIMIT && !faults.contains(&Quirk::CutText) {
            faults.push(Quirk::CutText);
        }
    }
}

/// Bytes a `VARCHAR(4000)` holds.
pub(super) const CONTENT_LIMIT: usize = 4_000;

/// The bytes of a text column. Clones share them.
///
/// It serialises as the text that a correct reader gets; null if it cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gbk(Arc<[u8]>);

impl Gbk {
    /// The bytes of `text` in GB18030, which is GBK for most characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(GB18030.encode(text).0.into())
    }

    /// Any bytes, valid or not.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes in the column.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The decoded text. Half a character at the end is left out; `None` if there are invalid bytes
    /// anywhere else.
    #[must_use]
    pub fn read(&self) -> Option<String> {
        // A GB18030 character has at most four bytes, so half of one has at most three.
        (0..=3).find_map(|cut| {
            let whole = self.0.get(..self.0.len().checked_sub(cut)?)?;
            let text = GB18030.decode_without_bom_handling_and_without_replacement(whole)?;
            Some(text.into_owned())
        })
    }

    /// At most `limit` bytes, cut in the middle of a character if necessary.
    #[must_use]
    pub(super) fn fit(&self, limit: usize) -> Self {
        if self.0.len() <= limit { self.clone() } else { Self(self.0[..limit].into()) }
    }
}

impl Serialize for Gbk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.read().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_names_have_the_bytes_of_the_standard() {
        for (text, bytes) in [
            ("张䶮", &b"\xd5\xc5\xfe\x9f"[..]),
            ("㛃", b"\x82\x30\xb7\x31"),
            ("𬭎", b"\x99\x33\xa9\x32"),
            ("芜湖市", b"\xce\xdf\xba\xfe\xca\xd0"),
            ("喆", b"\x86\xb4"),
            ("a\0b", b"a\0b"),
        ] {
            assert_eq!(Gbk::new(text).bytes(), bytes, "{text}");
            assert_eq!(Gbk::new(text).read().as_deref(), Some(text));
        }
    }

    #[test]
    fn half_a_character_at_the_end_is_left_out_and_rubbish_inside_is_unreadable() {
        assert_eq!(Gbk::new("张三").fit(3).read().as_deref(), Some("张"));
        assert_eq!(Gbk::new("张𬭎").fit(5).read().as_deref(), Some("张"));
        assert_eq!(Gbk::from_bytes(&b"\xd5\xc5\xff\xff\xc8\xfd\xc8\xfd"[..]).read(), None);
    }
}
