//! 为企服务: files that the simulated platform drops, through the real connector and the real
//! mapping into a store.
//!
//! Each quirk of the platform is a switch; what is asserted is the row or the quarantine entry.

mod files;
mod rows;

use contract::{Intake, Store as _, demand::QualityFlag};
use sandbox::{Clock, EVERY, Enterprise, EnterpriseSettings, Faults};
use sink::store::Memory;
use system_tests::{line::Line, told::has_doubt};

/// The platform, its folder, and the channel that reads it.
struct Drop {
    platform: Enterprise,
    clock: Clock,
    line: Line,
    _folder: tempfile::TempDir,
}

impl Drop {
    /// A morning at the platform, on which these things go wrong.
    fn new(faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = chrono::NaiveDate::from_ymd_opt(2026, 10, 9).unwrap();
        let clock = Clock::starting(start.and_hms_opt(10, 0, 0).unwrap());
        let mut settings = EnterpriseSettings::new(7, clock.clone());
        settings.faults = Faults::parse(faults).unwrap();
        let platform = Enterprise::create(&folder.path().join("wqfw"), settings).unwrap();
        let place = platform.folder().display().to_string();
        let line = Line::new("enterprise", vec![("ENTERPRISE_DROP_URL", place)]).unwrap();
        Self { platform, clock, line, _folder: folder }
    }

    /// Half an hour passes, a file falls and is read.
    async fn half_an_hour(&mut self) -> Option<String> {
        self.clock.advance(EVERY);
        let name = self.platform.drop_file().unwrap();
        self.line.pull().await.unwrap();
        name
    }

    fn differences(&self) -> Vec<String> {
        self.line.differences(&self.platform.truth())
    }
}
