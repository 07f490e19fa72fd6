//! Makes the row of the n-th demand: who calls, about what, and what the clerk enters.

use chrono::{NaiveDateTime, TimeDelta};

use crate::city::{self, any_district};
use crate::dice::Dice;
use crate::hotline::spoil::{self, Context};
use crate::hotline::{Gbk, Quirk, Row, Settings, life};
use crate::text::essay;
use crate::when::plain;
use crate::{Corpus, Piece};

/// Demand `number`, counted from 1, last modified `at`; `before` is the serial number filed before.
/// `None` when the corpus is used up.
pub(super) fn record(
    settings: &Settings,
    number: u64,
    at: NaiveDateTime,
    before: Option<&str>,
) -> Option<(Row, Vec<Quirk>)> {
    let mut dice = Dice::new(settings.seed, number);
    let rowguid = match &settings.corpus {
        Corpus::Generated => dice.guid(),
        // The key of a given text does not depend on the seed, so that it can be found again.
        Corpus::Texts(_) => Dice::new(0, number).guid(),
    };
    let due: Vec<Quirk> = settings.faults.at(number).collect();
    let mut district = any_district(&mut dice);
    while due.contains(&Quirk::OldArea) && district.old_code.is_none() {
        district = any_district(&mut dice);
    }
    let essay = essay(&mut dice, district);
    let piece = match &settings.corpus {
        Corpus::Generated => Piece { title: essay.title, content: essay.content },
        Corpus::Texts(_) => settings.corpus.text(number)?.clone(),
    };

    let called_at = at - TimeDelta::seconds(i64::from(dice.between(40, 900)));
    let source = dice.pick(SOURCES);
    let caller_number = caller(&mut dice);
    let mut row = Row {
        rowguid,
        serialnum: format!("{source}{}{:05}", called_at.format("%Y%m%d"), number % 100_000),
        rqstperson: Gbk::new(&city::name(&mut dice)),
        rqsttime: plain(called_at),
        linknumber: Some(if dice.one_in(5) { caller(&mut dice) } else { caller_number.clone() }),
        rqstnumber: Some(caller_number),
        rqsttype: dice.pick(TYPES).to_owned(),
        rqstsource: source.to_owned(),
        rqstareacode: district.code.to_owned(),
        areacode: format!("{}000000", district.code),
        rqstaddress: Gbk::new(&essay.address),
        accordtype: Gbk::new(essay.accord),
        rqsttitle: Gbk::new(&piece.title),
        rqstcontent: Gbk::new(""),
        cstatus: Gbk::new(life::first(&mut dice)),
        isimpt: if dice.one_in(30) { "30" } else { "10" }.to_owned(),
        issecret: if dice.one_in(60) { "1" } else { "0" }.to_owned(),
        replaytype: if dice.one_in(6) { "10" } else { "20" }.to_owned(),
        registername: Gbk::new(&format!("坐席 08{:02}", dice.between(1, 60))),
        finishtime: None,
        lastmodifytime: plain(at),
    };

    let context = Context { district, before, called_at, at };
    let mut content = piece.content;
    let mut faults = Vec::new();
    for quirk in due {
        if spoil::apply_text(quirk, &mut content, &mut dice)
            || spoil::apply_row(quirk, &mut row, &context, &mut dice)
        {
            faults.push(quirk);
        }
    }
    // Quirks of bytes come last.
    row.rqstcontent = Gbk::new(&content);
    if settings.faults.strikes(Quirk::Poison, number) {
        row.rqstcontent = spoil::poisoned(&content);
        faults.push(Quirk::Poison);
    }
    row.fit(settings.storage, &mut faults);
    Some((row, faults))
}

fn caller(dice: &mut Dice) -> String {
    if dice.one_in(8) { city::landline(dice) } else { city::mobile(dice) }
}

const SOURCES: &[&str] =
    &["DH", "DH", "DH", "DH", "DH", "WZ", "WX", "WX", "AP", "ZW", "YJ", "WB", "SX"];
const TYPES: &[&str] = &["10", "10", "15", "20", "20", "20", "20", "25", "30", "30", "30", "35"];
