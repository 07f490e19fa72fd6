//! Records for each second of processor time, from the bytes of a body to a sealed demand: decoded,
//! parsed, repaired, cleaned, coded, masked, digested, compressed, sealed.

use std::{hint::black_box, path::Path, sync::Arc};

use anyhow::{anyhow, ensure};
use contract::{Body, Normalizer, RawRecord, RecordKey, Revision, Verdict};
use document::Shape;
use normalizer::{CodeTables, Keys, Mapping, Sealer, Suite};
use normalizer_text::{Charset, Hints};
use text_tests::peers;

use super::{say, speed::rate};

const JSON: &str = include_str!("../../../records/record.json");
const JSON_MAPPING: &str = include_str!("../../../records/json.toml");
const XML: &str = include_str!("../../../records/record.xml");
const XML_MAPPING: &str = include_str!("../../../records/xml.toml");

/// Between two looks at the clock.
const RECORDS: usize = 1_000;

/// Prints a table.
pub(crate) fn measure() -> anyhow::Result<()> {
    say(format_args!("\n| bytes to sealed demand, one core | records/s | bar |\n|---|---|---|"))?;
    let mut xml = Vec::new();
    let program = "import sys; print(sys.stdin.read().encode('gbk').hex())";
    peers::run(program, XML.trim_end().as_bytes(), |line| {
        xml = super::detection::bytes(line);
        Ok(())
    })?;
    let (utf8, gbk) =
        (Hints::default(), Hints { declared: Some(Charset::Gb18030), ..Hints::default() });
    let json = JSON.trim_end().as_bytes();
    for (suite, name, bars) in [
        (Suite::Aes, "AES and SHA-256", ["80000", "40000"]),
        // No instruction of the processor helps these.
        (Suite::Sm, "SM4 and SM3", ["", ""]),
    ] {
        let n = per_second(&mapping(suite, JSON_MAPPING)?, json, Shape::Json, &utf8)?;
        say(format_args!("| JSON of {} bytes, {name} | {n:.0} | {} |", json.len(), bars[0]))?;
        let n = per_second(&mapping(suite, XML_MAPPING)?, &xml, Shape::Xml, &gbk)?;
        say(format_args!("| GBK XML of {} bytes, {name} | {n:.0} | {} |", xml.len(), bars[1]))?;
    }
    Ok(())
}

fn per_second(
    mapping: &Mapping,
    bytes: &[u8],
    shape: Shape,
    hints: &Hints<'_>,
) -> anyhow::Result<f64> {
    let demand = |bytes: &[u8]| -> anyhow::Result<Verdict> {
        let mut text = document::decode(bytes, hints);
        let mut tree = text.parse(shape).map_err(|broken| anyhow!("{broken:?}"))?;
        // The element is one of a list, as every child is.
        if let Some(row) = tree.pointer_mut("/row/0") {
            tree = row.take();
        }
        let (key, revision) = (RecordKey::new("k"), Revision::NONE);
        Ok(mapping.normalize(&RawRecord {
            key,
            revision,
            body: Body::new(tree),
            text: text.facts.report,
        }))
    };
    let Verdict::Accept(accepted) = demand(bytes)? else { anyhow::bail!("it was not accepted") };
    let body = accepted.body;
    ensure!(body.status.is_some() && body.received_at.is_some() && body.people.len() == 1);
    // To read the clock takes as long as a record.
    Ok(rate(RECORDS, || (0..RECORDS).for_each(|_| drop(black_box(demand(bytes)))))? * 1e6)
}

fn mapping(suite: Suite, table: &str) -> anyhow::Result<Mapping> {
    let codes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/codes");
    let codes = CodeTables::load(&codes).map_err(|problems| anyhow!("{problems:?}"))?;
    let sealer = Arc::new(Sealer::new(&Keys::generate(suite)?));
    let (channel, config) = ("hotline".parse()?, toml::from_str(table)?);
    Mapping::build(channel, &config, &codes, sealer, chrono_tz::Asia::Shanghai)
        .map_err(|problems| anyhow!("{problems:?}"))
}
