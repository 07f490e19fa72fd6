//! Petitions (信访): SOAP in GBK, the answer as a document in CDATA, acknowledged by key.

use contract::{DecidedBy, demand::QualityFlag};
use document::encode;
use normalizer_text::Charset;

use super::*;

const REQUEST: &str = r#"<?xml version="1.0" encoding="GB2312"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<GetXfjList xmlns="http://xf.sim/"><httpRequestVerify>{auth}</httpRequestVerify><xtmc>芜湖市</xtmc>
<kssj>{{ kssj }}</kssj><jssj>{{ jssj }}</jssj><pageNo>{{ pageNo }}</pageNo><pageSize>{{ pageSize }}</pageSize></GetXfjList>
</soap:Body></soap:Envelope>"#;

const HEAD: &str = r#"<?xml version="1.0" encoding="GB2312"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><GetXfjListResponse xmlns="http://xf.sim/"><GetXfjListResult><![CDATA[<?xml version="1.0" encoding="GB2312"?>
<PACKAGE><PACKAGEHEAD><CODE>0001</CODE><MSG>成功</MSG><TOTAL>3</TOTAL><PAGENO>1</PAGENO></PACKAGEHEAD><XFJLIST>
"#;

const RECORD: &str = r"<XFJ><xzqh>340200</xzqh><xfjid>HZ3402002026100900021</xfjid><xfjbh>WHXF20260001937</xfjbh><xfjbhNew/><cxm>7F3K9Q</cxm>
 <xfxs>0400</xfxs><xfrq>2026-10-09 00:00:00</xfrq><djsj>2026-10-09 10:30:00</djsj><djjgmc>芜湖市信访局</djjgmc><djjgdm>3402000000003455000000000000</djjgdm><djr>王某</djr>
 <xfrs>3</xfrs><sjrs>21</sjrs><wtsddm>340202000000</wtsddm><nrfldm>010203</nrfldm><xfmddm>04</xfmddm><xfyydm>99</xfyydm>
 <gkxx>反映拖欠工资</gkxx><tsnr>反映某项目自 7 月起拖欠 21 人工资,多次协商未果。</tsnr>
 <bjgccbz>0</bjgccbz><qgccbz>1</qgccbz><cfxfbz>1</cfxfbz><nmbz>0</nmbz><yybz>0</yybz><zdjjbz>0</zdjjbz><lmbz>1</lmbz><jabz>0</jabz>
 <xfjzt>办理中</xfjzt><bjbz>0</bjbz><xbjzsj>2026-10-24 10:30:00</xbjzsj><blcx>2</blcx><ssxt>46</ssxt><lastmodifytime>2026-10-09 16:02:11</lastmodifytime>
 <XFRLIST><XFR><xfrid>r1</xfrid><xm>李喆</xm><xb>1</xb><zjlx>111</zjlx><zjhm>34020219880808888X</zjhm><sjh>13800004567</sjh><zz>镜湖区</zz><zzdm>340202</zzdm><xfjzfrbz>1</xfjzfrbz></XFR></XFRLIST>
 <BLFSLIST><BLFS><blfs>010000</blfs><bljg>芜湖市信访局</bljg><bljgdm>3402000000003455000000000000</bljgdm><blsj>2026-10-09 11:00:00</blsj><qxjg>镜湖区信访局</qxjg><dftype>0</dftype></BLFS></BLFSLIST>
</XFJ>";

const TAIL: &str =
    "</XFJLIST></PACKAGE>]]></GetXfjListResult></GetXfjListResponse></soap:Body></soap:Envelope>";

fn gbk(text: &str) -> Vec<u8> {
    encode(text, Charset::Gb18030).unwrap()
}

fn reply(body: Vec<u8>) -> Reply {
    Reply::new(200, body).with("content-type", "text/xml; charset=gb2312")
}

fn page(records: &[&str]) -> Reply {
    reply(gbk(&format!("{HEAD}{}{TAIL}", records.concat())))
}

async fn petitions() -> City {
    let city = one_page().await;
    let settings = json!({
        "url": format!("{}/XfjkWebService/Service.asmx", city.url),
        "headers": { "SOAPAction": "\"http://xf.sim/GetXfjList\"" },
        "body": REQUEST,
        "content_type": "text/xml; charset=gb2312",
        "auth": { "shared_md5": { "field": "httpRequestVerify", "text": "sim-shared-340200" } },
        "since": {
            "param": "kssj", "format": "%Y-%m-%d %H:%M:%S", "at": "$.lastmodifytime",
            "start": "2026-10-09", "until": { "param": "jssj", "span": "1d" },
        },
        "page": {
            "kind": "number", "param": "pageNo", "size": { "param": "pageSize", "value": 100 },
            "stop": "short",
        },
        "inner": [{ "at": "$..GetXfjListResult[0]['$text']", "as": "xml" }],
        "success": { "at": "$..PACKAGEHEAD[0].CODE", "equals": "0001" },
        "fault": [
            { "at": "$..PACKAGEHEAD[0].CODE", "equals": "-2", "kind": "throttled", "wait": "3s" },
            { "at": "$..PACKAGEHEAD[0].CODE", "equals": "-1", "kind": "transient" },
            { "contains": "系统维护", "kind": "throttled", "wait": "30m" },
        ],
        "records": "$..XFJLIST[0].XFJ[*]",
        "key": "$.xfjid",
    });
    city.with(settings)
}

