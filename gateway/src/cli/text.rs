//! `tonghui text FILE`: prints the charset of a file and how it was detected, malformed bytes, and text
//! that can be repaired. With `--lines` it prints the repaired text line by line.

use std::{
    borrow::Cow,
    fs,
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use normalizer_text::{
    DecidedBy, Decoded, Evidence, Hints, Repaired, Span, decode, repair, without_radicals,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Context, Exit, Format, out};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file; - stands for standard input.
    file: PathBuf,
    /// Print the text instead of a report, with each line repaired separately.
    #[arg(long)]
    lines: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let bytes = read(&args.file)?;
    let decoded = decode(&bytes, &Hints::default());
    if args.lines {
        print_lines(context.format, &decoded, BufWriter::new(io::stdout().lock()))?;
    } else {
        let reports = line_reports(&decoded);
        out::show(context.format, &report(&decoded, &reports), |_| draw(&decoded, &reports))?;
    }
    Ok(Exit::Done)
}

fn read(file: &PathBuf) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("standard input")?;
        return Ok(bytes);
    }
    fs::read(file).with_context(|| file.display().to_string())
}

/// Prints one line for each line of the text, even if it is empty.
fn print_lines(format: Format, decoded: &Decoded<'_>, mut out: impl Write) -> anyhow::Result<()> {
    let Evidence { charset, decided_by, .. } = &decoded.evidence;
    for line in decoded.text.split_terminator('\n') {
        let repaired = repair(line);
        let text = without_radicals(&repaired.text);
        match format {
            Format::Text => writeln!(out, "{text}")?,
            Format::Json => {
                let line = json!({
                    "text": text.strip_suffix('\r').unwrap_or(&text),
                    "charset": charset.name(),
                    "decided_by": decided_by,
                    "repairs": changes(line, &repaired),
                    "damaged": !repaired.damaged.is_empty(),
                });
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(out.flush()?)
}

/// A repaired part of a line, and the rules that repaired it.
#[derive(Serialize)]
struct Change {
    rule: String,
    before: String,
    after: String,
}

/// The repairs of a line.
fn changes(text: &str, repaired: &Repaired<'_>) -> Vec<Change> {
    let part = |text: &str, span: Span| text[span.offset..span.offset + span.len].to_owned();
    let repairs = repaired.repairs.iter().map(|repair| Change {
        rule: repair.rules.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", "),
        before: part(text, repair.before),
        after: part(&repaired.text, repair.span),
    });
    let mut changes: Vec<_> = repairs.collect();
    if let Cow::Owned(after) = without_radicals(&repaired.text) {
        let before = repaired.text.clone().into_owned();
        changes.push(Change { rule: "radicals".to_owned(), before, after });
    }
    changes
}

/// What was found in a line.
#[derive(Serialize)]
struct LineReport {
    /// Number of the line, from 1.
    line: usize,
    repairs: Vec<Change>,
    /// Number of places where text is lost.
    damaged: usize,
}

/// The report on a file as JSON.
fn report(decoded: &Decoded<'_>, lines: &[LineReport]) -> Value {
    let evidence = &decoded.evidence;
    let claims = evidence.claims.iter();
    let claims = claims.map(|claim| json!({ "by": claim.by, "label": claim.label.to_string() }));
    let malformed = decoded.malformed.iter();
    let malformed = malformed.map(|span| json!({ "offset": span.offset, "len": span.len }));
    json!({
        "charset": evidence.charset.name(),
        "decided_by": evidence.decided_by,
        "certain": evidence.is_certain,
        "foreign": evidence.foreign,
        "conflict": evidence.has_conflict(),
        "claims": claims.collect::<Vec<_>>(),
        "malformed": malformed.collect::<Vec<_>>(),
        "moved": decoded.moved.len(),
        "private_use": decoded.private_use.len(),
        "lines": lines,
    })
}

/// The report as text.
fn draw(decoded: &Decoded<'_>, lines: &[LineReport]) -> String {
    let how = |by: DecidedBy| serde_json::to_string(&by).unwrap_or_default().replace('"', "");
    let evidence = &decoded.evidence;
    let mut text = format!("charset     {}, {}", evidence.charset.name(), how(evidence.decided_by));
    if !evidence.is_certain {
        text.push_str(", but this is not certain: set it in the channel");
    }
    if let Some(encoding) = evidence.foreign {
        text = format!("charset     {encoding}, which is not read: convert the file to UTF-8");
    }
    for claim in &evidence.claims {
        text.push_str(&format!("\nclaimed     {}, {}", claim.label, how(claim.by)));
    }
    if evidence.has_conflict() {
        text.push_str("\nconflict    the claims contradict each other");
    }
    for Span { offset, len } in &decoded.malformed {
        text.push_str(&format!("\nmalformed   {len} bytes at offset {offset}"));
    }
    let (moved, kept) = (decoded.moved.len(), decoded.private_use.len());
    if moved + kept > 0 {
        text.push_str(&format!(
            "\nprivate use {moved} characters (or pairs of surrogates) replaced, {kept} kept"
        ));
    }
    for LineReport { line, repairs, damaged } in lines {
        for Change { rule, before, after } in repairs {
            text.push_str(&format!("\nline {line}: {rule}\n  before {before}\n  after  {after}"));
        }
        if *damaged > 0 {
            text.push_str(&format!("\nline {line}: places where text is lost: {damaged}"));
        }
    }
    text
}

/// What was found in each line, without the lines in which nothing was found.
fn line_reports(decoded: &Decoded<'_>) -> Vec<LineReport> {
    let reports = decoded.text.lines().zip(1..).map(|(text, line)| {
        let repaired = repair(text);
        let repairs = changes(text, &repaired);
        LineReport { line, repairs, damaged: repaired.damaged.len() }
    });
    reports.filter(|report| !report.repairs.is_empty() || report.damaged > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format, text: &str) -> String {
        let mut out = Vec::new();
        print_lines(format, &decode(text.as_bytes(), &Hints::default()), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_line_is_repaired_separately_and_no_line_is_lost() {
        let text = "缇や紬璇夋眰\n\n小区ç”µæ¢¯ 坏了\n路灯不亮\n";
        assert_eq!(printed(Format::Text, text), "群众诉求\n\n小区电梯 坏了\n路灯不亮\n");
    }

    #[test]
    fn a_line_as_json_shows_repairs_and_damage() {
        let said = printed(Format::Json, "小区ç”µæ¢¯ 坏了\r\n锟斤拷");
        let mut lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let expected = json!({
            "text": "小区电梯 坏了", "charset": "UTF-8", "decided_by": "utf8", "damaged": false,
            "repairs": [{ "rule": "utf8_read_as_latin1", "before": "ç”µæ¢¯", "after": "电梯" }],
        });
        assert_eq!(lines.next(), Some(expected));
        assert_eq!(lines.next().unwrap()["damaged"], true);
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn a_report_names_charset_claims_damage_and_repairs() {
        let bytes = b"\xEF\xBB\xBF\xE7\xBC\x87\xE3\x82\x84\xE7\xB4\xAC\xFF";
        let decoded = decode(bytes, &Hints::default());
        let report = draw(&decoded, &line_reports(&decoded));
        for line in [
            "charset     UTF-8, bom",
            "malformed   1 bytes at offset 12",
            "  before 缇や紬",
            "  after  群众",
        ] {
            assert!(report.contains(line), "{report}");
        }
    }
}
