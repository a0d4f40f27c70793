//! Lists that are paged.

use super::{Asked, Key, KeyValue, KvStore, Lookup, Pair, decode, keys};
use crate::{
    audit::{AuditRecord, StreamId},
    event::{Event, EventStatus},
    hold::Hold,
    ids::{CallbackId, EventId, HoldId, OrderId, TicketId, UserId},
    order::Order,
    payment::Callback,
    session::Session,
    store::{AuditCursor, AuditFilter, HoldFilter, OrderFilter, Page, PageRequest, StoreError, TicketView},
    ticket::Ticket,
    user::User,
};

/// How many holds are looked at in one step when only some of them are wanted.
const HOLDS_PER_STEP: u32 = 1_024;
/// How many orders are looked at in one step.
const ORDERS_PER_STEP: u32 = 1_024;
/// How many records of the audit log are looked at in one step.
const AUDIT_PER_STEP: usize = 1_024;

impl<K: KeyValue> KvStore<K> {
    pub(super) async fn list_users(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        let asked = Asked::<UserId>::of(&page)?;
        let found = self.list(Lookup::Scan(asked.ascending(keys::users()))).await?;
        Ok(Page::of(found, asked.limit, |user: &User| user.id.to_string()))
    }

    pub(super) async fn list_events(
        &self,
        status: Option<EventStatus>,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let asked = Asked::<EventId>::of(&page)?;
        let lookup = match status {
            None => Lookup::Scan(asked.ascending(keys::events())),
            Some(status) => Lookup::Follow(asked.ascending(keys::events_of_status(&status))),
        };
        Ok(Page::of(self.list(lookup).await?, asked.limit, |event: &Event| event.id.to_string()))
    }

    pub(super) async fn list_holds(&self, filter: HoldFilter, page: PageRequest) -> Result<Page<Hold>, StoreError> {
        let asked = Asked::<HoldId>::of(&page)?;
        // Without a status every hold of the list is wanted, so one step is enough.
        let limit = if filter.status.is_none() { asked.limit } else { HOLDS_PER_STEP };
        let mut step = Asked { limit, after: asked.after };
        let mut found: Vec<Hold> = Vec::new();
        loop {
            let looked_at: Vec<Hold> = self.list(holds_lookup(&filter, &step)).await?;
            let last = (looked_at.len() > limit as usize).then(|| looked_at.last().map(|hold| hold.id)).flatten();
            found.extend(looked_at.into_iter().filter(|hold| filter.status.is_none_or(|status| hold.status == status)));
            if last.is_none() || found.len() > asked.limit as usize {
                return Ok(Page::of(found, asked.limit, |hold| hold.id.to_string()));
            }
            step.after = last;
        }
    }

    pub(super) async fn list_orders(&self, filter: OrderFilter, page: PageRequest) -> Result<Page<Order>, StoreError> {
        let asked = Asked::<OrderId>::of(&page)?;
        let mut step = Asked { limit: ORDERS_PER_STEP, after: asked.after };
        let mut found: Vec<Order> = Vec::new();
        loop {
            let lookup = match (&filter.session_id, &filter.user_id) {
                (Some(session), _) => Lookup::Follow(step.ascending(keys::orders_of_session(session))),
                (None, Some(user)) => Lookup::Follow(step.ascending(keys::orders_of_user(user))),
                (None, None) => Lookup::Scan(step.ascending(keys::orders())),
            };
            let looked_at: Vec<Order> = self.list(lookup).await?;
            let more = looked_at.len() > step.limit as usize;
            step.after = looked_at.last().map(|order| order.id);
            found.extend(looked_at.into_iter().filter(|order| filter.matches(order)));
            if !more || found.len() > asked.limit as usize {
                return Ok(Page::of(found, asked.limit, |order| order.id.to_string()));
            }
        }
    }

    pub(super) async fn list_orders_of_user(&self, user: UserId, page: PageRequest) -> Result<Page<Order>, StoreError> {
        let asked = Asked::<OrderId>::of(&page)?;
        let found = self.list(Lookup::Follow(asked.descending(keys::orders_of_user(&user)))).await?;
        Ok(Page::of(found, asked.limit, |order: &Order| order.id.to_string()))
    }

    pub(super) async fn list_tickets(&self, user: UserId, page: PageRequest) -> Result<Page<TicketView>, StoreError> {
        let asked = Asked::<TicketId>::of(&page)?;
        let found = self.list(Lookup::Follow(asked.descending(keys::tickets_of_user(&user)))).await?;
        let views = self.show_tickets(found).await?;
        Ok(Page::of(views, asked.limit, |view| view.ticket.id.to_string()))
    }

