//! The reference mapping, and keys that are the same on every run.

use std::{path::Path, sync::Arc};

use contract::{
    Accepted, Body, ChannelId, Demand, DemandId, MappingNo, Normalizer, RawRecord, ReadNo,
    RecordKey, Revision, TextReport, Verdict, Version,
    demand::{Cause, Origin},
};
use normalizer::{CodeTables, Keys, Mapping, MappingConfig, MappingProblem, Sealer};
use serde_json::Value;

pub(crate) const DEMAND: &str = include_str!("demand.toml");

pub(crate) fn channel() -> ChannelId {
    "hotline".parse().unwrap()
}

pub(crate) fn codes() -> CodeTables {
    CodeTables::default()
        .overridden_by(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/codes"))
        .unwrap()
}

/// Key sets with these ids; the first is the current one.
pub(crate) fn keys(ids: &[u8]) -> Keys {
    let hex = |byte: u8| format!("{byte:02x}").repeat(32);
    let sets: Vec<_> = ids
        .iter()
        .map(|id| {
            let (a, b, c) = (hex(*id), hex(id + 60), hex(id + 120));
            format!(r#"{{"id":{id},"sealing":"{a}","token":"{b}","digest":"{c}"}}"#)
        })
        .collect();
    let json = format!(r#"{{"current":{},"keys":[{}]}}"#, ids[0], sets.join(","));
    Keys::from_json(&json).unwrap()
}

pub(crate) fn sealer() -> Arc<Sealer> {
    Arc::new(Sealer::new(&keys(&[1])))
}

/// Builds a mapping from the text of a `[demand]` table.
pub(crate) fn build(demand: &str) -> Result<Mapping, Vec<MappingProblem>> {
    let config: MappingConfig = toml::from_str(demand).unwrap();
    Mapping::build(channel(), &config, &codes(), sealer(), chrono_tz::Asia::Shanghai)
}

pub(crate) fn reference() -> Mapping {
    build(DEMAND).unwrap()
}

pub(crate) fn record(tree: Value) -> RawRecord {
    let key = tree["ROWGUID"].as_str().unwrap_or("key").to_owned();
    RawRecord {
        key: RecordKey::new(key),
        revision: Revision::NONE,
        body: Body::new(tree),
        text: TextReport::default(),
    }
}

pub(crate) fn accept(mapping: &Mapping, record: &RawRecord) -> Accepted {
    match mapping.normalize(record) {
        Verdict::Accept(accepted) => *accepted,
        other => panic!("not accepted: {other:?}"),
    }
}

/// The accepted demand, as `pack` makes it.
pub(crate) fn demand(mapping: &Mapping, tree: Value) -> Demand {
    let record = record(tree);
    let accepted = accept(mapping, &record);
    Demand {
        id: DemandId::of(&channel(), &record.key),
        channel: channel(),
        source_key: record.key,
        version: Version { revision: Revision::NONE, read_no: ReadNo(1), mapping: MappingNo(1) },
        digest: accepted.digest,
        origin: Origin {
            read_at: chrono::DateTime::UNIX_EPOCH,
            message: String::new(),
            charset: None,
            charset_by: None,
            cause: Cause::Live,
        },
        raw: accepted.raw,
        body: accepted.body,
    }
}

/// The sample row of the hotline; every person and number in it is invented.
pub(crate) fn sample() -> Value {
    serde_json::json!({
        "ROWGUID": "6f1a0c52-9f0e-4a0b-8d3c-2f7c1d9e0a11", "SERIALNUM": "DH202610090137",
        "RQSTPERSON": "张䶮", "RQSTTIME": "2026-10-09 10:30:00", "RQSTNUMBER": "13800001234",
        "LINKNUMBER": "0553-3800000", "RQSTTYPE": "20", "RQSTSOURCE": "DH",
        "RQSTAREACODE": "340202", "AREACODE": "340202000000",
        "RQSTADDRESS": "镜湖区某路与某街交口", "ACCORDTYPE": "城乡建设/市政/施工噪音",
        "RQSTTITLE": "反映夜间施工噪音扰民",
        "RQSTCONTENT": "市民来电反映:某工地连续三晚 23 点后施工,&nbsp;影响休息。",
        "CSTATUS": "35", "ISIMPT": "30", "ISSECRET": "0", "REPLAYTYPE": "20",
        "REGISTERNAME": "坐席 0821", "FINISHTIME": null,
        "LASTMODIFYTIME": "2026-10-09 10:34:12", "ISFETCH": 0, "SJJHZT": 0, "SJJHSBYY": null,
    })
}
