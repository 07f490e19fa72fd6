//! What a rule reads: a record, or one node of it.

use contract::Timestamp;
use serde_json::Value;

/// A node, and what is known of the demand when a rule looks at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// `$` of every path.
    pub(crate) tree: &'a Value,
    /// When the demand was received: a label means what it meant then.
    pub(crate) received_at: Option<Timestamp>,
    /// What an expression sees; absent while no expression is evaluated.
    pub(crate) scope: Option<&'a minijinja::Value>,
}

impl<'a> Record<'a> {
    pub(crate) fn new(tree: &'a Value) -> Self {
        Self { tree, received_at: None, scope: None }
    }

    /// The same, looking at one node.
    pub(crate) fn at(self, tree: &'a Value) -> Self {
        Self { tree, ..self }
    }
}
