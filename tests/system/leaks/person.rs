//! The people whose values are marked.

use sandbox::{Gbk, checksum::identity_check};

/// The text of every fiftieth person is malformed, so that the record goes to quarantine.
const POISON: u32 = 50;

/// A person; all values contain the number of the person.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) landline: String,
    pub(super) id: String,
    pub(super) house: String,
    /// Another address, as people write it.
    pub(super) home: String,
}

impl Person {
    pub(super) fn new(seed: u32) -> Self {
        let rare = |part: u32| char::from_u32(0x7_000 + part % 71).unwrap();
        let body = format!(
            "340202{}{:02}{:02}{:03}",
            1950 + seed % 50,
            1 + seed % 12,
            1 + seed / 12 % 28,
            seed % 1000
        );
        let check = identity_check(&body).unwrap();
        Self {
            name: format!("沈{}{}", rare(seed / 71), rare(seed)),
            phone: format!("139{:08}", u64::from(seed) * 7_919 % 100_000_000),
            landline: format!("0553-{}", 3_000_000 + u64::from(seed) * 613 % 1_000_000),
            id: format!("{body}{check}"),
            house: format!("{seed:05}号{:02}栋{:03}室", seed % 40 + 1, seed % 900 + 101),
            home: format!("沿河路{}号{}栋{}室", seed + 1, seed % 40 + 1, seed % 900 + 101),
        }
    }

    /// The content of a demand. Half of the people name themselves; all give their identity number.
    pub(super) fn content(&self, seed: u32) -> Gbk {
        let Self { name, phone, id, house, .. } = self;
        let text = match seed % 2 {
            0 => format!("反映夜间施工，身份证号{id}。"),
            _ => format!(
                "<p>本人{name}，电话{phone}，身份证{id}，家住镜湖区沿河路{house}，反映夜间施工。</p>"
            ),
        };
        let text = Gbk::new(&text);
        match seed % POISON {
            1 => Gbk::from_bytes([text.bytes(), &[0xff, 0xff, b' ']].concat()),
            _ => text,
        }
    }
}
