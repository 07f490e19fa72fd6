//! normalizer/text.

use std::borrow::Cow;

use normalizer_text::{
    Charset, Hints, Profile, Span, Stream, clean, decode, decode_column, decode_strict, repair,
};

const CHARSETS: [Charset; 6] = [
    Charset::Utf8,
    Charset::Gb18030,
    Charset::Big5,
    Charset::Utf16Le,
    Charset::Utf16Be,
    Charset::Windows1252,
];

/// Places are in order and in bounds; a stream that is cut is the whole.
pub(crate) fn decoder(input: &[u8]) {
    let decoded = decode(input, &Hints::default());
    in_order(&decoded.malformed, input.len());
    let cut = input.first().map_or(0, |first| usize::from(*first) % (input.len() + 1));
    for charset in CHARSETS {
        let whole = decode_strict(input, charset);
        in_order(&whole.moved, whole.text.len());
        let mut stream = Stream::new(charset);
        stream.push(&input[..cut]);
        let first = stream.take();
        stream.push(&input[cut..]);
        let mut streamed = stream.finish();
        streamed.text = Cow::Owned(first + &streamed.text);
        assert_eq!(streamed, whole);
        assert!(decode_column(input, charset, Some(input.len())).truncated);
    }
}

/// Places are in order and in bounds; what was repaired has nothing left to repair.
pub(crate) fn repairing(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let repaired = repair(&text);
    let before: Vec<_> = repaired.repairs.iter().map(|repair| repair.before).collect();
    let after: Vec<_> = repaired.repairs.iter().map(|repair| repair.span).collect();
    in_order(&before, text.len());
    in_order(&after, repaired.text.len());
    in_order(&repaired.damaged, repaired.text.len());
    for span in before {
        assert!(text.get(span.offset..span.offset + span.len).is_some());
    }
    for span in after.iter().chain(&repaired.damaged) {
        assert!(repaired.text.get(span.offset..span.offset + span.len).is_some());
    }
    assert_eq!(repaired.repairs.is_empty(), repaired.text == text);
}

/// What is clean stays as it is.
pub(crate) fn cleaning(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for profile in [Profile::Plain, Profile::Code] {
        let once = clean(&text, profile).text.into_owned();
        assert_eq!(clean(&once, profile).text, once);
    }
    // One layer of markup for each call; every layer is shorter.
    let html = clean(&text, Profile::Html).text;
    assert_eq!(clean(&html, Profile::Plain).text, html);
}

fn in_order(spans: &[Span], len: usize) {
    let mut end = 0;
    for span in spans {
        assert!(span.offset >= end && span.len > 0);
        end = span.offset + span.len;
    }
    assert!(end <= len);
}
