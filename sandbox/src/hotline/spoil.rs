//! Applies quirks to new rows of the hotline. The functions return whether they applied the quirk, so that
//! the case history lists only quirks that a row really has.

use chrono::{NaiveDateTime, TimeDelta};
use encoding_rs::GB18030;

use crate::dice::Dice;
use crate::faker::{District, rare_name};
use crate::hotline::row::MAX_CONTENT_BYTES;
use crate::hotline::{Gbk, Quirk, Row, lifecycle};
use crate::text::{Dirt, lengthen};
use crate::time;

/// What quirks need to know about a row.
pub(super) struct Context<'a> {
    pub(super) district: &'a District,
    /// The serial number of the row that was filed before.
    pub(super) previous_serial: Option<&'a str>,
    /// When the citizen called.
    pub(super) called_at: NaiveDateTime,
    /// When the row was last modified.
    pub(super) at: NaiveDateTime,
}

/// Applies a quirk of the content, if `quirk` is one.
pub(super) fn spoil_content(quirk: Quirk, content: &mut String, dice: &mut Dice) -> bool {
    let dirt = match quirk {
        Quirk::Html => Dirt::Html,
        Quirk::Nbsp => Dirt::WideSpaces,
        Quirk::Tab => Dirt::Tab,
        Quirk::ZeroWidth => Dirt::Invisible,
        Quirk::ExcelReturn => Dirt::ExcelReturn,
        Quirk::FourByte => Dirt::FourByte,
        Quirk::Mojibake => Dirt::Mojibake,
        Quirk::Nul => {
            content.insert(content.char_indices().nth(5).map_or(0, |(at, _)| at), '\0');
            return true;
        }
        Quirk::CutText => {
            *content = with_cut_character(&lengthen(dice, content, 2_800));
            return true;
        }
        _ => return false,
    };
    *content = dirt.add_to(content, dice);
    true
}

/// Applies a quirk of another column, if `quirk` is one.
pub(super) fn spoil_row(quirk: Quirk, row: &mut Row, context: &Context, dice: &mut Dice) -> bool {
    let is_time_dashed = row.rqsttime == time::dashed(context.called_at);
    let has_phone = row.rqstnumber.is_some();
    match quirk {
        Quirk::TwinSerial => match context.previous_serial {
            Some(serial) => serial.clone_into(&mut row.serialnum),
            None => return false,
        },
        Quirk::SlashTime if is_time_dashed => row.rqsttime = time::slashed(context.called_at),
        Quirk::CompactTime if is_time_dashed => row.rqsttime = time::compact(context.called_at),
        Quirk::SerialTime if is_time_dashed => row.rqsttime = time::serial(context.called_at),
        Quirk::EmptyTime if is_time_dashed => row.rqsttime.clear(),
        Quirk::StatusLabel => {
            let status = row.cstatus.read().unwrap_or_default();
            row.cstatus = Gbk::new(lifecycle::label(&status));
        }
        Quirk::LostZero if has_phone => row.linknumber = Some(format!("553380{}", dice.digits(4))),
        Quirk::MaskedPhone if has_phone => {
            row.rqstnumber = Some(format!("138****{}", dice.digits(4)));
        }
        Quirk::UnknownType => "77".clone_into(&mut row.rqsttype),
        Quirk::LateCommit => {
            row.lastmodifytime = time::dashed(context.at - TimeDelta::minutes(4));
        }
        Quirk::OldArea => match context.district.old_code {
            Some(code) => {
                code.clone_into(&mut row.rqstareacode);
                row.areacode = format!("{code}000000");
            }
            None => return false,
        },
        Quirk::Secret => "1".clone_into(&mut row.issecret),
        Quirk::Anonymous => {
            row.rqstperson = Gbk::new("匿名");
            (row.rqstnumber, row.linknumber) = (None, None);
        }
        Quirk::RareName if has_phone => row.rqstperson = Gbk::new(&rare_name(dice)),
        _ => return false,
    }
    true
}

/// The encoded content, with bytes in it that are invalid in GBK and GB18030.
pub(super) fn with_invalid_bytes(content: &str) -> Gbk {
    let at = content.char_indices().nth(8).map_or(content.len(), |(at, _)| at);
    let (head, tail) = content.split_at(at);
    let mut bytes = GB18030.encode(head).0.into_owned();
    bytes.extend_from_slice(b"\xff\xfe\xff\x81\xff");
    bytes.extend_from_slice(&GB18030.encode(tail).0);
    // Without these dots, a reader could take the invalid bytes for half a character at the end.
    bytes.extend_from_slice(b"....");
    Gbk::from_bytes(bytes)
}

