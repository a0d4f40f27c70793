//! What every store must do, one case per promise, and what the engine must do on it.
//!
//! [`conformance!`](crate::conformance) stamps every case as a test of a backend; its lists are the
//! one place where cases are named. Cases of the store speak to it with plain decisions and no rule
//! at all; cases of the engine run the real rules, and end with every invariant checked.

#![allow(missing_docs, reason = "a case's name is the promise it checks")]

pub mod atomicity;
mod bench;
pub mod catalogue;
pub mod changes;
pub mod checkin;
pub mod churn;
pub mod crowd;
pub mod guards;
pub mod holds;
pub mod loads;
pub mod logins;
pub mod lost;
pub mod organiser;
pub mod payments;
pub mod policy;
pub mod queries;
pub mod queue;
pub mod reconcile;
pub mod records;
pub mod refunds;
pub mod room;
pub mod sale;
pub mod seats;
pub mod spec;
pub mod workers;

use std::{future::Future, sync::Arc};

pub use self::bench::Bench;
use self::{
    lost::{Lossy, Misfortune},
    room::RoomBench,
};
use super::{Fixture, Harness, SimClock};
use crate::{clock::Clock, waiting_room::WaitingRoom};

/// Runs one case of the store.
pub async fn run_on_store<O, C>(open: impl FnOnce(Arc<dyn Clock>) -> O, case: impl FnOnce(Bench) -> C)
where
    O: Future<Output: Into<Option<Fixture>>>,
    C: Future<Output = ()>,
{
    let clock = Arc::new(SimClock::new());
    let Some(fixture) = open(Arc::clone(&clock) as _).await.into() else { return };
    case(Bench::over(Arc::clone(fixture.store()), clock).await).await;
}

/// Runs one case of the engine, and checks every invariant behind it.
pub async fn run_on_engine<O, C>(open: impl FnOnce(Arc<dyn Clock>) -> O, case: impl FnOnce(Harness) -> C)
where
    O: Future<Output: Into<Option<Fixture>>>,
    C: Future<Output = ()>,
{
    let clock = Arc::new(SimClock::new());
    let Some(fixture) = open(Arc::clone(&clock) as _).await.into() else { return };
    let room = fixture.waiting_room().cloned();
    let harness = Harness::with_a_room(Arc::clone(fixture.store()), room, clock).await;
    case(harness.clone()).await;
    harness.verify().await;
    harness.engine.shutdown().await;
}

/// Runs one case of a waiting room's store.
pub async fn run_on_room<O, C>(open: impl FnOnce(Arc<dyn Clock>) -> O, case: impl FnOnce(RoomBench) -> C)
where
    O: Future<Output = Option<Arc<dyn WaitingRoom>>>,
    C: Future<Output = ()>,
{
    let clock = Arc::new(SimClock::new());
    if let Some(store) = open(Arc::clone(&clock) as _).await {
        case(RoomBench { store, clock }).await;
    }
}

/// Runs one case of an engine whose waiting rooms may be lost, and checks every invariant behind it.
pub async fn run_on_lossy<O, C>(open: impl FnOnce(Arc<dyn Clock>) -> O, case: impl FnOnce(Lossy) -> C)
where
    O: Future<Output = Option<(Fixture, Arc<dyn Misfortune>)>>,
    C: Future<Output = ()>,
{
    let clock = Arc::new(SimClock::new());
    let Some((fixture, misfortune)) = open(Arc::clone(&clock) as _).await else { return };
    let room = fixture.waiting_room().cloned();
    let h = Harness::with_a_room(Arc::clone(fixture.store()), room, clock).await;
    case(Lossy { h: h.clone(), misfortune }).await;
    h.verify().await;
    h.engine.shutdown().await;
}

