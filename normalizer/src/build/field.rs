//! Builds the rules of single fields.

use std::sync::Arc;

use chrono::format::{Item, StrftimeItems};
use contract::demand::LimitUnit;
use normalizer_text::Profile;
use serde_json::Value;

use super::{Builder, any_code};
use crate::{
    codes::CodeTable,
    config::{Clean, Conversion, Extract, Field, FieldTable, JsonPath},
    expr::Expression,
    path::Path,
    rule::{
        CodeRule, IntRule, Limit, ListRule, PersonalRule, TextRule, TimeFormat, TimeRule, yes_or_no,
    },
    seal::Personal,
    source::{FieldSource, Origin, Record},
};

impl Builder<'_> {
    /// Where the value of a field comes from; reports settings that do not fit together. `allowed` has the
    /// conversions that the field can have, the default first.
    pub(super) fn source(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
        allowed: &[Conversion],
    ) -> Option<FieldSource> {
        let table = &field.as_ref()?.0;
        let conversion = table.conversion.unwrap_or(match table.codes {
            Some(_) if allowed.contains(&Conversion::Codes) => Conversion::Codes,
            _ => allowed[0],
        });
        if !allowed.contains(&conversion) {
            let names: Vec<_> = allowed.iter().map(|conversion| conversion.name()).collect();
            let names = names.join(" or ");
            self.problem(target, format!("this field cannot have this `as`; write {names}"));
        }
        for what in unused_settings(table, conversion, allowed) {
            self.problem(target, format!("`{what}` has no effect here; remove it"));
        }
        if table.conversion == Some(Conversion::Codes) && table.codes.is_none() {
            self.problem(target, "set `codes` to the name of a code table");
        }
        if conversion == Conversion::Duration && table.after.is_none() {
            self.problem(target, "set `after` to the path of the start time");
        }
        let origin = self.origin(target, table)?;
        Some(FieldSource {
            target,
            origin,
            extract: table.extract,
            default: table.default.clone(),
            is_required: table.required,
        })
    }

    fn origin(&mut self, target: &'static str, table: &FieldTable) -> Option<Origin> {
        let FieldTable { at, constant, expr, .. } = table;
        match (at.as_slice(), constant, expr) {
            ([], Some(constant), None) => Some(Origin::Constant(constant.clone())),
            ([], None, Some(_)) if self.item_prefix.is_some() => {
                let message = "use `at` with `each`: `expr` always sees the whole record";
                self.problem(target, message);
                None
            }
            ([], None, Some(expr)) => {
                self.ok_or_problem(target, Expression::compile(expr)).map(Origin::Expression)
            }
            ([_, ..], None, None) => {
                let paths = at.iter().filter_map(|path| self.path(target, path));
                Some(Origin::Paths(paths.collect()))
            }
            _ => {
                self.problem(target, "set exactly one of `at`, `const` and `expr`");
                None
            }
        }
    }

    fn path(&mut self, target: &'static str, path: &JsonPath) -> Option<Path> {
        let path = self.ok_or_problem(target, Path::parse(&path.0))?;
        self.record_field(&path, target);
        Some(path)
    }

    /// The numbers of other work orders that the text at a path cites.
    pub(super) fn cited(&mut self, path: &JsonPath) -> Option<FieldSource> {
        Some(FieldSource {
            target: "related.no",
            origin: Origin::Paths(vec![self.path("related.cited", path)?]),
            extract: Some(Extract::OrderNumbers),
            default: None,
            is_required: false,
        })
    }

    /// Adds to `demand_fields` that `target` is read from the column at the root of `path`.
    fn record_field(&mut self, path: &Path, target: &'static str) {
        let Some(root) = path.root() else { return };
        let prefix = self.item_prefix.as_deref().unwrap_or_default();
        let fields = self.demand_fields.entry(format!("{prefix}{root}")).or_default();
        if !fields.contains(&target) {
            fields.push(target);
        }
    }

    pub(super) fn text(&mut self, target: &'static str, field: &Option<Field>) -> Option<TextRule> {
        let allowed = [Conversion::Text, Conversion::Codes, Conversion::Decimal];
        let source = self.source(target, field, &allowed)?;
        let FieldTable { codes, clean, conversion, prefix, .. } = &field.as_ref()?.0;
        if codes.is_some() {
            let table = self.table(target, codes, &[]);
            let rule = CodeRule { source, table, by_prefix: *prefix, parse: any_code };
            return Some(TextRule::Codes(rule));
        }
        if *conversion == Some(Conversion::Decimal) {
            return Some(TextRule::Decimal(source));
        }
        let profile = match clean {
            Some(Clean::Html) => Profile::Html,
            Some(Clean::Plain) | None => Profile::Plain,
        };
        Some(TextRule::Clean(source, profile))
    }

    pub(super) fn time(&mut self, target: &'static str, field: &Option<Field>) -> Option<TimeRule> {
        let allowed = [
            Conversion::Datetime,
            Conversion::Epoch,
            Conversion::EpochMs,
            Conversion::Date,
            Conversion::Excel,
            Conversion::Duration,
        ];
        let source = self.source(target, field, &allowed)?;
        let FieldTable { conversion, formats, zone, after, unit, .. } = &field.as_ref()?.0;
        for format in formats {
            if StrftimeItems::new(format).any(|item| matches!(item, Item::Error)) {
                self.problem(target, format!("write a strftime format instead of `{format}`"));
            }
        }
        let format = match conversion {
            Some(Conversion::Epoch) => TimeFormat::Epoch,
            Some(Conversion::EpochMs) => TimeFormat::EpochMillis,
            Some(Conversion::Date) => TimeFormat::Day,
            Some(Conversion::Excel) => TimeFormat::Excel,
            Some(Conversion::Duration) => {
                let begin = self.path(target, after.as_ref()?)?;
                let unit = unit.as_deref().cloned();
                let unit = self.code(target, &unit, LimitUnit::from_code, LimitUnit::CODES);
                self.tables.insert("calendar".to_owned());
                let calendar = self.codes.calendar().cloned();
                TimeFormat::After(Box::new(Limit { begin, unit, calendar }))
            }
            _ if formats.is_empty() => TimeFormat::Usual,
            _ => TimeFormat::Formats(formats.clone()),
        };
        Some(TimeRule { source, format, zone: zone.unwrap_or(self.zone) })
    }

    /// The rule of a coded field. `known` lists the codes that the field can have; empty for any code.
    pub(super) fn code<T>(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
        parse: fn(&str) -> Option<T>,
        known: &[&str],
    ) -> Option<CodeRule<T>> {
        self.coded(target, field, &[Conversion::Codes, Conversion::Text], parse, known)
    }

    fn coded<T>(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
        allowed: &[Conversion],
        parse: fn(&str) -> Option<T>,
        known: &[&str],
    ) -> Option<CodeRule<T>> {
        let source = self.source(target, field, allowed)?;
        let FieldTable { codes, prefix, default, constant, .. } = &field.as_ref()?.0;
        let table = self.table(target, codes, known);
        let rule = CodeRule { source, table, by_prefix: *prefix, parse };
        let nothing = Value::Null;
        for value in default.iter().chain(constant) {
            if rule.find(value, Record::new(&nothing)).is_none() {
                let known = known.join(", ");
                self.problem(target, format!("`{value}` is neither in `codes` nor one of {known}"));
            }
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
        let table = self.codes.table(name).cloned().ok_or_else(|| {
            let names: Vec<_> = self.codes.names().collect();
            format!("there is no code table `{name}`; add it, or use one of {}", names.join(", "))
        });
        let table = self.ok_or_problem(target, table)?;
        self.tables.insert(name.clone());
        if !known.is_empty() {
            for (location, code) in table.disallowed(|code| known.contains(&code)) {
                let known = known.join(", ");
                self.problem(target, format!("{location}: write one of {known}, not `{code}`"));
            }
        }
        Some(table)
    }

    pub(super) fn yes_or_no(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
    ) -> Option<CodeRule<bool>> {
        let allowed = [Conversion::Bool, Conversion::Codes];
        self.coded(target, field, &allowed, yes_or_no, &["true", "false"])
    }

    pub(super) fn list<T>(
        &mut self,
        target: &'static str,
        field: &Option<Field>,
        parse: fn(&str) -> Option<T>,
        known: &[&str],
        unknown: fn(String) -> Option<T>,
    ) -> Option<ListRule<T>> {
        let allowed = [Conversion::List, Conversion::Codes];
        let each = self.coded(target, field, &allowed, parse, known)?;
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
        let conversion = match target {
            "people.phone" => Conversion::Phone,
            "people.id_no" => Conversion::IdNo,
            "address" => Conversion::Address,
            _ => Conversion::Text,
        };
        let parse = Personal::parser(target)?;
        let source = self.source(target, field, &[conversion])?;
        Some(PersonalRule { source, parse })
    }
}

