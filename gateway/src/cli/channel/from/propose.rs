//! Puts together what was found out about a source.

use anyhow::Result;
use normalizer::CodeTables;

use super::{
    answer::Answer,
    columns::Columns,
    draft::{Proposal, quoted},
    fields::Fields,
    guess::{Certainty, Guess},
    key, paging,
    records::Records,
    request::Request,
    values::TimeForm,
};

/// A channel that sends this request. Parameters that settings say from now on are taken out of it.
///
/// # Errors
/// The answer has no records.
pub(super) fn http(
    request: &mut Request,
    answer: &Answer,
    wanted: Option<&str>,
    codes: &CodeTables,
) -> Result<Proposal> {
    let records = Records::find(answer, wanted)?;
    let columns = Columns::of(&records.records, records.is_xml);
    let mut fields = Fields::find(&columns, codes);
    let key = key::find(&columns);
    fields.demand.splice(0..0, key::number(&columns, &key));
    let is_lines = matches!(
        answer.format,
        Some(document::DocumentFormat::Csv | document::DocumentFormat::JsonLines)
    );
    let path = if is_lines { "$" } else { records.path.as_str() };
    let mut reading = vec![records_guess("records", quoted(path), &records, wanted)];
    reading.extend(paging::find(request, &answer.tree, &records, &fields));
    reading.extend(charset(answer));
    Ok(Proposal { reading, fields, key, records })
}

/// A channel that reads files like this one.
///
/// # Errors
/// The file has no records.
pub(super) fn files(
    file: &str,
    answer: &Answer,
    wanted: Option<&str>,
    codes: &CodeTables,
) -> Result<Proposal> {
    let records = Records::find(answer, wanted)?;
    anyhow::ensure!(
        records.inner.is_none(),
        "the records of the file are in a text within it, which a channel for files does not open"
    );
    let columns = Columns::of(&records.records, records.is_xml);
    let mut fields = Fields::find(&columns, codes);
    let key = key::find(&columns);
    fields.demand.splice(0..0, key::number(&columns, &key));
    let mut reading = Vec::new();
    let list = records.path.strip_suffix("[*]").unwrap_or(&records.path);
    if records.is_xml {
        let element = list.rsplit(['.', '\'']).find(|part| !part.is_empty() && *part != "]");
        reading.push(records_guess(
            "element",
            quoted(element.unwrap_or_default()),
            &records,
            wanted,
        ));
    } else if list != "$" {
        reading.push(records_guess("records", quoted(list), &records, wanted));
    }
    reading.extend(charset(answer));
    reading.push(revision(file, &fields));
    if answer.is_table() {
        reading.extend(required(&columns, &key, &fields));
    }
    Ok(Proposal { reading, fields, key, records })
}

fn records_guess(setting: &str, value: String, records: &Records, wanted: Option<&str>) -> Guess {
    let n = records.records.len();
    let (sure, why) = match wanted {
        Some(_) => (Certainty::Sure, format!("--records says so; {n} there")),
        None if n > 1 => {
            (Certainty::Sure, format!("the list with the fields of demands; {n} there"))
        }
        None => {
            (Certainty::Likely, "a list with one record, which has fields of demands".to_owned())
        }
    };
    Guess::new(setting, value, sure, why)
}

fn charset(answer: &Answer) -> Option<Guess> {
    let charset = answer.charset.as_ref()?;
    Some(Guess::new(
        "charset",
        quoted(charset),
        Certainty::Likely,
        "its bytes; nothing declares it",
    ))
}

/// What orders the states of a row.
fn revision(file: &str, fields: &Fields) -> Guess {
    let of_field = |(path, form): &(String, TimeForm)| match form {
        TimeForm::Seconds | TimeForm::Milliseconds => format!("{{ at = {} }}", quoted(path)),
        form => format!("{{ at = {}, format = {} }}", quoted(path), quoted(form.format())),
    };
    if let Some(updated) = &fields.updated {
        return Guess::new(
            "revision",
            of_field(updated),
            Certainty::Likely,
            "the time of the last change",
        );
    }
    if let Some(format) = time_in_name(file) {
        let value = format!("{{ name = {} }}", quoted(&format));
        return Guess::new(
            "revision",
            value,
            Certainty::Likely,
            "the time in the name of the file",
        );
    }
    if let Some(received) = &fields.received {
        let why = "the only time of a row. TODO: a row that comes again with a change has the same: ask the source for the time of \
                   the last change, or for a time in the names of files";
        return Guess::new("revision", of_field(received), Certainty::Unsure, why);
    }
    let why = "TODO: neither a row nor the name of the file has a time: ask the source for one";
    Guess::new("revision", "{ name = \"_%Y%m%d%H%M%S.\" }".to_owned(), Certainty::Unsure, why)
}

/// The format of the time in the name of a file, with the characters around it.
fn time_in_name(file: &str) -> Option<String> {
    let digits = |c: char| c.is_ascii_digit();
    let start = file.char_indices().find_map(|(at, c)| {
        let rest = file.get(at..)?;
        let n = rest.chars().take_while(|c| digits(*c)).count();
        let begins = digits(c) && !file.get(..at)?.ends_with(digits);
        (begins && matches!(n, 8 | 12 | 14)).then_some((at, n))
    });
    let (at, n) = start?;
    let TimeForm::Text(format) = TimeForm::of(file.get(at..at + n)?)? else { return None };
    let before = file.get(..at)?.chars().next_back().map(String::from).unwrap_or_default();
    let after = file.get(at + n..)?.chars().next().map(String::from).unwrap_or_default();
    Some(format!("{before}{format}{after}"))
}

/// The columns that a table must have: those of the key, the title, the content and the revision.
fn required(columns: &Columns, key: &Guess, fields: &Fields) -> Option<Guess> {
    let is_needed =
        |guess: &&Guess| ["title", "content", "updated_at"].contains(&guess.setting.as_str());
    let needed: Vec<&Guess> = fields.demand.iter().filter(is_needed).chain([key]).collect();
    let is_named = |path: &str| {
        needed
            .iter()
            .filter_map(|guess| guess.value.as_ref())
            .any(|value| value.contains(&quoted(path)))
    };
    let own = columns.columns.iter().filter(|column| column.depth == 0 && is_named(&column.path));
    let names: Vec<String> = own.map(|column| format!("{} = []", quoted(&column.name))).collect();
    let why = "what a demand cannot do without; other names of a column go between the brackets";
    (!names.is_empty()).then(|| {
        Guess::new("columns", format!("{{ {} }}", names.join(", ")), Certainty::Likely, why)
    })
}