/// Stamps every case about waiting rooms that are lost as a test of one store of them.
///
/// The argument names an `async fn(Arc<dyn Clock>) -> Option<(Fixture, Arc<dyn Misfortune>)>`.
#[macro_export]
macro_rules! lost_room_conformance {
    ($open:ident) => {
        $crate::conformance! { @stamp run_on_lossy $open;
            lost {
                who_was_admitted_goes_on_and_who_waited_comes_again
                a_purchase_frees_the_place_of_who_was_admitted_before_the_loss
                who_was_admitted_at_once_goes_on
                who_left_before_the_loss_holds_nothing_after_it
                a_store_that_fell_back_keeps_the_line_under_another_epoch
                a_fall_back_that_only_this_node_has_seen_is_noticed
                a_ledger_that_fell_back_behind_an_epoch_is_brought_past_it
                whoever_sends_a_line_away_is_recorded_though_nobody_stood_in_it
                two_nodes_begin_a_lost_room_once
                a_line_in_the_ledger_moves_out_and_back_in_and_who_was_admitted_goes_on
            }
        }
    };
}

/// Stamps every case about waiting rooms that are kept in a store of their own as a test of one such store.
///
/// The argument names an `async fn(Arc<dyn Clock>) -> Option<Arc<dyn WaitingRoom>>` that opens an empty one, which
/// takes its time from that clock; `None` skips the case for want of a server.
#[macro_export]
macro_rules! waiting_room_conformance {
    ($open:ident) => {
        $crate::conformance! { @stamp run_on_room $open;
            room {
                numbers_follow_each_other_in_order_of_arrival
                an_answer_before_a_request_is_a_place_ahead
                whoever_has_a_place_keeps_it
                a_place_that_is_over_is_replaced_once
                a_room_takes_no_more_than_its_length
                a_closed_door_gives_no_new_place_and_tells_the_old_ones
                while_nobody_waits_everybody_is_admitted_at_once
                who_gives_a_place_up_is_stepped_over
                nobody_gives_up_the_place_of_another
                the_line_is_told_in_slices_and_in_order
                a_step_is_applied_once_and_takes_back_nobody_who_came_meanwhile
                a_frontier_is_shown_once_the_ledger_knows_of_it
                who_waits_is_sent_away_and_who_is_admitted_stays
                a_room_that_is_not_there_is_lost
                a_room_behind_what_is_known_is_lost_and_left_alone
                an_epoch_begins_once
                an_epoch_may_keep_its_line
                an_epoch_that_keeps_its_line_gives_no_number_twice
                places_of_a_lost_room_count_as_taken
                rooms_know_nothing_of_each_other
                it_does_what_the_reference_does
                positions_are_exact_with_a_million_waiting
            }
        }
    };
}

