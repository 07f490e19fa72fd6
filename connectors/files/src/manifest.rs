//! Reads a manifest, a file that describes another file in one line: `name|rows|bytes|md5`.

use contract::Reason;

use crate::text::FileSummary;

/// How much of a manifest is read, in bytes.
pub(crate) const MAX_BYTES: usize = 4_096;

/// The names that the manifest of a file may have, each once: some programs write `.OK` for `.ok`.
pub(crate) fn names(name: &str, suffix: &str) -> Vec<String> {
    let others = [suffix.to_lowercase(), suffix.to_uppercase()];
    let others = others.into_iter().filter(|other| other != suffix);
    let suffixes = std::iter::once(suffix.to_owned()).chain(others);
    suffixes.map(|suffix| format!("{name}{suffix}")).collect()
}

/// The name of the file that the manifest with this name describes; `None` if it is not the name of a manifest.
pub(crate) fn described<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let (file, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(file)
}

/// The content of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The name of the described file.
    name: String,
    /// The number of its records.
    pub(crate) n_rows: u64,
    n_bytes: u64,
    /// Hexadecimal, in lower case.
    md5: String,
}

impl Manifest {
    /// Parses the line of a manifest.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let not_a_manifest =
            || Reason::new("bad_manifest", "the manifest is not a line like name|rows|bytes|md5");
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{FEFF}').trim();
        let parts: Vec<&str> = text.split('|').map(str::trim).collect();
        let [name, rows, bytes, md5] = parts[..] else { return Err(not_a_manifest()) };
        let is_md5 = md5.len() == 32 && md5.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_md5 {
            return Err(not_a_manifest());
        }
        Ok(Self {
            name: name.to_owned(),
            n_rows: rows.parse().map_err(|_| not_a_manifest())?,
            n_bytes: bytes.parse().map_err(|_| not_a_manifest())?,
            md5: md5.to_ascii_lowercase(),
        })
    }

    /// Compares the name, size and MD5 of a file with the manifest.
    pub(crate) fn check_file(&self, name: &str, file: &FileSummary) -> Result<(), Reason> {
        if self.name != name {
            return Err(Reason::new("manifest_name", "the manifest names another file"));
        }
        if self.n_bytes != file.n_bytes {
            let (said, n_bytes) = (self.n_bytes, file.n_bytes);
            let detail = format!("the manifest says {said} bytes, but the file has {n_bytes}");
            return Err(Reason::new("manifest_bytes", detail));
        }
        if self.md5 != file.md5 {
            return Err(Reason::new("manifest_md5", "the file's MD5 differs from the manifest's"));
        }
        Ok(())
    }

    /// Compares the number of records with the manifest.
    pub(crate) fn check_rows(&self, n_rows: u64) -> Result<(), Reason> {
        if self.n_rows == n_rows {
            return Ok(());
        }
        let detail = format!("the manifest says {} records, but there are {n_rows}", self.n_rows);
        Err(Reason::new("manifest_rows", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "0cc175b9c0f1b6a831c399e269772661";

    #[test]
    fn a_line_is_read_however_it_ends() {
        let expected =
            Manifest { name: "a.csv".into(), n_rows: 3, n_bytes: 1, md5: MD5.to_owned() };
        for text in [
            format!("a.csv|3|1|{MD5}"),
            format!("\u{FEFF}a.csv|3|1|{}\r\n", MD5.to_uppercase()),
            format!(" a.csv | 3 | 1 | {MD5} \n"),
        ] {
            assert_eq!(Manifest::parse(text.as_bytes()), Ok(expected.clone()));
        }
    }

    #[test]
    fn half_a_line_is_not_a_manifest() {
        for text in ["", "a.csv", "a.csv|3|1|", "a.csv|x|1|0cc175b9c0f1b6a831c399e269772661"] {
            assert_eq!(Manifest::parse(text.as_bytes()).unwrap_err().code, "bad_manifest");
        }
    }
}
