//! The page of a statement: one HTML file without scripts and without anything from elsewhere, to be printed. It
//! contains the statement as JSON too, so that the file can be verified. The same statement always gives the same page.

use contract::Fault;

use super::{Pass, Statement};

/// What stands around the JSON in a page.
const JSON_BEGIN: &str = "<pre id=\"statement\">";
const JSON_END: &str = "</pre>";

const STYLE: &str = "body{font:15px/1.6 'Noto Sans CJK SC','Microsoft YaHei','SimSun',sans-serif;max-width:46em;margin:2em auto;\
padding:0 1em;color:#000;background:#fff}h1{font-size:1.5em}h2{font-size:1.1em;margin:1.4em 0 .3em}\
table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:.2em .6em;text-align:left}\
td.n{text-align:right}td,pre{overflow-wrap:anywhere}pre{white-space:pre-wrap;font-size:12px}\
small{color:#555}@media print{details{display:none}body{margin:0}}";

/// The page of a statement.
pub(crate) fn draw(statement: &Statement) -> Result<String, Fault> {
    let title = format!("日结对账单 · {} · {}", statement.channel, statement.day);
    let counts = statement.counts.named().map(|(zh, en, n)| row(zh, en, &n.to_string(), true));
    let doubts: String = statement
        .doubts()
        .iter()
        .map(|[zh, en]| format!("<li>{}<br><small>{}</small></li>\n", escape(zh), escape(en)))
        .collect();
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1>日结对账单 <small>Statement of a day</small></h1>\n<table>\n{head}</table>\n\
         <h2>账目 <small>Books</small></h2>\n<table>\n{counts}</table>\n\
         <h2>当日最后一轮 <small>Last pass of the day</small></h2>\n<table>\n{pass}</table>\n\
         <h2>当日首次入库的诉求 <small>Demands first seen on the day</small></h2>\n<table>\n{set}</table>\n\
         <h2>须知 <small>Please note</small></h2>\n<ul>\n{doubts}</ul>\n\
         <h2>凭证 <small>Proof</small></h2>\n<table>\n{proof}</table>\n\
         <details><summary>数据 <small>Data, for tonghui books verify</small></summary>\n\
         {JSON_BEGIN}{json}{JSON_END}\n</details>\n</body>\n</html>\n",
        title = escape(&title),
        head = head(statement),
        counts = counts.concat(),
        pass = pass(statement.last_pass.as_ref()),
        set = row("条数", "number", &statement.demands.to_string(), true)
            + &row("集合哈希", "set hash", &statement.set_hash, false),
        proof = row(
            "前一日对账单的哈希",
            "hash of the statement of the day before",
            statement.previous.as_deref().unwrap_or("无（未相连） none (not chained)"),
            false
        ) + &row("本单的哈希", "hash of this statement", &statement.hash()?, false)
            + &row("校验码", "mac", &statement.mac, false),
        json = escape(&statement.to_json()?),
    ))
}

/// The JSON in a page; `None` if the text is no page.
pub(super) fn statement_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(JSON_BEGIN)?;
    let (json, _) = rest.split_once(JSON_END)?;
    Some(unescape(json))
}

fn head(statement: &Statement) -> String {
    let Statement { channel, name, day, zone, made_at, gateway, .. } = statement;
    let name = name.as_ref().map_or_else(|| "—".to_owned(), Clone::clone);
    let balanced = match statement.balanced {
        Some(true) => "平 balanced",
        Some(false) => "不平 NOT BALANCED",
        None => "在途 in flight",
    };
    [
        ("渠道", "channel", format!("{name}（{channel}）")),
        ("日期", "day", format!("{day}（{zone}）")),
        ("出具时间", "made at", made_at.with_timezone(zone).to_rfc3339()),
        ("网关版本", "gateway version", gateway.clone()),
        ("账", "books", balanced.to_owned()),
        ("未处置的外来消息", "foreign messages, of any day", statement.extra.to_string()),
    ]
    .map(|(zh, en, value)| row(zh, en, &value, false))
    .concat()
}

fn pass(pass: Option<&Pass>) -> String {
    let Some(pass) = pass else {
        return row("无", "none", "—", false);
    };
    let count = |n: Option<u64>| n.map_or_else(|| "—".to_owned(), |n| n.to_string());
    let complete = match pass.complete {
        contract::Complete::Yes => "是 yes",
        contract::Complete::No => "否 no",
        contract::Complete::Unknown => "未知 unknown",
    };
    [
        ("结束时间", "ended at (UTC)", pass.ended_at.to_rfc3339()),
        ("来源自报", "listed by the source", count(pass.listed)),
        ("取到", "given", pass.given.to_string()),
        ("不同的键", "distinct", count(pass.distinct)),
        ("剔除", "dropped", pass.dropped.to_string()),
        ("完整", "complete", complete.to_owned()),
        ("缺什么", "missing", pass.missing.clone().unwrap_or_else(|| "—".to_owned())),
    ]
    .map(|(zh, en, value)| row(zh, en, &value, false))
    .concat()
}

/// A row of a table: what it is, in both languages, and the value.
fn row(zh: &str, en: &str, value: &str, is_number: bool) -> String {
    let class = if is_number { " class=\"n\"" } else { "" };
    let (zh, en, value) = (escape(zh), escape(en), escape(value));
    format!("<tr><th>{zh} <small>{en}</small></th><td{class}>{value}</td></tr>\n")
}

/// The characters that mean something in HTML, and what stands for them. The ampersand comes first.
const ESCAPES: [(&str, &str); 5] =
    [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];

fn escape(text: &str) -> String {
    // Nor may a name change the direction of the text beside it, or hide some.
    let shown = crate::plain::escape_text(text).into_owned();
    ESCAPES.iter().fold(shown, |text, (plain, escaped)| text.replace(plain, escaped))
}

fn unescape(text: &str) -> String {
    ESCAPES
        .iter()
        .rev()
        .fold(text.to_owned(), |text, (plain, escaped)| text.replace(escaped, plain))
}