/// The text with an inserted two-byte character, which the limit of the content column cuts in half.
fn with_cut_character(text: &str) -> String {
    let (mut changed, mut n_bytes) = (String::new(), 0);
    let mut unread = text.chars().peekable();
    while let Some(next) = unread.peek() {
        let width = GB18030.encode(next.encode_utf8(&mut [0; 4])).0.len();
        if n_bytes + width >= MAX_CONTENT_BYTES {
            break;
        }
        n_bytes += width;
        changed.push(*next);
        unread.next();
    }
    changed.extend(std::iter::repeat_n('.', MAX_CONTENT_BYTES - 1 - n_bytes));
    changed.push('这');
    changed.extend(unread);
    changed
}

#[cfg(test)]
mod tests {
    use crate::hotline::{Quirk, Row, Settings, State, Storage, lifecycle};
    use crate::tests::{fixture, fixture_with, morning};
    use crate::{Clock, Hotline, QuirkRates, QuirkSet};

    /// Two rows; the quirk applies to the second one.
    async fn with_quirk(quirk: Quirk) -> (State, State) {
        let fixture = fixture(&format!("{}@2", quirk.name())).await;
        fixture.hotline.file(2).await.unwrap();
        two(&fixture.hotline).await
    }

    async fn two(hotline: &Hotline) -> (State, State) {
        let history = hotline.case_history().await.unwrap();
        let first = |i: usize| history.cases()[i].states[0].as_ref().clone();
        (first(0), first(1))
    }

    #[tokio::test]
    async fn every_quirk_does_what_it_says() {
        type Check = fn(&Row, &Row) -> bool;
        fn content(row: &Row) -> String {
            row.rqstcontent.read().unwrap_or_default()
        }
        let table: &[(Quirk, Check)] = &[
            (Quirk::Poison, |row, _| row.rqstcontent.read().is_none()),
            (Quirk::TwinSerial, |row, other| {
                row.serialnum == other.serialnum && row.rowguid != other.rowguid
            }),
            (Quirk::SlashTime, |row, _| row.rqsttime.starts_with("2026/")),
            (Quirk::CompactTime, |row, _| row.rqsttime.len() == 14),
            (Quirk::SerialTime, |row, _| row.rqsttime.starts_with("46")),
            (Quirk::EmptyTime, |row, _| row.rqsttime.is_empty()),
            (Quirk::StatusLabel, |row, _| {
                let status = row.cstatus.read().unwrap_or_default();
                status.parse::<u32>().is_err() && lifecycle::code(&status) != status
            }),
            (Quirk::LostZero, |row, _| {
                row.linknumber.as_ref().is_some_and(|n| n.starts_with("553380") && n.len() == 10)
            }),
            (Quirk::MaskedPhone, |row, _| {
                row.rqstnumber.as_ref().is_some_and(|n| n.starts_with("138****") && n.len() == 11)
            }),
            (Quirk::UnknownType, |row, _| row.rqsttype == "77"),
            (Quirk::CutText, |row, _| row.rqstcontent.bytes().len() == 4_000),
            (Quirk::LateCommit, |row, _| row.lastmodifytime == "2026-10-09 10:26:00"),
            (Quirk::Nul, |row, _| row.rqstcontent.bytes().contains(&0)),
            (Quirk::OldArea, |row, _| {
                let old = ["340203", "340208", "340221", "340222", "340225"];
                old.contains(&row.rqstareacode.as_str()) && row.areacode.len() == 12
            }),
            (Quirk::Secret, |row, _| row.issecret == "1"),
            (Quirk::Anonymous, |row, _| {
                row.rqstperson.read().as_deref() == Some("匿名") && row.rqstnumber.is_none()
            }),
            (Quirk::RareName, |row, _| {
                let name = row.rqstperson.read().unwrap_or_default();
                name.contains(['䶮', '㛃', '𬭎', '𠮷', '·'])
            }),
            (Quirk::Html, |row, _| content(row).starts_with("<p style")),
            (Quirk::Nbsp, |row, _| content(row).contains("\u{a0}\u{a0}\u{3000}")),
            (Quirk::Tab, |row, _| content(row).contains('\t')),
            (Quirk::ZeroWidth, |row, _| content(row).contains("\u{200b}\u{feff}")),
            (Quirk::ExcelReturn, |row, _| content(row).contains("_x000D_")),
            (Quirk::FourByte, |row, _| content(row).contains("㛃𬭎🙏😡")),
            (Quirk::Mojibake, |row, _| content(row).contains("锟斤拷")),
        ];
        for (quirk, holds) in table {
            let (other, state) = with_quirk(*quirk).await;
            assert!(holds(&state.row, &other.row), "{quirk:?}: {:?}", state.row);
            assert_eq!(state.quirks, [*quirk]);
            assert!(other.quirks.is_empty(), "{quirk:?} applies to the wrong row");
            assert_eq!(state.is_readable, *quirk != Quirk::Poison, "{quirk:?}");
        }
        // These quirks apply after filing, and have their own tests.
        let later = [Quirk::Renumbered, Quirk::RaceUpdate, Quirk::Deleted, Quirk::Locked];
        assert!(Quirk::all().all(|quirk| {
            later.contains(&quirk) || table.iter().any(|(known, _)| *known == quirk)
        }));
    }

