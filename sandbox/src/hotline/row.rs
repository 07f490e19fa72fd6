//! A row of `CNS_CINFO`. Its fields are named like the columns, so that tests can compare them.

use std::sync::Arc;

use encoding_rs::GB18030;
use serde::{Serialize, Serializer};

use crate::hotline::{Life, Quirk, Storage};

/// One state of one case: every column that the hotline writes, without the three columns that the
/// reader writes (`ISFETCH`, `SJJHZT`, `SJJHSBYY`).
///
/// Columns with Chinese text are [`Gbk`]; keys, codes, numbers and times are strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Row {
    /// 主键, the unique key.
    pub rowguid: String,
    /// 工单编号, the serial number, which should be unique.
    pub serialnum: String,
    /// 诉求人, the name of the caller.
    pub rqstperson: Gbk,
    /// 诉求时间, the time of the call in Beijing time, in any of several formats.
    pub rqsttime: String,
    /// 来电号码, the number that called.
    pub rqstnumber: Option<String>,
    /// 联系号码, the number for callbacks.
    pub linknumber: Option<String>,
    /// 诉求类型, the code of the kind of demand.
    pub rqsttype: String,
    /// 来源, the code of the way in which the demand came.
    pub rqstsource: String,
    /// 诉求区划, the area of the demand in six digits.
    pub rqstareacode: String,
    /// 归属区划, the responsible area in twelve digits.
    pub areacode: String,
    /// 事发地址, the address of the problem.
    pub rqstaddress: Gbk,
    /// 归口分类, the category in three levels.
    pub accordtype: Gbk,
    /// 标题, the title.
    pub rqsttitle: Gbk,
    /// 内容, the content.
    pub rqstcontent: Gbk,
    /// 工单状态, the status: a code, or a label with [`Quirk::StatusLabel`].
    pub cstatus: Gbk,
    /// 重要/紧急, the urgency: `30` for urgent.
    pub isimpt: String,
    /// 是否保密, `1` for confidential.
    pub issecret: String,
    /// 回复方式, `10` for no callback, `20` for a callback.
    pub replaytype: String,
    /// 登记坐席, who registered the demand.
    pub registername: Gbk,
    /// 办结时间, when it was closed, `yyyy-MM-dd HH:mm:ss`.
    pub finishtime: Option<String>,
    /// 受理时间, when the hotline accepted it.
    pub accepttime: Option<String>,
    /// 交办时间, when it was sent to a unit.
    pub sendtime: Option<String>,
    /// 签收时间, when the unit signed for it.
    pub signtime: Option<String>,
    /// 联系时间, when the unit contacted the citizen.
    pub contacttime: Option<String>,
    /// 归档时间, when it was archived.
    pub archivetime: Option<String>,
    /// 办结时限, the number of units from acceptance to deadline.
    pub casefinishlimit: i64,
    /// 时限单位: `0` minutes, `1` working hours, `2` working days.
    pub limitunit: String,
    /// 关注标志, codes separated by commas: `04` supervised, `05` special, `06` escalated.
    pub attention: String,
    /// 公开答复, the public answer.
    pub answercontent: Gbk,
    /// 最后修改时间, when it was last changed, `yyyy-MM-dd HH:mm:ss`.
    pub lastmodifytime: String,
    /// What happened to the case. The columns about handling and the rows of the other tables follow from it.
    #[serde(skip)]
    pub life: Life,
}

impl Row {
    /// Sets the columns about handling to what happened so far.
    pub(super) fn tell_life(&mut self) {
        let dossier = self.life.dossier(&self.rowguid);
        self.accepttime = dossier.accepttime;
        self.sendtime = dossier.sendtime;
        self.signtime = dossier.signtime;
        self.contacttime = dossier.contacttime;
        self.finishtime = dossier.finishtime;
        self.archivetime = dossier.archivetime;
        self.casefinishlimit = dossier.casefinishlimit;
        self.limitunit = dossier.limitunit;
        self.attention = dossier.attention;
        self.answercontent = Gbk::new(&dossier.answer);
    }

    /// All columns with Chinese text, which a reader must decode.
    pub(super) fn texts(&self) -> [&Gbk; 8] {
        [
            &self.rqstperson,
            &self.rqstaddress,
            &self.accordtype,
            &self.rqsttitle,
            &self.rqstcontent,
            &self.cstatus,
            &self.registername,
            &self.answercontent,
        ]
    }

    /// Whether the content has exactly the width of its column.
    pub(super) fn is_full(&self) -> bool {
        self.rqstcontent.bytes().len() == MAX_CONTENT_BYTES
    }

    /// Cuts text columns to their width, unless they are CLOBs. Adds [`Quirk::CutText`] to `quirks` if the
    /// content was cut.
    pub(super) fn cut_to_width(&mut self, storage: Storage, quirks: &mut Vec<Quirk>) {
        if storage == Storage::Clob {
            return;
        }
        let is_cut = self.rqstcontent.bytes().len() > MAX_CONTENT_BYTES;
        self.rqstcontent = self.rqstcontent.cut_at(MAX_CONTENT_BYTES);
        self.rqsttitle = self.rqsttitle.cut_at(400);
        self.rqstaddress = self.rqstaddress.cut_at(400);
        self.rqstperson = self.rqstperson.cut_at(100);
        if is_cut && !quirks.contains(&Quirk::CutText) {
            quirks.push(Quirk::CutText);
        }
    }
}

/// The width of the content column, `VARCHAR(4000)`, in bytes.
pub(super) const MAX_CONTENT_BYTES: usize = 4_000;

/// The bytes of a text column. Clones share the bytes.
///
/// It serialises as the text that a correct reader gets, or as null if it cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gbk(Arc<[u8]>);

impl Gbk {
    /// The bytes of `text` in GB18030, which is GBK for most characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(GB18030.encode(text).0.into())
    }

    /// A column with these bytes, which may be invalid.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes in the column.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The decoded text, without half a character at its end. `None` if other bytes are invalid.
    #[must_use]
    pub fn read(&self) -> Option<String> {
        // A GB18030 character has at most four bytes, so half of one has at most three.
        (0..=3).find_map(|cut| {
            let whole = self.0.get(..self.0.len().checked_sub(cut)?)?;
            let text = GB18030.decode_without_bom_handling_and_without_replacement(whole)?;
            Some(text.into_owned())
        })
    }

    /// The first `limit` bytes, even if the last character is cut in half.
    #[must_use]
    pub(super) fn cut_at(&self, limit: usize) -> Self {
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
        assert_eq!(Gbk::new("张三").cut_at(3).read().as_deref(), Some("张"));
        assert_eq!(Gbk::new("张𬭎").cut_at(5).read().as_deref(), Some("张"));
        assert_eq!(Gbk::from_bytes(&b"\xd5\xc5\xff\xff\xc8\xfd\xc8\xfd"[..]).read(), None);
    }
}
