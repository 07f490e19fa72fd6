//! Fields that come in groups.

use super::Builder;
use crate::{
    config::{
        AttachmentConfig, Conversion, CountsConfig, EnterpriseConfig, JsonPath, LocationConfig,
        PersonConfig, RelatedConfig, RepeatConfig, StepConfig,
    },
    path::Path,
    rule::{
        AttachmentRule, CountsRule, EachRule, EnterpriseRule, PersonRule, PointRule, RelatedRule,
        RepeatRule, StepRule, gender,
    },
};

impl Builder<'_> {
    pub(super) fn person(&mut self, config: &PersonConfig) -> PersonRule {
        let PersonConfig { role, name, phone, id_no, gender: sex } = config;
        PersonRule {
            role: *role,
            name: self.personal("people.name", name),
            phone: self.personal("people.phone", phone),
            id_no: self.personal("people.id_no", id_no),
            gender: self.code("people.gender", sex, gender, &["male", "female"]),
        }
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

    pub(super) fn related(&mut self, config: &RelatedConfig) -> Option<EachRule<RelatedRule>> {
        let RelatedConfig { each, no, relation } = config.clone();
        self.each("related", &each, |builder| {
            Some(RelatedRule {
                no: builder.text("related.no", &Some(no))?,
                relation: builder.text("related.relation", &Some(relation))?,
            })
        })
    }

    pub(super) fn point(&mut self, config: &LocationConfig) -> Option<PointRule> {
        let LocationConfig { lon, lat, crs } = config.clone();
        let lon = self.source("location.lon", &Some(lon), &[Conversion::Text]);
        let lat = self.source("location.lat", &Some(lat), &[Conversion::Text]);
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
        self.within = path.root().map(|root| format!("{root}.")).unwrap_or_default();
        let item = item(self);
        self.within.clear();
        Some(EachRule { each: path, item: item? })
    }
}
