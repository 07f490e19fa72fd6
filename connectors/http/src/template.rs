//! Placeholders in a request body.
//!
//! The body of a SOAP request is a file that a vendor gave; a few values in it change. They are
//! filled in as data: escaped for what the body is, strict about names, within a limit of steps.

use contract::Fault;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use crate::pages::Param;

/// Instructions of one rendering; real bodies need some dozens.
const FUEL: u64 = 100_000;

/// A body with placeholders.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
}

impl Template {
    /// Compiles a body.
    pub(crate) fn new(text: &str) -> Result<Self, Fault> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let escape = if text.trim_start().starts_with(['{', '[']) {
            AutoEscape::Json
        } else {
            AutoEscape::Html
        };
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.add_template_owned("body", text.to_owned()).map_err(|error| {
            Fault::stopped("the body is no template")
                .at(format!("line {}", error.line().unwrap_or(1)))
                .remedy("placeholders are written as {{ name }}")
        })?;
        Ok(Self { environment })
    }

    /// Fills in the parameters.
    pub(crate) fn render(&self, params: &[Param]) -> Result<String, Fault> {
        let values: Map<String, Value> = params.iter().cloned().collect();
        let known: Vec<&String> = values.keys().collect();
        let rendered = self.environment.get_template("body").and_then(|template| {
            template.render(minijinja::Value::from(minijinja::value::Serde(&values)))
        });
        rendered.map_err(|error| {
            Fault::stopped("the body cannot be filled in")
                .at(format!("line {}", error.line().unwrap_or(1)))
                .remedy(format!("these names are known: {known:?}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(text: &str, params: &[(&str, Value)]) -> Result<String, Fault> {
        let params: Vec<Param> =
            params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Template::new(text)?.render(&params)
    }

    #[test]
    fn values_are_data_in_xml_and_in_json() {
        let params = [("a", json!("<&\"张")), ("n", json!(7)), ("list", json!(["x", "y"]))];
        let xml = render(
            "<r a=\"{{ n }}\">{{ a }}{% for k in list %}<k>{{ k }}</k>{% endfor %}</r>\n",
            &params,
        );
        assert_eq!(xml.unwrap(), "<r a=\"7\">&lt;&amp;&quot;张<k>x</k><k>y</k></r>");
        let json = render("{\"a\": {{ a }}, \"n\": {{ n }}, \"l\": {{ list }}}", &params).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json, json!({ "a": "<&\"张", "n": 7, "l": ["x", "y"] }));
    }

    #[test]
    fn an_unknown_name_and_an_endless_body_are_faults() {
        let fault = render("<r>\n{{ pge }}</r>", &[("page", json!(1))]).unwrap_err().to_string();
        assert!(fault.contains("line 2") && fault.contains("page"), "{fault}");
        let endless = "{% for a in list %}{% for b in list %}{{ b }}{% endfor %}{% endfor %}";
        let list = Value::from(vec![0; 2_000]);
        assert!(render(endless, &[("list", list)]).is_err());
        assert!(Template::new("{{ a").is_err());
    }
}
