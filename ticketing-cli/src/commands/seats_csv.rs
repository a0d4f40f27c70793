//! Seats from a CSV file: all of it is right, or every wrong line is named.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use csv::StringRecord;
use serde::Deserialize;
use ticketing_core::{
    command::NewSeat,
    money::{Currency, Money},
    seat::SeatId,
};

use crate::{error::CliError, output::counted};

/// Most wrong lines that are named before the rest is only counted.
const LINES_NAMED_MAX: usize = 20;

/// One line as written.
#[derive(Deserialize)]
struct Line {
    id: String,
    section: String,
    row: String,
    number: i64,
    #[serde(default)]
    price: Option<i64>,
}

/// Reads `path`, or standard input for `-`. Prices are in minor units of `currency`.
///
/// # Errors
/// [`CliError::Usage`] names every line that is wrong, and what is wrong with it.
pub fn read(path: &Path, currency: Currency) -> Result<Vec<NewSeat>, CliError> {
    let name = path.display();
    let usage = |what: &dyn std::fmt::Display| CliError::Usage(format!("{name}: {what}"));
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| usage(&error))?)
    };
    parse(input, currency).map_err(|problem| usage(&problem))
}

fn parse(input: impl Read, currency: Currency) -> Result<Vec<NewSeat>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let headers = reader.headers().map_err(|error| problem(&error))?.clone();
    check_headers(&headers)?;
    let (mut seats, mut wrong, mut first_line) = (Vec::new(), Vec::new(), HashMap::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_io_error() => return Err(problem(&error)),
            Err(error) => {
                wrong.push(format!("line {}: {}", line_of(error.position()), problem(&error)));
                continue;
            }
        };
        let line = line_of(record.position());
        match seat(&record, &headers, currency) {
            Ok(seat) => match first_line.insert(seat.id.clone(), line) {
                None => seats.push(seat),
                Some(first) => wrong.push(format!("line {line}: seat {} stands on line {first} already", seat.id)),
            },
            Err(what) => wrong.push(format!("line {line}: {what}")),
        }
    }
    if wrong.is_empty() && seats.is_empty() {
        return Err("there are no seats in it".to_owned());
    }
    if wrong.is_empty() { Ok(seats) } else { Err(summary(&wrong)) }
}

fn check_headers(headers: &StringRecord) -> Result<(), String> {
    const NEEDED: [&str; 4] = ["id", "section", "row", "number"];
    let missing: Vec<_> = NEEDED.into_iter().filter(|name| !headers.iter().any(|header| header == *name)).collect();
    if !missing.is_empty() {
        return Err(format!("line 1: the column {} is missing", missing.join(", ")));
    }
    match headers.iter().find(|header| !NEEDED.contains(header) && *header != "price") {
        Some(unknown) => Err(format!("line 1: there is no column `{unknown}`: id, section, row, number, price")),
        None => Ok(()),
    }
}

fn seat(record: &StringRecord, headers: &StringRecord, currency: Currency) -> Result<NewSeat, String> {
    let line: Line = record.deserialize(Some(headers)).map_err(|error| problem(&error))?;
    let id: SeatId = line.id.parse().map_err(|error| format!("id: {error}"))?;
    let price = line.price.map(|minor| Money::new(minor, currency));
    Ok(NewSeat { id, section: line.section, row: line.row, number: line.number, price })
}

fn line_of(position: Option<&csv::Position>) -> u64 {
    position.map_or(0, csv::Position::line)
}

/// What is wrong, without the position that the crate puts in front.
fn problem(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => match err.field() {
            Some(field) => format!("field {}: {}", field + 1, err.kind()),
            None => err.kind().to_string(),
        },
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("{len} fields instead of {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

fn summary(wrong: &[String]) -> String {
    let mut text = format!("{}; nothing was imported", counted(wrong.len(), "wrong line"));
    for line in wrong.iter().take(LINES_NAMED_MAX) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    if wrong.len() > LINES_NAMED_MAX {
        text.push_str(&format!("\n  and {} more", wrong.len() - LINES_NAMED_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, expected: &[&str]) {
        let error = parse(text.as_bytes(), Currency::KRW).unwrap_err();
        for part in expected {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }

    #[test]
    fn a_seat_has_its_own_price_or_none() {
        let text = "id,section,row,number,price\nA1,Stalls,A,1,80000\nA2, Stalls ,A,2,\n";
        let seats = parse(text.as_bytes(), Currency::KRW).unwrap();
        assert_eq!(seats[0].price, Some(Money::new(80000, Currency::KRW)));
        assert_eq!((seats[1].price, seats[1].section.as_str()), (None, "Stalls"));
    }

    #[test]
    fn the_price_column_may_be_left_out_and_columns_come_in_any_order() {
        let seats = parse("number,row,section,id\n7,B,Stalls,B7\n".as_bytes(), Currency::KRW).unwrap();
        assert_eq!((seats[0].number, seats[0].id.as_str()), (7, "B7"));
    }

    #[test]
    fn every_wrong_line_is_named_with_what_is_wrong() {
        let text = "id,section,row,number\nA1,S,A,1\nA2,S,A,x\nA1,S,A,3\nA 4,S,A,4\nA5,S\n";
        check_refused(
            text,
            &[
                "4 wrong lines",
                "line 3: field 4",
                "line 4: seat A1 stands on line 2",
                "line 5: id:",
                "line 6: 2 fields",
            ],
        );
    }

    #[test]
    fn a_file_with_the_wrong_columns_is_refused_by_their_names() {
        check_refused("id,section,row\nA1,S,A\n", &["line 1", "number"]);
        check_refused("id,section,row,number,colour\nA1,S,A,1,red\n", &["line 1", "colour"]);
        check_refused("id,section,row,number\n", &["no seats"]);
    }
}
