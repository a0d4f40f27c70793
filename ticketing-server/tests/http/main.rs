//! Everything the server promises over HTTP, on every store: in process, over real sockets.
//!
//! [`every_case`] is the one list of cases. A case is an `async fn` of its group's module and takes
//! the store that its server is to run on.

mod administration;
mod authentication;
mod catalogue;
mod checkin;
mod client;
mod contract;
mod conventions;
mod gateway;
mod holds;
mod hostile;
mod limits;
mod logins;
mod matrix;
mod openapi;
mod operations;
mod payments;
mod queue_stream;
mod restarts;
mod sandbox;
mod seats;
mod server;
mod shop;
#[path = "../store/mod.rs"]
mod store;
mod tracing;
mod waiting_room;

/// What a server does on every store.
macro_rules! every_case {
    ($store:ident) => {
        stamp! { $store;
            authentication {
                whoever_signs_up_can_log_in_and_learns_who_they_are
                an_address_has_one_account_whatever_its_case_and_surrounding_space
                of_many_who_sign_up_with_one_address_at_once_one_succeeds
                a_bad_address_or_a_weak_password_is_told_by_field
                an_unknown_address_and_a_wrong_password_are_told_alike
                too_many_tries_per_account_are_refused_even_with_the_right_password
                too_many_tries_per_address_are_refused
                requests_beyond_the_limit_of_a_user_are_refused
                without_a_genuine_token_nobody_is_anybody
                a_subject_without_an_account_is_a_user_all_the_same
                an_administrator_by_token_alone_is_none
            }
            matrix {
                everybody_gets_at_their_own_and_at_what_their_role_is_for
            }
            openapi {
                every_path_takes_the_methods_that_are_described_and_no_other
                the_document_its_pages_and_its_reasons_are_served_and_load_nothing_from_elsewhere
            }
            logins {
                a_refresh_token_brings_new_tokens_and_is_used_up
                a_lost_answer_is_given_again
                refreshing_has_a_limit_of_its_own_and_takes_nothing_from_logging_in
                a_token_used_again_ends_its_whole_family
                a_log_in_ends_with_its_owners_log_out
                a_token_of_nobody_is_refused_as_any_other
                a_log_in_has_an_end_however_often_it_is_refreshed
                a_refreshed_token_has_the_role_that_the_account_has_by_then
                a_hash_of_other_parameters_is_made_again_at_the_next_log_in
            }
            checkin {
                a_ticket_admits_once_and_the_same_scan_is_answered_the_same
                of_a_hundred_scans_at_once_one_is_admitted
                a_ticket_of_another_session_a_revoked_one_and_a_forgery_are_told_apart
                only_staff_and_administrators_let_people_in
                tickets_of_the_key_before_still_admit_and_both_keys_are_published
                an_order_is_given_back_once_its_tickets_are_void_and_its_stock_is_free
                only_a_paid_order_with_unused_tickets_is_given_back
                orders_are_listed_by_session_user_and_status
                the_audit_log_is_searched_by_target_and_by_actor
            }
            seats {
                a_list_that_has_not_changed_is_not_sent_again
                a_list_is_compressed_for_those_who_take_it_so
                since_a_version_only_what_has_changed_is_told
                a_version_that_is_unknown_brings_the_whole_list
                a_hundred_who_want_one_seat_leave_it_with_one_of_them
            }
            queue_stream {
                a_stream_tells_where_a_place_stands_on_every_change
                those_who_wait_are_told_when_it_is_sold_out_and_when_it_is_not_any_more
                a_stream_is_refused_as_the_status_is
                a_users_newest_streams_go_on_and_the_oldest_ends
                beyond_so_many_streams_the_next_is_told_to_come_back
                a_stream_ends_with_its_access_token
                a_stream_ends_with_the_server
            }
            catalogue {
                a_published_event_and_its_sessions_are_shown_to_everybody
                what_is_not_published_is_shown_to_administrators_alone
                an_id_that_is_none_names_nothing
                the_status_shown_is_bounded_by_the_sales_window
                lists_come_in_pages_that_follow_each_other
                seats_are_shown_with_what_each_costs
                a_change_of_stock_is_shown_within_a_second
            }
            administration {
                every_route_is_for_administrators_alone_whatever_the_request_says
                an_administrator_who_was_demoted_is_none_at_once
                an_event_is_made_changed_and_listed
                an_event_out_of_bounds_is_told_by_field
                a_session_has_its_defaults_and_keeps_what_a_change_leaves_out
                a_session_out_of_bounds_is_told_by_field
                stock_never_falls_below_what_is_held_and_sold
                seats_are_added_all_or_none
                a_hold_is_counted_listed_and_released
                what_an_administrator_did_stands_in_the_audit_log_with_its_trace
            }
            waiting_room {
                a_place_is_given_once_per_user_and_kept
                a_status_is_asked_by_parameter_or_by_header
                a_token_that_is_missing_forged_or_anothers_is_refused
                positions_count_those_who_still_wait_ahead
                a_place_ends_with_its_time
                no_place_is_given_where_there_is_nothing_to_wait_for
                a_full_waiting_room_says_when_to_come_back
                the_waiting_room_is_closed_to_the_unknown
            }
            holds {
                a_hold_sets_stock_aside_and_reads_back_as_it_was_answered
                seats_are_held_at_their_own_prices_whatever_their_order
                seats_alone_are_of_the_session_that_the_queue_token_is_for
                the_same_key_and_request_answer_the_same_hold_whatever_became_of_it
                seats_named_in_another_order_are_the_same_request
                the_same_key_with_another_request_is_refused_and_another_users_key_is_not_ours
                too_few_left_tells_how_many_and_a_refused_key_may_be_tried_again
                a_taken_seat_is_named_and_nothing_is_held
                one_user_has_one_live_hold_in_a_session
                held_and_bought_together_stay_within_the_limit
                the_state_of_the_sale_is_told_before_the_token_is_looked_at
                every_wrong_queue_token_is_told_apart
                a_token_that_waits_or_whose_window_has_ended_holds_nothing
                without_a_waiting_room_no_token_is_needed
                a_malformed_request_is_refused_by_the_field
                what_does_not_exist_is_not_found
                the_idempotency_key_is_required_and_visible_ascii
                a_hold_is_given_up_once_and_stays_so
                a_paid_hold_is_not_given_up
                a_hold_past_its_end_is_expired_and_its_stock_is_for_sale
                refusals_come_in_the_order_of_the_contract
            }
            payments {
                checkout_opens_one_payment_per_hold
                checkout_refuses_what_cannot_be_paid
                a_hundred_callbacks_at_once_make_one_set_of_tickets
                a_receipt_tells_what_was_bought_for_how_much_and_when
                tickets_carry_a_code_that_the_public_key_alone_proves
                lists_are_paged_and_a_foreign_cursor_is_refused
                a_decline_frees_the_stock_at_once_and_a_later_capture_is_given_back
                a_late_capture_takes_its_stock_again_while_it_is_free
                a_late_capture_whose_stock_is_gone_is_given_back_in_full
                a_capture_of_another_amount_or_currency_is_never_sold
                an_unknown_payment_and_other_fields_are_kept_not_refused
                a_callback_of_a_name_that_no_payment_can_have_is_kept_not_refused
                a_callback_is_believed_by_its_signature_alone
            }
            sandbox {
                a_buyer_pays_on_the_page_and_gets_the_tickets
                a_buyer_declines_and_the_stock_is_free_at_once
                nothing_is_charged_once_the_time_to_pay_is_over
                the_sandbox_knows_only_its_own_payments_and_two_decisions
                a_payment_that_is_told_twice_is_one
                a_payment_told_when_its_hold_is_over_takes_the_stock_again
                an_old_decline_behind_a_payment_changes_nothing
                a_payment_behind_its_decline_is_given_back
                another_amount_is_given_back
                a_payment_that_nobody_is_told_of_is_found_by_asking_the_gateway
                a_hundred_copies_of_every_callback_make_one_set_of_tickets
                lost_replies_of_the_gateway_charge_and_give_back_once
            }
            gateway {
                a_gateway_behind_http_takes_and_gives_back_the_money
                a_gateway_that_is_away_is_told_apart_from_one_that_refuses
                a_capture_that_the_gateway_told_nobody_of_is_found_by_asking_it
            }
            tracing {
                a_purchase_is_one_trace_from_its_hold_to_the_callback
                the_callers_trace_is_gone_on_with_and_its_word_on_recording_counts
                spans_tell_how_a_request_went_and_no_secret
                a_collector_that_never_answers_slows_nothing
                a_server_that_was_told_of_no_collector_records_nothing
            }
            conventions {
                a_body_of_the_wrong_shape_is_refused_with_its_field_named
                a_body_that_is_not_json_by_its_type_is_refused
                a_body_over_its_bound_is_refused_whether_or_not_it_tells_its_length
                seats_may_come_in_a_larger_body_but_not_in_any
                a_wrong_method_is_told_the_right_ones_and_an_unknown_address_is_not_found
                every_answer_names_its_trace_and_a_valid_traceparent_sets_it
                a_page_of_a_named_origin_may_ask_and_no_other
                an_address_behind_a_trusted_proxy_is_believed_and_no_other
                probes_and_callbacks_are_answered_however_often_their_address_asks
                a_header_block_that_never_ends_closes_the_connection
                a_body_that_never_ends_is_told_so
                a_refusal_that_needs_no_body_leaves_the_connection_to_the_next_request
                a_refusal_says_that_the_connection_ends_when_the_body_is_not_waited_for
            }
            limits {
                each_stage_refuses_beyond_its_own_limit_and_says_when_to_come_back
                each_stage_has_a_limit_per_address_whoever_asks
                signing_up_with_one_address_has_a_limit_wherever_it_is_tried_from
                a_rush_for_holds_is_refused_at_once_and_takes_no_room_from_anything_else
                whoever_sends_a_hold_slowly_takes_nobodys_place
                whoever_announces_a_body_that_nobody_reads_has_a_place_all_the_same
                a_handler_that_panics_is_answered_500_and_the_server_lives
                the_password_policy_is_the_configured_one
                links_that_leave_the_server_start_with_its_public_address
            }
            hostile {
                whatever_is_malformed_is_refused_on_every_route_and_changes_nothing
                whoever_is_slow_or_stops_halfway_is_cut_off_on_every_route
            }
            operations {
                a_server_tells_how_it_is
                requests_are_counted_by_route_and_not_by_path
                what_is_counted_is_what_is_documented
                every_metric_is_explained_and_batches_are_counted_in_commands
                a_server_that_is_told_to_stop_is_not_ready_and_finishes_what_is_in_flight
                who_sends_too_much_gets_to_see_the_answer
                a_draining_server_is_not_ready
            }
        }
    };
}

/// What a server finds again where its store outlives it: not in memory.
macro_rules! every_restart {
    ($store:ident) => {
        stamp! { $store;
            restarts {
                the_first_administrator_is_made_once_and_never_overwritten
            }
        }
    };
}

/// Stamps cases as tests on one store.
macro_rules! stamp {
    ($store:ident; $($group:ident { $($case:ident)+ })+) => {$(
        mod $group {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(store) = crate::store::Store::$store().await {
                        crate::$group::$case(&store).await;
                    }
                }
            )+
        }
    )+};
}

mod memory {
    every_case!(memory);
}

mod sqlite {
    every_case!(sqlite);
    every_restart!(sqlite);
}

mod postgres {
    every_case!(postgres);
    every_restart!(postgres);
}

mod redis {
    every_case!(redis);
    every_restart!(redis);
}

mod redis_cluster {
    every_case!(redis_cluster);
    every_restart!(redis_cluster);
}

mod postgres_and_redis {
    every_case!(postgres_and_redis);
    every_restart!(postgres_and_redis);
}
