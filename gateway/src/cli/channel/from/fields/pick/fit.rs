//! Whether the values of a field can be what its name says.

use normalizer::{CodeTables, Region};

use crate::cli::channel::from::{
    columns::Column,
    values::{self, TimeForm},
};

/// Maximum mean length of a title.
const MAX_TITLE: usize = 80;
/// Maximum mean length of a label.
const MAX_LABEL: usize = 20;

/// Whether the values of a field can be what its name says.
pub(super) fn fits(concept: &str, column: &Column, codes: &CodeTables) -> bool {
    match concept {
        "title" => column.length() <= MAX_TITLE && column.mostly(values::is_text),
        "content" | "reply" => column.mostly(values::is_text) && column.length() >= 2,
        "address" => column.mostly(values::is_text) && column.length() >= 3,
        "org_raw" => column.mostly(values::is_text),
        "category_raw" => !column.is_bool && column.length() <= MAX_TITLE,
        "person_name" => column.mostly(values::is_person),
        "person_phone" => column.mostly(values::is_phone),
        "person_id" => column.mostly(values::is_id_number),
        "lon" => column.mostly(|value| values::is_within(value, -180.0..=180.0)),
        "lat" => column.mostly(|value| values::is_within(value, -90.0..=90.0)),
        "status" | "kind" => !column.is_bool && column.length() <= MAX_LABEL,
        "region" => column.mostly(|value| is_region(value, codes)),
        _ => TimeForm::of_column(column).is_some(),
    }
}

fn is_region(text: &str, codes: &CodeTables) -> bool {
    let Some(regions) = codes.regions() else { return false };
    let is_known = |region| !matches!(region, Region::Unknown);
    is_known(regions.find(text, None)) || is_known(regions.find_name(text, None)) || {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        is_digits
            && matches!(text.len(), 6 | 9 | 12)
            && text.starts_with(|first| ('1'..='8').contains(&first))
    }
}

/// What the values of a field look like, for people.
pub(super) fn describe(concept: &str, column: &Column) -> &'static str {
    match concept {
        "title" => "short texts",
        "content" | "reply" => "texts",
        "person_name" => "values that a person may be called",
        "person_phone" => "numbers of telephones",
        "person_id" => "identity numbers",
        "status" | "kind" | "category_raw" => "short labels",
        "region" => "codes or names of divisions",
        "address" | "org_raw" => "values that fit",
        _ => TimeForm::of_column(column).map_or("numbers", TimeForm::describe),
    }
}
