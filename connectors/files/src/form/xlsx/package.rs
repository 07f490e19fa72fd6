//! The archive that a workbook is: which part is which.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    sync::Arc,
};

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use zip::ZipArchive;

use super::strings::Strings;
use crate::{
    form::Broken,
    plan::LimitsPlan,
    unpack::{Budget, View, spool},
};

/// Parts that are read into memory are not larger.
const SMALL: u64 = 4 << 20;

/// A workbook's archive.
pub(super) struct Package {
    archive: ZipArchive<View>,
    budget: Budget,
}

/// What the workbook says of itself.
pub(super) struct Workbook {
    /// Name of the part.
    pub(super) first_sheet: String,
    pub(super) counts_from_1904: bool,
}

impl Package {
    pub(super) fn open(file: Arc<File>, limits: LimitsPlan) -> Result<Self, Broken> {
        let n_bytes = file.metadata()?.len();
        let archive = ZipArchive::new(View::new(file)).map_err(|_| no_workbook())?;
        Ok(Self { archive, budget: Budget::new(limits, n_bytes) })
    }

    pub(super) fn workbook(&mut self) -> Result<Workbook, Broken> {
        let (mut counts_from_1904, mut id) = (false, None);
        let text = self.small("xl/workbook.xml")?;
        each_element(&text, |name, attributes| match name {
            "workbookPr" => {
                let value = attributes.get("date1904").map(String::as_str);
                counts_from_1904 = matches!(value, Some("1" | "true"));
            }
            "sheet" if id.is_none() => id = attributes.get("id").cloned(),
            _ => {}
        })?;
        let id = id.ok_or_else(no_workbook)?;
        let mut target = None;
        let text = self.small("xl/_rels/workbook.xml.rels")?;
        each_element(&text, |name, attributes| {
            if name == "Relationship" && attributes.get("Id") == Some(&id) {
                target = attributes.get("Target").cloned();
            }
        })?;
        let target = target.ok_or_else(no_workbook)?;
        let first_sheet = match target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("xl/{target}"),
        };
        Ok(Workbook { first_sheet, counts_from_1904 })
    }

    /// The texts that cells share; none where the workbook has no table of them.
    pub(super) fn strings(&mut self) -> Result<Strings, Broken> {
        const NAME: &str = "xl/sharedStrings.xml";
        if self.archive.index_for_name(NAME).is_none() {
            return Ok(Strings::default());
        }
        Strings::read(self.part(NAME)?)
    }

    /// A part, unpacked to the disk.
    pub(super) fn part(&mut self, name: &str) -> Result<BufReader<View>, Broken> {
        let packed = self.archive.by_name(name).map_err(|_| no_workbook())?;
        let file = spool(packed, &mut self.budget)?;
        Ok(BufReader::with_capacity(64 * 1024, View::new(Arc::new(file))))
    }

    fn small(&mut self, name: &str) -> Result<String, Broken> {
        let packed = self.archive.by_name(name).map_err(|_| no_workbook())?;
        let mut text = String::new();
        packed.take(SMALL).read_to_string(&mut text).map_err(|_| no_workbook())?;
        Ok(text)
    }
}

pub(super) fn no_workbook() -> Broken {
    Broken::content("bad_workbook", "the file is not a workbook, or it is damaged")
}

/// Names and attributes of all elements, without prefixes.
fn each_element(
    text: &str,
    mut seen: impl FnMut(&str, BTreeMap<String, String>),
) -> Result<(), Broken> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|_| no_workbook())? {
            Event::Start(element) | Event::Empty(element) => {
                seen(element.local_name().as_ref(), attributes(&element));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn attributes(element: &BytesStart<'_>) -> BTreeMap<String, String> {
    let each = element.attributes().filter_map(Result::ok);
    each.filter_map(|attribute| {
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned();
        Some((attribute.key.local_name().as_ref().to_owned(), value))
    })
    .collect()
}
