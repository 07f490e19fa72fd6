//! The example plugin, with a file that the test writes, keeps every promise of a source.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf, time::Duration};

use connector_process::Process;
use connector_testkit::Source;
use serde_json::{Value, json};

/// A folder with the helper, the example and its file of orders.
pub(crate) struct Orders {
    folder: tempfile::TempDir,
    version: u32,
}

impl Orders {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let python = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python");
        for name in ["tonghui_plugin.py", "example_plugin.py"] {
            std::fs::copy(python.join(name), folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("orders.jsonl"), "").unwrap();
        Self { folder, version: 0 }
    }

    pub(crate) fn process(&self, settings: Value) -> Process {
        let mut all = json!({
            "command": ["python3", "example_plugin.py"],
            "config": { "file": "orders.jsonl" },
        });
        for (name, value) in settings.as_object().unwrap() {
            all[name] = value.clone();
        }
        super::process(self.folder.path(), all).unwrap()
    }

    pub(crate) fn write(&mut self, order: &Value) {
        let path = self.folder.path().join("orders.jsonl");
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{order}").unwrap();
    }
}

impl Source for Orders {
    type Connector = Process;

    const MAX_DELAY: Duration = Duration::from_secs(300);

    fn connector(&self) -> Process {
        self.process(json!({}))
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        for key in keys {
            self.version += 1;
            let order = json!({ "id": key, "version": self.version, "age": age.as_secs() });
            self.write(&order);
        }
    }

    async fn change(&mut self, key: &str) {
        self.version += 1;
        self.write(&json!({ "id": key, "version": self.version, "changed": true }));
    }
}

connector_testkit::suite!(Orders::new());
