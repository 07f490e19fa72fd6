use serde_json::json;

use super::*;

fn parse_json(text: &str) -> Result<Value, String> {
    DocumentFormat::Json.parse(text, &mut Findings::default())
}

fn xml(text: &str) -> Result<Value, String> {
    DocumentFormat::Xml.parse(text, &mut Findings::default())
}

fn open(inner: Value, tree: &mut Value) -> Result<(), String> {
    open_with(inner, tree, &CsvConfig::default())
}

fn open_with(inner: Value, tree: &mut Value, csv: &CsvConfig) -> Result<(), String> {
    let inner: InnerDocument = serde_json::from_value(inner).unwrap();
    inner.check().unwrap();
    inner.open(tree, &mut Findings::default(), &Hints::default(), csv)
}

#[test]
fn a_table_in_a_text_is_read_as_the_settings_say() {
    let header = || Some(vec!["no".to_owned(), "t".to_owned()]);
    let quoted = CsvConfig { quote: '\'', ..CsvConfig::default() };
    for (text, csv) in [
        ("no,t\n7,a;b\n", CsvConfig::default()),
        ("7,a;b\n", CsvConfig { header: header(), ..CsvConfig::default() }),
        ("7|a;b\n", CsvConfig { delimiter: "|".to_owned(), header: header(), ..quoted.clone() }),
        ("no,t\n7,'a;b'\n", quoted),
    ] {
        let mut tree = json!({ "id": 1, "rows": text });
        open_with(json!({ "at": "$.rows", "as": "csv" }), &mut tree, &csv).unwrap();
        assert_eq!(tree, json!({ "id": 1, "rows": [{ "no": "7", "t": "a;b" }] }), "{text:?}");
    }
}

#[test]
fn xml_in_cdata_and_escaped_xml_are_the_same_and_their_declaration_is_ignored() {
    for text in [
        "<r><![CDATA[<?xml version=\"1.0\" encoding=\"GB2312\"?><p><x>李喆</x></p>]]></r>",
        "<r>&lt;?xml version=\"1.0\" encoding=\"GB2312\"?&gt;&lt;p&gt;&lt;x&gt;李喆&lt;/x&gt;\
         &lt;/p&gt;</r>",
    ] {
        let mut tree = xml(text).unwrap();
        open(json!({ "at": "$.r[0]['$text']", "as": "xml" }), &mut tree).unwrap();
        let inner = json!({ "p": [{ "x": [{ "$text": "李喆" }] }] });
        assert_eq!(tree, json!({ "r": [{ "$text": inner }] }));
    }
}

#[test]
fn json_in_a_json_text_keeps_its_numbers() {
    let mut tree = parse_json(r#"{"code":200,"data":"[{\"id\":9007199254740993}]"}"#).unwrap();
    open(json!({ "at": "$.data", "as": "json" }), &mut tree).unwrap();
    assert_eq!(tree, json!({ "code": 200, "data": [{ "id": "9007199254740993" }] }));
}

#[test]
fn every_layer_of_base64_is_decoded() {
    // <?xml version="1.0" encoding="GBK"?><a>张三</a>, and the same twice.
    let once = "PD94bWwgdmVyc2lvbj0iMS4wIiBlbmNvZGluZz0iR0JLIj8+PGE+1cXI/TwvYT4=";
    let twice =
        "UEQ5NGJXd2dkbVZ5YzJsdmJqMGlNUzR3SWlCbGJtTnZaR2x1WnowaVIwSkxJajgrUEdFKzFjWEkvVHd2WVQ0PQ==";
    for (text, layers) in [(once, json!(["base64"])), (twice, json!(["base64", "base64"]))] {
        let mut tree = json!({ "data": text });
        open(json!({ "at": "$.data", "layers": layers, "as": "xml" }), &mut tree).unwrap();
        assert_eq!(tree, json!({ "data": { "a": [{ "$text": "张三" }] } }));
    }
}

#[test]
fn encrypted_rows_are_opened_and_unreadable_ones_are_unchanged() {
    let row = "d477af293a6277a2a61b38d1dd4792a3407aff0aee3a9be151647c63ed6391243b7d8e57ee37c650\
               082aca153c15ba35";
    let inner = json!({
        "at": "$[*].encdata", "as": "json",
        "layers": [{ "sm4": { "key": "0123456789abcdef", "code": "hex" } }],
    });
    let mut tree = json!([{ "encdata": row }, { "encdata": "00" }]);
    open(inner.clone(), &mut tree).unwrap();
    let opened = json!({ "dcxsbh": "DC340200202610090001" });
    assert_eq!(tree, json!([{ "encdata": opened }, { "encdata": "00" }]));
    assert!(open(inner, &mut json!([{ "encdata": "00" }])).is_err());
}

#[test]
fn nothing_is_opened_where_there_is_nothing() {
    let inner = json!({ "at": "$.data", "as": "json" });
    for tree in [json!({}), json!({ "data": null }), json!({ "data": "" }), json!({ "data": [] })] {
        let mut opened = tree.clone();
        open(inner.clone(), &mut opened).unwrap();
        assert_eq!(opened, tree);
    }
    let error = open(inner, &mut json!({ "data": "<html>" })).unwrap_err();
    assert!(error.to_string().starts_with("the text at $.data "), "{error}");
}
