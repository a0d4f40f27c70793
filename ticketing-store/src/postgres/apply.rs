//! From changes to rows: two statements at most for each table, whatever the number of its rows.

use std::sync::Arc;

use ticketing_core::store::{Changes, Record, Write};

use super::{
    columns::Cells,
    flight::{Param, Query, params},
    tables::{Replaced, Stored},
};

/// Every write of `changes`. Rows are replaced before others are added, so that what a row gives up may be
/// taken by another.
pub(super) fn writes(changes: &Changes) -> Vec<Query> {
    let Changes {
        streams,
        users,
        events,
        sessions,
        rooms,
        places,
        seats,
        holds,
        orders,
        payments,
        callbacks,
        outbox,
        tickets,
        logins,
        audit,
    } = changes;
    let mut writes = Writes::default();
    writes.split(streams);
    writes.split(users);
    writes.split(events);
    writes.split(sessions);
    writes.split(rooms);
    writes.split(places);
    writes.split(seats);
    writes.split(holds);
    writes.split(orders);
    writes.split(payments);
    writes.split(callbacks);
    writes.split(outbox);
    writes.split(tickets);
    writes.split(logins);
    writes.insert(audit.iter());
    writes.updates.into_iter().chain(writes.inserts).collect()
}

#[derive(Default)]
struct Writes {
    updates: Vec<Query>,
    inserts: Vec<Query>,
}

impl Writes {
    fn split<R: Record + Replaced>(&mut self, writes: &[Write<R>]) {
        let (mut updated, mut len) = (Cells::new(R::COLUMNS), 0_i64);
        for write in writes {
            if let Write::Update(record) = write {
                record.encode(&mut updated);
                len += 1;
            }
        }
        if len > 0 {
            let mut params = arrays(updated);
            params.extend(params![len]);
            self.updates.push(Query::new(R::update(), params));
        }
        self.insert(writes.iter().filter_map(|write| match write {
            Write::Insert(record) => Some(record),
            Write::Update(_) => None,
        }));
    }

    fn insert<'a, R: Stored>(&mut self, records: impl Iterator<Item = &'a R>) {
        let mut records = records.peekable();
        if records.peek().is_some() {
            let mut cells = Cells::new(R::COLUMNS);
            records.for_each(|record| record.encode(&mut cells));
            self.inserts.push(Query::new(R::insert(), arrays(cells)));
        }
    }
}

fn arrays(cells: Cells) -> Vec<Param> {
    cells.into_arrays().into_iter().map(|array| Arc::new(array) as Param).collect()
}
