//! Code tables: they translate the labels of a source into codes.
//!
//! A table with duplicate or empty labels is refused when it is loaded. A label that is not in the table is
//! unknown; there is no default.
//!
//! Tables are shipped with the program. The `codes` folder of the configuration overrides them label by
//! label: its rows replace the shipped rows of the same label, and an empty code removes the label.

mod calendar;
mod cell;
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

pub use calendar::Calendar;
pub use cell::{from_cell, to_cell};
use load::CodeFile;
pub use load::CodesProblem;
pub(crate) use load::is_digits;
pub use region::{Region, RegionTable};
pub use table::CodeTable;

/// All code tables, by name: `hotline/kind` is the file `hotline/kind.csv` in the folder `codes`.
#[derive(Debug, Clone, Default)]
pub struct CodeTables {
    tables: BTreeMap<String, Arc<CodeTable>>,
    regions: Option<Arc<RegionTable>>,
    calendar: Option<Arc<Calendar>>,
    differences: Vec<Difference>,
}

/// A label in the folder `codes` whose code differs from the shipped one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The name of the table.
    pub table: String,
    /// The label of the source, or the code of a region.
    pub raw: String,
    /// The code in the shipped table; `None` if the label is not in it.
    pub shipped: Option<String>,
    /// The code in the folder; empty if the folder removes the label.
    pub here: String,
}

impl CodeTables {
    /// Parses the tables that are compiled in. `files` are pairs of path (with `.csv`) and content.
    ///
    /// # Errors
    /// Returns all problems of all tables.
    pub fn shipped<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<CodesProblem>> {
        let files = files.into_iter().filter_map(|(path, text)| {
            let name = path.strip_suffix(".csv")?.to_owned();
            Some(CodeFile { name, path: PathBuf::from("shipped").join(path), bytes: text.into() })
        });
        Self::default().with_files(files.collect(), Vec::new())
    }

    /// These tables, overridden by the rows of every `.csv` file below `folder`. A table has the columns
    /// `raw,code` and may have `label,aliases,from,until,note`; `region.csv` has `code,name,old_of`, and may
    /// have `aliases,from,until,note`; `calendar.csv` has `date,kind`, and may have `hours,note`.
    ///
    /// # Errors
    /// Returns all problems of all files, with file and line.
    pub fn overridden_by(self, folder: &Path) -> Result<Self, Vec<CodesProblem>> {
        let mut problems = Vec::new();
        let files = load::files(folder, &mut problems);
        self.with_files(files, problems)
    }

    fn with_files(
        mut self,
        files: Vec<CodeFile>,
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
            if file.name == "calendar" {
                let shipped = self.calendar.as_deref();
                self.calendar = Some(Arc::new(Calendar::parse(&file, shipped, &mut problems)));
                continue;
            }
            let table = CodeTable::parse(&file, &mut problems);
            let table = match self.tables.get(&file.name) {
                None => table,
                Some(shipped) => {
                    let (table, differences) = shipped.overridden_by(&table, &file.name);
                    self.differences.extend(differences);
                    table
                }
            };
            self.tables.insert(file.name, Arc::new(table));
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The table with this name.
    pub fn table(&self, name: &str) -> Option<&Arc<CodeTable>> {
        self.tables.get(name)
    }

    /// The table of administrative divisions.
    pub fn regions(&self) -> Option<&Arc<RegionTable>> {
        self.regions.as_ref()
    }

    /// The working days and hours.
    pub fn calendar(&self) -> Option<&Arc<Calendar>> {
        self.calendar.as_ref()
    }

    /// The names of all tables except `region` and `calendar`, for error messages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// The labels in the folder whose codes differ from the shipped ones.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}
