//! Code tables: what a source's labels mean, kept as data beside the channels.
//!
//! A table that says the same thing twice, or nothing at all, is refused when it is loaded: at run
//! time a label is either in the table or unknown, and unknown is never a default.

mod load;
mod region;
mod table;

use std::{collections::BTreeMap, path::Path, sync::Arc};

pub use load::CodesProblem;
pub use region::{Region, RegionTable};
pub use table::CodeTable;

/// All tables below a folder `codes`, by their names: `hotline/kind` is `hotline/kind.csv`.
#[derive(Debug, Clone, Default)]
pub struct CodeTables {
    tables: BTreeMap<String, Arc<CodeTable>>,
    regions: Option<Arc<RegionTable>>,
}

impl CodeTables {
    /// Reads every `.csv` below `folder`. A table has the columns `raw,code` or `raw,code,label`;
    /// `region.csv` has `code,name,old_of`.
    ///
    /// # Errors
    /// All problems of all files, with file and line.
    pub fn load(folder: &Path) -> Result<Self, Vec<CodesProblem>> {
        let mut problems = Vec::new();
        let mut codes = Self::default();
        for file in load::files(folder, &mut problems) {
            if file.name == "region" {
                codes.regions = RegionTable::parse(&file, &mut problems).map(Arc::new);
            } else if let Some(table) = CodeTable::parse(&file, &mut problems) {
                codes.tables.insert(file.name, Arc::new(table));
            }
        }
        if problems.is_empty() { Ok(codes) } else { Err(problems) }
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
}
