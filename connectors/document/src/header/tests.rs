use super::*;

fn columns() -> Columns {
    let aliases = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let columns = [("诉求编号", aliases(&["编号", "工单号"])), ("状态", aliases(&[]))];
    Columns::new(&columns.map(|(name, aliases)| (name.to_owned(), aliases)).into()).unwrap()
}

#[test]
fn a_header_is_known_under_other_names_and_in_another_order() {
    for cells in [
        ["诉求编号", "状态", "更多"],
        ["\u{FEFF}编号", "更多", "状态 "],
        ["状态", "\u{3000}工单号\t", ""],
    ] {
        let header = columns().parse_header(cells).unwrap();
        let names: BTreeSet<_> = (0..3).filter_map(|place| header.name(place)).collect();
        assert!(names.contains("诉求编号") && names.contains("状态"), "{names:?}");
    }
}

#[test]
fn a_row_that_lacks_a_column_or_has_it_twice_is_not_a_header() {
    let missing = columns().parse_header(["诉求编码", "状态"]).unwrap_err();
    let expected = "no row names all required columns; the row that comes nearest lacks: 诉求编号";
    assert_eq!((missing.message.as_str(), missing.n_missing), (expected, 1));
    let twice = columns().parse_header(["诉求编号", "编号", "状态"]).unwrap_err();
    assert_eq!(twice.message, "the header repeats columns: 诉求编号");
    assert!(columns().parse_header(["备注", "备注", "诉求编号", "状态"]).is_ok());
    assert!(columns().parse_header(["", ""]).is_err());
}

#[test]
fn of_rows_that_are_no_header_the_one_that_lacks_the_fewest_columns_is_told() {
    const LACKS: &str = "no row names all required columns; the row that comes nearest lacks:";
    for (rows, expected) in [
        (
            &[&["月报", ""][..], &["诉求编码", "状态"], &["W1", "新"]][..],
            format!("{LACKS} 诉求编号"),
        ),
        (&[&["编号", "情况"], &["工单", "状态"], &["W1", "新"]], format!("{LACKS} 状态")),
        (&[&["月报"], &["W1", "新"]], format!("{LACKS} 状态, 诉求编号")),
        (&[&["状态"], &["编号", "状态", "状态"]], "the header repeats columns: 状态".to_owned()),
        (&[], "no header row was found".to_owned()),
    ] {
        let mut rows = rows.iter();
        let text = |cells: &&[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let found = find_header(&columns(), || {
            Ok(rows.next().map(|cells| ("line".to_owned(), text(cells))))
        });
        let Err(FileError::Content(reason)) = &found else { panic!("{found:?}") };
        assert_eq!((&*reason.code, &reason.detail), ("unknown_header", &expected));
    }
}

#[test]
fn one_name_for_two_columns_is_refused() {
    let columns = [("a".to_owned(), vec!["x".to_owned()]), ("b".to_owned(), vec!["x".to_owned()])];
    assert!(Columns::new(&columns.into()).is_err());
}

#[test]
fn columns_of_one_name_have_the_value_that_is_not_empty() {
    let header = columns().parse_header(["编号", "状态", "备注", "备注", "备注"]).unwrap();
    for (cells, expected, is_damaged) in [
        (["甲", "", "甲"], "甲", false),
        (["甲", " 甲", " "], "甲", false),
        (["", "乙", ""], "乙", false),
        (["", "", ""], "", false),
        (["甲", "乙", ""], "甲", true),
        (["", "甲", "乙"], "甲", true),
    ] {
        let row = [&["W1", "新"][..], &cells].concat().into_iter().map(str::to_owned).collect();
        let mut defects = Defects::default();
        let object = header.object(row, &mut defects);
        assert_eq!(object["备注"], expected, "{cells:?}");
        assert_eq!((object["诉求编号"].as_str(), object.len()), (Some("W1"), 3));
        assert_eq!(defects.damage.is_some(), is_damaged, "{cells:?}");
        assert_eq!(defects.flags.len(), 2);
    }
}

#[test]
fn a_record_above_the_header_is_known_although_one_of_its_cells_is_a_name() {
    let find = |cells: &[&str]| {
        let rows = [cells, &["工单号", "状态", "标题", "备注"]];
        let mut rows = rows.into_iter();
        let text = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let found = find_header(&columns(), || {
            Ok(rows.next().map(|cells| ("line".to_owned(), text(cells))))
        });
        found.unwrap().1.iter().filter(|row| !row.is_title).count()
    };
    assert_eq!(find(&["W1", "新", "状态", ""]), 1);
    // Titles, and the upper one of two rows of names.
    assert_eq!(find(&["月报", "2026", "", ""]), 0);
    assert_eq!(find(&["编号", "基本", "情况", "标题"]), 0);
}

#[test]
fn a_header_of_very_many_columns_is_refused_in_no_time() {
    let names = ["诉求编号", "状态"].map(str::to_owned).into_iter();
    let names: Vec<String> = names.chain((0..1_000_000).map(|n| n.to_string())).collect();
    let mut row = Some(names);
    let found = find_header(&columns(), || Ok(row.take().map(|cells| ("line".to_owned(), cells))));
    let Err(FileError::Content(reason)) = &found else { panic!("{found:?}") };
    assert!(reason.detail.contains("1000002 columns"), "{}", reason.detail);
}
