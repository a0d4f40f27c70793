//! Lists, page by page.

use super::{empty, write};
use crate::{
    hold::{Hold, HoldStatus},
    order::Order,
    store::{HoldFilter, Page, PageRequest, Queries, StoreError, memory::MemoryStore},
    testing::records,
};

/// Every item of a list, in pages of `limit`, and how many pages there were.
async fn all<T>(limit: u32, page: impl AsyncFn(PageRequest) -> Result<Page<T>, StoreError>) -> (Vec<T>, usize) {
    let (mut items, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let found = page(PageRequest { limit, after }).await.unwrap();
        assert!(found.items.len() <= limit as usize);
        items.extend(found.items);
        pages += 1;
        assert!(pages <= 1_000, "the list never ends");
        after = found.next;
        if after.is_none() {
            return (items, pages);
        }
    }
}

async fn with_users(count: u32) -> MemoryStore {
    let store = empty();
    write(&store, vec![], move |snapshot| (1..=count).for_each(|n| snapshot.add_user(records::user(n)))).await.unwrap();
    store
}

#[tokio::test]
async fn pages_miss_nothing_repeat_nothing_and_end_where_the_list_ends() {
    let store = with_users(6).await;
    for (limit, expected_pages) in [(1, 6), (2, 3), (4, 2), (5, 2), (6, 1), (200, 1)] {
        let (users, pages) = all(limit, async |page| store.users(page).await).await;
        assert_eq!(users, (1..=6).map(records::user).collect::<Vec<_>>());
        assert_eq!(pages, expected_pages, "pages of {limit}");
    }
}

#[tokio::test]
async fn newest_first_pages_go_back_in_time() {
    let store = empty();
    let order = |n| Order { user_id: records::user(1).id, ..records::order(n, 1) };
    write(&store, vec![], move |snapshot| (1..=5).for_each(|n| snapshot.orders.put(order(n)))).await.unwrap();
    for limit in [1, 2, 5] {
        let (orders, _) = all(limit, async |page| store.orders_of_user(records::user(1).id, page).await).await;
        assert_eq!(orders, (1..=5).rev().map(order).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_rare_status_is_found_however_far_apart_its_holds_lie() {
    let store = empty();
    let hold = |n: u32| {
        let status = if n.is_multiple_of(1_000) { HoldStatus::Released } else { HoldStatus::Active };
        let ended_at = (status == HoldStatus::Released).then(|| records::at(n));
        Hold { status, ended_at, ..records::hold(n, 1) }
    };
    write(&store, vec![], move |snapshot| (1..=4_096).for_each(|n| snapshot.holds.put(hold(n)))).await.unwrap();
    let session_id = Some(records::session(1, 1).id);
    for filter in [HoldFilter::default(), HoldFilter { session_id, ..HoldFilter::default() }] {
        let filter = HoldFilter { status: Some(HoldStatus::Released), ..filter };
        for limit in [1, 3, 4, 200] {
            let (holds, _) = all(limit, async |page| store.holds(filter.clone(), page).await).await;
            assert_eq!(holds, [1, 2, 3, 4].map(|n| hold(n * 1_000)));
        }
    }
}

#[tokio::test]
async fn a_page_is_never_longer_than_allowed_and_never_empty_by_request() {
    let store = with_users(250).await;
    for (asked, given) in [(0, 1), (u32::MAX, 200)] {
        let page = store.users(PageRequest { limit: asked, after: None }).await.unwrap();
        assert_eq!(page.items.len(), given);
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_named() {
    let cursor = Some(records::event(1).id.to_string());
    let error = empty().users(PageRequest { limit: 1, after: cursor }).await.unwrap_err();
    assert!(error.to_string().contains("is not a valid user id"), "{error}");
}
