//! Reconciliation in JSON.

use serde::{Deserialize, Serialize};
use ticketing_core::{
    clock::Timestamp,
    ids::CallbackId,
    payment::{Callback, CallbackStatus, GatewayPaymentId},
};

/// Asks for everything that was captured since.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcileRequest {
    /// By the gateway's clock.
    pub since: Timestamp,
}

/// A callback that names no payment of ours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedCallback {
    callback_id: CallbackId,
    pg_payment_id: GatewayPaymentId,
    status: CallbackStatus,
    amount: Option<i64>,
    currency: Option<String>,
    received_at: Timestamp,
    payload: String,
}

impl From<Callback> for UnmatchedCallback {
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
