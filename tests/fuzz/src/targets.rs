//! What is fed, and what must hold whatever it is fed.

mod bodies;
mod records;
mod text;

/// Something that reads bytes from outside.
pub(crate) struct Target {
    /// Also the name of its folder in `corpus/`.
    pub(crate) name: &'static str,
    /// Panics where a promise does not hold.
    pub(crate) run: fn(&[u8]),
}

/// All targets; a new parser gets a line here and a folder of small inputs.
pub(crate) const TARGETS: [Target; 7] = [
    Target { name: "decoder", run: text::decoder },
    Target { name: "repair", run: text::repairing },
    Target { name: "clean", run: text::cleaning },
    Target { name: "xml", run: bodies::xml },
    Target { name: "json", run: bodies::json },
    Target { name: "csv", run: records::csv },
    Target { name: "mapping", run: records::mapping },
];
