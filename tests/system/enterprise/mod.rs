//! 为企服务: files that the simulated platform drops, through the real connector and the real
//! mapping into a store.
//!
//! Each quirk of the platform is a switch; what is asserted is the row or the quarantine entry.

mod files;
mod rows;
mod said;

use std::path::Path;

use contract::{
    Channel, Cursor, Demand, DemandId, Event, Intake, MappingNo, Message, Position, ReadNo,
    RecordKey, Store as _, Timestamp, demand::QualityFlag, pack,
};
use gateway::{assemble, registry::AnyConnector, supervise::ChannelPlan, vocabulary::vocabulary};
use sandbox::{Clock, EVERY, Enterprise, EnterpriseSettings, Faults};
use sink::store::{Memory, Quarantined};
use system_tests::told::has_doubt;

/// Keys of no gateway: 32 bytes each, for reproducible tests.
const KEYS: &str = include_str!("../keys.json");

/// The platform, its folder, and a gateway that reads it into a store in memory.
struct Drop {
    platform: Enterprise,
    clock: Clock,
    plan: ChannelPlan,
    connector: Box<dyn AnyConnector>,
    cursor: Option<Cursor>,
    reads: u64,
    store: Memory,
    messages: Vec<Message>,
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
        let plan = plan(&platform);
        let connector = plan.kind.build(&plan.section, plan.means.clone()).unwrap();
        Self {
            platform,
            clock,
            plan,
            connector,
            cursor: None,
            reads: 0,
            store: Memory::new(),
            messages: Vec::new(),
            _folder: folder,
        }
    }

    /// Half an hour passes, a file falls and is read.
    async fn half_an_hour(&mut self) -> Option<String> {
        self.clock.advance(EVERY);
        let name = self.platform.drop_file().unwrap();
        self.read_all().await;
        name
    }

    /// Reads until caught up, as the ingest loop does; what is read goes into the store.
    async fn read_all(&mut self) {
        let channel = Channel {
            id: self.plan.id.clone(),
            mapping: MappingNo(1),
            normalizer: self.plan.normalizer.clone(),
        };
        loop {
            let batch = self.connector.read(self.cursor.as_ref(), 100).await.unwrap();
            let (upto, caught_up) = (batch.upto.clone(), batch.caught_up);
            self.reads += 1;
            let read_no = ReadNo(self.reads);
            let outbox = pack(&channel, Position::default(), read_no, batch, Timestamp::UNIX_EPOCH);
            self.messages.extend_from_slice(outbox.messages());
            let messages = outbox.messages().iter().map(|message| (0, message.clone()));
            self.store.store(&Intake::new(messages)).await.unwrap();
            self.connector.settled(&upto).await.unwrap();
            self.cursor = Some(upto);
            if caught_up {
                return;
            }
        }
    }

    fn demand(&self, number: &str) -> Option<Demand> {
        self.store.current(&self.plan.id, &RecordKey::new(number))
    }

    /// What waits in quarantine under this number, or under this file's name.
    fn quarantined(&self, key: &str) -> Option<Quarantined> {
        self.store.quarantined(&DemandId::of(&self.plan.id, &RecordKey::new(key)))
    }

    /// Key and reason of all that was rejected, in order.
    fn rejected(&self) -> Vec<(Option<String>, String)> {
        let intake = Intake::new(self.messages.iter().map(|message| (0, message.clone())));
        let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
        let rejected = events.filter_map(|event| match event {
            Event::Reject(reject) => {
                let key = reject.source_key.as_ref().map(ToString::to_string);
                Some((key, reject.reason.code.to_string()))
            }
            Event::Demand(_) | Event::Unreadable { .. } => None,
        });
        rejected.collect()
    }
}

/// The shipped channel, pointed at the platform's folder.
fn plan(platform: &Enterprise) -> ChannelPlan {
    let folder = platform.folder().display().to_string();
    let environment = |name: &str| match name {
        "ENTERPRISE_DROP_URL" => Some(folder.clone()),
        "HOTLINE_DATABASE_URL" => Some("sqlite:hotline.db".to_owned()),
        // Channels that are not asked.
        _ => Some("http://127.0.0.1:1".to_owned()),
    };
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let settings = config::resolve(&config, &vocabulary(), &environment).unwrap();
    let keys = normalizer::Keys::from_json(KEYS).unwrap();
    let plans = assemble::channels(&settings, &keys).unwrap();
    plans.into_iter().find(|plan| plan.id.as_str() == "enterprise").unwrap()
}
