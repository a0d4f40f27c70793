//! A payment gateway in process: it opens every payment and gives every captured one back once.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, ready};
use ticketing_core::{
    money::Money,
    payment::{
        GatewayPaymentId, GatewaySession,
        gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
    },
};

/// What the gateway did for one payment.
#[derive(Debug, Clone, Copy)]
struct Account {
    amount: Money,
    refunds: u32,
}

/// Names a payment after its merchant reference, so that the same question has the same answer.
#[derive(Debug, Default)]
pub struct SimGateway {
    accounts: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    by_payment: HashMap<String, Account>,
    refund_keys: HashMap<String, String>,
}

impl SimGateway {
    /// How often money was given back for `payment`; asking again under one key counts once.
    pub fn refunds_of(&self, payment: &GatewayPaymentId) -> u32 {
        self.books().by_payment.get(payment.as_str()).map_or(0, |account| account.refunds)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_now(&self, request: &OpenPayment) -> Result<GatewaySession, GatewayError> {
        let name = format!("sim_{}", request.reference.uuid().as_simple());
        let mut books = self.books();
        let account = books.by_payment.entry(name.clone()).or_insert(Account { amount: request.amount, refunds: 0 });
        if account.amount != request.amount {
            return Err(GatewayError::Refused(format!("{name} was opened for {}", account.amount)));
        }
        let url = format!("https://gateway.invalid/pay/{name}");
        let pg_payment_id = name.parse().map_err(|error| GatewayError::Refused(format!("{name}: {error}")))?;
        Ok(GatewaySession { pg_payment_id, url })
    }

    fn refund_now(&self, request: Refund) -> Result<(), GatewayError> {
        let mut books = self.books();
        let name = request.pg_payment_id.as_str().to_owned();
        match books.refund_keys.get(&request.key) {
            Some(first) if *first == name => return Ok(()),
            Some(first) => return Err(GatewayError::Refused(format!("{} gave {first} back", request.key))),
            None => {}
        }
        let account = books.by_payment.get_mut(&name);
        let account = account.ok_or_else(|| GatewayError::Refused(format!("there is no payment {name}")))?;
        if account.amount != request.amount {
            return Err(GatewayError::Refused(format!("{name} was paid with {}", account.amount)));
        }
        account.refunds += 1;
        books.refund_keys.insert(request.key, name);
        Ok(())
    }
}

impl PaymentGateway for SimGateway {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(ready(self.open_now(&request)))
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(ready(self.refund_now(request)))
    }
}
