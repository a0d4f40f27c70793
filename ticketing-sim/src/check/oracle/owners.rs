//! Who does not own something does nothing with it.

use super::{
    super::history::{Answer, Ask, State, Who},
    Breach, Evidence,
    story::Stories,
};

/// Checks every question about something that is somebody's.
pub fn check(evidence: &Evidence, stories: &Stories<'_>, found: &mut Vec<Breach>) {
    for op in &evidence.ops {
        let Who::Buyer(user) = op.who else { continue };
        let (owner, what) = match &op.ask {
            Ask::Release { hold } | Ask::Checkout { hold } => {
                let Some(owner) = stories.of_hold.get(hold).map(|number| stories.all[*number].user) else { continue };
                (owner, hold.to_string())
            }
            Ask::Hold { token_of: Some(owner), .. } | Ask::Poll { token_of: owner, .. } => {
                (*owner, "the queue token".to_owned())
            }
            _ => continue,
        };
        let replayed = matches!(&op.answer, Answer::Held { replayed: true, .. });
        if owner != user && op.state() == State::Acked && !replayed {
            found.push(Breach::of("owner", format!("buyer {user} used {what} of buyer {owner}: {:?}", op.answer)));
        }
    }
}