    pub(super) async fn show_ticket(&self, id: TicketId) -> Result<Option<TicketView>, StoreError> {
        let ticket: Option<Ticket> = self.get(keys::ticket(&id)).await?;
        Ok(self.show_tickets(ticket.into_iter().collect()).await?.pop())
    }

    pub(super) async fn list_unmatched(&self, page: PageRequest) -> Result<Page<Callback>, StoreError> {
        let asked = Asked::<CallbackId>::of(&page)?;
        let found = self.list(Lookup::Follow(asked.ascending(keys::unmatched_callbacks()))).await?;
        Ok(Page::of(found, asked.limit, |callback: &Callback| callback.id.to_string()))
    }

    pub(super) async fn list_audit(
        &self,
        stream: StreamId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.list(Lookup::Scan(keys::audit_of(&stream).starting(&from).limit(limit as usize))).await
    }

    pub(super) async fn search_audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let limit = page.limit.clamp(1, PageRequest::LIMIT_MAX);
        let mut after = AuditCursor::of(&page)?;
        let (mut items, mut looked_at) = (Vec::new(), 0);
        let mut stream = match &filter.stream {
            Some(stream) => Some(*stream),
            None => self.audit_stream(after.as_ref().map(|after| after.stream), false).await?,
        };
        while let Some(current) = stream {
            let records = keys::audit_of(&current);
            let span = match &after {
                Some(after) if after.stream == current => records.behind(&after.seq),
                _ => records.all(),
            };
            let step: Vec<AuditRecord> = self.list(Lookup::Scan(span.limit(AUDIT_PER_STEP))).await?;
            let more = step.len() == AUDIT_PER_STEP;
            for record in step {
                after = Some(AuditCursor::behind(&record));
                looked_at += 1;
                if filter.matches(&record) {
                    items.push(record);
                }
                if items.len() > limit as usize {
                    return Ok(Page::of(items, limit, |record| AuditCursor::behind(record).to_string()));
                }
                if looked_at == AuditFilter::SCAN_MAX {
                    return Ok(Page { items, next: after.map(|cursor| cursor.to_string()) });
                }
            }
            if !more {
                stream = match &filter.stream {
                    Some(_) => None,
                    None => self.audit_stream(Some(current), true).await?,
                };
            }
        }
        Ok(Page { items, next: None })
    }

    /// The first stream with an audit log, from `from` on or behind it.
    async fn audit_stream(&self, from: Option<StreamId>, behind: bool) -> Result<Option<StreamId>, StoreError> {
        let streams = keys::audit_streams();
        let span = match &from {
            None => streams.all(),
            Some(from) if behind => streams.behind(from),
            Some(from) => streams.starting(from),
        };
        let view = self.view(vec![Lookup::Scan(span.limit(1))]).await?;
        view.found.iter().flatten().next().map(|pair| keys::audit_stream_in(&pair.key)).transpose()
    }

    /// The tickets with what is printed on them.
    async fn show_tickets(&self, tickets: Vec<Ticket>) -> Result<Vec<TicketView>, StoreError> {
        let get = |key: Key| Lookup::Get(key.into_bytes());
        let printed = tickets.iter().flat_map(|t| [get(keys::event(&t.event_id)), get(keys::session(&t.session_id))]);
        let found = self.view(printed.collect()).await?.found;
        let show = |(ticket, found): (Ticket, &[Vec<Pair>])| {
            let missing = || StoreError::corrupt(format_args!("{}: its event or session is missing", ticket.id));
            let (event, session) = found[0].first().zip(found[1].first()).ok_or_else(missing)?;
            let title = decode::<Event>(event)?.title;
            Ok(TicketView { ticket, title, start_at: decode::<Session>(session)?.start_at })
        };
        tickets.into_iter().zip(found.chunks_exact(2)).map(show).collect()
    }
}

fn holds_lookup(filter: &HoldFilter, asked: &Asked<HoldId>) -> Lookup {
    match (&filter.session_id, &filter.user_id) {
        (Some(session), Some(user)) => Lookup::Follow(asked.ascending(keys::holds_in_session_of_user(session, user))),
        (Some(session), None) => Lookup::Follow(asked.ascending(keys::holds_of_session(session))),
        (None, Some(user)) => Lookup::Follow(asked.ascending(keys::holds_of_user(user))),
        (None, None) => Lookup::Scan(asked.ascending(keys::holds())),
    }
}
