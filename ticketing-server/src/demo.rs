//! `--demo`: something to buy, somebody to buy it, and the lines to do it with.

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::Timestamp,
    command::{CatalogueRefusal, NewSeat, UserRefusal},
    engine::{EngineError, NewEvent, NewSession, NewUser},
    event::{Event, EventStatus},
    ids::{EventId, SessionId},
    money::{Currency, Money},
    seat::{SeatId, SeatIdError, SeatStatus},
    session::{Session, SessionKind},
    store::{PageRequest, StoreError},
    user::{Email, EmailError, Role, password::PasswordHash},
};

const TITLE: &str = "Demo: Gala in Seoul";
const ADMIN: &str = "admin@demo.example.com";
const BUYER: &str = "buyer@demo.example.com";
const OPERATOR: Caller = Caller::of(Actor::Operator);
/// Stock of the quantity session.
const STOCK: i64 = 100;
/// High enough to walk through the lines many times.
const MAX_PER_USER: u32 = 100;
/// Rows of the seated session, and the seats in each.
const ROWS: [&str; 5] = ["A", "B", "C", "D", "E"];
const SEATS_PER_ROW: i64 = 10;
const PRICE: Money = Money::new(55_000, Currency::KRW);
const FRONT_ROW_PRICE: Money = Money::new(99_000, Currency::KRW);
const DAYS_AHEAD: u32 = 30;
/// How long the start that made the administrator may take for the rest, before another goes on with it.
const SEEDING_TIME_MAX: Duration = Duration::from_secs(30);
/// Time between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// An account was not made.
    #[error("demo account: {0}")]
    User(#[from] EngineError<UserRefusal>),
    /// The event was not made.
    #[error("demo event: {0}")]
    Catalogue(#[from] EngineError<CatalogueRefusal>),
    /// What is there cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address of the demo is none: a defect.
    #[error("demo account: {0}")]
    Email(#[from] EmailError),
    /// A seat of the demo is none: a defect.
    #[error("demo seats: {0}")]
    Seat(#[from] SeatIdError),
    /// Hashing a password was cut short.
    #[error("demo account: hashing the password was cut short")]
    Hashing(#[from] tokio::task::JoinError),
}

/// The demo's data.
#[derive(Debug)]
pub struct Demo {
    admin: Account,
    buyer: Account,
    by_quantity: SessionId,
    by_seat: SessionId,
    /// Some seats that were free when the demo was made or found.
    free_seats: Vec<SeatId>,
    made: bool,
}

/// An account and its password, unless the secret it was derived from has changed since.
#[derive(Debug)]
struct Account {
    email: &'static str,
    password: Password,
    known: bool,
    /// When another start made it, or an earlier one.
    found_of: Option<Timestamp>,
}

struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Makes the demo's data, or finds what was made before; whatever a start that broke off left out is
/// added. Passwords are derived from `secret`, so that the next start can print them again.
///
/// Of nodes that start at once one makes it, the one that makes the administrator, whose address there
/// is only once. The others wait for it.
///
/// # Errors
/// [`DemoError`]; what was made until then is found by the next start.
pub async fn seed(ticketing: &Ticketing, secret: &[u8]) -> Result<Demo, DemoError> {
    let admin = account(ticketing, secret, ADMIN, Role::Admin).await?;
    if let Some(made_at) = admin.found_of {
        while !is_complete(ticketing).await? && ticketing.queries().now().await?.since(made_at) < SEEDING_TIME_MAX {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    let buyer = account(ticketing, secret, BUYER, Role::User).await?;
    let (event, made) = match find_event(ticketing).await? {
        Some(event) => (event, false),
        None => (create_event(ticketing).await?, true),
    };
    let sessions = find_sessions(ticketing, event.id).await?;
    let found = |kind| sessions.iter().find(|session| session.kind == kind).cloned();
    let by_quantity = match found(SessionKind::Quantity) {
        Some(session) => session.id,
        None => create_session(ticketing, event.id, SessionKind::Quantity).await?.id,
    };
    let by_seat = match found(SessionKind::Seated) {
        Some(session) => session,
        None => create_session(ticketing, event.id, SessionKind::Seated).await?,
    };
    if by_seat.stock.total == 0 {
        ticketing.import_seats(OPERATOR, by_seat.id, seats()?).await?;
    }
    let free_seats = free_seats(ticketing, by_seat.id).await?;
    Ok(Demo { admin, buyer, by_quantity, by_seat: by_seat.id, free_seats, made })
}

/// Whether there is everything that [`seed`] makes in the catalogue.
async fn is_complete(ticketing: &Ticketing) -> Result<bool, StoreError> {
    let Some(event) = find_event(ticketing).await? else { return Ok(false) };
    let sessions = find_sessions(ticketing, event.id).await?;
    let on_sale = |kind| sessions.iter().any(|session| session.kind == kind && session.stock.total > 0);
    Ok(on_sale(SessionKind::Quantity) && on_sale(SessionKind::Seated))
}

async fn account(ticketing: &Ticketing, secret: &[u8], email: &'static str, role: Role) -> Result<Account, DemoError> {
    let address: Email = email.parse()?;
    let password = password(secret, email);
    let found = match ticketing.queries().user_by_email(address.clone()).await? {
        Some(user) => Some(user),
        None => {
            let text = password.clone();
            let password_hash = tokio::task::spawn_blocking(move || PasswordHash::of(&text)).await?;
            let new = NewUser { email: address.clone(), password_hash, role };
            match ticketing.create_user(OPERATOR, new).await {
                Ok(_) => None,
                // Another node was faster.
                Err(EngineError::Refused(UserRefusal::EmailTaken)) => {
                    ticketing.queries().user_by_email(address).await?
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let found_of = found.as_ref().map(|user| user.created_at);
    let known = match found {
        None => true,
        Some(user) => {
            let text = password.clone();
            tokio::task::spawn_blocking(move || user.password_hash.matches(&text)).await?
        }
    };
    Ok(Account { email, password: Password(password), known, found_of })
}

/// Meets the password policy, and nobody without the secret can tell it.
fn password(secret: &[u8], email: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(b"ticketing demo password v1 ");
    mac.update(email.as_bytes());
    format!("Demo1-{}", crate::gateway::signature::hex(&mac.finalize().into_bytes()[..12]))
}

async fn find_event(ticketing: &Ticketing) -> Result<Option<Event>, StoreError> {
    let mut page = PageRequest { limit: PageRequest::LIMIT_MAX, after: None };
    loop {
        let found = ticketing.queries().events(None, page.clone()).await?;
        let demo = found.items.into_iter().find(|event| event.title == TITLE);
        if demo.is_some() || found.next.is_none() {
            return Ok(demo);
        }
        page.after = found.next;
    }
}

async fn find_sessions(ticketing: &Ticketing, event_id: EventId) -> Result<Vec<Session>, StoreError> {
    let page = PageRequest { limit: PageRequest::LIMIT_MAX, after: None };
    let found = ticketing.queries().sessions(Some(event_id), page).await?;
    Ok(found.items.into_iter().map(|view| view.session).collect())
}

async fn create_event(ticketing: &Ticketing) -> Result<Event, EngineError<CatalogueRefusal>> {
    let new = NewEvent {
        title: TITLE.to_owned(),
        description: "One session that sells by number, one that sells by seat.".to_owned(),
        venue: "Demo Hall".to_owned(),
        status: EventStatus::Published,
    };
    ticketing.create_event(OPERATOR, new).await
}

async fn create_session(ticketing: &Ticketing, event_id: EventId, kind: SessionKind) -> Result<Session, DemoError> {
    let start_at = ticketing.queries().now().await?.plus_seconds(DAYS_AHEAD * 86_400).end_of_slot(3_600);
    let stock = match kind {
        SessionKind::Quantity => STOCK,
        SessionKind::Seated => 0,
    };
    let new = NewSession { kind, max_per_user: MAX_PER_USER, ..NewSession::of(event_id, start_at, stock, PRICE) };
    Ok(ticketing.create_session(OPERATOR, new).await?)
}

/// Two free seats, not of the dearer front row if others are left.
async fn free_seats(ticketing: &Ticketing, session: SessionId) -> Result<Vec<SeatId>, StoreError> {
    let seats = ticketing.queries().seats(session, None).await?.map(|(_, seats)| seats).unwrap_or_default();
    let mut free: Vec<_> = seats.into_iter().filter(|seat| seat.status == SeatStatus::Available).collect();
    free.sort_by_key(|seat| (seat.row == ROWS[0], seat.row.clone(), seat.number));
    Ok(free.into_iter().take(2).map(|seat| seat.id).collect())
}

fn seats() -> Result<Vec<NewSeat>, SeatIdError> {
    let seat = |row: &str, number: i64| {
        Ok(NewSeat {
            id: format!("{row}{number}").parse()?,
            section: "Floor".to_owned(),
            row: row.to_owned(),
            number,
            price: (row == ROWS[0]).then_some(FRONT_ROW_PRICE),
        })
    };
    ROWS.iter().flat_map(|row| (1..=SEATS_PER_ROW).map(move |number| seat(row, number))).collect()
}

impl Demo {
    /// How to buy a ticket from the server at `public_url`: all of it can be pasted into `sh`.
    pub fn walkthrough(&self, public_url: &str) -> String {
        let Self { admin, buyer, by_quantity, by_seat, made, .. } = self;
        let base = public_url.trim_end_matches('/');
        let data = if *made { "The demo's data was made" } else { "The demo's data of an earlier start was found" };
        let (login, seats) = (buyer.login_lines(), self.seat_lines());
        format!(
            r##"# {data}: {TITLE}
#   by number: {by_quantity}
#   by seat:   {by_seat}
#   admin:     {admin}
#   buyer:     {buyer}
# Buy two tickets (paste all of this into sh):
BASE='{base}'
JSON='Content-Type: application/json'
field() {{ sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }}
stop() {{ printf 'stopped; the server answered: %s\n' "$1" >&2; return 1; }}
{login}
TOKEN=$(curl -sS "$BASE/api/auth/login" -H "$JSON" -d "$BUYER" | field accessToken)
buy() {{
  QUEUE=$(curl -sS "$BASE/api/queue/token" -H "Authorization: Bearer $TOKEN" -H "$JSON" -d '{{"sessionId":"'"$1"'"}}' | field queueToken)
  ANSWER=$(curl -sS "$BASE/api/reservations/hold" -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: demo-$(date +%s)-$$" -H "$JSON" -d '{{"sessionId":"'"$1"'",'"$2"',"queueToken":"'"$QUEUE"'"}}')
  case "$ANSWER" in *'"status":"ACTIVE"'*) ;; *) stop "$ANSWER"; return 1 ;; esac
  HOLD=$(printf '%s\n' "$ANSWER" | field holdId)
  ANSWER=$(curl -sS "$BASE/api/payments/checkout" -H "Authorization: Bearer $TOKEN" -H "$JSON" -d '{{"holdId":"'"$HOLD"'","method":"CARD"}}')
  PAY=$(printf '%s\n' "$ANSWER" | field paymentSessionUrl)
  [ -n "$PAY" ] || {{ stop "$ANSWER"; return 1; }}
  echo "payment page: $PAY"
  curl -sS -o /dev/null -X POST "$PAY" -d decision=pay
  curl -sS "$BASE/api/me/tickets" -H "Authorization: Bearer $TOKEN"; echo
  TICKET=$(curl -sS "$BASE/api/me/tickets?limit=1" -H "Authorization: Bearer $TOKEN" | field ticketId)
  curl -sS "$BASE/api/tickets/$TICKET/qr.svg" -H "Authorization: Bearer $TOKEN" -o ticket.svg && echo "ticket.svg is the QR code of $TICKET"
}}
buy {by_quantity} '"quantity":2'
{seats}
"##
        )
    }
}

impl Demo {
    /// How to choose seats, of those that were free a moment ago.
    fn seat_lines(&self) -> String {
        let by_seat = self.by_seat;
        if self.free_seats.is_empty() {
            return format!("# By seat there is nothing to buy now: all of {by_seat} is held or sold.");
        }
        let labels: Vec<String> = self.free_seats.iter().map(|seat| format!("\"{seat}\"")).collect();
        format!(
            r#"# To choose seats (status AVAILABLE in $BASE/api/sessions/{by_seat}/seats), take this in place of the line before:
# buy {by_seat} '"seatIds":[{labels}]'"#,
            labels = labels.join(",")
        )
    }
}

impl Account {
    /// Sets `BUYER` to what the log-in takes: this account, or a new one if its password is lost.
    fn login_lines(&self) -> String {
        let (email, password) = (self.email, &self.password.0);
        if self.known {
            return format!(r#"BUYER='{{"email":"{email}","password":"{password}"}}'"#);
        }
        let (name, domain) = email.split_once('@').unwrap_or((email, "example.com"));
        format!(
            r#"BUYER='{{"email":"{name}-'"$(date +%s)"'@{domain}","password":"{password}"}}'
curl -sS -o /dev/null "$BASE/api/auth/signup" -H "$JSON" -d "$BUYER""#
        )
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, password, known, .. } = self;
        match known {
            true => write!(f, "{email}  {}", password.0),
            false => write!(f, "{email}  (its password was made under another secret and is not known any more)"),
        }
    }
}
