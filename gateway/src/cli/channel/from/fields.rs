//! Proposes which field of a record is which field of a demand, by names and by values.

mod groups;
mod pick;

use normalizer::CodeTables;

use self::pick::{Pick, pick};

use super::{
    columns::{Column, Columns},
    draft::{CHANNEL, quoted},
    guess::{Certainty, Guess},
    values::{self, TimeForm},
};

/// The fields of a demand that have one field of a record, in the order in which they are looked for; whether a demand
/// without it is worth a remark.
const CONCEPTS: [(&str, bool); 18] = [
    ("person_phone", true),
    ("person_id", false),
    ("title", true),
    ("content", true),
    ("received_at", true),
    ("updated_at", true),
    ("resolved_at", false),
    ("due_at", false),
    ("status", true),
    ("kind", true),
    ("category_raw", false),
    ("org_raw", false),
    ("region", false),
    ("address", true),
    ("reply", false),
    ("person_name", true),
    ("lon", false),
    ("lat", false),
];

/// The fields that were found.
pub(super) struct Fields {
    /// For `[demand]`.
    pub(super) demand: Vec<Guess>,
    /// For `[[demand.people]]`.
    pub(super) person: Vec<Guess>,
    /// The paths and forms of `received_at` and `updated_at`, if they were found.
    pub(super) received: Option<(String, TimeForm)>,
    pub(super) updated: Option<(String, TimeForm)>,
}

impl Fields {
    /// The fields of these records.
    pub(super) fn find(columns: &Columns, codes: &CodeTables) -> Self {
        let mut fields =
            Self { demand: Vec::new(), person: Vec::new(), received: None, updated: None };
        let mut used: Vec<&str> = Vec::new();
        let (mut lon, mut lat) = (None, None);
        for (concept, is_usual) in CONCEPTS {
            let is_free = |column: &&Column| !used.contains(&column.path.as_str());
            let free: Vec<&Column> = columns.columns.iter().filter(is_free).collect();
            match pick(concept, &free, columns.n_records, codes) {
                Pick::One(column, sure, why) => {
                    used.push(&column.path);
                    match concept {
                        "lon" => lon = Some((column, sure)),
                        "lat" => lat = Some((column, sure)),
                        _ => fields.add(concept, column, sure, why, codes),
                    }
                }
                Pick::Several(candidates) => {
                    let paths: Vec<&str> = candidates.iter().map(|c| c.path.as_str()).collect();
                    used.extend(&paths);
                    fields.add_todo(
                        concept,
                        format!("{} are equally likely: choose one", paths.join(" and ")),
                    );
                }
                Pick::None if is_usual => {
                    fields.add_todo(concept, "no field looks like it".to_owned());
                }
                Pick::None => {}
            }
        }
        if let (Some((lon, _)), Some((lat, _))) = (lon, lat) {
            fields.demand.push(groups::location(lon, lat));
        }
        fields.demand.extend(groups::attachments(columns));
        fields
    }

    fn add(
        &mut self,
        concept: &str,
        column: &Column,
        sure: Certainty,
        why: String,
        codes: &CodeTables,
    ) {
        let path = quoted(&column.path);
        if let Some(setting) = concept.strip_prefix("person_") {
            let setting = if setting == "id" { "id_no" } else { setting };
            return self.person.push(Guess::new(setting, path, sure, why));
        }
        let value = match concept {
            "title" | "content" | "reply" => format!("{{ at = {path}, clean = \"html\" }}"),
            "region" | "address" => format!("{{ at = {path}, as = \"{concept}\" }}"),
            "status" | "kind" => match table_of(concept, column, codes) {
                Some(table) => {
                    let why = format!("{why}; the shipped table knows its labels");
                    let value = format!("{{ at = {path}, codes = {} }}", quoted(&table));
                    return self.demand.push(Guess::new(concept, value, sure, why));
                }
                None => {
                    return self.add_todo(
                        concept,
                        format!(
                            "{concept} = {{ at = {path}, codes = \"{CHANNEL}/{concept}\" }} ({why}): no shipped table knows \
                             its labels, so write codes/{CHANNEL}/{concept}.csv with them"
                        ),
                    );
                }
            },
            _ if concept.ends_with("_at") => {
                let Some(form) = TimeForm::of_column(column) else { return };
                match concept {
                    "received_at" => self.received = Some((column.path.clone(), form)),
                    "updated_at" => self.updated = Some((column.path.clone(), form)),
                    _ => {}
                }
                format!("{{ at = {path}, as = \"{}\" }}", form.conversion())
            }
            _ => path,
        };
        self.demand.push(Guess::new(concept, value, sure, why));
    }

    fn add_todo(&mut self, concept: &str, why: String) {
        let guess = |setting| Guess::todo(setting, why);
        match concept.strip_prefix("person_") {
            Some("id") => self.person.push(guess("id_no")),
            Some(setting) => self.person.push(guess(setting)),
            None => self.demand.push(guess(concept)),
        }
    }
}

/// The shipped table that knows all labels of a field.
fn table_of(concept: &str, column: &Column, codes: &CodeTables) -> Option<String> {
    let mut names: Vec<&str> =
        codes.names().filter(|name| name.rsplit('/').next() == Some(concept)).collect();
    names.sort_unstable();
    let knows = |name: &&str| {
        codes
            .table(name)
            .is_some_and(|table| column.values.iter().all(|label| table.get(label).is_some()))
    };
    // Numbers mean something else in each source.
    let is_word = column.mostly(values::is_text);
    names.into_iter().find(knows).filter(|_| is_word).map(str::to_owned)
}