    #[tokio::test]
    async fn a_cut_text_ends_in_half_a_character_and_a_clob_holds_it_whole() {
        let (_, cut) = with_quirk(Quirk::CutText).await;
        let bytes = cut.row.rqstcontent.bytes();
        assert_eq!(bytes[3_999], 0xd5, "the first half of 这");
        assert!(bytes[..3_999].ends_with(b"."));
        let quirks = QuirkRates::parse("cut_text@2").unwrap();
        let settings = Settings { quirks, ..Settings::new(7, Clock::starting(morning())) };
        let fixture = fixture_with(Settings { storage: Storage::Clob, ..settings }).await;
        fixture.hotline.file(2).await.unwrap();
        let whole = two(&fixture.hotline).await.1.row.rqstcontent;
        assert!(whole.bytes().len() > 4_000);
        assert_eq!(whole.bytes()[..4_000], *bytes);
    }

    #[tokio::test]
    async fn a_renumbered_case_had_another_number_first() {
        let fixture = fixture("renumbered@1").await;
        let key = fixture.hotline.file(1).await.unwrap().remove(0);
        let history = fixture.hotline.case_history().await.unwrap();
        let states = &history.case(&key).unwrap().states;
        assert_eq!(states.len(), 2);
        assert_ne!(states[0].row.serialnum, states[1].row.serialnum);
    }

    #[tokio::test]
    async fn a_racing_row_changes_the_moment_its_flag_is_set() {
        let mut fixture = fixture("race_update@2").await;
        let keys = fixture.hotline.file(3).await.unwrap();
        fixture.run("UPDATE CNS_CINFO SET ISFETCH = 1, SJJHZT = 20").await.unwrap();
        let history = fixture.hotline.case_history().await.unwrap();
        let states = &history.case(&keys[1]).unwrap().states;
        assert_eq!(states.len(), 2);
        assert_ne!(states[0].row.cstatus, states[1].row.cstatus);
        assert_eq!(states[1].row.lastmodifytime, "2026-10-09 10:30:00");
        assert_eq!(states[1].quirks, [Quirk::RaceUpdate]);
        let sql = "SELECT hex(CSTATUS) FROM CNS_CINFO WHERE ISFETCH = 1 AND LASTMODIFYTIME = \
                   '2026-10-09 10:30:00' ORDER BY ROWGUID = (SELECT MAX(ROWGUID) FROM CNS_CINFO)";
        assert_eq!(fixture.column(sql).await.len(), 2);
        assert_eq!(history.case(&keys[0]).unwrap().states.len(), 1);
    }

    #[tokio::test]
    async fn a_row_is_deleted_the_moment_its_flag_is_set() {
        let mut fixture = fixture("deleted@2").await;
        let keys = fixture.hotline.file(2).await.unwrap();
        assert_eq!(fixture.run("UPDATE CNS_CINFO SET ISFETCH = 1").await, Ok(2));
        assert_eq!(fixture.column("SELECT ROWGUID FROM CNS_CINFO").await, [Some(keys[0].clone())]);
        assert!(
            fixture
                .hotline
                .case_history()
                .await
                .unwrap()
                .case(&keys[1])
                .unwrap()
                .deleted_at
                .is_some()
        );
        assert_eq!(fixture.hotline.counters().await.unwrap().refused, 0);
    }
}
