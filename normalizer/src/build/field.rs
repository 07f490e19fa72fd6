//! One field at a time.

use std::sync::Arc;

use chrono::format::{Item, StrftimeItems};
use normalizer_text::Profile;
use serde_json::Value;

use super::Builder;
use crate::{
    codes::CodeTable,
    config::{Clean, Conversion, Field, FieldTable},
    path::Path,
    rule::{BoolRule, CodeRule, IntRule, ListRule, PersonalRule, TextRule, TimeForm, TimeRule},
    seal::Personal,
    source::Source,
};

impl Builder<'_> {
    /// Paths and fixed value, after checking that every setting of the field belongs to it.
    /// `allowed` are its conversions, the default first.
    pub(super) fn source(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
        allowed: &[Conversion],
    ) -> Option<Source> {
        let FieldTable { at, conversion, codes, clean, formats, zone, constant } =
            &field.as_ref()?.0;
        let conversion = conversion.unwrap_or(match codes {
            Some(_) if allowed.contains(&Conversion::Codes) => Conversion::Codes,
            _ => allowed[0],
        });
        if !allowed.contains(&conversion) {
            let known: Vec<_> = allowed.iter().map(|known| known.name()).collect();
            let known = known.join(" or ");
            self.problem(target, format!("`as` cannot be that here; this field takes {known}"));
        }
        let has_time = allowed.contains(&Conversion::Datetime);
        for (is_set, fits, what) in [
            (codes.is_some(), allowed.contains(&Conversion::Codes), "codes"),
            (clean.is_some(), allowed.contains(&Conversion::Text) && codes.is_none(), "clean"),
            (!formats.is_empty(), has_time && conversion == Conversion::Datetime, "formats"),
            (zone.is_some(), has_time && conversion == Conversion::Datetime, "zone"),
        ] {
            if is_set && !fits {
                self.problem(target, format!("`{what}` has no meaning here; remove it"));
            }
        }
        if field.as_ref()?.0.conversion == Some(Conversion::Codes) && codes.is_none() {
            self.problem(target, "say which table in `codes`");
        }
        if at.is_empty() == constant.is_none() {
            self.problem(target, "say either `at` or `const`");
        }
        let mut paths = Vec::new();
        for path in at {
            match Path::parse(&path.0) {
                Ok(path) => {
                    self.remember(&path, target);
                    paths.push(path);
                }
                Err(message) => self.problem(target, message),
            }
        }
        Some(Source { target, paths, constant: constant.clone().map(Value::String) })
    }

    /// A finding about the source's column is a finding about this field.
    fn remember(&mut self, path: &Path, target: &'static str) {
        let Some(root) = path.root() else { return };
        let fields = self.fields_of.entry(format!("{}{root}", self.within)).or_default();
        if !fields.contains(&target) {
            fields.push(target);
        }
    }

    pub(super) fn text(&mut self, target: &'static str, field: &Option<Field>) -> Option<TextRule> {
        let source = self.source(target, field, &[Conversion::Text, Conversion::Codes])?;
        let FieldTable { codes, clean, .. } = &field.as_ref()?.0;
        if codes.is_some() {
            let table = self.table(target, codes, &[]);
            let parse = |code: &str| Some(code.to_owned());
            return Some(TextRule::Codes(CodeRule { source, table, parse }));
        }
        let profile = match clean {
            Some(Clean::Html) => Profile::Html,
            Some(Clean::Plain) | None => Profile::Plain,
        };
        Some(TextRule::Clean(source, profile))
    }

    pub(super) fn time(&mut self, target: &'static str, field: &Option<Field>) -> Option<TimeRule> {
        let known = [Conversion::Datetime, Conversion::Epoch, Conversion::EpochMs];
        let source = self.source(target, field, &known)?;
        let FieldTable { conversion, formats, zone, .. } = &field.as_ref()?.0;
        for format in formats {
            if StrftimeItems::new(format).any(|item| matches!(item, Item::Error)) {
                self.problem(target, format!("`{format}` is not a format of strftime"));
            }
        }
        let form = match conversion {
            Some(Conversion::Epoch) => TimeForm::Epoch,
            Some(Conversion::EpochMs) => TimeForm::EpochMillis,
            _ if formats.is_empty() => TimeForm::Usual,
            _ => TimeForm::Formats(formats.clone()),
        };
        Some(TimeRule { source, form, zone: zone.unwrap_or(self.zone) })
    }

    /// `known` are the codes of the target; none where every code is good.
    pub(super) fn code<T>(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
        parse: fn(&str) -> Option<T>,
        known: &[&str],
    ) -> Option<CodeRule<T>> {
        let source = self.source(target, field, &[Conversion::Codes, Conversion::Text])?;
        self.coded(target, source, field, parse, known)
    }

    fn coded<T>(
        &mut self,
        target: &'static str,
        source: Source,
        field: &Option<Field>,
        parse: fn(&str) -> Option<T>,
        known: &[&str],
    ) -> Option<CodeRule<T>> {
        let table = self.table(target, &field.as_ref()?.0.codes, known);
        let rule = CodeRule { source, table, parse };
        if let Some(Value::String(constant)) = &rule.source.constant
            && rule.find(constant).is_none()
        {
            let known = known.join(", ");
            self.problem(target, format!("`{constant}` is none of {known}"));
        }
        Some(rule)
    }

    fn table(
        &mut self,
        target: &'static str,
        name: &Option<String>,
        known: &[&str],
    ) -> Option<Arc<CodeTable>> {
        let name = name.as_ref()?;
        let Some(table) = self.codes.table(name).cloned() else {
            let names: Vec<_> = self.codes.names().collect();
            let message =
                format!("there is no code table `{name}`; there are {}", names.join(", "));
            self.problem(target, message);
            return None;
        };
        self.tables.insert(name.clone());
        if !known.is_empty() {
            for (place, code) in table.refused(|code| known.contains(&code)) {
                let known = known.join(", ");
                self.problem(target, format!("{place}: `{code}` is none of {known}"));
            }
        }
        Some(table)
    }

    pub(super) fn yes_or_no(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
    ) -> Option<BoolRule> {
        let source = self.source(target, field, &[Conversion::Bool, Conversion::Codes])?;
        let known = ["true", "false"];
        self.coded(target, source, field, BoolRule::parse, &known).map(BoolRule)
    }

    pub(super) fn list<T>(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
        parse: fn(&str) -> Option<T>,
        known: &[&str],
        unknown: fn(String) -> Option<T>,
    ) -> Option<ListRule<T>> {
        let source = self.source(target, field, &[Conversion::List, Conversion::Codes])?;
        let each = self.coded(target, source, field, parse, known)?;
        Some(ListRule { each, unknown })
    }

    pub(super) fn int(&mut self, target: &'static str, field: &Option<Field>) -> Option<IntRule> {
        let source = self.source(target, field, &[Conversion::Int, Conversion::Count])?;
        let counts_nodes = field.as_ref()?.0.conversion == Some(Conversion::Count);
        Some(IntRule { source, counts_nodes })
    }

    pub(super) fn personal(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
    ) -> Option<PersonalRule> {
        let (conversion, make): (_, fn(&str) -> Personal) = match target {
            "people.phone" => (Conversion::Phone, Personal::phone),
            "people.id_no" => (Conversion::IdNo, Personal::id_no),
            "address" => (Conversion::Address, Personal::address),
            _ => (Conversion::Text, Personal::name),
        };
        let source = self.source(target, field, &[conversion])?;
        Some(PersonalRule { source, make })
    }
}
