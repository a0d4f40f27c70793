//! Accounts, and the log that begins with theirs.

use super::context::{Context, Verdict, refuse};
use crate::{
    audit::{Action, StreamId},
    command::{CreateUser, Never, SetRole, UserRefusal},
    user::User,
};

/// Begins the log with a record that says only this; one that has records is left as it is.
pub(super) fn begin_log(context: &mut Context<'_>) -> Verdict<(), Never> {
    let begun = context.snapshot.streams.get(&StreamId::Users)?.is_some_and(|users| users.audit.length > 0);
    if !begun {
        let (stream, nothing_more) = (StreamId::Users, "{}".to_owned());
        context.audit_stream(stream, Context::ENGINE, Action::LogBegun, stream, nothing_more)?;
    }
    Ok(())
}

/// Creates an account; an address has at most one.
pub(super) fn create(context: &mut Context<'_>, command: &CreateUser) -> Verdict<User, UserRefusal> {
    if context.snapshot.user_by_email(&command.email)?.is_some() {
        return refuse(UserRefusal::EmailTaken);
    }
    let user = User {
        id: command.id,
        email: command.email.clone(),
        password_hash: command.password_hash.clone(),
        role: command.role,
        created_at: context.now,
    };
    let meta = format!(r#"{{"role":"{}"}}"#, user.role);
    context.audit_stream(StreamId::Users, command.caller, Action::UserCreated, user.id, meta)?;
    context.snapshot.add_user(user.clone());
    Ok(user)
}

/// Sets an account's role.
pub(super) fn set_role(context: &mut Context<'_>, command: &SetRole) -> Verdict<User, UserRefusal> {
    let Some(user) = context.snapshot.users.get(&command.user_id)?.cloned() else {
        return refuse(UserRefusal::UserNotFound);
    };
    if user.role == command.role {
        return Ok(user);
    }
    let meta = format!(r#"{{"from":"{}","to":"{}"}}"#, user.role, command.role);
    context.audit_stream(StreamId::Users, command.caller, Action::UserRoleSet, user.id, meta)?;
    let user = User { role: command.role, ..user };
    context.snapshot.users.put(user.clone());
    Ok(user)
}
