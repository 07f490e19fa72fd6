//! Proposes from when on records are requested, by the parameters of the request.

use super::named;
use crate::cli::channel::from::{
    draft::quoted,
    fields::Fields,
    guess::{Certainty, Guess},
    request::Request,
    values::TimeForm,
};

/// From when on records are requested.
pub(super) fn since(request: &mut Request, fields: &Fields) -> Option<Guess> {
    let params = request.params();
    let is_time = |text: &str| TimeForm::of(text).is_some();
    let starts = named(&params, "since", is_time);
    let ends = named(&params, "until", is_time);
    let Some((param, value)) = starts.first() else {
        let is_blank = |text: &str| text.is_empty();
        let empty = named(&params, "since", is_blank);
        let (name, _) = empty.first()?;
        let why = format!(
            "the parameter {name} may say from when on: give a command with a time in it, or since = {{ param = {}, \
             format = \"%Y-%m-%d %H:%M:%S\" }}",
            quoted(name)
        );
        return Some(Guess::todo("since", why));
    };
    if let Some((other, _)) = starts.get(1) {
        let why = format!(
            "the parameters {param} and {other} are equally likely to say from when on: choose one"
        );
        return Some(Guess::todo("since", why));
    }
    let form = TimeForm::of(value)?;
    let mut setting = format!("{{ param = {}, format = {}", quoted(param), quoted(form.format()));
    let lower = param.to_lowercase();
    let says_update =
        ["update", "modif", "gx", "xg", "change"].iter().any(|word| lower.contains(word));
    let (at, sure, mut why) = match (&fields.updated, &fields.received) {
        (Some(at), _) if says_update => {
            (Some(at), Certainty::Likely, "the names of the parameters".to_owned())
        }
        (_, Some(at)) if says_update || fields.updated.is_none() => {
            (Some(at), Certainty::Unsure, "the names of the parameters".to_owned())
        }
        _ => (None, Certainty::Unsure, "the names of the parameters".to_owned()),
    };
    match at {
        Some((at, at_form)) => {
            setting.push_str(&format!(", at = {}", quoted(at)));
            if at_form.format() != form.format() {
                setting.push_str(&format!(", at_format = {}", quoted(at_form.format())));
            }
            if !says_update {
                why.push_str(
                    ". TODO: if the source selects by the time of creation, later changes are not seen without `reread`",
                );
            }
        }
        None => why.push_str(
            ". TODO: set `at`, where a record has the time by which the source selects; without it, a record that comes \
             late is missed",
        ),
    }
    if let Some(day) = form.day(value) {
        setting.push_str(&format!(", start = \"{day}\""));
    }
    if let [(end, _)] = ends.as_slice() {
        setting.push_str(&format!(", until = {{ param = {}, span = \"1d\" }}", quoted(end)));
        request.take(end);
    }
    request.take(param);
    Some(Guess::new("since", setting + " }", sure, why))
}