/// Stamps every case of the suite as a test of one backend.
///
/// The argument names an `async fn(Arc<dyn Clock>) -> Fixture` that opens an empty store which takes
/// its time from that clock; or one that answers `Option<Fixture>`, where `None` skips the case for
/// want of a server. The calling crate needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! conformance {
    ($open:ident) => {
        $crate::conformance! { @stamp run_on_store $open;
            atomicity {
                a_refused_change_undoes_its_whole_batch
                a_round_starts_without_traces_of_the_round_before
                need_more_reads_are_loaded_before_the_next_round
                a_decision_that_never_has_enough_is_refused
                a_decision_is_told_the_store_s_time
                a_decision_that_panics_leaves_nothing_behind
                racing_batches_see_each_other
                nobody_sees_part_of_a_batch
                a_committed_batch_is_remembered_and_another_is_not
                the_last_1024_batches_are_remembered
                nothing_to_write_is_no_error
            }
            records {
                every_record_reads_back_as_it_was_written
                every_record_reads_back_as_it_was_replaced
                what_may_be_absent_reads_back_absent
                states_and_bounds_read_back
            }
            loads {
                what_is_not_there_is_loaded_as_absent
                an_account_is_found_by_its_address
                holds_of_a_user_are_all_of_them_whatever_their_status
                the_earliest_holds_are_the_active_ones_by_their_end
                the_place_of_a_user_is_the_newest_they_are_in
                places_are_a_range_whatever_their_state
                a_payment_is_found_by_the_gateway_s_name
            }
            guards {
                one_address_is_one_account
                one_key_is_one_hold_of_a_user_in_a_session
                one_hold_is_one_order
                one_order_is_one_payment
                one_gateway_payment_is_one_payment
                one_outbox_key_is_one_message
                one_seat_is_one_row
                one_place_is_one_visitor
                one_number_is_one_audit_record
                one_ticket_is_one_row
                an_id_is_used_once
                stock_never_goes_below_zero
                stock_always_adds_up
            }
            queries {
                the_store_tells_its_time
                a_revision_changes_with_every_commit
                migrating_twice_is_harmless
                lists_come_in_pages_that_miss_and_repeat_nothing
                a_full_last_page_has_no_next
                lists_keep_to_their_filters
                a_user_s_orders_and_tickets_come_newest_first
                a_ticket_is_shown_with_its_event_and_its_time
                overdue_holds_are_counted_as_free
                a_seat_in_an_overdue_hold_is_shown_as_available
                sessions_of_an_event_are_one_consistent_view
                a_waiting_room_tells_which_places_were_given_up
                sessions_to_sweep_have_overdue_holds
                sessions_to_admit_have_somebody_in_their_rooms
                messages_are_due_oldest_first_and_only_while_pending
                a_kept_callback_is_to_be_matched_once_its_payment_is_known
                callbacks_without_a_payment_are_listed_until_they_are_matched
                an_audit_chain_is_read_in_order_from_anywhere
                a_stream_s_chain_comes_with_its_head
                a_ledger_is_everything_about_one_session
            }
        }
        $crate::conformance! { @stamp run_on_engine $open;
            spec {
                hold_succeeds_when_sufficient_inventory
                hold_fails_when_insufficient_inventory
                hold_is_idempotent_with_same_key
                hold_expires_and_restores_inventory
                payment_completion_is_idempotent
                hold_to_sold_transition_on_payment_success
                payment_failure_releases_hold
                issues_token_with_position
                allows_when_within_window
                rejects_when_queue_is_full
                given_ten_left_a_hold_of_three_leaves_seven_is_active_and_has_an_end
                given_two_left_a_hold_of_three_is_a_conflict
                given_the_same_key_a_retry_returns_the_same_hold_id
                given_an_expired_hold_the_scanner_restores_its_stock
                given_a_live_hold_a_successful_payment_makes_it_sold
                given_a_duplicate_callback_a_single_sale_is_recorded
                given_a_full_queue_another_visitor_is_turned_away
            }
            holds {
                a_hold_dies_at_its_end_and_not_before
                an_expired_hold_frees_its_stock_before_any_sweep
                a_crowd_of_overdue_holds_is_reclaimed_for_one_that_needs_them_all
                a_refusal_tells_what_is_left_with_overdue_holds_counted_as_free
                nobody_is_refused_while_overdue_holds_would_do
                a_release_is_idempotent
                a_release_after_the_end_finds_the_hold_expired
                a_release_after_payment_is_refused
                another_user_s_hold_is_not_found
                an_administrator_releases_any_hold
                one_live_hold_per_user_and_session
                a_user_holds_in_two_sessions_at_once
                the_limit_counts_what_is_held_and_bought
                a_replay_comes_before_any_other_check_of_state
                a_replay_is_answered_as_the_hold_was_first_answered
                a_key_names_one_request
                a_key_belongs_to_its_user_and_its_session
                a_refused_key_may_be_tried_again
                a_quantity_is_not_sold_in_seats_nor_seats_by_quantity
                prices_are_those_of_the_moment_of_the_hold
            }
            seats {
                a_seat_hold_is_all_or_nothing
                one_seat_raced_by_many_is_held_once
                an_unknown_seat_is_named
                a_seat_named_twice_or_none_is_no_hold
                seats_follow_their_hold
                an_overdue_seat_is_taken_over_before_any_sweep
                a_seat_s_own_price_is_charged
                a_late_payment_takes_its_seats_again_if_all_are_free
                a_late_payment_is_refunded_if_one_seat_is_gone
                seats_are_imported_all_or_none
            }
            sale {
                sales_open_and_close_at_their_exact_instants
                a_session_sells_only_while_it_is_open
                a_live_hold_may_be_paid_while_the_sale_is_paused_or_closed
                a_session_of_a_draft_or_archived_event_is_not_found
                an_unknown_session_is_not_found
            }
            payments {
                a_checkout_asked_again_is_the_same
                a_dead_hold_is_not_checked_out
                another_user_s_hold_is_not_checked_out
                a_checkout_goes_on_where_the_gateway_failed
                no_page_is_opened_for_a_hold_that_is_over
                a_late_payment_takes_its_stock_again_if_it_is_free
                a_late_payment_takes_its_stock_again_after_a_sweep
                a_late_payment_is_refunded_when_its_stock_is_gone
                a_late_payment_is_refunded_when_it_would_break_the_limit
                a_success_followed_by_a_fail_stays_paid
                a_fail_followed_by_a_success_is_refunded
                a_payment_for_a_released_hold_is_refunded
                a_wrong_amount_is_never_sold
                a_wrong_currency_is_never_sold
                a_callback_without_amount_is_believed
                fifty_duplicates_at_once_sell_once
                a_success_and_a_fail_at_once_end_in_one_of_both
                an_unknown_payment_is_kept_and_matched_later
                an_unknown_payment_of_nobody_stays_kept
                a_decline_frees_its_stock_at_once
                a_purchase_has_its_tickets_each_with_its_own_id
            }
            refunds {
                a_refund_reaches_the_gateway_once_under_its_fixed_key
                a_refund_waits_for_the_gateway_with_growing_patience
                a_refund_whose_reply_was_lost_is_given_once
                a_worker_that_dies_in_the_middle_of_a_refund_leaves_it_to_the_next
                a_lease_is_one_worker_s_alone
                refunds_are_under_way_side_by_side
            }
            reconcile {
                what_is_settled_is_left_alone
                a_capture_that_the_ledger_waits_for_is_sold
                a_capture_with_nothing_to_sell_goes_back
                a_capture_that_was_given_back_sells_nothing
                what_was_given_back_buys_nothing_however_late_its_callback_comes
                a_ticket_whose_money_was_given_back_is_told_and_left_alone
                a_payment_that_lost_its_name_is_found_by_its_reference
                a_ledger_that_lost_its_sales_tells_of_every_one
                only_what_was_captured_since_is_asked_for
                a_gateway_that_lists_nothing_is_told_and_asked_again
                two_engines_reconcile_at_once_and_sell_once
            }
            queue {
                places_are_in_order_of_arrival
                the_same_user_finds_the_same_place
                a_place_that_is_left_makes_room_for_the_next
                who_left_is_told_so_though_the_line_has_moved_on
                a_place_that_is_left_or_over_holds_nothing
                who_comes_back_after_their_end_is_counted_once
                a_purchase_makes_room_for_the_next
                admission_takes_those_who_came_first
                positions_count_those_who_wait_ahead
                a_place_survives_a_restart
                a_hold_needs_a_token_while_the_queue_is_on
                a_hold_needs_no_token_while_the_queue_is_off
                a_token_belongs_to_its_user_and_its_session
                a_forged_token_is_refused
                a_token_of_a_place_that_was_lost_holds_nothing
                a_token_whose_turn_has_not_come_holds_nothing
                a_token_expires_with_its_window
                a_wait_ends_with_its_time
                a_visitor_whose_window_ended_joins_at_the_end
                nobody_is_admitted_to_a_sold_out_session
                a_full_queue_takes_visitors_again_when_places_end
                a_queue_opens_with_the_sale_and_closes_with_it
                a_token_that_was_left_is_unknown
            }
            organiser {
                a_refund_takes_the_tickets_and_brings_the_stock_back_at_once
                a_refund_asked_for_again_and_at_once_is_one
                seats_that_were_given_back_are_for_sale_again
                only_what_was_paid_is_given_back
                an_order_with_a_used_ticket_is_not_given_back
                a_scan_and_a_refund_at_once_end_in_one_of_both
            }
            checkin {
                a_ticket_lets_in_once_and_the_same_scan_is_answered_the_same
                a_hundred_doors_at_once_let_one_in
                what_was_given_back_lets_nobody_in
                a_door_knows_its_session_and_no_code_but_ours
                a_ticket_whose_code_names_another_seat_lets_nobody_in
                a_ticket_signed_with_the_seed_before_is_good
            }
            logins {
                a_refresh_token_is_good_for_one_use
                a_use_repeated_within_ten_seconds_brings_the_same_successor
                twenty_uses_at_once_bring_one_successor
                a_login_ends_at_its_time_however_often_it_is_refreshed
                a_login_that_was_ended_stays_so
                a_token_that_nobody_was_given_ends_nothing
                a_login_is_ended_by_any_of_its_tokens
                a_hash_is_replaced_only_where_it_still_is
            }
            churn {
                who_lets_go_again_and_again_waits_until_the_first_is_long_ago
                what_ran_out_counts_from_its_end_before_any_sweep_and_what_was_bought_never
                nobody_cools_down_unless_it_is_asked_for
            }
            policy {
                who_comes_ahead_of_the_sale_is_admitted_in_order_once_it_opens
                nobody_is_admitted_and_nobody_loses_a_place_while_a_sale_is_paused
                a_line_that_is_cleared_is_sent_away_and_may_come_back
                who_was_sent_away_is_never_counted_as_admitted
                who_was_sent_away_holds_nothing_where_windows_never_end
                a_line_of_many_steps_is_sent_away_to_its_end
                a_wait_ahead_of_the_sale_counts_from_its_opening
                a_wider_room_admits_the_next_and_a_narrower_one_takes_nobody_out
                windows_wanted_in_a_running_sale_begin_then_and_make_room_when_they_end
                a_limit_is_changed_alone
                a_rate_counts_from_when_it_is_set
                a_room_that_is_shortened_takes_nobody_more_and_sends_nobody_away
                a_room_switched_off_lets_all_hold_and_switched_on_again_knows_its_line
                a_sold_out_room_says_so_until_stock_returns
            }
            changes {
                a_map_kept_up_by_what_changed_is_the_whole_map
                what_did_not_change_is_not_told_again
                the_audit_log_is_walked_without_gaps_or_repeats
                a_thing_is_found_in_the_audit_log_by_its_name
                orders_are_listed_by_session_buyer_and_status
            }
            catalogue {
                a_change_leaves_what_it_does_not_name
                stock_in_use_is_not_taken_away
                an_overdue_hold_is_no_stock_in_use
                stock_is_raised_and_lowered_while_on_sale
                a_kind_in_use_is_not_changed
                a_session_with_seats_keeps_its_currency
                a_late_payment_finds_no_stock_of_another_kind
                a_field_out_of_its_bounds_is_named
                what_does_not_exist_is_not_changed
                an_address_has_one_account_whatever_its_spelling
                a_role_is_set_for_an_existing_account_only
                a_shown_session_is_fresh_within_a_second
            }
            crowd {
                five_hundred_buyers_of_a_hundred_tickets_get_exactly_a_hundred
                two_engines_on_one_store_oversell_nothing
                a_request_that_is_dropped_still_runs_to_its_end
                holds_releases_and_payments_at_once_keep_the_books
            }
            workers {
                an_idle_round_finds_nothing_to_do
                a_sweep_expires_every_overdue_hold_of_every_session
                one_round_does_all_the_housekeeping
                an_engine_that_shut_down_takes_nothing_more
            }
        }
    };
    (@stamp $run:ident $open:ident; $($group:ident { $($case:ident)+ })+) => {$(
        mod $group {
            $(
                #[tokio::test]
                async fn $case() {
                    $crate::testing::suite::$run(super::$open, $crate::testing::suite::$group::$case).await;
                }
            )+
        }
    )+};
}
