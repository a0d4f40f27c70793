//! The switch, and what some bugs remember.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::Planted;
use crate::{
    hold::IdempotencyKey,
    ids::{SessionId, UserId},
    waiting_room::Room,
};

/// Numbers that a node takes at once.
const BLOCK_LEN: u64 = 4;

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
    static FIRST_USERS: RefCell<BTreeMap<(SessionId, IdempotencyKey), UserId>> = const { RefCell::new(BTreeMap::new()) };
}

/// Plants `bug` in everything that runs on this thread from now on; `None`: none.
pub fn plant(bug: Option<Planted>) {
    PLANTED.set(bug);
    FIRST_USERS.take();
}

pub(crate) fn is_planted(bug: Planted) -> bool {
    PLANTED.get() == Some(bug)
}

/// Who used `key` first in `session`, `user` if nobody has.
pub(super) fn first_user(session: SessionId, user: UserId, key: &IdempotencyKey) -> UserId {
    FIRST_USERS.with_borrow_mut(|first| *first.entry((session, key.clone())).or_insert(user))
}

/// Numbers by session: the next one, and the end of the block.
#[derive(Debug, Default)]
pub(super) struct Blocks(Mutex<BTreeMap<SessionId, (u64, u64)>>);

impl Blocks {
    pub(super) fn give<T>(&self, room: &mut Room, join: impl FnOnce(&mut Room) -> T) -> T {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let block = blocks.entry(room.session_id).or_insert((0, 0));
        if block.0 == block.1 {
            *block = (room.next, room.next + BLOCK_LEN);
            room.next += BLOCK_LEN;
        }
        let next = std::mem::replace(&mut room.next, block.0);
        block.0 += 1;
        let joined = join(room);
        room.next = next;
        joined
    }
}
