//! Builds the rules of groups of fields: people, the business, handling steps and so on.

use std::{borrow::Cow, collections::HashSet};

use contract::demand::{
    Attachment, Counts, Enterprise, Evaluation, EvaluationBy, Level, LimitUnit, Related, Repeat,
    Role, Side, Status, Step, Task, TaskRole,
};

use super::Builder;
use crate::{
    config::{
        AttachmentConfig, Conversion, CountsConfig, EnterpriseConfig, EvaluationConfig, JsonPath,
        LocationConfig, MappingConfig, PersonConfig, RelatedConfig, RepeatConfig, StepConfig,
        TaskConfig,
    },
    path::Path,
    plan::{Draft, EachRule, Rules},
    rule::{PlainPerson, PointRule, Rule as _, TextRule, check_uscc, gender},
};

impl Builder<'_> {
    pub(super) fn person(&mut self, config: &PersonConfig, rules: &mut Rules<Draft>) {
        let item = |builder: &mut Self, person: &mut Rules<PlainPerson>| {
            let is_main = builder.yes_or_no("people.main", &config.main);
            person.set(builder.personal("people.name", &config.name), |person| &mut person.name);
            person.set(builder.personal("people.phone", &config.phone), |person| &mut person.phone);
            person.set(builder.personal("people.id_no", &config.id_no), |person| &mut person.id_no);
            let sex = builder.code("people.gender", &config.gender, gender, &["male", "female"]);
            person.set(sex, |person| &mut person.gender);
            // This rule comes last, because it looks at what the others have found: a role alone makes no person.
            person.add(Some((is_main, config.role)), |(is_main, role), person, record, notes| {
                let is_main = is_main.as_ref().and_then(|rule| rule.read(record, notes));
                if *person != PlainPerson::default() {
                    let by_main = is_main.map(|is| if is { Role::Main } else { Role::Joint });
                    person.role = by_main.or(*role);
                }
            });
        };
        match &config.each {
            Some(each) => {
                rules.extend(self.each("people", each, item), |draft| &mut draft.people);
            }
            None => {
                let mut person = Rules::default();
                item(self, &mut person);
                rules.add(Some(person), |rule, draft, record, notes| {
                    draft.people.extend(rule.read(record, notes));
                });
            }
        }
    }

    pub(super) fn groups(&mut self, config: &MappingConfig, rules: &mut Rules<Draft>) {
        rules.set(self.enterprise(&config.enterprise), |draft| &mut draft.body.enterprise);
        rules.set(self.repeat(&config.repeat), |draft| &mut draft.body.repeat);
        rules.set(self.counts(&config.counts), |draft| &mut draft.body.counts);
        rules.extend(self.attachments(&config.attachments), |draft| &mut draft.body.attachments);
        rules.extend(self.tasks(&config.tasks), |draft| &mut draft.body.tasks);
        rules.extend(self.evaluations(&config.evaluations), |draft| &mut draft.body.evaluations);
        rules.extend(self.trail(&config.trail), |draft| &mut draft.body.trail);
        if let Some(config) = &config.related {
            self.related(config, rules);
        }
    }

    fn enterprise(&mut self, config: &Option<EnterpriseConfig>) -> Option<Rules<Enterprise>> {
        let EnterpriseConfig { name, uscc, type_ } = config.as_ref()?;
        let name = self.text("enterprise.name", name);
        let uscc = self.text("enterprise.uscc", uscc);
        let mut rules = Rules::<Enterprise>::default();
        rules.set(uscc, |enterprise| &mut enterprise.uscc);
        rules.set(name, |enterprise| &mut enterprise.name);
        // It has no source of its own: it checks the code that the rule above has read.
        rules.add(Some(()), |(), enterprise, _, notes| {
            if let Some(code) = &mut enterprise.uscc {
                check_uscc(code, notes);
            }
        });
        rules.set(self.text("enterprise.type", type_), |enterprise| &mut enterprise.type_);
        Some(rules)
    }

    fn repeat(&mut self, config: &Option<RepeatConfig>) -> Option<Rules<Repeat>> {
        let RepeatConfig { flag, of } = config.as_ref()?;
        let mut rules = Rules::<Repeat>::default();
        rules.set(self.text("repeat.flag", flag), |repeat| &mut repeat.flag);
        rules.set(self.text("repeat.of", of), |repeat| &mut repeat.of);
        Some(rules)
    }

    fn counts(&mut self, config: &Option<CountsConfig>) -> Option<Rules<Counts>> {
        let CountsConfig { urged, returned, extended, repeated } = config.as_ref()?;
        let mut rules = Rules::<Counts>::default();
        rules.set(self.int("counts.urged", urged), |counts| &mut counts.urged);
        rules.set(self.int("counts.returned", returned), |counts| &mut counts.returned);
        rules.set(self.int("counts.extended", extended), |counts| &mut counts.extended);
        rules.set(self.int("counts.repeated", repeated), |counts| &mut counts.repeated);
        Some(rules)
    }

    fn trail(&mut self, config: &Option<StepConfig>) -> Option<EachRule<Step>> {
        let StepConfig { each, at, step, org, note } = config.as_ref()?;
        self.each("trail", each, |builder, rules: &mut Rules<Step>| {
            rules.set(builder.time("trail.at", at), |step| &mut step.at);
            rules.set(builder.text("trail.step", step), |step| &mut step.step);
            rules.set(builder.text("trail.org", org), |step| &mut step.org);
            rules.set(builder.text("trail.note", note), |step| &mut step.note);
        })
    }

    fn attachments(&mut self, config: &Option<AttachmentConfig>) -> Option<EachRule<Attachment>> {
        let AttachmentConfig { each, name, url, mime, bytes } = config.as_ref()?;
        self.each("attachments", each, |builder, rules: &mut Rules<Attachment>| {
            rules.set(builder.text("attachments.name", name), |file| &mut file.name);
            rules.set(builder.text("attachments.url", url), |file| &mut file.url);
            rules.set(builder.text("attachments.mime", mime), |file| &mut file.mime);
            rules.set(builder.int("attachments.bytes", bytes), |file| &mut file.bytes);
        })
    }

    fn tasks(&mut self, config: &Option<TaskConfig>) -> Option<EachRule<Task>> {
        let config = config.as_ref()?;
        self.each("tasks", &config.each, |builder, rules: &mut Rules<Task>| {
            rules.set(builder.text("tasks.org", &config.org), |task| &mut task.org);
            let (parse, known) = (TaskRole::from_code, TaskRole::CODES);
            let role = builder.code("tasks.role", &config.role, parse, known);
            rules.set(role, |task| &mut task.role);
            let side = builder.code("tasks.side", &config.side, Side::from_code, Side::CODES);
            rules.set(side, |task| &mut task.side);
            let level = builder.code("tasks.level", &config.level, Level::from_code, Level::CODES);
            rules.set(level, |task| &mut task.level);
            let (parse, known) = (Status::from_code, Status::CODES);
            let status = builder.code("tasks.status", &config.status, parse, known);
            rules.set(status, |task| &mut task.status);
            let dispatched_at = builder.time("tasks.dispatched_at", &config.dispatched_at);
            rules.set(dispatched_at, |task| &mut task.dispatched_at);
            let signed_at = builder.time("tasks.signed_at", &config.signed_at);
            rules.set(signed_at, |task| &mut task.signed_at);
            rules.set(builder.time("tasks.due_at", &config.due_at), |task| &mut task.due_at);
            let (parse, known) = (LimitUnit::from_code, LimitUnit::CODES);
            let limit_unit = builder.code("tasks.limit_unit", &config.limit_unit, parse, known);
            rules.set(limit_unit, |task| &mut task.limit_unit);
            let responded_at = builder.time("tasks.responded_at", &config.responded_at);
            rules.set(responded_at, |task| &mut task.responded_at);
            let returned_reason = builder.text("tasks.returned_reason", &config.returned_reason);
            rules.set(returned_reason, |task| &mut task.returned_reason);
        })
    }

    fn evaluations(&mut self, config: &Option<EvaluationConfig>) -> Option<EachRule<Evaluation>> {
        let EvaluationConfig { each, by, at, contacted, resolved, satisfaction, valid } =
            config.as_ref()?;
        self.each("evaluations", each, |builder, rules: &mut Rules<Evaluation>| {
            let (parse, known) = (EvaluationBy::from_code, EvaluationBy::CODES);
            let by = builder.code("evaluations.by", by, parse, known);
            let at = builder.time("evaluations.at", at);
            let contacted = builder.yes_or_no("evaluations.contacted", contacted);
            let resolved = builder.yes_or_no("evaluations.resolved", resolved);
            let satisfaction = builder.text("evaluations.satisfaction", satisfaction);
            rules.set_coded(satisfaction, TextRule::coded, |evaluation| {
                (&mut evaluation.satisfaction, &mut evaluation.satisfaction_raw)
            });
            rules.set(at, |evaluation| &mut evaluation.at);
            rules.set(contacted, |evaluation| &mut evaluation.contacted);
            rules.set(resolved, |evaluation| &mut evaluation.resolved);
            let valid = builder.yes_or_no("evaluations.valid", valid);
            rules.set(valid, |evaluation| &mut evaluation.valid);
            // This rule comes last, too: `by` alone makes no evaluation.
            rules.add(by, |rule, evaluation, record, notes| {
                if *evaluation != Evaluation::default() {
                    evaluation.by = rule.read(record, notes);
                }
            });
        })
    }

    fn related(&mut self, config: &RelatedConfig, rules: &mut Rules<Draft>) {
        let RelatedConfig { each, no, relation, cited } = config;
        let has_fields = no.is_some() || relation.is_some();
        match each {
            None if has_fields || cited.is_empty() => {
                self.problem("related", "set `each` with `no` and `relation`, or set `cited`");
            }
            None => {}
            Some(each) => {
                if no.is_none() || relation.is_none() {
                    self.problem("related", "`each` needs `no` and `relation`; set both");
                }
                type Pair = (Option<String>, Option<String>);
                let pairs = self.each("related", each, |builder, pair: &mut Rules<Pair>| {
                    pair.set(builder.text("related.no", no), |pair| &mut pair.0);
                    pair.set(builder.text("related.relation", relation), |pair| &mut pair.1);
                });
                rules.add(pairs, |rule, draft, record, notes| {
                    let pairs = rule.read(record, notes).unwrap_or_default().into_iter();
                    let related = pairs.filter_map(|(no, relation)| {
                        Some(Related { no: no?, relation: relation? })
                    });
                    draft.body.related.extend(related);
                });
            }
        }
        let cited: Vec<_> = cited.iter().filter_map(|path| self.cited(path)).collect();
        rules.add((!cited.is_empty()).then_some(cited), |cited, draft, record, notes| {
            let body = &mut draft.body;
            let related = body.related.iter().map(|other| other.no.clone());
            let mut known: HashSet<_> = related.chain(body.source_no.clone()).collect();
            let cited = cited.iter().flat_map(|source| source.texts(record, notes));
            for no in cited.map(Cow::into_owned).filter(|no| known.insert(no.clone())) {
                body.related.push(Related { no, relation: "cited".to_owned() });
            }
        });
    }

    pub(super) fn point(&mut self, config: &Option<LocationConfig>) -> Option<PointRule> {
        let LocationConfig { lon, lat, crs } = config.clone()?;
        let lon = self.source("location.lon", &Some(lon), &[Conversion::Decimal, Conversion::Text]);
        let lat = self.source("location.lat", &Some(lat), &[Conversion::Decimal, Conversion::Text]);
        Some(PointRule { lon: lon?, lat: lat?, crs })
    }

    fn each<T: 'static>(
        &mut self,
        target: &str,
        each: &JsonPath,
        build: impl FnOnce(&mut Self, &mut Rules<T>),
    ) -> Option<EachRule<T>> {
        let path = self.ok_or_problem(target, Path::parse(&each.0))?;
        self.item_prefix = Some(path.root().map(|root| format!("{root}.")).unwrap_or_default());
        let mut item = Rules::default();
        build(self, &mut item);
        self.item_prefix = None;
        Some(EachRule { each: path, item })
    }
}
