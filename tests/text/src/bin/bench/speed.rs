//! Measures speed: how many megabytes of text are decoded, cleaned and repaired, and how many bodies become
//! sealed demands. It counts seconds of CPU time, so that other programs on the machine do not matter.

use std::{fs, hint::black_box, path::Path, sync::Arc};

use anyhow::{Context, anyhow, ensure};
use contract::{Body, Normalizer, RawRecord, RecordKey, Revision, Verdict};
use document::DocumentFormat;
use normalizer::{CodeTables, Keys, Mapping, Sealer, Suite};
use normalizer_text::{Charset, Hints, Profile, clean, decode, decode_strict, repair};
use text_tests::peers;

use super::{corpus::Corpus, detection::bytes, say};

/// Each measurement is repeated for at least this long.
const MIN_SECONDS: f64 = 1.0;

/// Prints the speed of decoding, cleaning and repairing.
pub(crate) fn measure(corpus: &Corpus) -> anyhow::Result<()> {
    let texts: Vec<&str> = corpus.demands().iter().map(|text| text.trim()).collect();
    let gb18030: Vec<Vec<u8>> = encoded(corpus.demands(), "gb18030")?;
    let broken = broken(&corpus.unseen)?;
    say(format_args!("\n| speed on one core | MB/s | target |\n|---|---|---|"))?;
    let size = |texts: &[&str]| texts.iter().map(|text| text.len()).sum::<usize>();
    let utf8 = rate(size(&texts), || {
        for text in &texts {
            let decoded = decode(text.as_bytes(), &Hints::default());
            black_box(clean(&decoded.text, Profile::Plain));
        }
    })?;
    say(format_args!("| decode and clean, UTF-8 | {utf8:.0} | 200 |"))?;
    let gbk = rate(gb18030.iter().map(Vec::len).sum(), || {
        for body in &gb18030 {
            let decoded = decode_strict(body, Charset::Gb18030);
            black_box(clean(&decoded.text, Profile::Plain));
        }
    })?;
    say(format_args!("| decode and clean, GB18030 | {gbk:.0} | 120 |"))?;
    let scan = rate(size(&texts), || texts.iter().for_each(|text| drop(black_box(repair(text)))))?;
    say(format_args!("| repair, clean text | {scan:.0} | 200 |"))?;
    let size = broken.iter().map(String::len).sum();
    let repaired = rate(size, || broken.iter().for_each(|text| drop(black_box(repair(text)))))?;
    say(format_args!(
        "| repair, broken text (UTF-8 read as gb18030 or latin-1) | {repaired:.0} | 50 |"
    ))?;
    Ok(())
}

/// Repeats `work`, which handles `size` units (bytes or records). Returns millions of units per second.
fn rate(size: usize, mut work: impl FnMut()) -> anyhow::Result<f64> {
    // The first call builds tables.
    work();
    let begun = cpu_seconds()?;
    let mut n_runs = 0.0;
    loop {
        work();
        n_runs += 1.0;
        let seconds = cpu_seconds()? - begun;
        if seconds >= MIN_SECONDS {
            return Ok(size as f64 * n_runs / seconds / 1e6);
        }
    }
}

