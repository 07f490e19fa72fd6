//! What lies in a file: itself, or what is packed in it.
//!
//! Packed files are unpacked to the disk, without names: a name in an archive leads nowhere. How
//! much may be unpacked is limited in three ways, since forty kilobytes can stand for terabytes.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use crate::{
    config::Format,
    form::Broken,
    plan::{FormPlan, LimitsPlan},
    survey::{Survey, survey},
};

/// One file of records.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its name within an archive.
    pub(crate) inner: Option<String>,
    pub(crate) file: Arc<File>,
    pub(crate) format: Format,
    pub(crate) survey: Survey,
}

/// All that lies in the file `name`, in its order.
pub(crate) fn documents(
    name: &str,
    file: Arc<File>,
    survey: Survey,
    plan: &FormPlan,
) -> Result<Vec<Document>, Broken> {
    let mut budget = Budget::new(plan.limits, survey.n_bytes);
    match extension(name).as_str() {
        "zip" => unzip(file, &mut budget, plan),
        "gz" => {
            let inner = &name[..name.len() - ".gz".len()];
            let packed = MultiGzDecoder::new(View::new(file));
            Ok(vec![document(inner, spool(packed, &mut budget)?, plan)?])
        }
        _ => Ok(vec![Document { inner: None, file, format: format(name, plan)?, survey }]),
    }
}

fn unzip(file: Arc<File>, budget: &mut Budget, plan: &FormPlan) -> Result<Vec<Document>, Broken> {
    let damaged = || {
        Broken::Content(contract::Reason::new("bad_archive", "the archive is damaged or encrypted"))
    };
    let mut archive = ZipArchive::new(View::new(file)).map_err(|_| damaged())?;
    let mut documents = Vec::new();
    for index in 0..archive.len() {
        let packed = archive.by_index(index).map_err(|_| damaged())?;
        let name = packed.name().map_err(|_| damaged())?.into_owned();
        if packed.is_dir() || name.starts_with("__MACOSX/") {
            continue;
        }
        if documents.len() >= plan.limits.entries {
            return Err(too_large(format!(
                "more than {} files in the archive",
                plan.limits.entries
            )));
        }
        let unpacked = spool(packed, budget)?;
        documents.push(document(&name, unpacked, plan)?);
    }
    Ok(documents)
}

fn document(name: &str, file: File, plan: &FormPlan) -> Result<Document, Broken> {
    let format = format(name, plan)?;
    let survey = survey(&file)?;
    Ok(Document { inner: Some(name.to_owned()), file: Arc::new(file), format, survey })
}

fn format(name: &str, plan: &FormPlan) -> Result<Format, Broken> {
    let by_name = || {
        Some(match extension(name).as_str() {
            "csv" | "txt" | "tsv" => Format::Csv,
            "xlsx" => Format::Xlsx,
            "xls" => Format::Xls,
            "xml" => Format::Xml,
            "jsonl" | "ndjson" => Format::JsonLines,
            "json" => Format::JsonArray,
            _ => return None,
        })
    };
    // An archive within an archive is none of these, whatever the channel says.
    let is_packed = matches!(extension(name).as_str(), "zip" | "gz");
    plan.format.filter(|_| !is_packed).or_else(by_name).ok_or_else(|| {
        let detail = format!("`.{}` is no form of records", extension(name));
        Broken::Content(contract::Reason::new("unknown_format", detail))
    })
}

fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_ascii_lowercase())
}

/// How much may still be unpacked from one file.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
    because: String,
}

impl Budget {
    pub(crate) fn new(limits: LimitsPlan, packed: u64) -> Self {
        // Small files may hold much air: a ratio says something from a megabyte on.
        let by_ratio = packed.saturating_mul(limits.ratio).max(1 << 20);
        let because = if by_ratio < limits.total {
            format!("more than {} times its size is packed in it", limits.ratio)
        } else {
            format!("more than {} bytes are packed in it", limits.total)
        };
        Self { left: by_ratio.min(limits.total), because }
    }
}

