//! Code tables: the codes of a source's labels, in files beside the channels.
//!
//! A table with duplicate or empty labels is refused when it is loaded. At run time a label is
//! either in the table or unknown, and there is no default for unknown labels.
//!
//! Tables are shipped with the program. The folder of the admin overrides them row by row: a row there
//! replaces the shipped row, and an empty code removes it.

mod load;
mod period;
mod region;
mod table;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

pub use load::CodesProblem;
use load::File;
pub(crate) use load::is_digits;
pub use region::{Region, RegionTable};
pub use table::CodeTable;

/// All tables below a folder `codes`, by their names: `hotline/kind` is `hotline/kind.csv`.
#[derive(Debug, Clone, Default)]
pub struct CodeTables {
    tables: BTreeMap<String, Arc<CodeTable>>,
    regions: Option<Arc<RegionTable>>,
    differences: Vec<Difference>,
}

/// A row of the admin's folder that differs from the shipped one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Name of the table.
    pub table: String,
    /// The label.
    pub raw: String,
    /// The code in the shipped table; `None` if the label is not in it.
    pub shipped: Option<String>,
    /// The code in the folder; empty if the label is removed.
    pub here: String,
}

impl CodeTables {
    /// Reads tables that are compiled in: name with `.csv`, and content.
    ///
    /// # Errors
    /// All problems of all of them.
    pub fn shipped<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<CodesProblem>> {
        let files = files.into_iter().filter_map(|(path, text)| {
            let name = path.strip_suffix(".csv")?.to_owned();
            Some(File { name, path: PathBuf::from("shipped").join(path), bytes: text.into() })
        });
        Self::default().with(files.collect(), Vec::new())
    }

    /// These tables, overridden by every `.csv` below `folder`. A table has the columns `raw,code` and
    /// may have `label,aliases,from,until,note`; `region.csv` has `code,name,old_of`, and may have
    /// `aliases,from,until,note`.
    ///
    /// # Errors
    /// All problems of all files, with file and line.
    pub fn overlaid(self, folder: &Path) -> Result<Self, Vec<CodesProblem>> {
        let mut problems = Vec::new();
        let files = load::files(folder, &mut problems);
        self.with(files, problems)
    }

    fn with(
        mut self,
        files: Vec<File>,
        mut problems: Vec<CodesProblem>,
    ) -> Result<Self, Vec<CodesProblem>> {
        for file in files {
            if file.name == "region" {
                let shipped = self.regions.as_deref();
                let regions = RegionTable::parse(&file, shipped, &mut problems);
                let differences = shipped.map(|shipped| regions.differences(shipped));
                self.differences.extend(differences.into_iter().flatten());
                self.regions = Some(Arc::new(regions));
                continue;
            }
            let table = CodeTable::parse(&file, &mut problems);
            let table = match self.tables.get(&file.name) {
                None => table,
                Some(shipped) => {
                    let (table, differences) = shipped.overlaid(&table, &file.name);
                    self.differences.extend(differences);
                    table
                }
            };
            self.tables.insert(file.name, Arc::new(table));
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Arc<CodeTable>> {
        self.tables.get(name)
    }

    /// The table of administrative divisions.
    pub fn regions(&self) -> Option<&Arc<RegionTable>> {
        self.regions.as_ref()
    }

    /// The names of all tables, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// The rows of the folder that differ from the shipped ones.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}
