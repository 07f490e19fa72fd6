//! The fault switches of the message board. A number counts threads filed where the fault is in a
//! thread, and requests where it is on the wire.

use crate::faults::faults;

faults! {
    /// Thread: it is written to the leader of a district, in a forum of its own; all others stand in
    /// the forum of the city's leader.
    OtherForum = "other_forum" @ 0,
    /// Thread: its content is cut with `…` in the list; the detail has all of it. The board always
    /// does so, therefore every time in a demonstration.
    Cut = "cut" @ 1,
    /// Thread: `from` begins with a blank.
    LeadingBlank = "leading_blank" @ 2,
    /// Thread: its state has another of the words that mean the same.
    Synonym = "synonym" @ 5,
    /// Thread: tags and entities in the content.
    Entities = "entities" @ 17,
    /// Thread: `createDateline` or `dateline` is missing, by turns.
    OneDateline = "one_dateline" @ 7,
    /// Thread: it is answered, and its state still says 待回复.
    AnsweredUnmarked = "answered_unmarked" @ 13,
    /// Thread: it stands first on the first page too, out of order.
    Pinned = "pinned" @ 37,
    /// Thread: it is removed after it was listed: at the moment its detail is asked for.
    Removed = "removed" @ 41,
    /// Thread: it was deleted before anybody saw it; its number stays unused.
    Gap = "gap" @ 43,
    /// Request: a list in the other envelope, `data.data` for `resultData.list`.
    OtherEnvelope = "other_envelope" @ 11,
    /// Request: `code` is a text on success too.
    CodeText = "code_text" @ 19,
    /// Request: a page of HTML that asks the reader to prove something, with 200.
    Challenge = "challenge" @ 97,
}

/// Those that strike threads.
pub(super) const OF_THREADS: [Fault; 10] = [
    Fault::OtherForum,
    Fault::Cut,
    Fault::LeadingBlank,
    Fault::Synonym,
    Fault::Entities,
    Fault::OneDateline,
    Fault::AnsweredUnmarked,
    Fault::Pinned,
    Fault::Removed,
    Fault::Gap,
];
