//! What the processes of the gateway do: each of them all of it, or a part.

/// Which part of the gateway a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Role {
    /// Ingest and sink.
    #[default]
    All,
    /// Read the sources and publish to the broker.
    Ingest,
    /// Store what was published; needs no key but the bus key, and no access to any source.
    Sink,
    /// Serve the monitoring interface (`[console]`); reads the store and nothing else.
    Console,
}

impl Role {
    /// Its name, as commands and the store write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ingest => "ingest",
            Self::Sink => "sink",
            Self::Console => "console",
        }
    }

    /// The role with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        clap::ValueEnum::from_str(name, false).ok()
    }

    /// Whether a process with this role reads channels.
    pub fn reads_channels(self) -> bool {
        matches!(self, Self::All | Self::Ingest)
    }

    /// Whether a process with this role stores.
    pub fn has_sink(self) -> bool {
        matches!(self, Self::All | Self::Sink)
    }
}
