//! Logins and their refresh tokens.

use super::context::{Context, Verdict, refuse};
use crate::{
    audit::{Action, Caller, StreamId},
    command::{EndLogin, LoginRefusal, Never, Rehash, RotateLogin, Rotated, StartLogin, UserRefusal},
    store::Missing,
    user::{User, login::Login},
};

/// Begins a login.
pub(super) fn start(context: &mut Context<'_>, command: &StartLogin) -> Verdict<Login, Never> {
    let login = Login {
        id: command.id,
        user_id: command.user_id,
        current: command.current,
        previous: None,
        rotated_at: context.now,
        created_at: context.now,
        expires_at: context.now.plus_seconds(command.ttl_seconds),
        ended_at: None,
    };
    note(context, command.caller, Action::LoginStarted, &login)?;
    context.snapshot.logins.put(login.clone());
    Ok(login)
}

/// Puts a token's successor in its place. A token that was used before ends its login, unless it is the
/// last one and its answer may have been lost just now.
pub(super) fn rotate(context: &mut Context<'_>, command: &RotateLogin) -> Verdict<Rotated, LoginRefusal> {
    let Some(login) = context.snapshot.logins.get(&command.id)?.cloned() else {
        return refuse(LoginRefusal::Unknown);
    };
    let Some(user) = context.snapshot.users.get(&login.user_id)?.cloned() else {
        return refuse(LoginRefusal::Unknown);
    };
    if login.ended_at.is_some() || context.now >= login.expires_at {
        return refuse(LoginRefusal::Ended);
    }
    if command.presented == login.current {
        let login =
            Login { current: command.successor, previous: Some(command.presented), rotated_at: context.now, ..login };
        context.snapshot.logins.put(login.clone());
        return Ok(Rotated { user, login });
    }
    let is_repeated = login.previous == Some(command.presented)
        && login.current == command.successor
        && context.now.since(login.rotated_at) <= Login::REPEAT_WITHIN;
    if is_repeated {
        return Ok(Rotated { user, login });
    }
    end_one(context, command.caller, Action::LoginRevoked, login)?;
    refuse(LoginRefusal::Reused)
}

/// Ends a login, unless it has ended before.
pub(super) fn end(context: &mut Context<'_>, command: &EndLogin) -> Verdict<(), Never> {
    let login = context.snapshot.logins.get(&command.id)?.cloned();
    if let Some(login) = login.filter(|login| login.ended_at.is_none()) {
        end_one(context, command.caller, Action::LoginEnded, login)?;
    }
    Ok(())
}

/// Replaces a password's hash, unless another one is there by now.
pub(super) fn rehash(context: &mut Context<'_>, command: &Rehash) -> Verdict<(), UserRefusal> {
    let Some(user) = context.snapshot.users.get(&command.user_id)?.cloned() else {
        return refuse(UserRefusal::UserNotFound);
    };
    if user.password_hash == command.from {
        let (stream, nothing_more) = (StreamId::Users, "{}".to_owned());
        context.audit_stream(stream, command.caller, Action::UserRehashed, user.id, nothing_more)?;
        context.snapshot.users.put(User { password_hash: command.to.clone(), ..user });
    }
    Ok(())
}

fn end_one(context: &mut Context<'_>, caller: Caller, action: Action, login: Login) -> Result<(), Missing> {
    note(context, caller, action, &login)?;
    context.snapshot.logins.put(Login { ended_at: Some(context.now), ..login });
    Ok(())
}

fn note(context: &mut Context<'_>, caller: Caller, action: Action, login: &Login) -> Result<(), Missing> {
    let meta = format!(r#"{{"user":"{}"}}"#, login.user_id);
    context.audit_stream(StreamId::Users, caller, action, login.id, meta)
}
