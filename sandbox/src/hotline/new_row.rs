//! Generates the row of a new demand.

use chrono::{NaiveDateTime, TimeDelta};

use crate::dice::Dice;
use crate::faker::{self, any_district};
use crate::hotline::life::Stage;
use crate::hotline::spoil::{self, Context};
use crate::hotline::{Gbk, Life, Quirk, Row, Settings, lifecycle};
use crate::text::demand_text;
use crate::time::dashed;
use crate::{Corpus, CorpusText};

/// The row of demand `number`, counted from 1, and its quirks. `at` is its `LASTMODIFYTIME`;
/// `previous_serial` is the serial number of the demand before it. `None` if the corpus is used up.
pub(super) fn new_row(
    settings: &Settings,
    number: u64,
    at: NaiveDateTime,
    previous_serial: Option<&str>,
    stage: Stage,
) -> Option<(Row, Vec<Quirk>)> {
    let mut dice = Dice::new(settings.seed, number);
    let rowguid = match &settings.corpus {
        Corpus::Generated => dice.guid(),
        // The key of a corpus text does not depend on the seed, so that tests can find the text again.
        Corpus::Texts(_) => Dice::new(0, number).guid(),
    };
    let due_quirks: Vec<Quirk> = settings.quirks.at(number).collect();
    let mut district = any_district(&mut dice);
    while due_quirks.contains(&Quirk::OldArea) && district.old_code.is_none() {
        district = any_district(&mut dice);
    }
    let generated = demand_text(&mut dice, district);
    let text = match &settings.corpus {
        Corpus::Generated => CorpusText { title: generated.title, content: generated.content },
        Corpus::Texts(_) => settings.corpus.text(number)?.clone(),
    };

    let call = TimeDelta::seconds(i64::from(dice.between(40, 900)));
    let source = dice.pick(SOURCES);
    let caller_number = phone(&mut dice);
    let first_status = lifecycle::initial_status(&mut dice);
    let mut row = Row {
        rowguid,
        serialnum: String::new(),
        rqstperson: Gbk::new(&faker::name(&mut dice)),
        rqsttime: String::new(),
        linknumber: Some(if dice.one_in(5) { phone(&mut dice) } else { caller_number.clone() }),
        rqstnumber: Some(caller_number),
        rqsttype: dice.pick(TYPES).to_owned(),
        rqstsource: source.to_owned(),
        rqstareacode: district.code.to_owned(),
        areacode: format!("{}000000", district.code),
        rqstaddress: Gbk::new(&generated.address),
        accordtype: Gbk::new(generated.category),
        rqsttitle: Gbk::new(&text.title),
        rqstcontent: Gbk::new(""),
        cstatus: Gbk::new(""),
        isimpt: if dice.one_in(30) { "30" } else { "10" }.to_owned(),
        issecret: if dice.one_in(60) { "1" } else { "0" }.to_owned(),
        replaytype: if dice.one_in(6) { "10" } else { "20" }.to_owned(),
        registername: Gbk::new(&format!("坐席 08{:02}", dice.between(1, 60))),
        finishtime: None,
        accepttime: None,
        sendtime: None,
        signtime: None,
        contacttime: None,
        archivetime: None,
        casefinishlimit: 0,
        limitunit: String::new(),
        attention: String::new(),
        answercontent: Gbk::new(""),
        lastmodifytime: dashed(at),
        life: Life::default(),
    };
    let has_visit = row.replaytype == "20";
    let (life, status, called_at) =
        Life::until(at, call, (first_status, stage), (settings.seed, number, has_visit));
    row.serialnum = format!("{source}{}{:05}", called_at.format("%Y%m%d"), number % 100_000);
    row.rqsttime = dashed(called_at);
    row.cstatus = Gbk::new(status);
    row.life = life;
    row.tell_life();

    let context = Context { district, previous_serial, called_at, at };
    let mut content = text.content;
    let mut quirks = Vec::new();
    for quirk in due_quirks {
        if spoil::spoil_content(quirk, &mut content, &mut dice)
            || spoil::spoil_row(quirk, &mut row, &context, &mut dice)
        {
            quirks.push(quirk);
        }
    }
    // Invalid bytes come last, because the other quirks change characters.
    row.rqstcontent = Gbk::new(&content);
    if settings.quirks.applies(Quirk::Poison, number) {
        row.rqstcontent = spoil::with_invalid_bytes(&content);
        quirks.push(Quirk::Poison);
    }
    row.cut_to_width(settings.storage, &mut quirks);
    Some((row, quirks))
}

fn phone(dice: &mut Dice) -> String {
    if dice.one_in(8) { faker::landline(dice) } else { faker::mobile(dice) }
}

const SOURCES: &[&str] =
    &["DH", "DH", "DH", "DH", "DH", "WZ", "WX", "WX", "AP", "ZW", "YJ", "WB", "SX"];
const TYPES: &[&str] = &["10", "10", "15", "20", "20", "20", "20", "25", "30", "30", "30", "35"];
