//! Questions and answers in plain words, for traces.

use super::{
    history::{Answer, Ask, No, Settled, User, Who, Wish},
    oracle::seconds,
};

/// Who it is, in words.
pub fn name(who: Who) -> String {
    match who {
        Who::Buyer(user) => format!("buyer {user}"),
        Who::Organiser => "the organiser".to_owned(),
        Who::Gateway => "the gateway".to_owned(),
    }
}

/// What is asked, in words.
pub fn words(ask: &Ask) -> String {
    match ask {
        Ask::Hold { key, wish, token_of } => {
            format!("hold {} under key {key}{}", goods(wish), with_token(*token_of))
        }
        Ask::Release { hold } => format!("release {hold}"),
        Ask::Checkout { hold } => format!("check {hold} out"),
        Ask::Callback { payment, paid: true, in_full: true } => format!("take note that {payment} was paid"),
        Ask::Callback { payment, paid: true, in_full: false } => {
            format!("take note that too little was paid for {payment}")
        }
        Ask::Callback { payment, paid: false, .. } => format!("take note that {payment} was declined"),
        Ask::Join => "take a place in the line".to_owned(),
        Ask::Poll { place, token_of } => format!("where place {place} of buyer {token_of} stands"),
        Ask::Leave { place, .. } => format!("give place {place} up"),
        Ask::SetTotal(total) => format!("sell {total} tickets in all"),
        Ask::SetLimit(limit) => format!("sell {limit} tickets to a buyer at most"),
        Ask::SetPrice(price) => format!("sell at {price}"),
        Ask::SetOpen(true) => "open the sale".to_owned(),
        Ask::SetOpen(false) => "halt the sale".to_owned(),
        Ask::Clear => "send away who waits".to_owned(),
        Ask::Refund { order } => format!("give {order} back"),
        Ask::Scan { ticket, nonce } => format!("let in with {ticket}, scan {nonce}"),
    }
}

/// What is answered, in words.
pub fn told(answer: &Answer) -> String {
    match answer {
        Answer::Pending => "nothing".to_owned(),
        Answer::Held { hold, wish, amount, expires, replayed, .. } => {
            let again = if *replayed { ", as before" } else { "" };
            format!("{hold} of {} for {amount} until {}{again}", goods(wish), seconds(*expires))
        }
        Answer::Ended { expired: true } => "it had run out".to_owned(),
        Answer::Ended { expired: false } => "it is released".to_owned(),
        Answer::CheckedOut { order, payment, amount } => format!("{order}, {amount} to be paid as {payment}"),
        Answer::Settled(Settled::Sold) => "sold".to_owned(),
        Answer::Settled(Settled::Declined) => "declined".to_owned(),
        Answer::Settled(Settled::Refund(reason)) => format!("to be given back ({reason})"),
        Answer::Settled(Settled::Duplicate) => "known already".to_owned(),
        Answer::Settled(Settled::Contradicted) => "it contradicts what is final".to_owned(),
        Answer::Unmatched => "kept, for a payment that may turn up".to_owned(),
        Answer::Placed { number, existing, allowed } => {
            let (new, admitted) = (if *existing { "still" } else { "now" }, if *allowed { ", admitted" } else { "" });
            format!("{new} in place {number}{admitted}")
        }
        Answer::Standing { allowed: true, .. } => "admitted".to_owned(),
        Answer::Standing { sold_out: true, .. } => "waits, and all is sold".to_owned(),
        Answer::Standing { allowed: false, position, .. } => format!("waits, {position} in line"),
        Answer::Refunded => "it is given back".to_owned(),
        Answer::Scanned { replayed: false } => "come in".to_owned(),
        Answer::Scanned { replayed: true } => "come in, as before".to_owned(),
        Answer::Done => "done".to_owned(),
        Answer::Refused(no) => format!("no: {}", refusal(no)),
        Answer::Failed(why) => format!("not done: {why}"),
        Answer::Unknown => "nothing; it may be done or not".to_owned(),
    }
}

fn refusal(no: &No) -> String {
    match no {
        No::SoldOut => "sold out".to_owned(),
        No::SeatTaken(seats) => format!("{} taken", seats.join(", ")),
        No::HoldExists(hold) => format!("they have {hold}"),
        No::Limit => "more than one buyer may have".to_owned(),
        No::KeyReused => "the key is another request's".to_owned(),
        No::NotAdmitted => "not admitted".to_owned(),
        No::TokenExpired => "the token is over".to_owned(),
        No::TokenMismatch => "the token is not theirs".to_owned(),
        No::NotSelling => "not on sale".to_owned(),
        No::NotFound => "there is no such thing".to_owned(),
        No::NotActive => "the hold is over".to_owned(),
        No::AlreadySold => "it is sold".to_owned(),
        No::StockInUse => "more is held and sold".to_owned(),
        No::AlreadyIn => "somebody came in with it".to_owned(),
        No::Other(why) => why.clone(),
    }
}

fn goods(wish: &Wish) -> String {
    match wish {
        Wish::Tickets(count) => format!("{count} tickets"),
        Wish::Seats(seats) => format!("seats {}", seats.join(", ")),
    }
}

fn with_token(of: Option<User>) -> String {
    of.map_or_else(String::new, |user| format!(" with the token of buyer {user}"))
}
