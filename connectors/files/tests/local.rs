//! Runs the conformance suite with folders on this machine.

mod drop;

mod with_manifests_and_archive {
    use super::drop::Folder;

    connector_testkit::suite!(Folder::new());
}

mod without_manifests {
    use super::drop::Folder;

    connector_testkit::suite!(Folder::new().without_manifests());
}
