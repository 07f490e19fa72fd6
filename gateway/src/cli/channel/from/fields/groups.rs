//! Fields of a demand that consist of several: coordinates and files.

use crate::cli::channel::from::{
    columns::{Column, Columns},
    draft::quoted,
    guess::{Certainty, Guess},
    names,
};

/// Coordinates; which system they are in shows only in their names.
pub(super) fn location(lon: &Column, lat: &Column) -> Guess {
    let name = format!("{} {}", lon.name, lat.name).to_lowercase();
    let systems = [
        ("wgs", "wgs84"),
        ("gcj", "gcj02"),
        ("gaode", "gcj02"),
        ("bd09", "bd09"),
        ("baidu", "bd09"),
    ];
    let value = |crs: &str| {
        format!("{{ lon = {}, lat = {}, crs = \"{crs}\" }}", quoted(&lon.path), quoted(&lat.path))
    };
    match systems.iter().find(|(word, _)| name.contains(word)) {
        Some((_, crs)) => {
            Guess::new("location", value(crs), Certainty::Likely, "the names of its fields")
        }
        None => Guess::todo(
            "location",
            format!(
                "location = {}: ask the source whether it is wgs84, gcj02 or bd09",
                value("gcj02")
            ),
        ),
    }
}

/// The list of files.
pub(super) fn attachments(columns: &Columns) -> Option<Guess> {
    let list =
        columns.lists.iter().find(|list| names::find(&list.name, "attachments").is_some())?;
    let each = quoted(&format!("{}[*]", list.path));
    let inner = Columns::of(&list.items, false);
    let find = |concept: &str| {
        let found =
            inner.columns.iter().filter_map(|c| Some((names::find(c.own_name(), concept)?, c)));
        found.max_by_key(|(found, _)| *found).map(|(_, column)| quoted(&column.path))
    };
    let is_text = list.items.iter().any(serde_json::Value::is_string);
    let value = match (find("file_url"), find("file_name")) {
        _ if is_text => format!("{{ each = {each}, url = \"$\" }}"),
        (Some(url), Some(name)) => format!("{{ each = {each}, name = {name}, url = {url} }}"),
        (Some(url), None) => format!("{{ each = {each}, url = {url} }}"),
        (None, _) => {
            let why = format!(
                "{} may be a list of files, but no field in it looks like an address",
                list.path
            );
            return Some(Guess::todo("attachments", why));
        }
    };
    Some(Guess::new("attachments", value, Certainty::Likely, "the name of its list"))
}
