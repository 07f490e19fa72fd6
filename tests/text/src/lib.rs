//! What the programs about text share: the public messages, and the line between what the model
//! was made from and what it is judged by.

pub mod messages;
