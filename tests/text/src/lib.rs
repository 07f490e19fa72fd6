//! Shared code of the text tests: public texts, made-up texts, and the Python programs that are measured for
//! comparison.

pub mod lines;
pub mod messages;
pub mod peers;
