//! Fields that come in groups.

use contract::demand::{EvaluationBy, Level, LimitUnit, Side, Status, TaskRole};

use super::Builder;
use crate::{
    config::{
        AttachmentConfig, Conversion, CountsConfig, EnterpriseConfig, EvaluationConfig, JsonPath,
        LocationConfig, PersonConfig, RelatedConfig, RepeatConfig, StepConfig, TaskConfig,
    },
    path::Path,
    rule::{
        AttachmentRule, CountsRule, EachRule, EnterpriseRule, EvaluationRule, PersonRule,
        PointRule, RelatedRule, RepeatRule, StepRule, TaskRule, gender,
    },
};

impl Builder<'_> {
    pub(super) fn person(&mut self, config: &PersonConfig) -> Option<PersonRule> {
        let PersonConfig { each, role, main, name, phone, id_no, gender: sex } = config;
        let item = |builder: &mut Self| {
            Some(PersonRule {
                each: None,
                role: *role,
                main: builder.yes_or_no("people.main", main),
                name: builder.personal("people.name", name),
                phone: builder.personal("people.phone", phone),
                id_no: builder.personal("people.id_no", id_no),
                gender: builder.code("people.gender", sex, gender, &["male", "female"]),
            })
        };
        let Some(each) = each else { return item(self) };
        let EachRule { each, item } = self.each("people", each, item)?;
        Some(PersonRule { each: Some(each), ..item })
    }

    pub(super) fn enterprise(&mut self, config: &EnterpriseConfig) -> EnterpriseRule {
        let EnterpriseConfig { name, uscc, type_ } = config;
        EnterpriseRule {
            name: self.text("enterprise.name", name),
            uscc: self.text("enterprise.uscc", uscc),
            type_: self.text("enterprise.type", type_),
        }
    }

    pub(super) fn repeat(&mut self, config: &RepeatConfig) -> RepeatRule {
        let RepeatConfig { flag, of } = config;
        RepeatRule { flag: self.text("repeat.flag", flag), of: self.text("repeat.of", of) }
    }

    pub(super) fn counts(&mut self, config: &CountsConfig) -> CountsRule {
        let CountsConfig { urged, returned, extended, repeated } = config;
        CountsRule {
            urged: self.int("counts.urged", urged),
            returned: self.int("counts.returned", returned),
            extended: self.int("counts.extended", extended),
            repeated: self.int("counts.repeated", repeated),
        }
    }

    pub(super) fn trail(&mut self, config: &StepConfig) -> Option<EachRule<StepRule>> {
        let StepConfig { each, at, step, org, note } = config;
        self.each("trail", each, |builder| {
            Some(StepRule {
                at: builder.time("trail.at", at),
                step: builder.text("trail.step", step),
                org: builder.text("trail.org", org),
                note: builder.text("trail.note", note),
            })
        })
    }

    pub(super) fn attachments(
        &mut self,
        config: &AttachmentConfig,
    ) -> Option<EachRule<AttachmentRule>> {
        let AttachmentConfig { each, name, url, mime, bytes } = config;
        self.each("attachments", each, |builder| {
            Some(AttachmentRule {
                name: builder.text("attachments.name", name),
                url: builder.text("attachments.url", url),
                mime: builder.text("attachments.mime", mime),
                bytes: builder.int("attachments.bytes", bytes),
            })
        })
    }

    pub(super) fn tasks(&mut self, config: &TaskConfig) -> Option<EachRule<TaskRule>> {
        self.each("tasks", &config.each, |builder| {
            let role = TaskRole::from_code;
            Some(TaskRule {
                org: builder.text("tasks.org", &config.org),
                role: builder.code("tasks.role", &config.role, role, TaskRole::CODES),
                side: builder.code("tasks.side", &config.side, Side::from_code, Side::CODES),
                level: builder.code("tasks.level", &config.level, Level::from_code, Level::CODES),
                status: builder.code(
                    "tasks.status",
                    &config.status,
                    Status::from_code,
                    Status::CODES,
                ),
                dispatched_at: builder.time("tasks.dispatched_at", &config.dispatched_at),
                signed_at: builder.time("tasks.signed_at", &config.signed_at),
                due_at: builder.time("tasks.due_at", &config.due_at),
                limit_unit: builder.code(
                    "tasks.limit_unit",
                    &config.limit_unit,
                    LimitUnit::from_code,
                    LimitUnit::CODES,
                ),
                responded_at: builder.time("tasks.responded_at", &config.responded_at),
                returned_reason: builder.text("tasks.returned_reason", &config.returned_reason),
            })
        })
    }

    pub(super) fn evaluations(
        &mut self,
        config: &EvaluationConfig,
    ) -> Option<EachRule<EvaluationRule>> {
        let EvaluationConfig { each, by, at, contacted, resolved, satisfaction, valid } = config;
        self.each("evaluations", each, |builder| {
            Some(EvaluationRule {
                by: builder.code(
                    "evaluations.by",
                    by,
                    EvaluationBy::from_code,
                    EvaluationBy::CODES,
                ),
                at: builder.time("evaluations.at", at),
                contacted: builder.yes_or_no("evaluations.contacted", contacted),
                resolved: builder.yes_or_no("evaluations.resolved", resolved),
                satisfaction: builder.text("evaluations.satisfaction", satisfaction),
                valid: builder.yes_or_no("evaluations.valid", valid),
            })
        })
    }

    pub(super) fn related(&mut self, config: &RelatedConfig) -> Option<EachRule<RelatedRule>> {
        let RelatedConfig { each, no, relation, cited } = config;
        let has_fields = no.is_some() || relation.is_some();
        let Some(each) = each else {
            if has_fields || cited.is_empty() {
                self.problem("related", "say `each` with `no` and `relation`, or `cited`");
            }
            return None;
        };
        if no.is_none() || relation.is_none() {
            self.problem("related", "`each` needs `no` and `relation`");
        }
        self.each("related", each, |builder| {
            Some(RelatedRule {
                no: builder.text("related.no", no)?,
                relation: builder.text("related.relation", relation)?,
            })
        })
    }

    pub(super) fn point(&mut self, config: &LocationConfig) -> Option<PointRule> {
        let LocationConfig { lon, lat, crs } = config.clone();
        let lon = self.source("location.lon", &Some(lon), &[Conversion::Decimal, Conversion::Text]);
        let lat = self.source("location.lat", &Some(lat), &[Conversion::Decimal, Conversion::Text]);
        Some(PointRule { lon: lon?, lat: lat?, crs })
    }

    fn each<R>(
        &mut self,
        target: &str,
        each: &JsonPath,
        item: impl FnOnce(&mut Self) -> Option<R>,
    ) -> Option<EachRule<R>> {
        let path = match Path::parse(&each.0) {
            Ok(path) => path,
            Err(message) => {
                self.problem(target, message);
                return None;
            }
        };
        self.within = path.root().map_or("$.".to_owned(), |root| format!("{root}."));
        let item = item(self);
        self.within.clear();
        Some(EachRule { each: path, item: item? })
    }
}
