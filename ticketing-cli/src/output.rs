//! What a command prints: tables for people, JSON for programs.

use std::io::{self, ErrorKind, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use ticketing_core::{clock::Timestamp, store::Page};

/// Something that can be shown either way. Its JSON is its [`Serialize`].
pub trait Show: Serialize {
    /// Heads of its columns.
    const COLUMNS: &'static [&'static str];

    /// Its cells, one for each column.
    fn cells(&self) -> Vec<String>;

    /// What is told of it where it stands alone, beside its columns: names and values.
    fn details(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// Where a command's answer goes.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Items<'a, T> {
    items: &'a [T],
    next_cursor: Option<&'a str>,
}

impl Output {
    /// JSON, or tables.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints one thing.
    pub fn item<T: Show>(self, item: &T) -> io::Result<()> {
        if self.json {
            return print_json(item);
        }
        let mut table = table();
        for (column, cell) in T::COLUMNS.iter().zip(item.cells()) {
            table.add_row([(*column).to_owned(), cell]);
        }
        for (name, value) in item.details() {
            table.add_row([name.to_owned(), value]);
        }
        print_text(&table.to_string())
    }

    /// Prints a page of a list, and says on stderr how to get the next one.
    pub fn page<T: Show>(self, page: &Page<T>) -> io::Result<()> {
        if self.json {
            return print_json(&Items { items: &page.items, next_cursor: page.next.as_deref() });
        }
        let mut table = table();
        table.set_header(T::COLUMNS.iter().copied());
        for item in &page.items {
            table.add_row(item.cells());
        }
        print_text(&table.to_string())?;
        if let Some(cursor) = &page.next {
            self.note(format_args!("there is more: --cursor {cursor}"));
        }
        Ok(())
    }

    /// Says something that is not the answer itself.
    pub fn note(self, text: impl std::fmt::Display) {
        anstream::eprintln!("{text}");
    }
}

/// An optional value's text, or nothing.
pub fn or_blank(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// An instant as tables show it, to the second. JSON has all of it.
pub fn when(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.').map_or_else(|| text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// `count` with its noun: `1 seat`, `2 seats`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A table as wide as what is in it.
fn table() -> Table {
    let mut table = Table::new();
    // Never narrower than what is in it: an id that is broken over lines cannot be copied.
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write_out(&text)
}

fn print_text(text: &str) -> io::Result<()> {
    write_out(&format!("{text}\n"))
}

/// A reader that closes the pipe early, such as `head`, has what it wanted.
fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
