//! A completion slot: one answer, from the lane that wrote it to the one who waits for it.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use crate::sync::{Arc, Mutex, lock};

/// The answering end.
pub(crate) struct Completer<T> {
    slot: Arc<Mutex<State<T>>>,
}

/// The waiting end. Dropping it cancels nothing: the answer is then simply not read.
pub(crate) struct Completion<T> {
    slot: Arc<Mutex<State<T>>>,
}

/// The answering end went away without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

enum State<T> {
    Waiting(Option<Waker>),
    Answered(T),
    Over,
}

pub(crate) fn slot<T>() -> (Completer<T>, Completion<T>) {
    let slot = Arc::new(Mutex::new(State::Waiting(None)));
    (Completer { slot: Arc::clone(&slot) }, Completion { slot })
}

impl<T> Completer<T> {
    /// Answers.
    pub(crate) fn complete(self, answer: T) {
        self.settle(State::Answered(answer));
    }

    fn settle(&self, outcome: State<T>) {
        let mut state = lock(&self.slot);
        if !matches!(*state, State::Waiting(_)) {
            return;
        }
        let before = mem::replace(&mut *state, outcome);
        drop(state);
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T> Drop for Completer<T> {
    fn drop(&mut self) {
        self.settle(State::Over);
    }
}

impl<T> Future for Completion<T> {
    type Output = Result<T, Abandoned>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.slot);
        match &mut *state {
            State::Waiting(waker) => {
                match waker {
                    Some(known) if known.will_wake(context.waker()) => {}
                    _ => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            State::Over => Poll::Ready(Err(Abandoned)),
            State::Answered(_) => match mem::replace(&mut *state, State::Over) {
                State::Answered(answer) => Poll::Ready(Ok(answer)),
                State::Waiting(_) | State::Over => {
                    unreachable!("the state was just seen to be an answer, under its lock")
                }
            },
        }
    }
}

impl<T> std::fmt::Debug for Completion<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Completion")
    }
}

impl<T> std::fmt::Debug for Completer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Completer")
    }
}
