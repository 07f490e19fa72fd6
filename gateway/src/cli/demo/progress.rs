//! Shows the progress of the channels: a bar for each on a terminal, plain lines elsewhere.
//!
//! The sources of the city refuse and throttle now and then, as real ones do. That is normal, so only what stops a
//! channel for a while is shown.

use std::{
    io::{IsTerminal, stderr},
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::interval;

use super::out;
use crate::watch::{ChannelWatch, State};

/// How often the bars are drawn, and the states of the channels are checked.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// How often lines are printed if there are no bars.
const LINE_INTERVAL: Duration = Duration::from_secs(2);
/// After this time without progress, it is shown what stops a channel.
const MAX_QUIET: Duration = Duration::from_secs(5);

/// Shows the progress of the channels towards the `expected` number of entries of each, until all have
/// caught up or ended.
pub(super) async fn until_caught_up(watches: &[Arc<ChannelWatch>], expected: &[(&str, u64)]) {
    let mut channels: Vec<_> = watches
        .iter()
        .map(|watch| {
            let entry = expected.iter().find(|(name, _)| *name == watch.id().as_str());
            Channel::new(watch, entry.map_or(0, |(_, n)| *n))
        })
        .collect();
    if stderr().is_terminal() {
        show_bars(&mut channels).await;
    } else {
        print_lines(&mut channels).await;
    }
}

/// A channel, and when it made progress last.
struct Channel<'a> {
    watch: &'a ChannelWatch,
    expected: u64,
    n_read: u64,
    moved_at: Instant,
}

impl<'a> Channel<'a> {
    fn new(watch: &'a ChannelWatch, expected: u64) -> Self {
        Self { watch, expected, n_read: 0, moved_at: Instant::now() }
    }

    /// How many of the expected entries it has read, and what is wrong; an empty text if nothing is.
    fn look(&mut self) -> (u64, String) {
        let n_read = self.watch.entries();
        if std::mem::replace(&mut self.n_read, n_read) != n_read {
            self.moved_at = Instant::now();
        }
        let trouble = match self.watch.state() {
            State::CaughtUp | State::Ended => String::new(),
            _ if self.moved_at.elapsed() < MAX_QUIET => String::new(),
            State::Waiting(fault) => fault,
            State::Running => "no progress; TONGHUI_LOG=info may show why".to_owned(),
        };
        // Records that change during the demo are read again, so there may be more than expected.
        (n_read.min(self.expected), trouble)
    }

    /// The expected number of entries. A channel that has caught up has read all that are left: some were deleted
    /// before they were listed.
    fn expected_now(&self) -> u64 {
        if self.is_reading() { self.expected } else { self.expected.min(self.n_read) }
    }

    fn is_reading(&self) -> bool {
        !matches!(self.watch.state(), State::CaughtUp | State::Ended)
    }
}

/// Draws a bar for each channel and its expected number of entries, until all have caught up or ended.
async fn show_bars(channels: &mut [Channel<'_>]) {
    let screen = MultiProgress::new();
    let template = "{prefix:>20} {bar:40.cyan/blue} {human_pos}/{human_len} {per_sec:>14} {msg}";
    let bars: Vec<_> = channels
        .iter()
        .map(|Channel { watch, expected, .. }| {
            let bar = ProgressBar::new(*expected).with_prefix(watch.id().to_string());
            let style = ProgressStyle::with_template(template);
            let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
            screen.add(bar)
        })
        .collect();
    let mut ticks = interval(BAR_INTERVAL);
    loop {
        let is_reading = channels.iter().any(Channel::is_reading);
        for (channel, bar) in channels.iter_mut().zip(&bars) {
            let (entries, trouble) = channel.look();
            bar.set_length(channel.expected_now());
            bar.set_position(entries);
            bar.set_message(trouble);
        }
        if !is_reading {
            break;
        }
        ticks.tick().await;
    }
    for bar in &bars {
        bar.abandon();
    }
}

/// Like [`show_bars`], with a line for each progress instead of bars.
async fn print_lines(channels: &mut [Channel<'_>]) {
    let (mut lines, mut checks) = (interval(LINE_INTERVAL), interval(BAR_INTERVAL));
    lines.tick().await;
    let mut printed = vec![String::new(); channels.len()];
    while channels.iter().any(Channel::is_reading) {
        tokio::select! {
            _ = lines.tick() => print_progress(channels, &mut printed),
            _ = checks.tick() => {}
        }
    }
    print_progress(channels, &mut printed);
}

/// Prints a line for each channel of which the last line is no longer true.
fn print_progress(channels: &mut [Channel<'_>], printed: &mut [String]) {
    for (channel, printed) in channels.iter_mut().zip(printed) {
        let (entries, trouble) = channel.look();
        let separator = if trouble.is_empty() { "" } else { "; " };
        let (id, expected) = (channel.watch.id(), channel.expected_now());
        let line = format!("{id}: {entries} of {expected}{separator}{trouble}");
        if *printed != line {
            out::note(&line);
            *printed = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stops_a_channel_for_a_while_is_shown() {
        let watch = ChannelWatch::new("board".parse().unwrap());
        let mut channel = Channel::new(&watch, 9);
        watch.set(State::Waiting("the source asks for a pause".to_owned()));
        assert_eq!(channel.look(), (0, String::new()), "a pause is nothing new");
        channel.moved_at = Instant::now().checked_sub(MAX_QUIET).unwrap();
        assert_eq!(channel.look(), (0, "the source asks for a pause".to_owned()));
        watch.set(State::Running);
        assert!(channel.look().1.contains("TONGHUI_LOG"), "the store may not take what it read");
        watch.set(State::CaughtUp);
        assert_eq!(channel.look(), (0, String::new()));
    }

    #[test]
    fn a_channel_that_caught_up_early_is_still_expected_to_read_the_rest() {
        let watch = ChannelWatch::new("enterprise".parse().unwrap());
        let mut channel = Channel::new(&watch, 9);
        for (state, expected) in [(State::CaughtUp, 0), (State::Running, 9)] {
            watch.set(state);
            channel.look();
            assert_eq!(channel.expected_now(), expected);
        }
    }
}
