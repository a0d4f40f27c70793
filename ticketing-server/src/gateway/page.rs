//! The sandbox's pages: plain HTML that fetches nothing and runs nothing.

use std::{
    fmt::{self, Write},
    sync::LazyLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use ticketing_core::{
    clock::Timestamp,
    ids::OrderId,
    money::{Currency, Money},
    payment::PaymentStatus,
};

use super::play::Decision;

const STYLE: &str = "\
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:1.5rem;background:#f4f4f6;color:#1c1c22}\
main{max-width:26rem;margin:auto;background:#fff;border-radius:12px;padding:1.5rem;box-shadow:0 1px 4px #0002}\
h1{font-size:1.25rem;margin:0 0 1rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1rem;margin:0 0 1.5rem}\
dt{color:#5c5c66}dd{margin:0;text-align:right;overflow-wrap:anywhere}dd.amount{font-size:1.25rem;font-weight:600}\
form{display:grid;gap:.75rem}details{margin-top:1rem}summary{color:#5c5c66;cursor:pointer;margin-bottom:.75rem}button{font:inherit;padding:.8rem;border-radius:8px;border:1px solid #b9b9c3;background:#fff;cursor:pointer}\
button.pay{background:#1750c4;border-color:#1750c4;color:#fff;font-weight:600}\
p.note{color:#5c5c66;font-size:.875rem;margin:1.25rem 0 0}code{font-size:.875rem;overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){body{background:#17171b;color:#ececf1}main{background:#232329}\
dt,p.note{color:#a5a5b0}button{background:#232329;color:#ececf1;border-color:#55555f}}";

/// The pages' `Content-Security-Policy`: their own style by its hash, their own form, nothing else.
pub static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// What the payment page shows.
#[derive(Debug)]
pub struct PaymentPage<'a> {
    /// What is on.
    pub title: &'a str,
    /// When the doors open.
    pub start_at: Timestamp,
    /// How many tickets.
    pub quantity: u32,
    /// What they cost.
    pub amount: Money,
    /// The order to be paid.
    pub order_id: OrderId,
    /// When the time to pay is over.
    pub expires_at: Timestamp,
    /// The present instant.
    pub now: Timestamp,
}

impl PaymentPage<'_> {
    /// The page.
    pub fn render(&self) -> String {
        let seconds_left = self.expires_at.since(self.now).as_secs();
        let body = format!(
            "<dl><dt>Event</dt><dd>{title}</dd><dt>Starts</dt><dd>{start_at}</dd><dt>Tickets</dt><dd>{quantity}</dd>\
             <dt>Order</dt><dd><code>{order_id}</code></dd>\
             <dt>Time left</dt><dd>{minutes} min {seconds:02} s, until {expires_at}</dd>\
             <dt>To pay</dt><dd class=\"amount\">{amount}</dd></dl>\
             <form method=\"post\"><button class=\"pay\" name=\"decision\" value=\"pay\">Pay</button>\
             <button name=\"decision\" value=\"decline\">Decline</button></form>\
             <details><summary>Something else that gateways do</summary><form method=\"post\">{others}</form></details>\
             <p class=\"note\">This is the sandbox gateway: no card is asked for, and no money moves.</p>",
            title = Escaped(self.title),
            start_at = Minutes(self.start_at),
            quantity = self.quantity,
            order_id = self.order_id,
            minutes = seconds_left / 60,
            seconds = seconds_left % 60,
            expires_at = Minutes(self.expires_at),
            amount = Amount(self.amount),
            others = Decision::OTHERS
                .map(|(value, text)| format!("<button name=\"decision\" value=\"{value}\">{text}</button>"))
                .concat(),
        );
        document("Pay for your tickets", "", &body)
    }
}

/// What the page behind the payment shows.
#[derive(Debug)]
pub struct ResultPage {
    /// What became of the payment.
    pub status: PaymentStatus,
    /// Whether the time to pay is over.
    pub expired: bool,
    /// What it was about.
    pub amount: Money,
    /// The order that was to be paid.
    pub order_id: OrderId,
}

impl ResultPage {
    /// The page.
    pub fn render(&self) -> String {
        let (title, text) = self.words();
        // Until the shop has answered, the page looks again by itself.
        let waits = self.status == PaymentStatus::Pending && !self.expired;
        let head = if waits { "<meta http-equiv=\"refresh\" content=\"2\">" } else { "" };
        let order_id = self.order_id;
        let mut body = format!(
            "<p>{text}</p><dl><dt>Order</dt><dd><code>{order_id}</code></dd><dt>Payment</dt><dd>{status}</dd>\
             <dt>Amount</dt><dd class=\"amount\">{amount}</dd></dl>",
            status = self.status,
            amount = Amount(self.amount),
        );
        if self.status == PaymentStatus::Succeeded {
            body.push_str("<p>Your tickets, with your access token: <code>GET /api/me/tickets</code></p>");
        }
        // No link: a browser that follows one sends no token. Writing to a string cannot fail.
        let order = format_args!("<code>GET /api/me/orders/{order_id}</code>");
        let _ = write!(body, "<p class=\"note\">The order, with your access token: {order}</p>");
        document(title, head, &body)
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self.status {
            PaymentStatus::Succeeded => ("Paid", "Your payment was received and your tickets are ready."),
            PaymentStatus::Failed => ("Payment declined", "Nothing was charged, and the tickets are for sale again."),
            PaymentStatus::RefundPending => {
                ("Too late for these tickets", "Your payment came when they were gone. You get all of it back.")
            }
            PaymentStatus::Refunded => ("Paid back", "You got all of your payment back."),
            PaymentStatus::Pending if self.expired => {
                ("The time to pay is over", "Nothing was charged, and the tickets are for sale again.")
            }
            PaymentStatus::Pending => ("Waiting for the shop", "The shop has not confirmed the payment yet."),
        }
    }
}

