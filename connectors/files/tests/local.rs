//! The promises of every source, for folders on this machine.

mod drop;

mod announced_and_archived {
    use super::drop::Folder;

    connector_testkit::suite!(Folder::new());
}

mod plain {
    use super::drop::Folder;

    connector_testkit::suite!(Folder::new().plain());
}