/// Unpacks to a file that has no name and is gone with the last who holds it.
pub(crate) fn spool(mut packed: impl Read, budget: &mut Budget) -> Result<File, Broken> {
    let mut file = tempfile::tempfile()?;
    let mut block = vec![0; 64 * 1024];
    loop {
        let n_read = packed.read(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => {
                let detail = "what is packed in it is damaged";
                Broken::Content(contract::Reason::new("bad_archive", detail))
            }
            _ => Broken::Disk(error),
        })?;
        if n_read == 0 {
            return Ok(file);
        }
        budget.left = budget
            .left
            .checked_sub(n_read as u64)
            .ok_or_else(|| too_large(budget.because.clone()))?;
        file.write_all(&block[..n_read])?;
    }
}

fn too_large(detail: String) -> Broken {
    Broken::Content(contract::Reason::new("too_large", detail))
}

/// A file with a place of its own in it: others may read the same file elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct View {
    file: Arc<File>,
    at: u64,
}

impl View {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for View {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.file.read_at(buffer, self.at)?;
        self.at += n_read as u64;
        Ok(n_read)
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::plan;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn unpack(name: &str, bytes: &[u8], plan: &FormPlan) -> Result<Vec<String>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let seen = survey(&file).unwrap();
        match documents(name, Arc::new(file), seen, plan) {
            Ok(documents) => Ok(documents
                .into_iter()
                .map(|document| {
                    let head = String::from_utf8_lossy(&document.survey.head).into_owned();
                    format!("{:?} {:?} {head}", document.inner.unwrap_or_default(), document.format)
                })
                .collect()),
            Err(Broken::Content(reason)) => Err(format!("{}: {}", reason.code, reason.detail)),
            Err(Broken::Disk(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn files_in_archives_are_found_by_their_names() {
        let plan = plan::form();
        assert_eq!(unpack("a.csv", b"x", &plan).unwrap(), ["\"\" Csv x"]);
        assert_eq!(unpack("a.csv.gz", &gzipped(b"x"), &plan).unwrap(), ["\"a.csv\" Csv x"]);
        let bytes = zipped(&[("b/a.XLSX", b"1"), ("__MACOSX/._a", b"2"), ("c.jsonl", b"3")]);
        let expected = ["\"b/a.XLSX\" Xlsx 1", "\"c.jsonl\" JsonLines 3"];
        assert_eq!(unpack("a.zip", &bytes, &plan).unwrap(), expected);
    }

    #[test]
    fn what_is_no_record_file_is_refused_and_not_passed_over() {
        let plan = plan::form();
        for (name, bytes) in [
            ("a.pdf", b"x".to_vec()),
            ("a.zip", zipped(&[("a.csv", b"1"), ("readme.pdf", b"2")])),
            ("a.zip", zipped(&[("inner.zip", b"1")])),
            ("a.csv.gz.gz", gzipped(&gzipped(b"x"))),
        ] {
            assert!(
                unpack(name, &bytes, &plan).unwrap_err().starts_with("unknown_format"),
                "{name}"
            );
        }
        for (name, bytes) in [
            ("a.zip", b"no archive".to_vec()),
            ("a.csv.gz", b"no archive".to_vec()),
            ("a.csv.gz", gzipped(&[b'x'; 1000])[..20].to_vec()),
        ] {
            assert!(unpack(name, &bytes, &plan).unwrap_err().starts_with("bad_archive"), "{name}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut plan = plan::form();
        let zeros = vec![0; 8 << 20];
        plan.limits = LimitsPlan { total: 1 << 30, ratio: 100, entries: 3 };
        let said = unpack("a.csv.gz", &gzipped(&zeros), &plan).unwrap_err();
        assert_eq!(said, "too_large: more than 100 times its size is packed in it");
        plan.limits = LimitsPlan { total: 6 << 20, ratio: 10_000, entries: 3 };
        let parts = zipped(&[("1.csv", &zeros[..5 << 20]), ("2.csv", &zeros[..5 << 20])]);
        let said = unpack("a.zip", &parts, &plan).unwrap_err();
        assert_eq!(said, "too_large: more than 6291456 bytes are packed in it");
        let names: Vec<String> = (0..4).map(|n| format!("{n}.csv")).collect();
        let many: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        let said = unpack("a.zip", &zipped(&many), &plan).unwrap_err();
        assert_eq!(said, "too_large: more than 3 files in the archive");
    }
}
