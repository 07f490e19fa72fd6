//! Shows the progress of the channels: a bar for each on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, stderr},
    sync::Arc,
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::interval;

use super::out;
use crate::watch::{ChannelWatch, State};

/// How often the bars are drawn, and the states of the channels are checked.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// How often lines are printed if there are no bars.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows the progress of the channels towards the `expected` number of entries of each, until all have
/// caught up or ended.
pub(super) async fn until_caught_up(watches: &[Arc<ChannelWatch>], expected: &[(&str, u64)]) {
    let channels: Vec<_> = watches
        .iter()
        .map(|watch| {
            let entry = expected.iter().find(|(name, _)| *name == watch.id().as_str());
            (&**watch, entry.map_or(0, |(_, n)| *n))
        })
        .collect();
    if stderr().is_terminal() {
        show_bars(&channels).await;
    } else {
        print_lines(&channels).await;
    }
}

/// Draws a bar for each channel and its expected number of entries, until all have caught up or ended.
async fn show_bars(channels: &[(&ChannelWatch, u64)]) {
    let screen = MultiProgress::new();
    let template = "{prefix:>20} {bar:40.cyan/blue} {human_pos}/{human_len} {per_sec:>14} {msg}";
    let bars: Vec<_> = channels
        .iter()
        .map(|(watch, expected)| {
            let bar = ProgressBar::new(*expected).with_prefix(watch.id().to_string());
            let style = ProgressStyle::with_template(template);
            let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
            screen.add(bar)
        })
        .collect();
    let draw = || {
        for ((watch, expected), bar) in channels.iter().zip(&bars) {
            bar.set_position(watch.entries().min(*expected));
            bar.set_message(fault_text(watch));
        }
    };
    let mut ticks = interval(BAR_INTERVAL);
    while is_reading(channels) {
        draw();
        ticks.tick().await;
    }
    draw();
    for bar in &bars {
        bar.abandon();
    }
}

/// Like [`show_bars`], with a line for each progress instead of bars.
async fn print_lines(channels: &[(&ChannelWatch, u64)]) {
    let (mut lines, mut checks) = (interval(LINE_INTERVAL), interval(BAR_INTERVAL));
    lines.tick().await;
    let mut printed = vec![u64::MAX; channels.len()];
    while is_reading(channels) {
        tokio::select! {
            _ = lines.tick() => print_progress(channels, &mut printed),
            _ = checks.tick() => {}
        }
    }
    print_progress(channels, &mut printed);
}

/// Prints a line for each channel with progress since the last line.
fn print_progress(channels: &[(&ChannelWatch, u64)], printed: &mut [u64]) {
    for ((watch, expected), printed) in channels.iter().zip(printed) {
        // Records that change during the demo are read again, so there may be more than expected.
        let (id, entries) = (watch.id(), watch.entries().min(*expected));
        if std::mem::replace(printed, entries) != entries {
            let fault = Some(fault_text(watch)).filter(|fault| !fault.is_empty());
            let fault = fault.map(|fault| format!("; {fault}")).unwrap_or_default();
            out::note(format!("{id}: {entries} of {expected}{fault}"));
        }
    }
}

fn is_reading(channels: &[(&ChannelWatch, u64)]) -> bool {
    let has_read_all =
        |watch: &ChannelWatch| matches!(watch.state(), State::CaughtUp | State::Ended);
    !channels.iter().all(|(watch, _)| has_read_all(watch))
}

fn fault_text(watch: &ChannelWatch) -> String {
    match watch.state() {
        State::Waiting(fault) => fault,
        State::Running | State::CaughtUp | State::Ended => String::new(),
    }
}
