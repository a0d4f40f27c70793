//! Log lines: JSON or for people, on stderr, written beside the requests.

use std::{
    io::{self, IsTerminal, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt::MakeWriter};

use crate::{
    config::{ConfigError, LogConfig, LogFormat},
    telemetry::metrics,
};

/// Most lines waiting to be written; while stderr is slower than that, lines are dropped and counted.
const LINES_MAX: usize = 16_384;
/// Most bytes gathered for one write.
const WRITE_BYTES: usize = 64 * 1024;

/// Libraries that have a line for each step that was done already at level info.
const QUIET: [&str; 2] = ["refinery=warn", "refinery_core=warn"];

/// Keeps the log flowing. Dropped, it writes what is left.
#[derive(Debug)]
pub struct LogGuard {
    lines: Option<SyncSender<Message>>,
    writer: Option<JoinHandle<()>>,
}

enum Message {
    Line(Vec<u8>),
    /// Senders live on in the global subscriber: the end must be told.
    End,
}

/// Starts the log of this process.
///
/// # Errors
/// When the level is no filter, or a log has been started before.
pub fn start(config: &LogConfig) -> Result<LogGuard, ConfigError> {
    let filter = filter(&config.level)?;
    let (lines, received) = sync_channel(LINES_MAX);
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&received));
    let writer = writer.map_err(|error| ConfigError::invalid("log", &error.to_string()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Lines(lines.clone()));
    let by_default = if io::stderr().is_terminal() { LogFormat::Human } else { LogFormat::Json };
    let started = match config.format.unwrap_or(by_default) {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_ansi(false)
            .try_init(),
        LogFormat::Human => builder.with_ansi(false).try_init(),
    };
    started.map_err(|error| ConfigError::invalid("log", &error.to_string()))?;
    // A panic is a line like any other, not text between the lines.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, cause = panic.payload_as_str().unwrap_or_default(), "panic");
    }));
    Ok(LogGuard { lines: Some(lines), writer: Some(writer) })
}

/// Whether `level` is a level, or a filter. A lone word that is no level would be taken for a module's name, and silence
/// everything else.
///
/// # Errors
/// [`ConfigError`] says what is wrong with it.
pub(crate) fn check_level(level: &str) -> Result<(), ConfigError> {
    plain_filter(level).map(|_| ())
}

fn plain_filter(level: &str) -> Result<EnvFilter, ConfigError> {
    let is_word = !level.contains(['=', ',', '[']);
    if is_word && level.trim().parse::<LevelFilter>().is_err() {
        return Err(ConfigError::invalid(
            "log.level",
            "error, warn, info, debug, trace or off, or a filter of module=level",
        ));
    }
    EnvFilter::try_new(level).map_err(|error| ConfigError::invalid("log.level", &error.to_string()))
}

/// `level` as a filter, and quieter where it says nothing of the quiet ones.
fn filter(level: &str) -> Result<EnvFilter, ConfigError> {
    let filter = plain_filter(level)?;
    let quiet_already = filter.max_level_hint().is_some_and(|most| most <= LevelFilter::WARN);
    if quiet_already || level.contains("refinery") {
        return Ok(filter);
    }
    Ok(QUIET.iter().filter_map(|directive| directive.parse().ok()).fold(filter, EnvFilter::add_directive))
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        if let Some(lines) = self.lines.take() {
            // A writer that is gone has nothing left to write.
            let _ = lines.send(Message::End);
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write_all(received: &Receiver<Message>) {
    let mut gathered = Vec::with_capacity(WRITE_BYTES);
    while let Ok(Message::Line(line)) = received.recv() {
        gathered.extend_from_slice(&line);
        let mut ended = false;
        while gathered.len() < WRITE_BYTES {
            match received.try_recv() {
                Ok(Message::Line(line)) => gathered.extend_from_slice(&line),
                Ok(Message::End) => {
                    ended = true;
                    break;
                }
                Err(_) => break,
            }
        }
        // Whoever closed stderr does not want the log.
        let _ = io::stderr().write_all(&gathered);
        gathered.clear();
        if ended {
            return;
        }
    }
}

/// Sends each line on its way.
struct Lines(SyncSender<Message>);

/// One line.
struct Line<'a> {
    lines: &'a SyncSender<Message>,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: &self.0, text: Vec::new() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() && self.lines.try_send(Message::Line(std::mem::take(&mut self.text))).is_err() {
            metrics::log_line_dropped();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(level: &str, expected: &[&str]) {
        let shown = filter(level).unwrap().to_string();
        let mut directives: Vec<&str> = shown.split(',').collect();
        directives.sort_unstable();
        assert_eq!(directives, expected, "{level}");
    }

    #[test]
    fn migrations_are_quiet_unless_they_are_asked_for() {
        check("info", &["info", "refinery=warn", "refinery_core=warn"]);
        check("refinery_core=info,warn", &["refinery_core=info", "warn"]);
        check("error", &["error"]);
        check("off", &["off"]);
        assert!(filter("loud").unwrap_err().to_string().starts_with("log.level "));
        assert!(filter("ticketing=loud").unwrap_err().to_string().starts_with("log.level "));
    }
}
