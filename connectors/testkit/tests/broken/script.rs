//! A source that implements the traits of all promises.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use connector_testkit::{
    Broken, DatesAhead, Deletes, Forbidden, HasSecret, HasTimeout, Paged, Partitioned, Refuses,
    Shift, ShiftsClock, Silent, Source, Throttled, Unauthorized, WrongFormat, WrongPage,
};
use contract::{Connector as _, ConnectorContext};

use crate::{
    connector::{SECRET, Scripted, TIMEOUT},
    defect::Defect,
    world::{Refusal, World},
};

pub(crate) struct Script {
    world: Arc<Mutex<World>>,
    defect: Option<Defect>,
}

impl Script {
    pub(crate) fn new(defect: Option<Defect>) -> Self {
        Self { world: Arc::default(), defect }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Adds rows whose time is `after_now` seconds ahead of the source's clock.
    fn add_at(&mut self, partition: usize, keys: &[String], after_now: i64) {
        let mut world = self.world();
        let stamp = world.now() + after_now;
        for key in keys {
            world.add(partition, key, stamp, false);
        }
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap()
}

impl Source for Script {
    type Connector = Scripted;

    const MAX_DELAY: Duration = Duration::from_secs(300);

    fn connector(&self) -> Scripted {
        if self.defect == Some(Defect::NeedsARuntime) {
            let _ = tokio::runtime::Handle::current();
        }
        let context = ConnectorContext::new("scripted".parse().unwrap(), chrono_tz::UTC);
        let mut connector = Scripted::build((), context).unwrap();
        connector.set(Arc::clone(&self.world), self.defect);
        connector
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        self.add_at(0, keys, -seconds(age));
    }

    async fn change(&mut self, key: &str) {
        self.world().change(key);
    }
}

impl Deletes for Script {
    async fn delete(&mut self, key: &str) {
        self.world().delete(key);
    }
}

impl DatesAhead for Script {
    async fn add_ahead(&mut self, keys: &[String], ahead: Duration) {
        self.add_at(0, keys, seconds(ahead));
    }
}

impl ShiftsClock for Script {
    async fn shift_clock(&mut self, by: Shift) {
        let mut world = self.world();
        world.n_shifts += 1;
        world.clock_shift += match by {
            Shift::Forward(by) => seconds(by),
            Shift::Back(by) => -seconds(by),
        };
    }
}

impl Paged for Script {
    async fn spoil_page(&mut self, mistake: WrongPage) {
        self.world().spoil_page(mistake);
    }
}

impl Partitioned for Script {
    async fn add_to(&mut self, partition: usize, keys: &[String], age: Duration) {
        self.add_at(partition, keys, -seconds(age));
    }

    async fn fail(&mut self, partition: usize) {
        self.world().failing = Some(partition);
    }
}

macro_rules! refuses {
    ($($how:pat => $kind:ty: $refusal:expr),+ $(,)?) => {
        $(impl Refuses<$kind> for Script {
            async fn refuse(&mut self, how: $kind) {
                let $how = how;
                self.world().refusal = Some($refusal);
            }

            async fn stop_refusing(&mut self) {
                self.world().refusal = None;
            }
        })+
    };
}

refuses! {
    Unauthorized => Unauthorized: Refusal::Unauthorized,
    Forbidden => Forbidden: Refusal::Forbidden,
    Throttled(wait) => Throttled: Refusal::Throttled(wait),
    Broken => Broken: Refusal::Broken,
    Silent => Silent: Refusal::Silent,
    WrongFormat => WrongFormat: Refusal::WrongFormat,
}

impl HasTimeout for Script {
    const TIMEOUT: Duration = TIMEOUT;
}

impl HasSecret for Script {
    fn secret(&self) -> String {
        SECRET.to_owned()
    }
}
