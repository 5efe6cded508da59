//! What a client changes of an account: three cases for each field, left out, a value, and null.

use denizen_kit::problem::{Code, Problem};
use denizen_rpc::users::v1 as wire;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::form::PreferencesForm;
use crate::faces::body::{Given, given};

/// Changes of an account; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UpdateUserForm {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String)]
    name: Option<Given<String>>,
    preferences: Option<PreferencesForm>,
    /// PATCH: a merge patch (RFC 7396); PUT: the whole.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Given<Map<String, Value>>>,
    /// By the owner: starts the verified change. By `users:write`: takes effect at once.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String)]
    email: Option<Given<String>>,
    /// The same as for `email`; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    mobile: Option<Given<String>>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    username: Option<Given<String>>,
    /// Counts as a fresh proof for a change of e-mail or mobile.
    password: Option<String>,
}

// === impl UpdateUserForm ===

impl UpdateUserForm {
    pub(crate) fn into_message(
        self,
        user_id: String,
        if_version: Option<i64>,
        replace: bool,
    ) -> Result<wire::UpdateUserRequest, Problem> {
        let is_null = self.metadata == Some(Given::Null);
        let metadata = self.metadata.map(|metadata| match metadata {
            Given::Null => "{}".to_owned(),
            Given::Value(members) => Value::Object(members).to_string(),
        });
        let mut kept = Kept::default();
        let (username, remove_username) = removable(self.username);
        let (mobile, remove_mobile) = removable(self.mobile);
        let name = kept.take("/name", self.name);
        let email = kept.take("/email", self.email);
        kept.finish()?;
        Ok(wire::UpdateUserRequest {
            user_id,
            if_version,
            name,
            preferences: self.preferences.map(PreferencesForm::into_message),
            // A null patch takes everything away, which a patch of members cannot say.
            replace: replace || is_null,
            metadata,
            email,
            mobile,
            username,
            password: self.password,
            remove_mobile,
            remove_username,
        })
    }
}

/// The value of a field that null takes away, and whether it does.
fn removable(field: Option<Given<String>>) -> (Option<String>, bool) {
    match field {
        None => (None, false),
        Some(Given::Null) => (None, true),
        Some(Given::Value(value)) => (Some(value), false),
    }
}

/// Fields that an account cannot be without; remembers which were sent as null.
#[derive(Debug, Default)]
struct Kept(Vec<&'static str>);

// === impl Kept ===

impl Kept {
    fn take(&mut self, pointer: &'static str, field: Option<Given<String>>) -> Option<String> {
        match field {
            None => None,
            Some(Given::Value(value)) => Some(value),
            Some(Given::Null) => {
                self.0.push(pointer);
                None
            }
        }
    }

    /// 422 with every field that was to be taken away, if any was.
    fn finish(self) -> Result<(), Problem> {
        let told = |problem: Problem, pointer: &str| {
            problem.with_field(
                pointer,
                "required",
                "this cannot be taken away; send another, or leave it out",
            )
        };
        let problem =
            Problem::new(Code::ValidationFailed, "an account cannot be without some fields; see errors");
        if self.0.is_empty() { Ok(()) } else { Err(self.0.into_iter().fold(problem, told)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_of_a_patch() {
        let message = |body: Value| {
            let form: UpdateUserForm = serde_json::from_value(body).unwrap();
            let message = form.into_message(String::new(), None, false).unwrap();
            (message.metadata, message.replace)
        };
        assert_eq!(message(json!({"metadata": {"a": null}})), (Some(r#"{"a":null}"#.to_owned()), false));
        assert_eq!(message(json!({"metadata": null})), (Some("{}".to_owned()), true));
        assert_eq!(message(json!({})), (None, false));
    }

    #[test]
    fn null_takes_away_what_an_account_can_be_without() {
        let message = |body: Value| {
            let form: UpdateUserForm = serde_json::from_value(body).unwrap();
            form.into_message(String::new(), None, false)
        };
        let changed = message(json!({"mobile": null, "username": null})).unwrap();
        assert!(changed.remove_mobile && changed.remove_username);
        let changed = message(json!({"mobile": "+4915112345678"})).unwrap();
        assert_eq!((changed.mobile.as_deref(), changed.remove_mobile), (Some("+4915112345678"), false));
        let refused = message(json!({"name": null, "email": null, "mobile": null})).unwrap_err();
        let pointers: Vec<&str> = refused.fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!((refused.code, pointers), (Code::ValidationFailed, vec!["/name", "/email"]));
    }
}