/// The names of settings that are set but that the conversion does not use.
fn unused_settings(
    table: &FieldTable,
    conversion: Conversion,
    allowed: &[Conversion],
) -> impl Iterator<Item = &'static str> {
    // A conversion that the field cannot have is a problem of its own, and uses no setting.
    let is = |other: Conversion| conversion == other && allowed.contains(&other);
    let has_codes = table.codes.is_some();
    let is_time = is(Conversion::Datetime) || is(Conversion::Date);
    let settings = [
        (has_codes, allowed.contains(&Conversion::Codes), "codes"),
        (table.prefix, has_codes, "prefix"),
        (table.clean.is_some(), is(Conversion::Text) && !has_codes, "clean"),
        (!table.formats.is_empty(), is(Conversion::Datetime), "formats"),
        (
            table.zone.is_some(),
            is_time || is(Conversion::Excel) || is(Conversion::Duration),
            "zone",
        ),
        (table.after.is_some(), is(Conversion::Duration), "after"),
        (table.unit.is_some(), is(Conversion::Duration), "unit"),
        (table.within.is_some(), is(Conversion::Region), "within"),
        (table.extract.is_some(), !is(Conversion::Count), "extract"),
        (table.default.is_some(), table.constant.is_none() && !is(Conversion::Count), "default"),
        (table.required, table.constant.is_none() && !is(Conversion::Count), "required"),
    ];
    settings.into_iter().filter(|(is_set, fits, _)| *is_set && !fits).map(|(_, _, what)| what)
}