/// The CPU time of this process.
fn cpu_seconds() -> anyhow::Result<f64> {
    let spent = fs::read_to_string("/proc/self/schedstat").context("needs Linux")?;
    let nanoseconds: f64 = spent.split(' ').next().context("no number")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// Encodes texts with a Python codec.
fn encoded(texts: &[String], codec: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let program = "import json, sys\n\
        for text in json.load(sys.stdin): print(text.strip().encode(sys.argv[-1], 'ignore').hex())";
    let program = program.replace("sys.argv[-1]", &format!("'{codec}'"));
    let mut bodies = Vec::new();
    peers::run(&program, &serde_json::to_vec(texts)?, |line| {
        bodies.push(bytes(line));
        Ok(())
    })?;
    Ok(bodies)
}

/// Breaks texts in the two most frequent ways: UTF-8 read as GB18030 or Latin-1.
fn broken(texts: &[String]) -> anyhow::Result<Vec<String>> {
    let program = "import json, sys\n\
        for text in json.load(sys.stdin):\n \
        for codec in ('gb18030', 'latin-1'):\n  \
        try: print(json.dumps(text.encode().decode(codec)))\n  \
        except UnicodeError: pass";
    let mut broken = Vec::new();
    peers::run(program, &serde_json::to_vec(texts)?, |line| {
        broken.push(serde_json::from_str(line)?);
        Ok(())
    })?;
    Ok(broken)
}

const JSON: &str = include_str!("../../../records/record.json");
const JSON_MAPPING: &str = include_str!("../../../records/json.toml");
const XML: &str = include_str!("../../../records/record.xml");
const XML_MAPPING: &str = include_str!("../../../records/xml.toml");

/// The number of records between two readings of the clock.
const RECORDS: usize = 1_000;

/// Prints how many records per second become sealed demands.
pub(crate) fn measure_mapping() -> anyhow::Result<()> {
    say(format_args!(
        "\n| bytes to sealed demand, one core | records/s | target |\n|---|---|---|"
    ))?;
    let mut xml = Vec::new();
    let program = "import sys; print(sys.stdin.read().encode('gbk').hex())";
    peers::run(program, XML.trim_end().as_bytes(), |line| {
        xml = bytes(line);
        Ok(())
    })?;
    let (utf8, gbk) =
        (Hints::default(), Hints { declared: Some(Charset::Gb18030), ..Hints::default() });
    let json = JSON.trim_end().as_bytes();
    for (suite, name, targets) in [
        (Suite::Aes, "AES and SHA-256", ["80000", "40000"]),
        // The processor has no instructions for these.
        (Suite::Sm, "SM4 and SM3", ["", ""]),
    ] {
        let n = per_second(&mapping(suite, JSON_MAPPING)?, json, DocumentFormat::Json, &utf8)?;
        say(format_args!("| JSON of {} bytes, {name} | {n:.0} | {} |", json.len(), targets[0]))?;
        let n = per_second(&mapping(suite, XML_MAPPING)?, &xml, DocumentFormat::Xml, &gbk)?;
        say(format_args!("| GBK XML of {} bytes, {name} | {n:.0} | {} |", xml.len(), targets[1]))?;
    }
    Ok(())
}

/// The number of times per second that `bytes` can be decoded, parsed, mapped and sealed.
fn per_second(
    mapping: &Mapping,
    bytes: &[u8],
    format: DocumentFormat,
    hints: &Hints<'_>,
) -> anyhow::Result<f64> {
    let demand = |bytes: &[u8]| -> anyhow::Result<Verdict> {
        let mut text = document::decode(bytes, hints);
        let mut tree = text.parse(format).map_err(|broken| anyhow!("{broken:?}"))?;
        // In the tree, an XML element is in a list, even if it is the only one.
        if let Some(row) = tree.pointer_mut("/row/0") {
            tree = row.take();
        }
        let (key, revision) = (RecordKey::new("k"), Revision::NONE);
        Ok(mapping.normalize(&RawRecord {
            key,
            revision,
            body: Body::new(tree),
            text: text.diagnostics.report,
        }))
    };
    let Verdict::Accept(accepted) = demand(bytes)? else { anyhow::bail!("it was not accepted") };
    let body = accepted.body;
    ensure!(body.status.is_some() && body.received_at.is_some() && body.people.len() == 1);
    // Reading the clock takes as long as mapping a record.
    Ok(rate(RECORDS, || (0..RECORDS).for_each(|_| drop(black_box(demand(bytes)))))? * 1e6)
}

fn mapping(suite: Suite, table: &str) -> anyhow::Result<Mapping> {
    let codes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/codes");
    let codes =
        CodeTables::default().overridden_by(&codes).map_err(|problems| anyhow!("{problems:?}"))?;
    let sealer = Arc::new(Sealer::new(&Keys::generate(suite)?));
    let (channel, config) = ("hotline".parse()?, toml::from_str(table)?);
    Mapping::build(channel, &config, &codes, sealer, chrono_tz::Asia::Shanghai)
        .map_err(|problems| anyhow!("{problems:?}"))
}