/// A page that says one thing.
pub fn message(title: &str, text: &str) -> String {
    document(title, "", &format!("<p>{}</p>", Escaped(text)))
}

fn document(title: &str, head: &str, body: &str) -> String {
    let title = Escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\">{head}<title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>\n"
    )
}

/// Text that is only ever text, in elements and in quoted attributes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            _ => f.write_char(c),
        })
    }
}

/// `2026-11-22 18:50:01 UTC`.
struct Minutes(Timestamp);

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        let time = time.split_once('.').map_or(time, |(seconds, _)| seconds);
        write!(f, "{date} {time} UTC")
    }
}

/// An amount in major units, such as `55,000 KRW` or `12.50 EUR`.
struct Amount(Money);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = minor_digits(self.0.currency);
        let unit = 10_u64.pow(digits as u32);
        let minor = self.0.minor.unsigned_abs();
        if self.0.minor < 0 {
            f.write_char('-')?;
        }
        let major = (minor / unit).to_string();
        for (at, digit) in major.chars().enumerate() {
            if at > 0 && (major.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        if digits > 0 {
            write!(f, ".{:0digits$}", minor % unit)?;
        }
        write!(f, " {}", self.0.currency)
    }
}

/// Digits behind the point (ISO 4217).
fn minor_digits(currency: Currency) -> usize {
    match currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn page(title: &str) -> String {
        PaymentPage {
            title,
            start_at: "2026-11-22T18:50:01Z".parse().unwrap(),
            quantity: 2,
            amount: Money::new(110_000, Currency::KRW),
            order_id: OrderId::from_uuid(Uuid::from_u128(1)),
            expires_at: Timestamp::from_micros(119_000_000),
            now: Timestamp::from_micros(0),
        }
        .render()
    }

    fn result(status: PaymentStatus, expired: bool) -> String {
        let amount = Money::new(1, Currency::KRW);
        ResultPage { status, expired, amount, order_id: OrderId::from_uuid(Uuid::from_u128(1)) }.render()
    }

    #[test]
    fn the_payment_page_shows_what_is_paid_and_fetches_nothing() {
        let page = page("Gala");
        for shown in ["Gala", "110,000 KRW", "1 min 59 s", "2026-11-22 18:50:01 UTC", "order_0", ">Pay<", ">Decline<"] {
            assert!(page.contains(shown), "{shown} is missing in {page}");
        }
        for fetched in ["src=", "http:", "https:", "@import", "url(", "<script"] {
            assert!(!page.contains(fetched), "{fetched} in {page}");
        }
    }

    #[test]
    fn a_title_is_only_ever_text() {
        let page = page("<script>alert('1')</script> & \"x\"");
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"), "{page}");
        assert!(message("a<b", "c<d").contains("a&lt;b"));
    }

    #[test]
    fn the_result_page_looks_again_only_while_the_shop_has_not_answered() {
        assert!(result(PaymentStatus::Pending, false).contains("http-equiv=\"refresh\""));
        assert!(result(PaymentStatus::Pending, true).contains("The time to pay is over"));
        for status in PaymentStatus::ALL.iter().filter(|status| **status != PaymentStatus::Pending) {
            assert!(!result(*status, false).contains("refresh"), "{status}");
        }
        assert!(result(PaymentStatus::Succeeded, false).contains("/api/me/tickets"));
    }

    #[test]
    fn the_result_page_has_no_link_that_needs_a_token() {
        let page = result(PaymentStatus::Succeeded, false);
        assert!(page.contains("GET /api/me/orders/order_0"), "{page}");
        assert!(!page.contains("<a "), "{page}");
    }

    #[test]
    fn amounts_are_shown_in_major_units() {
        let shown = |minor, currency: &str| Amount(Money::new(minor, currency.parse().unwrap())).to_string();
        assert_eq!(shown(55_000, "KRW"), "55,000 KRW");
        assert_eq!(shown(1_234_567_805, "EUR"), "12,345,678.05 EUR");
        assert_eq!(shown(-5, "KWD"), "-0.005 KWD");
        assert_eq!(shown(0, "USD"), "0.00 USD");
    }
}
