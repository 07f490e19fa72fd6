//! Made-up demands: what citizens of the made-up city write and say.
//!
//! Real demands cannot be in a repository, and ten canned sentences would leave every length limit
//! and every splitter untested. So texts are composed from a grammar of many topics, with lengths
//! spread as in real hotlines: a median near 237 characters, one in twenty above about 1,100, a few
//! above 7,000.

mod dirt;
mod essay;
mod length;
mod slots;
mod topics;
mod topics_more;

pub(crate) use dirt::Dirt;
pub(crate) use essay::{Essay, essay, lengthened};
