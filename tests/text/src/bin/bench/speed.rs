//! Megabytes for each second of processor time: other programs on the machine do not count.

use std::{fs, hint::black_box};

use anyhow::Context;
use normalizer_text::{Charset, Hints, Profile, clean, decode, decode_strict, repair};
use text_tests::peers;

use super::{corpus::Corpus, say};

/// Each is repeated for so long, in seconds.
const LONG_ENOUGH: f64 = 1.0;

/// Prints a table.
pub(crate) fn measure(corpus: &Corpus) -> anyhow::Result<()> {
    let texts: Vec<&str> = corpus.demands().iter().map(|text| text.trim()).collect();
    let gb18030: Vec<Vec<u8>> = encoded(corpus.demands(), "gb18030")?;
    let broken = broken(&corpus.unseen)?;
    say(format_args!("\n| speed on one core | MB/s | bar |\n|---|---|---|"))?;
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

/// Millions of `size` for each second.
pub(super) fn rate(size: usize, mut work: impl FnMut()) -> anyhow::Result<f64> {
    // The first call builds tables.
    work();
    let begun = cpu_seconds()?;
    let mut n_runs = 0.0;
    loop {
        work();
        n_runs += 1.0;
        let seconds = cpu_seconds()? - begun;
        if seconds >= LONG_ENOUGH {
            return Ok(size as f64 * n_runs / seconds / 1e6);
        }
    }
}

/// Time this process was on a processor.
fn cpu_seconds() -> anyhow::Result<f64> {
    let spent = fs::read_to_string("/proc/self/schedstat").context("needs Linux")?;
    let nanoseconds: f64 = spent.split(' ').next().context("no number")?.parse()?;
    Ok(nanoseconds / 1e9)
}

fn encoded(texts: &[String], codec: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let program = "import json, sys\n\
        for text in json.load(sys.stdin): print(text.strip().encode(sys.argv[-1], 'ignore').hex())";
    let program = program.replace("sys.argv[-1]", &format!("'{codec}'"));
    let mut bodies = Vec::new();
    peers::run(&program, &serde_json::to_vec(texts)?, |line| {
        bodies.push(super::detection::bytes(line));
        Ok(())
    })?;
    Ok(bodies)
}

/// Whole texts, broken in the two ways that are seen most.
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
