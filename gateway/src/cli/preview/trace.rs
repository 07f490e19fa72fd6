//! An exchange with a source, for people: what was asked, what was signed, what came back.

use connector_http::Trace;

/// Of an answer, so many characters are shown.
const HEAD: usize = 2_000;

/// Draws it; `answered` is the answer decoded, as it may be shown.
pub(super) fn draw(exchange: &Trace, answered: &str) -> String {
    let Trace {
        method, url, query, headers, body, signature, status, answer_headers, answer, ..
    } = exchange;
    let query = query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let mut lines = vec![format!("→ {method} {url}{query}")];
    lines.extend(headers.iter().map(|(name, value)| format!("  {name}: {value}")));
    if body.0 > 0 {
        lines.push(format!("  {} bytes, sha256 {}", body.0, body.1));
    }
    if let Some(signature) = signature {
        lines.push(format!("  signed: {}", signature.scheme));
        let steps = signature.steps.iter();
        lines.extend(steps.map(|step| format!("    {}: {}", step.what, step.value.escape_debug())));
    }
    let Some(status) = status else {
        lines.push("← no answer".to_owned());
        return lines.join("\n");
    };
    lines.push(format!("← {status}"));
    lines.extend(answer_headers.iter().map(|(name, value)| format!("  {name}: {value}")));
    if let Some((size, digest)) = answer {
        lines.push(format!("  {size} bytes, sha256 {digest}"));
    }
    let head: String = answered.chars().take(HEAD).collect();
    let rest = answered.chars().count().saturating_sub(HEAD);
    lines.push(head.trim_end().to_owned());
    if rest > 0 {
        lines.push(format!("… {rest} characters more"));
    }
    lines.join("\n")
}
