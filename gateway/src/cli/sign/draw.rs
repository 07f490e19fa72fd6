//! Recipes as text for a channel file, and how far a search went that found none.

use connector_wire::auth::solve::{NOT_SEARCHED, Recipe, Solution};
use serde_json::Value;

use super::Shown;

/// What was found, as lines of a channel file, or how far the search went.
pub(super) fn draw(shown: &Shown) -> String {
    let Shown { solution, toml, .. } = shown;
    if toml.is_empty() {
        return draw_failure(solution);
    }
    let mut blocks = Vec::new();
    for (number, (recipe, toml)) in (1..).zip(solution.recipes.iter().zip(toml)) {
        let differences = match solution.recipes.first() {
            Some(first) if number > 1 => {
                format!("; differs from the first in: {}", differences(first, recipe))
            }
            _ => String::new(),
        };
        blocks.push(format!("# recipe {number} of {}{differences}\n{toml}", shown.toml.len()));
    }
    let mut notes = vec![
        "this replaces `auth` in [http]; no other key of [http] may follow it".to_owned(),
        "a variable or a file, { file = \"PATH\" }, must hold the secret".to_owned(),
    ];
    if toml.len() > 1 {
        notes.push(
            "all of these give the signature of this sample: a second sample, with other values and in another \
             order, decides"
                .to_owned(),
        );
    }
    notes.extend(solution.notes.iter().cloned());
    blocks.push(notes.iter().map(|note| format!("# {note}")).collect::<Vec<_>>().join("\n"));
    blocks.join("\n\n")
}

/// The settings that two recipes do not share.
fn differences(a: &Recipe, b: &Recipe) -> String {
    if a.scheme != b.scheme {
        return "the scheme".to_owned();
    }
    let names =
        a.settings.keys().chain(b.settings.keys().filter(|name| !a.settings.contains_key(*name)));
    let names = names.filter(|name| a.settings.get(*name) != b.settings.get(*name));
    names.cloned().collect::<Vec<_>>().join(", ")
}

/// How far the search went.
fn draw_failure(solution: &Solution) -> String {
    let tried: u64 = solution.groups.iter().map(|group| group.tried).sum();
    let mut lines = vec![format!("No recipe gives this signature; {tried} were tried:")];
    lines.extend(solution.groups.iter().map(|group| {
        let end = if group.is_complete { "" } else { " (not all: the search ended here)" };
        format!("{:>8}  {}{end}", group.tried, group.name)
    }));
    lines.push(
        "Check the secret, and that every signed value is given as it was signed, with --method, --path and --body \
         too."
            .to_owned(),
    );
    lines.push(not_searched());
    lines.join("\n")
}

/// What the search does not try.
pub(super) fn not_searched() -> String {
    let lines = NOT_SEARCHED.iter().map(|line| format!("  - {line}"));
    let lines: Vec<_> = lines.collect();
    format!(
        "Not searched, because a channel file cannot say it or it is unusual:\n{}",
        lines.join("\n")
    )
}

/// A recipe as a table of a channel file, each setting on a line.
pub(super) fn to_toml(recipe: &Recipe) -> String {
    let head = format!("[http.auth.{}]", recipe.scheme);
    let settings = recipe.settings.iter();
    let lines = settings.map(|(name, value)| format!("{name} = {}", inline(value)));
    [head].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// A value of TOML on one line. A text is written as in JSON, whose escapes TOML has too.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) => {
            let entries = table.iter().map(|(name, value)| format!("{name} = {}", inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        // The only control character that JSON does not escape.
        other => other.to_string().replace('\u{7f}', "\\u007f"),
    }
}
