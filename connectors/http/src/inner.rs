//! Documents within a document.
//!
//! A SOAP answer often contains the real answer as a text: in CDATA, escaped, in Base64, encrypted,
//! or as JSON in a JSON text. Such a text is replaced by its tree, and paths go on into it. A text
//! is decoded already, so a charset declared within it is ignored. What was encoded or encrypted is
//! bytes again, and is decoded like a body.

use connector_wire::envelope::{Envelope, Layer};
use contract::Fault;
use document::{Broken, Findings, Path, Shape, decode, scalar};
use normalizer_text::Hints;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A text of the answer that is a document itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inner {
    /// Where the texts are. Missing and empty ones are left as they are.
    at: Path,
    /// What is around the document, outermost first.
    #[serde(default)]
    layers: Vec<Layer>,
    /// How the document is written.
    #[serde(rename = "as")]
    shape: Shape,
}

/// Opens the documents of an [`Inner`].
#[derive(Debug)]
pub(crate) struct Opener {
    at: Path,
    envelope: Option<Envelope>,
    shape: Shape,
}

impl Inner {
    /// Checks keys.
    ///
    /// # Errors
    /// A key that is not valid, as `Stopped`.
    pub(crate) fn build(self) -> Result<Opener, Fault> {
        let Self { at, layers, shape } = self;
        let envelope = (!layers.is_empty()).then(|| Envelope::build(&layers)).transpose()?;
        Ok(Opener { at, envelope, shape })
    }
}

impl Opener {
    /// Replaces texts by their trees. One text among others that cannot be opened stays as it is: the
    /// record that contains it is judged later.
    ///
    /// # Errors
    /// None of the texts can be opened.
    pub(crate) fn open(
        &self,
        tree: &mut Value,
        findings: &mut Findings,
        hints: &Hints<'_>,
    ) -> Result<(), Broken> {
        let mut wrong = None;
        let mut is_any_open = false;
        for place in self.at.places(tree) {
            let Some(value) = tree.pointer_mut(&place) else { continue };
            let Some(text) = scalar(value) else { continue };
            match self.opened(&text, findings, hints) {
                Ok(opened) => {
                    *value = opened;
                    is_any_open = true;
                }
                Err(broken) => wrong = Some(broken),
            }
        }
        match wrong.filter(|_| !is_any_open) {
            None => Ok(()),
            Some(broken) => Err(Broken::new(format!("within {}: {broken}", self.at.as_str()))),
        }
    }

    fn opened(
        &self,
        text: &str,
        findings: &mut Findings,
        hints: &Hints<'_>,
    ) -> Result<Value, Broken> {
        // Oddities of the text around it say nothing about the document.
        let text = &findings.without_oddities(text);
        let Some(envelope) = &self.envelope else { return self.shape.parse(text, findings) };
        let bytes = envelope.open(text).map_err(|why| Broken::new(why.to_string()))?;
        let decoded = decode(&bytes, hints);
        if !decoded.facts.findings.is_empty() {
            return Err(Broken::new("the bytes within are malformed text"));
        }
        self.shape.parse(&decoded.text, findings)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse_json(text: &str) -> Result<Value, Broken> {
        Shape::Json.parse(text, &mut Findings::default())
    }

    fn xml(text: &str) -> Result<Value, Broken> {
        Shape::Xml.parse(text, &mut Findings::default())
    }

    fn open(inner: Value, tree: &mut Value) -> Result<(), Broken> {
        let inner: Inner = serde_json::from_value(inner).unwrap();
        inner.build().unwrap().open(tree, &mut Findings::default(), &Hints::default())
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
    fn base64_is_decoded_like_a_body_as_often_as_it_is_there() {
        // <?xml version="1.0" encoding="GBK"?><a>张三</a>, and the same twice.
        let once = "PD94bWwgdmVyc2lvbj0iMS4wIiBlbmNvZGluZz0iR0JLIj8+PGE+1cXI/TwvYT4=";
        let twice = "UEQ5NGJXd2dkbVZ5YzJsdmJqMGlNUzR3SWlCbGJtTnZaR2x1WnowaVIwSkxJajgrUEdFKzFjWEkvVHd2WVQ0PQ==";
        for (text, layers) in [(once, json!(["base64"])), (twice, json!(["base64", "base64"]))] {
            let mut tree = json!({ "data": text });
            open(json!({ "at": "$.data", "layers": layers, "as": "xml" }), &mut tree).unwrap();
            assert_eq!(tree, json!({ "data": { "a": [{ "$text": "张三" }] } }));
        }
    }

    #[test]
    fn an_encrypted_row_is_opened_and_one_that_cannot_be_stays_as_it_is() {
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
        for tree in
            [json!({}), json!({ "data": null }), json!({ "data": "" }), json!({ "data": [] })]
        {
            let mut opened = tree.clone();
            open(inner.clone(), &mut opened).unwrap();
            assert_eq!(opened, tree);
        }
        let error = open(inner, &mut json!({ "data": "<html>" })).unwrap_err();
        assert!(error.to_string().starts_with("within $.data: "), "{error}");
    }
}
