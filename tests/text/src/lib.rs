//! Shared code of the text measurements: public texts, made-up texts, and the runner of the Python programs
//! that do the same work for comparison (the "peers").

pub mod lines;
pub mod messages;
pub mod peers;
