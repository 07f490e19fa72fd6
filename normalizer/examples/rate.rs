//! How long the mapping of one record takes on one core, with everything that it does: repair,
//! cleaning, codes, masks, digest, compression, sealing. `cargo run --release --example rate`.

use std::{io::Write, sync::Arc, time::Instant};

use contract::{Body, Normalizer, RawRecord, RecordKey, Revision, TextReport};
use normalizer::{CodeTables, Keys, Mapping, Sealer, Suite};
use serde_json::json;

const DEMAND: &str = include_str!("../tests/mapping/demand.toml");
const RECORDS: u32 = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let codes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/codes");
    let codes = CodeTables::load(&codes).map_err(|problems| format!("{problems:?}"))?;
    let tree = json!({
        "ROWGUID": "6f1a0c52-9f0e-4a0b-8d3c-2f7c1d9e0a11", "SERIALNUM": "DH202610090137",
        "RQSTPERSON": "张䶮", "RQSTTIME": "2026-10-09 10:30:00", "RQSTNUMBER": "13800001234",
        "LINKNUMBER": "0553-3800000", "RQSTTYPE": "20", "RQSTSOURCE": "DH", "AREACODE": "340202000000",
        "RQSTADDRESS": "镜湖区某路与某街交口", "ACCORDTYPE": "城乡建设/市政/施工噪音",
        "RQSTTITLE": "反映夜间施工噪音扰民",
        "RQSTCONTENT": "市民来电反映:某工地连续三晚 23 点后施工,&nbsp;影响休息, 请有关部门尽快核实处理。",
        "CSTATUS": "35", "ISIMPT": "30", "ISSECRET": "0", "LASTMODIFYTIME": "2026-10-09 10:34:12",
    });
    let size = serde_json::to_vec(&tree)?.len();
    for suite in [Suite::Aes, Suite::Sm] {
        let sealer = Arc::new(Sealer::new(&Keys::generate(suite)?));
        let config = toml::from_str(DEMAND)?;
        let mapping =
            Mapping::build("hotline".parse()?, &config, &codes, sealer, chrono_tz::Asia::Shanghai)
                .map_err(|problems| format!("{problems:?}"))?;
        let start = Instant::now();
        for number in 0..RECORDS {
            let record = RawRecord {
                key: RecordKey::new(format!("k{number}")),
                revision: Revision::NONE,
                body: Body::new(tree.clone()),
                text: TextReport::default(),
            };
            std::hint::black_box(mapping.normalize(&record));
        }
        let each = start.elapsed() / RECORDS;
        writeln!(std::io::stdout(), "{suite:?}: {each:?} for a record of {size} bytes")?;
    }
    Ok(())
}
