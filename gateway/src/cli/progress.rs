//! What people see while channels are read: a bar on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, stderr},
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::out;
use crate::watch::{ChannelWatch, State};

const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Shows how `watch` comes nearer to `expected` entries, until it has caught up or ended.
pub(super) async fn until_caught_up(watch: &Arc<ChannelWatch>, expected: u64) {
    if stderr().is_terminal() {
        show_bar(watch, expected).await;
    } else {
        print_lines(watch, expected).await;
    }
}

async fn show_bar(watch: &ChannelWatch, expected: u64) {
    let bar = ProgressBar::new(expected).with_prefix(watch.id().to_string());
    if let Ok(style) = ProgressStyle::with_template(
        "{prefix:>12} {bar:40.cyan/blue} {human_pos}/{human_len} {per_sec:>14} {msg}",
    ) {
        bar.set_style(style);
    }
    while is_on_the_way(watch) {
        bar.set_position(watch.entries().min(expected));
        bar.set_message(trouble(watch));
        tokio::time::sleep(BAR_EVERY).await;
    }
    bar.set_position(watch.entries().min(expected));
    bar.set_message(trouble(watch));
    bar.abandon();
}

async fn print_lines(watch: &ChannelWatch, expected: u64) {
    let mut ticks = tokio::time::interval(LINE_EVERY);
    ticks.tick().await;
    while is_on_the_way(watch) {
        tokio::select! {
            _ = ticks.tick() => line(watch, expected),
            () = tokio::time::sleep(BAR_EVERY) => {}
        }
    }
    line(watch, expected);
}

fn line(watch: &ChannelWatch, expected: u64) {
    // Rows that changed meanwhile are read again: they are beyond what was expected.
    let (id, entries) = (watch.id(), watch.entries().min(expected));
    out::note(format!("{id}: {entries} of {expected} {}", trouble(watch)).trim_end());
}

fn is_on_the_way(watch: &ChannelWatch) -> bool {
    !matches!(watch.state(), State::CaughtUp | State::Ended)
}

fn trouble(watch: &ChannelWatch) -> String {
    match watch.state() {
        State::Waiting(fault) => fault,
        State::Running | State::CaughtUp | State::Ended => String::new(),
    }
}
