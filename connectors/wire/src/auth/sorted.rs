//! Parameters and members in sorted order, in the forms in which vendors join them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Request, percent_encoded};

/// Parameters and members, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sorted {
    /// Which of them.
    pub of: Fields,
    /// Names that are left out, such as `sign_type`.
    pub without: Vec<String>,
    /// Whether their names are written, and not only their values.
    pub names: bool,
    /// The text between a name and its value.
    pub between: String,
    /// The text between one of them and the next.
    pub join: String,
    /// What becomes of one whose value is an empty text.
    pub empty: Fate,
    /// What becomes of a list or an object in a JSON body.
    pub nested: Fate,
    /// Whether names and values are percent-encoded.
    pub encoded: bool,
}

/// Which values are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fields {
    /// The parameters of the query, the fields of a form, and the members of a JSON body.
    #[default]
    All,
    /// Only the parameters of the query, and the fields of a form.
    Params,
    /// Only the members of a JSON body.
    Members,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is left out.
    Omit,
    /// It is written, a list or an object as JSON without blanks.
    Keep,
}

impl Default for Sorted {
    fn default() -> Self {
        Self {
            of: Fields::All,
            without: Vec::new(),
            names: true,
            between: "=".to_owned(),
            join: "&".to_owned(),
            empty: Fate::Omit,
            nested: Fate::Keep,
            encoded: false,
        }
    }
}

impl Sorted {
    /// What `params` or `members` means.
    pub(super) fn plain(of: Fields) -> Self {
        Self { of, ..Self::default() }
    }

    /// Their text in a request.
    pub(super) fn text(&self, request: &Request) -> String {
        let mut fields = Vec::new();
        if self.of != Fields::Members {
            fields.extend(request.params());
        }
        if self.of != Fields::Params {
            let members = request.all_members();
            let members = members.filter(|(.., is_nested)| !is_nested || self.nested == Fate::Keep);
            fields.extend(members.map(|(name, value, _)| (name, value)));
        }
        fields.retain(|(name, value)| {
            (self.empty == Fate::Keep || !value.is_empty()) && !self.without.contains(name)
        });
        fields.sort();
        let write = |text: &str| match self.encoded {
            true => percent_encoded(text).to_string(),
            false => text.to_owned(),
        };
        let written = fields.iter().map(|(name, value)| match self.names {
            true => format!("{}{}{}", write(name), self.between, write(value)),
            false => write(value),
        });
        written.collect::<Vec<_>>().join(&self.join)
    }
}