#[tokio::test]
async fn a_soap_answer_in_gbk_with_a_document_in_cdata_is_read() {
    let city = petitions().await;
    city.answer(|_| Some(page(&[RECORD])));
    let (entries, _) = city.entries(None, 100).await;
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(record.key.as_str(), "HZ3402002026100900021");
    assert_eq!((&*record.text.charset, record.text.decided_by), ("GB18030", DecidedBy::XmlProlog));
    assert!(!record.text.conflict);
    let tree = record.body.tree();
    assert_eq!(tree["XFRLIST"][0]["XFR"][0]["xm"][0]["$text"], "李喆");
    assert_eq!(tree["tsnr"][0]["$text"], "反映某项目自 7 月起拖欠 21 人工资,多次协商未果。");
    assert_eq!(tree["xfjbhNew"], json!([{}]));

    let request = city.state().requests[0].clone();
    assert_eq!(request.headers["soapaction"], "\"http://xf.sim/GetXfjList\"");
    let expected = REQUEST
        .replace("{auth}", "7e0e61e03b00f18f60421a402c28ba43")
        .replace("{{ kssj }}", "2026-10-09 00:00:00")
        .replace("{{ jssj }}", "2026-10-09 21:00:00")
        .replace("{{ pageNo }}", "1")
        .replace("{{ pageSize }}", "100");
    assert_eq!(request.body, gbk(&expected));
}

#[tokio::test]
async fn rare_names_are_read_as_they_are_whatever_the_declaration_says() {
    let city = petitions().await;
    let names = ["喆", "䶮", "㛃", "𬭎", "𠮷"];
    city.answer(move |_| Some(page(&[&RECORD.replace("李喆", &names.concat())])));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(tree(&entries[0])["XFRLIST"][0]["XFR"][0]["xm"][0]["$text"], names.concat());
}

#[tokio::test]
async fn a_record_cut_within_a_character_is_rejected_alone_and_keeps_its_bytes() {
    let city = petitions().await;
    let second = RECORD.replace("HZ3402002026100900021", "B").replace("反映拖欠工资", "CUT");
    let body = gbk(&format!("{HEAD}{RECORD}{second}{TAIL}"));
    let at = body.windows(3).position(|bytes| bytes == b"CUT").unwrap();
    let body = [&body[..at], b"\xb7\xb4\xd3", &body[at + 3..]].concat();
    city.answer(move |_| Some(reply(body.clone())));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(key(&entries[0]), "HZ3402002026100900021");
    assert!(matches!(&entries[0], Entry::Record(_)));
    let Entry::Unreadable { place, bytes, reason } = &entries[1] else { panic!("{entries:?}") };
    assert_eq!((place.key.as_ref().unwrap().as_str(), &*reason.code), ("B", "malformed_bytes"));
    assert!(
        reason.detail.starts_with("gkxx.$text: the 1-byte sequence at offset"),
        "{}",
        reason.detail
    );
    assert!(
        bytes.windows(5).any(|bytes| bytes == "反\u{d3}".as_bytes() || bytes.ends_with(b"\xd3\"")),
        "{bytes:?}"
    );

    let accepting = city.with(json!({ "malformed": "accept" }));
    let (entries, _) = accepting.entries(None, 100).await;
    let Entry::Record(record) = &entries[1] else { panic!("{entries:?}") };
    assert_eq!(record.body.tree()["gkxx"][0]["$text"], "反\u{fffd}");
    assert_eq!(record.text.flags[0].flag, QualityFlag::MalformedBytes);
}

#[tokio::test]
async fn forbidden_characters_and_split_cdata_spoil_nothing() {
    let city = petitions().await;
    let spoilt = RECORD.replace("反映拖欠工资", "a&#x0;b&#xB;c ]]]]><![CDATA[> d &nbsp;");
    city.answer(move |_| Some(page(&[&spoilt])));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(tree(&entries[0])["gkxx"][0]["$text"], "abc ]]> d &nbsp;");
    let Entry::Record(record) = &entries[0] else { panic!("{entries:?}") };
    assert!(record.text.flags.iter().all(|flag| flag.flag == QualityFlag::ControlCharacters));
    assert_eq!(record.text.flags.len(), 2);
}

#[tokio::test]
async fn an_empty_result_is_accepted_only_if_the_head_says_success() {
    let city = petitions().await;
    city.script(page(&[]));
    let batch = city.read(None).await.unwrap();
    assert!(batch.entries.is_empty() && batch.caught_up());

    let nothing = r"<soap:Envelope><soap:Body><GetXfjListResponse><GetXfjListResult/></GetXfjListResponse></soap:Body></soap:Envelope>";
    city.answer(move |_| Some(reply(gbk(nothing))));
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
}

#[tokio::test]
async fn codes_in_the_head_and_the_page_of_the_nightly_maintenance_are_understood() {
    let city = petitions().await;
    let coded = |code: &str| reply(gbk(&format!("{HEAD}{TAIL}").replace("0001", code)));
    let html = Reply::new(200, gbk("<html><body>系统维护中</body>"))
        .with("content-type", "text/html; charset=gbk");
    let wait = |secs: u64| FaultKind::Throttled(Duration::from_secs(secs));
    for (answer, kind) in [
        (coded("-2"), wait(3)),
        (coded("-1"), FaultKind::Transient),
        (html, wait(1800)),
        (
            Reply::new(500, "<soap:Envelope><soap:Body><soap:Fault/></soap:Body></soap:Envelope>"),
            FaultKind::Transient,
        ),
    ] {
        city.script(answer);
        assert_eq!(city.read(None).await.unwrap_err().kind(), kind);
    }
}
