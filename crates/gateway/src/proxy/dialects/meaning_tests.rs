//! What calls of each dialect become, and what comes back.

use serde_json::{Value, json};

use super::{Door, body_of};

#[test]
fn six_services_says_what_is_meant() {
    let door = Door::new();
    assert_eq!(body_of("POST /refreshToken", &json!({"refreshToken": "r"})), json!({"refresh_token": "r"}));
    let reset = |body| body_of("POST /api/resetPassword", &body);
    assert_eq!(
        reset(json!({"token": "t", "email": "a@x.test", "newPassword": "n"})),
        json!({"token": "t", "new_password": "n"})
    );
    assert_eq!(
        reset(json!({"otp": "123456", "email": "a@x.test", "newPassword": "n"})),
        json!({"code": "123456", "identifier": "a@x.test", "new_password": "n"})
    );
    let bearer = ("authorization", "Bearer t");
    let otp = |headers: &[(&str, &str)], body: &str| door.send("POST /generateOtp", headers, body).body;
    assert_eq!(otp(&[], r#"{"email":"a@x.test"}"#), json!({"purpose": "login", "identifier": "a@x.test"}));
    assert_eq!(
        otp(&[], r#"{"mobile":"+4915","purpose":"password_reset","channel":"sms"}"#),
        json!({"purpose": "password_reset", "channel": "sms", "identifier": "+4915"})
    );
    assert_eq!(otp(&[bearer], r#"{"email":"a@x.test"}"#), json!({"purpose": "sensitive_change"}));
    assert_eq!(
        otp(&[bearer], r#"{"userId":"7","purpose":"login"}"#),
        json!({"purpose": "login", "user_id": "7"})
    );
    let validated = door.send("POST /validateOtp", &[bearer], r#"{"otpId":"o","otp":"1"}"#);
    assert_eq!(
        (validated.target.as_str(), validated.body),
        ("/api/v1/otp/validate", json!({"otp_id": "o", "code": "1"}))
    );
    let token = |call: &str, headers: &[(&str, &str)], body: &str| {
        door.send(call, headers, body).body["token"].clone()
    };
    assert_eq!(token("GET /validateToken", &[bearer], ""), "t");
    assert_eq!(token("GET /validateToken?token=q", &[bearer], ""), "q");
    assert_eq!(token("POST /validateToken", &[bearer], r#"{"accessToken":"b"}"#), "b");
    let logout = door.send("POST /logout", &[], r#"{"token":"t","all":true}"#);
    assert_eq!(
        (logout.headers["authorization"].to_str().unwrap(), logout.body),
        ("Bearer t", json!({"all": true}))
    );
    assert_eq!(
        door.send("POST /logout", &[bearer], r#"{"token":"other"}"#).headers["authorization"],
        "Bearer t"
    );
    assert_eq!(
        body_of("POST /sendEmail", &json!({"to": "a@x.test", "subject": "s", "message": "m"}))["body"],
        "m"
    );
    assert_eq!(
        body_of("POST /sendSMS", &json!({"phoneNumber": "+1", "message": "m", "templateData": 1}))["to"],
        "+1"
    );
    let info = door.send("POST /getUserInfo", &[], r#"{"userId":"7"}"#);
    assert_eq!((info.target.as_str(), info.body), ("/api/v1/users/7", Value::Null));
}

#[test]
fn without_any_token_it_is_a_call_that_needs_one() {
    let door = Door::new();
    for (call, body) in [
        ("GET /validateToken", ""),
        ("GET /api/validateToken?token=", ""),
        ("POST /validateToken", "{}"),
        ("POST /validateToken/", r#"{"token":null,"other":"t"}"#),
    ] {
        let sent = door.send(call, &[("content-type", "application/json")], body);
        let asked = (sent.method.as_str(), sent.target.as_str(), sent.body);
        assert_eq!(asked, ("GET", "/api/v1/auth/me", Value::Null), "{call} {body}");
    }
}

#[test]
fn six_services_hears_what_it_expects() {
    let door = Door::new();
    let tokens = json!({"access_token": "a", "refresh_token": "r", "user": {"id": "7"}});
    let wanted = json!({"access_token": "a", "refresh_token": "r", "user": {"id": "7"}, "token": "a", "accessToken": "a", "refreshToken": "r", "userId": "7"});
    assert_eq!(door.answer("POST /login", 200, &tokens).2, wanted);
    let challenge = json!({"mfa_required": true, "challenge": "c"});
    assert_eq!(
        door.answer("POST /api/login", 200, &challenge).2,
        json!({"mfa_required": true, "challenge": "c", "mfaRequired": true})
    );
    assert_eq!(door.answer("POST /validateOtp", 200, &tokens).2["valid"], true);
    let (status, _, body) = door.answer("POST /logout", 204, &Value::Null);
    assert_eq!((status, body), (200, json!({"success": true})));
    let problem = json!({"code": "invalid_credentials"});
    assert_eq!(
        door.answer("POST /login", 401, &problem),
        (401, door.answer("POST /login", 401, &problem).1, problem)
    );
}

#[test]
fn rest_crud_hears_arrays_and_ids() {
    let door = Door::new();
    let (_, headers, body) =
        door.answer("GET /api/users", 200, &json!({"items": [{"id": 1}], "next_cursor": null, "total": 1}));
    assert_eq!((body, headers["x-total-count"].to_str().unwrap()), (json!([{"id": 1}]), "1"));
    let (status, _, body) = door.answer("DELETE /api/users/7", 204, &Value::Null);
    assert_eq!((status, body), (200, json!({"id": "7"})));
    assert_eq!(door.answer("POST /api/auth/login", 200, &json!({"access_token": "a"})).2["token"], "a");
    assert_eq!(
        door.send("GET /api/users?limit=2&cursor=c", &[], "").target,
        "/api/v1/users?limit=2&cursor=c"
    );
}

#[test]
fn django_users_hears_flat_preferences() {
    let door = Door::new();
    let user =
        json!({"id": "7", "preferences": {"email": true, "push": false}, "push_tokens": {"default": "t"}});
    for call in ["GET /api/v1/users/7/", "POST /api/v1/users/"] {
        let (_, _, body) = door.answer(call, 200, &user);
        assert_eq!(
            (&body["email_notifications"], &body["push_notifications"], &body["push_token"]),
            (&json!(true), &json!(false), &json!("t"))
        );
    }
    let (_, _, body) = door.answer(
        "GET /api/v1/users/7/",
        200,
        &json!({"id": "7", "preferences": {"email": true, "push": false}}),
    );
    assert_eq!(body.get("push_token"), Some(&Value::Null));
    assert_eq!(
        body_of("POST /api/v1/users/", &json!({"email_notifications": false}))["preferences"],
        json!({"email": false})
    );
}

#[test]
fn shop_users_says_what_is_meant() {
    assert_eq!(
        body_of("PUT /user/admin/users/7/role", &json!({"role": "support"}))["roles"],
        json!(["support"])
    );
    let suspended = body_of("POST /admin/users/7/suspend", &json!({}));
    assert_eq!(suspended, json!({"reason": "no reason was given", "until": "9999-01-01T00:00:00Z"}));
    assert_eq!(body_of("POST /admin/users/7/block", &json!({"reason": "spam"})), json!({"reason": "spam"}));
    let door = Door::new();
    assert_eq!(
        door.send("POST /admin/users/7/block", &[], "").body,
        json!({"reason": "no reason was given"})
    );
    assert_eq!(door.answer("DELETE /user/admin/users/7/sessions", 204, &Value::Null).0, 200);
    assert_eq!(body_of("POST /auth/verify-email", &json!({"otp": "1"})), json!({"code": "1"}));
}
