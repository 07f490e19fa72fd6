//! A row of `CNS_CINFO`, named as the vendor names its columns, so that nothing has to be mapped
//! between what a test reads in the database and what it compares with.

use serde::Serialize;

use crate::hotline::{Gbk, Storage};

/// One state of one case: every column the hotline itself writes. The three columns the reader
/// writes (`ISFETCH`, `SJJHZT`, `SJJHSBYY`) are no part of it.
///
/// Columns that can hold Chinese are [`Gbk`]; keys, codes, numbers and times are plain text.
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
    /// All text a reader must decode.
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

    /// Whether the content fills its column to the last byte.
    pub(super) fn is_full(&self) -> bool {
        self.rqstcontent.bytes().len() == CONTENT_LIMIT
    }

    /// The row as the storage keeps it; true when the content had to be cut.
    pub(super) fn fit(&mut self, storage: Storage) -> bool {
        if storage == Storage::Clob {
            return false;
        }
        let whole = self.rqstcontent.bytes().len();
        self.rqstcontent = self.rqstcontent.fit(CONTENT_LIMIT);
        self.rqsttitle = self.rqsttitle.fit(400);
        self.rqstaddress = self.rqstaddress.fit(400);
        self.rqstperson = self.rqstperson.fit(100);
        whole > CONTENT_LIMIT
    }
}

/// Bytes a `VARCHAR(4000)` holds.
pub(super) const CONTENT_LIMIT: usize = 4_000;
