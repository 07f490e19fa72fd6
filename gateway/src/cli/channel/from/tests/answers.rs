//! Small answers of sources of many kinds.

/// An answer, and what must be found in it.
pub(super) struct Sample {
    pub(super) name: &'static str,
    /// A curl command, or the name of a file.
    pub(super) from: &'static str,
    pub(super) answer: &'static str,
    /// Whether the answer is in GBK.
    pub(super) is_gbk: bool,
    pub(super) records: &'static str,
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) content: &'static str,
    /// The setting, the path and the conversion of a time.
    pub(super) time: (&'static str, &'static str, &'static str),
}

const GET: &str = "curl 'https://city.example/list?page=1&size=20'";

const BASE: Sample = Sample {
    name: "",
    from: GET,
    answer: "",
    is_gbk: false,
    records: "$.data.rows[*]",
    key: "$.id",
    title: "$.title",
    content: "$.content",
    time: ("received_at", "$.createTime", "datetime"),
};

pub(super) const SAMPLES: [Sample; 22] = [
    Sample {
        name: "hotline with Chinese names",
        answer: r#"{"code":0,"msg":"成功","data":{"total":2,"rows":[
            {"工单编号":"GD1","诉求标题":"井盖缺失","诉求内容":"路口的井盖不见了，夜里很危险。","提交时间":"2026-10-09 10:30:00","联系电话":"13800001234"},
            {"工单编号":"GD2","诉求标题":"噪声扰民","诉求内容":"楼下的店铺夜里放音乐，睡不着。","提交时间":"2026-10-09 11:30:00","联系电话":"13800001235"}]}}"#,
        key: "$.工单编号",
        title: "$.诉求标题",
        content: "$.诉求内容",
        time: ("received_at", "$.提交时间", "datetime"),
        ..BASE
    },
    Sample {
        name: "camel case",
        answer: r#"{"success":true,"data":{"totalCount":45,"rows":[
            {"id":1,"orderTitle":"路灯不亮","orderContent":"小区门口的路灯已经三天不亮。","createTime":"2026-10-09T10:30:00","deptName":"城管局"},
            {"id":2,"orderTitle":"长椅损坏","orderContent":"湖边第三张长椅断了一根木条。","createTime":"2026-10-09T11:30:00","deptName":"园林局"}]}}"#,
        title: "$.orderTitle",
        content: "$.orderContent",
        ..BASE
    },
    Sample {
        name: "upper case with prefixes",
        answer: r#"{"DATA":[{"SERIALNUM":"S-1","RQSTTITLE":"停水","RQSTCONTENT":"三号楼从昨天起停水。","CREATE_TIME":"2026/10/9 8:05","RQSTNAME":"王五"},
            {"SERIALNUM":"S-2","RQSTTITLE":"停电","RQSTCONTENT":"五号楼从今天起停电。","CREATE_TIME":"2026/10/9 9:15","RQSTNAME":"赵六"}]}"#,
        records: "$.DATA[*]",
        key: "$.SERIALNUM",
        title: "$.RQSTTITLE",
        content: "$.RQSTCONTENT",
        time: ("received_at", "$.CREATE_TIME", "datetime"),
        ..BASE
    },
    Sample {
        name: "initials of pinyin",
        answer: r#"{"errcode":0,"zs":2,"list":[{"bh":"D1","bt":"垃圾未清","nr":"垃圾桶满了两天没有人清。","tjsj":"20261009103000","xxr":"孙七","lxdh":"0553-3812345"},
            {"bh":"D2","bt":"树枝挡灯","nr":"树枝挡住了信号灯。","tjsj":"20261009113000","xxr":"周八","lxdh":"13900001234"}]}"#,
        records: "$.list[*]",
        key: "$.bh",
        title: "$.bt",
        content: "$.nr",
        time: ("received_at", "$.tjsj", "datetime"),
        ..BASE
    },
    Sample {
        name: "initials with a prefix",
        answer: r#"[{"f_id":"A1","f_bt":"占道","f_nr":"摊位占了盲道，行人走不了。","f_djsj":"2026-10-09 10:30"},{"f_id":"A2","f_bt":"积水","f_nr":"一下雨桥下就积水。","f_djsj":"2026-10-09 10:31"}]"#,
        records: "$[*]",
        key: "$.f_id",
        title: "$.f_bt",
        content: "$.f_nr",
        time: ("received_at", "$.f_djsj", "datetime"),
        ..BASE
    },
    Sample {
        name: "chat platform with seconds",
        answer: r#"{"errcode":0,"errmsg":"ok","msg_list":[{"msgid":"m1","openid":"o1","content":"公交站牌倒了","create_time":1791513000},
            {"msgid":"m2","openid":"o2","content":"公园的灯坏了","create_time":1791513600}],"next_cursor":""}"#,
        records: "$.msg_list[*]",
        key: "$.msgid",
        title: "",
        time: ("received_at", "$.create_time", "epoch"),
        ..BASE
    },
    Sample {
        name: "milliseconds",
        answer: r#"{"result":{"records":[{"uuid":"u-1","subject":"A broken bench","description":"The third bench at the lake is broken.","gmtCreate":1791513000000},
            {"uuid":"u-2","subject":"A fallen tree","description":"A tree fell over the path.","gmtCreate":1791513600000}],"current":1,"pages":4}}"#,
        records: "$.result.records[*]",
        key: "$.uuid",
        title: "$.subject",
        content: "$.description",
        time: ("received_at", "$.gmtCreate", "epoch_ms"),
        ..BASE
    },
    Sample {
        name: "Open311",
        answer: r#"[{"service_request_id":"11","status":"open","service_name":"Pothole","description":"A hole at the corner","requested_datetime":"2026-10-09T10:30:00-05:00","updated_datetime":"2026-10-09T11:30:00-05:00","lat":41.8,"long":-87.6},
            {"service_request_id":"12","status":"closed","service_name":"Graffiti","description":"On the wall","requested_datetime":"2026-10-09T12:30:00-05:00","updated_datetime":"2026-10-09T13:30:00-05:00","lat":41.9,"long":-87.7}]"#,
        records: "$[*]",
        key: "$.service_request_id",
        title: "$.service_name",
        content: "$.description",
        time: ("updated_at", "$.updated_datetime", "datetime"),
        ..BASE
    },
    Sample {
        name: "OData",
        from: "curl \"https://city.example/odata/Cases?$top=50&$skip=0\"",
        answer: r#"{"@odata.context":"x","@odata.count":120,"value":[{"CaseId":"C1","Title":"Water","Description":"No water since noon","CreatedOn":"2026-10-09T02:30:00Z"},
            {"CaseId":"C2","Title":"Noise","Description":"Loud music at night","CreatedOn":"2026-10-09T03:30:00Z"}]}"#,
        records: "$.value[*]",
        key: "$.CaseId",
        title: "$.Title",
        content: "$.Description",
        time: ("received_at", "$.CreatedOn", "datetime"),
        ..BASE
    },
    Sample {
        name: "list beside a larger one of something else",
        answer: r#"{"dict":[{"value":1,"label":"a"},{"value":2,"label":"b"},{"value":3,"label":"c"}],"data":{"rows":[
            {"id":"9","title":"信号灯坏","content":"东门的信号灯一直是红的。","createTime":"2026-10-09"}]}}"#,
        ..BASE
    },
    Sample {
        name: "envelope within envelopes, with attachments",
        answer: r#"{"head":{"retcode":"000000"},"body":{"page":{"list":[
            {"id":"a","title":"扬尘","content":"工地没有围挡，灰很大。","createTime":"2026-10-09 08:00:00","files":[{"name":"1.jpg","url":"https://f.example/1"},{"name":"2.jpg","url":"https://f.example/2"}]},
            {"id":"b","title":"油烟","content":"饭店的油烟直接排到楼道。","createTime":"2026-10-09 09:00:00","files":[]}],"total":2}}}"#,
        records: "$.body.page.list[*]",
        ..BASE
    },
    Sample {
        name: "JSON in a text",
        answer: r#"{"code":"200","data":"{\"rows\":[{\"id\":\"1\",\"title\":\"漏水\",\"content\":\"管道在漏水，已经两天。\",\"createTime\":\"2026-10-09 08:00\"},{\"id\":\"2\",\"title\":\"断网\",\"content\":\"整栋楼没有网络。\",\"createTime\":\"2026-10-09 09:00\"}]}"}"#,
        ..BASE
    },
    Sample {
        name: "objects within a record",
        answer: r#"{"tickets":[{"ticket":"T1","topic":"Bench","text":"The bench is broken again","opened":"2026-10-09T10:30:00+08:00","caller":{"name":"王小明","tel":"13800001234"}},
            {"ticket":"T2","topic":"Lamp","text":"The lamp flickers at night","opened":"2026-10-09T11:30:00+08:00","caller":{"name":"赵一","tel":"13800001235"}}]}"#,
        records: "$.tickets[*]",
        key: "$.ticket",
        title: "$.topic",
        content: "$.text",
        time: ("received_at", "$.opened", "datetime"),
        ..BASE
    },
    Sample {
        name: "NDJSON",
        answer: "{\"id\":\"1\",\"title\":\"Lamp\",\"content\":\"It is dark\",\"createTime\":\"2026-10-09 08:00:00\"}\n{\"id\":\"2\",\"title\":\"Tree\",\"content\":\"It fell down\",\"createTime\":\"2026-10-09 09:00:00\"}\n",
        records: "$",
        ..BASE
    },
    Sample {
        name: "XML",
        answer: "<?xml version=\"1.0\"?><answer><code>0</code><orders><order><id>1</id><title>路灯</title><content>路灯三天不亮了。</content><createTime>2026-10-09 08:00:00</createTime></order><order><id>2</id><title>井盖</title><content>井盖松动了。</content><createTime>2026-10-09 09:00:00</createTime></order></orders></answer>",
        records: "$.answer[0].orders[0].order[*]",
        title: "$.title[0]['$text']",
        content: "$.content[0]['$text']",
        time: ("received_at", "$.createTime[0]['$text']", "datetime"),
        ..BASE
    },
    Sample {
        name: "XML in GBK, with initials",
        answer: "<?xml version=\"1.0\" encoding=\"GBK\"?><Data><Row><BH>1</BH><BT>路灯不亮</BT><NR>路灯已经三天不亮了。</NR><TJSJ>2026-10-09 08:00:00</TJSJ></Row><Row><BH>2</BH><BT>井盖</BT><NR>井盖松动了。</NR><TJSJ>2026-10-09 09:00:00</TJSJ></Row></Data>",
        is_gbk: true,
        records: "$.Data[0].Row[*]",
        key: "$.BH",
        title: "$.BT[0]['$text']",
        content: "$.NR[0]['$text']",
        time: ("received_at", "$.TJSJ[0]['$text']", "datetime"),
        ..BASE
    },
    Sample {
        name: "XML with attributes",
        answer: "<rows><row id=\"1\" title=\"Lamp\" content=\"It is dark here\" createTime=\"2026-10-09 08:00:00\"/><row id=\"2\" title=\"Tree\" content=\"It fell down\" createTime=\"2026-10-09 09:00:00\"/></rows>",
        records: "$.rows[0].row[*]",
        key: "$['@id']",
        title: "$['@title']",
        content: "$['@content']",
        time: ("received_at", "$['@createTime']", "datetime"),
        ..BASE
    },
    Sample {
        name: "SOAP with an answer in a text",
        from: "curl -H 'Content-Type: text/xml' -d '<e/>' https://city.example/s.asmx",
        answer: "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><R><Result><![CDATA[<list><item><id>1</id><title>Lamp</title><content>It is dark</content><createTime>2026-10-09</createTime></item><item><id>2</id><title>Tree</title><content>It fell</content><createTime>2026-10-09</createTime></item></list>]]></Result></R></s:Body></s:Envelope>",
        records: "$.Envelope[0].Body[0].R[0].Result[0]['$text'].list[0].item[*]",
        title: "$.title[0]['$text']",
        content: "$.content[0]['$text']",
        time: ("received_at", "$.createTime[0]['$text']", "datetime"),
        ..BASE
    },
    Sample {
        name: "CSV with a Chinese header, in GBK",
        from: "orders_20261009.csv",
        answer: "编号,标题,内容,提交时间,联系人,联系电话\nA-1,路灯不亮,小区门口的路灯已经三天不亮。,2026-10-09 10:30:00,张三,13800001234\nA-2,井盖,井盖松动了，请处理。,2026-10-09 11:30:00,李四,13800001235\n",
        is_gbk: true,
        records: "",
        key: "$.编号",
        title: "$.标题",
        content: "$.内容",
        time: ("received_at", "$.提交时间", "datetime"),
    },
    Sample {
        name: "CSV with semicolons",
        from: "export.csv",
        answer: "case_id;subject;description;created_at;updated_at\n1;Lamp;It is dark, here;2026-10-09 10:30:00;2026-10-10 10:30:00\n2;Tree;It fell down;2026-10-09 11:30:00;2026-10-10 10:31:00\n",
        records: "",
        key: "$.case_id",
        title: "$.subject",
        content: "$.description",
        time: ("updated_at", "$.updated_at", "datetime"),
        ..BASE
    },
    Sample {
        name: "JSON file with an envelope",
        from: "drop.json",
        answer: r#"{"data":{"rows":[{"id":"1","title":"Lamp","content":"It is dark","createTime":"2026-10-09 08:00:00"},{"id":"2","title":"Tree","content":"It fell","createTime":"2026-10-09 09:00:00"}]}}"#,
        records: "$.data.rows",
        ..BASE
    },
    Sample {
        name: "XML file",
        from: "drop.xml",
        answer: "<list><order><id>1</id><title>Lamp</title><content>It is dark</content><createTime>2026-10-09 08:00:00</createTime></order><order><id>2</id><title>Tree</title><content>It fell</content><createTime>2026-10-09 09:00:00</createTime></order></list>",
        records: "order",
        title: "$.title[0]['$text']",
        content: "$.content[0]['$text']",
        time: ("received_at", "$.createTime[0]['$text']", "datetime"),
        ..BASE
    },
];
