//! `tonghui text FILE`: which charset a file is in and who says so, what in it is not text, and
//! what can be put back. With `--lines` it prints the repaired text, one line for one line.

use std::{
    fs,
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use normalizer_text::{DecidedBy, Decoded, Evidence, Hints, Repaired, Span, decode, repair};
use serde::Serialize;

use super::{
    Context, Format,
    out::{self, Exit},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file; - is standard input.
    file: PathBuf,
    /// Print the text instead, each line repaired on its own.
    #[arg(long)]
    lines: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let bytes = read(&args.file)?;
    let decoded = decode(&bytes, &Hints::default());
    if args.lines {
        lines(context.format, &decoded, BufWriter::new(io::stdout().lock()))?;
    } else {
        out::show(context.format, &Report::of(&decoded), Report::to_text)?;
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

/// One line for one line, also where a line is empty.
fn lines(format: Format, decoded: &Decoded<'_>, mut out: impl Write) -> anyhow::Result<()> {
    for line in decoded.text.split_terminator('\n') {
        let repaired = repair(line);
        match format {
            Format::Text => writeln!(out, "{}", repaired.text)?,
            Format::Json => {
                serde_json::to_writer(&mut out, &Line::of(line, &repaired, &decoded.evidence))?;
                writeln!(out)?;
            }
        }
    }
    Ok(out.flush()?)
}

/// What `--lines --format json` says of a line.
#[derive(Serialize)]
struct Line<'a> {
    text: &'a str,
    charset: &'static str,
    decided_by: DecidedBy,
    repairs: Vec<Change>,
    damaged: bool,
}

impl<'a> Line<'a> {
    fn of(line: &'a str, repaired: &'a Repaired<'_>, evidence: &Evidence) -> Self {
        Self {
            text: repaired.text.strip_suffix('\r').unwrap_or(&repaired.text),
            charset: evidence.charset.name(),
            decided_by: evidence.decided_by,
            repairs: changes(line, repaired),
            damaged: !repaired.damaged.is_empty(),
        }
    }
}

/// A stretch that was put back.
#[derive(Serialize)]
struct Change {
    rule: String,
    before: String,
    after: String,
}

fn changes(text: &str, repaired: &Repaired<'_>) -> Vec<Change> {
    let of = |text: &str, span: Span| text[span.offset..span.offset + span.len].to_owned();
    let repairs = repaired.repairs.iter().map(|repair| Change {
        rule: repair.rules.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", "),
        before: of(text, repair.before),
        after: of(&repaired.text, repair.span),
    });
    repairs.collect()
}

/// What is known of a file.
#[derive(Serialize)]
struct Report {
    charset: &'static str,
    decided_by: DecidedBy,
    certain: bool,
    conflict: bool,
    claims: Vec<Claimed>,
    malformed: Vec<Malformed>,
    /// Private-use characters that were put back.
    moved: usize,
    /// Those that were kept.
    private_use: usize,
    lines: Vec<Found>,
}

/// What one step says of the charset.
#[derive(Serialize)]
struct Claimed {
    by: DecidedBy,
    label: String,
}

/// A place in the bytes.
#[derive(Serialize)]
struct Malformed {
    offset: usize,
    len: usize,
}

/// What was found in a line.
#[derive(Serialize)]
struct Found {
    line: usize,
    repairs: Vec<Change>,
    damaged: usize,
}

impl Report {
    fn of(decoded: &Decoded<'_>) -> Self {
        let evidence = &decoded.evidence;
        let claims = evidence.claims.iter();
        let claims = claims.map(|claim| Claimed { by: claim.by, label: claim.label.to_string() });
        let malformed = decoded.malformed.iter();
        let malformed = malformed.map(|span| Malformed { offset: span.offset, len: span.len });
        Self {
            charset: evidence.charset.name(),
            decided_by: evidence.decided_by,
            certain: evidence.certain,
            conflict: evidence.conflict(),
            claims: claims.collect(),
            malformed: malformed.collect(),
            moved: decoded.moved.len(),
            private_use: decoded.private_use.len(),
            lines: decoded.text.lines().enumerate().filter_map(found).collect(),
        }
    }

    fn to_text(&self) -> String {
        let by = |by: DecidedBy| serde_json::to_string(&by).unwrap_or_default().replace('"', "");
        let mut text = format!("charset     {}, {}", self.charset, by(self.decided_by));
        if !self.certain {
            text.push_str(", unsure: name it in the channel");
        }
        for Claimed { by: who, label } in &self.claims {
            text.push_str(&format!("\nclaimed     {label}, {}", by(*who)));
        }
        if self.conflict {
            text.push_str("\nconflict    not all of them can be right");
        }
        for Malformed { offset, len } in &self.malformed {
            text.push_str(&format!("\nmalformed   {len} bytes at offset {offset}"));
        }
        if self.moved + self.private_use > 0 {
            let (moved, kept) = (self.moved, self.private_use);
            text.push_str(&format!("\nprivate use {moved} characters put back, {kept} kept"));
        }
        for Found { line, repairs, damaged } in &self.lines {
            for Change { rule, before, after } in repairs {
                text.push_str(&format!(
                    "\nline {line}: {rule}\n  before {before}\n  after  {after}"
                ));
            }
            if *damaged > 0 {
                text.push_str(&format!("\nline {line}: damaged, {damaged} places are lost"));
            }
        }
        text
    }
}

fn found((index, line): (usize, &str)) -> Option<Found> {
    let repaired = repair(line);
    let is_something = !repaired.repairs.is_empty() || !repaired.damaged.is_empty();
    is_something.then(|| Found {
        line: index + 1,
        repairs: changes(line, &repaired),
        damaged: repaired.damaged.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format, text: &str) -> String {
        let mut out = Vec::new();
        lines(format, &decode(text.as_bytes(), &Hints::default()), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_line_is_repaired_on_its_own_and_none_is_added_or_lost() {
        let text = "缇や紬璇夋眰\n\n小区ç”µæ¢¯ 坏了\n路灯不亮\n";
        assert_eq!(printed(Format::Text, text), "群众诉求\n\n小区电梯 坏了\n路灯不亮\n");
    }

    #[test]
    fn a_line_as_json_says_what_was_put_back_and_what_is_lost() {
        let said = printed(Format::Json, "小区ç”µæ¢¯ 坏了\r\n锟斤拷");
        let mut lines = said.lines().map(|line| serde_json::from_str(line).unwrap());
        let expected: serde_json::Value = serde_json::json!({
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
        let report = Report::of(&decode(bytes, &Hints::default())).to_text();
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
