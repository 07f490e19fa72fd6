//! Any content of the files leads to a report or to settings, never to a panic.

use proptest::prelude::*;

use crate::folder::{Folder, GATEWAY, HOTLINE};

/// Pieces of TOML files, and a few pieces that break them.
const PIECES: [&str; 32] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\r\n",
    "\t",
    "#",
    "\\",
    "\\u12",
    "热线",
    "\u{feff}",
    "$",
    "-1",
    "9e999",
    "99999999999999999999",
    "nan",
    "2026-11-23",
    "true",
    "table",
    "url = ",
    "demand.title",
    "://a@",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_spoiled_file_is_reported_without_a_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, 0..PIECES.len()), 1..12),
        gateway in any::<bool>(),
    ) {
        let mut text: Vec<char> = if gateway { GATEWAY } else { HOTLINE }.chars().collect();
        for (at, cut, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, PIECES[piece].chars());
        }
        let text: String = text.into_iter().collect();
        survives(gateway, &text);
    }

    #[test]
    fn text_made_of_pieces_is_reported_without_a_panic(
        pieces in prop::collection::vec(0..PIECES.len(), 0..60),
        gateway in any::<bool>(),
    ) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        survives(gateway, &text);
    }
}

fn survives(gateway: bool, text: &str) {
    let folder = Folder::new();
    folder.write(if gateway { "gateway.toml" } else { "channels/hotline/channel.toml" }, text);
    if let Err(problems) = folder.resolve() {
        assert!(!problems.to_string().is_empty());
    }
}
