use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    ids::CallbackId,
    payment::{Callback, CallbackStatus, GatewayPaymentId},
};

use crate::output::{Show, or_blank, when};

/// A callback that names no payment of this store.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedRow {
    callback_id: CallbackId,
    pg_payment_id: GatewayPaymentId,
    status: CallbackStatus,
    amount: Option<i64>,
    currency: Option<String>,
    received_at: Timestamp,
    payload: String,
}

impl From<Callback> for UnmatchedRow {
    fn from(callback: Callback) -> Self {
        let report = callback.report;
        Self {
            callback_id: callback.id,
            pg_payment_id: report.pg_payment_id,
            status: report.status,
            amount: report.amount,
            currency: report.currency,
            received_at: callback.received_at,
            payload: report.raw_payload,
        }
    }
}

impl Show for UnmatchedRow {
    const COLUMNS: &'static [&'static str] = &["payment at the gateway", "status", "amount", "currency", "received"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.pg_payment_id.to_string(),
            self.status.to_string(),
            or_blank(self.amount),
            or_blank(self.currency.as_ref()),
            when(self.received_at),
        ]
    }
}
