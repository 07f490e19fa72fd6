//! Hours of the day, as `06:00-23:00`.

use contract::Window;

use super::Wrong;

pub(super) fn check(text: &str) -> Option<Wrong> {
    let message = text.parse::<Window>().err()?;
    let instead = guess(text).filter(|guess| guess.parse::<Window>().is_ok());
    Some(Wrong { message, instead, ..Wrong::default() })
}

/// What was probably meant by `6:00 - 23:00`, `06:00–23:00` or `6点-23点`.
fn guess(text: &str) -> Option<String> {
    let text = text.replace(['–', '—', '~', '～', '至', '到'], "-");
    let (from, to) = text.split_once('-')?;
    Some(format!("{}-{}", clock(from)?, clock(to)?))
}

fn clock(text: &str) -> Option<String> {
    let text = text.trim().replace(['：', '点', '时'], ":");
    let (hour, minute) = text.split_once(':').unwrap_or((&text, ""));
    let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u16>().ok() };
    Some(format!("{:02}:{:02}", hour.trim().parse::<u16>().ok()?, number(minute.trim())?))
}
