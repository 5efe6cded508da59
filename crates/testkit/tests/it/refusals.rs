//! The permission of every public operation, tried by everybody: a second door that missed a rule fails here.
//!
//! Permission is decided before anything is looked up, so the ids that are named belong to nobody: who may pass gets
//! another answer than 401 and 403, and nothing happens.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::{Caller, Permission, Permissions, Person, Role};
use denizen_kit::cx::Call;
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Code;
use denizen_kit::time::{Deadline, Timestamp};
use denizen_rpc::{Links, METHODS, Method, problem_from};
use denizen_testkit::{Cluster, Topology};
use http::uri::PathAndQuery;
use tonic::Request;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;
use uuid::Uuid;

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Anybody: what is sent is the proof, or nothing is at stake.
    Anybody,
    /// Anybody who is logged in, about themselves.
    Person,
    /// The owner of the account that is named.
    Owner,
    /// The owner, and who has the permission.
    OwnerOr(Permission),
    /// Who has the permission.
    Needs(Permission),
}

use Rule::{Anybody, Needs, Owner, OwnerOr, Person as AnyPerson};

/// Every public operation. A new one is missed by the test until it stands here.
const RULES: &[(&str, Rule)] = &[
    ("audit.v1.Audit/ListEntries", Needs(Permission::AuditRead)),
    ("audit.v1.Audit/VerifyChain", Needs(Permission::AuditRead)),
    ("audit.v1.Statistics/GetStatistics", Needs(Permission::StatsRead)),
    ("audit.v1.Trail/ExportEntries", Needs(Permission::AuditRead)),
    ("audit.v1.Trail/ListCheckpoints", Needs(Permission::AuditRead)),
    ("auth.v1.Auth/EndOtherSessions", AnyPerson),
    ("auth.v1.Auth/EndSession", AnyPerson),
    ("auth.v1.Auth/EndSessionsOf", OwnerOr(Permission::SessionsEnd)),
    ("auth.v1.Auth/GetJwks", Anybody),
    ("auth.v1.Auth/ListSessions", OwnerOr(Permission::SessionsRead)),
    ("auth.v1.Auth/Login", Anybody),
    ("auth.v1.Auth/LoginWithOtp", Anybody),
    ("auth.v1.Auth/Logout", AnyPerson),
    ("auth.v1.Auth/Refresh", Anybody),
    ("auth.v1.Auth/StepUp", AnyPerson),
    ("auth.v1.Auth/ValidateToken", Anybody),
    ("auth.v1.Factors/ConfirmFactor", Owner),
    ("auth.v1.Factors/GetFactor", OwnerOr(Permission::UsersWrite)),
    ("auth.v1.Factors/PutFactor", Owner),
    ("auth.v1.Factors/RemoveFactor", OwnerOr(Permission::UsersWrite)),
    ("auth.v1.Factors/RenewRecoveryCodes", Owner),
    ("auth.v1.Factors/ResendChallenge", Anybody),
    ("auth.v1.ServiceAccounts/CreateServiceAccount", Needs(Permission::ServicesManage)),
    ("auth.v1.ServiceAccounts/DeleteServiceAccount", Needs(Permission::ServicesManage)),
    ("auth.v1.ServiceAccounts/GetServiceAccount", OwnerOr(Permission::ServicesManage)),
    ("auth.v1.ServiceAccounts/IssueServiceToken", Anybody),
    ("auth.v1.ServiceAccounts/ListServiceAccounts", Needs(Permission::ServicesManage)),
    ("auth.v1.ServiceAccounts/RotateServiceSecret", Needs(Permission::ServicesManage)),
    ("notify.v1.DeadLetters/DeleteDeadLetter", Needs(Permission::NotificationsManage)),
    ("notify.v1.DeadLetters/ListDeadLetters", Needs(Permission::NotificationsManage)),
    ("notify.v1.DeadLetters/ReplayDeadLetter", Needs(Permission::NotificationsManage)),
    ("notify.v1.Notifications/GetNotification", Needs(Permission::NotificationsRead)),
    ("notify.v1.Notifications/ListNotifications", Needs(Permission::NotificationsRead)),
    ("notify.v1.Notifications/ReportStatus", Needs(Permission::NotificationsSend)),
    ("notify.v1.Notifications/SendNotification", Needs(Permission::NotificationsSend)),
    ("otp.v1.Otp/SendOtp", Anybody),
    ("otp.v1.Otp/ValidateOtp", Anybody),
    ("password.v1.IpBlocks/CreateIpBlock", Needs(Permission::IpsManage)),
    ("password.v1.IpBlocks/DeleteIpBlock", Needs(Permission::IpsManage)),
    ("password.v1.IpBlocks/ListIpBlocks", Needs(Permission::IpsManage)),
    ("password.v1.PasswordAdministration/StartReset", Needs(Permission::UsersWrite)),
    ("password.v1.Passwords/ChangePassword", Owner),
    ("password.v1.Passwords/CheckStrength", Anybody),
    ("password.v1.Passwords/ForgotPassword", Anybody),
    ("password.v1.Passwords/ResetPassword", Anybody),
    ("users.v1.Administration/ActivateUser", Needs(Permission::UsersBlock)),
    ("users.v1.Administration/BlockUser", Needs(Permission::UsersBlock)),
    ("users.v1.Administration/CreateRole", Needs(Permission::RolesManage)),
    ("users.v1.Administration/DeleteRole", Needs(Permission::RolesManage)),
    ("users.v1.Administration/GetRole", Needs(Permission::RolesManage)),
    ("users.v1.Administration/ListRoles", Needs(Permission::RolesManage)),
    ("users.v1.Administration/SetRoles", Needs(Permission::RolesManage)),
    ("users.v1.Administration/SuspendUser", Needs(Permission::UsersBlock)),
    ("users.v1.Administration/UnblockUser", Needs(Permission::UsersBlock)),
    ("users.v1.Administration/UpdateRole", Needs(Permission::RolesManage)),
    ("users.v1.Privacy/DownloadExport", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/EraseUser", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/GetCertificateKeys", Anybody),
    ("users.v1.Privacy/GetExport", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/GetRestriction", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/ListConsentChanges", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/ListConsents", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/Pseudonymise", Needs(Permission::PrivacyWrite)),
    ("users.v1.Privacy/SetConsents", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/SetRestriction", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Privacy/StartExport", OwnerOr(Permission::PrivacyWrite)),
    ("users.v1.Profiles/DeleteAvatar", OwnerOr(Permission::UsersWrite)),
    ("users.v1.Profiles/DeletePushToken", Owner),
    ("users.v1.Profiles/GetAvatar", OwnerOr(Permission::UsersRead)),
    ("users.v1.Profiles/PutAvatar", OwnerOr(Permission::UsersWrite)),
    ("users.v1.Profiles/PutPushToken", Owner),
    ("users.v1.Transfer/ExportUsers", Needs(Permission::UsersRead)),
    ("users.v1.Transfer/GetImport", Needs(Permission::UsersWrite)),
    ("users.v1.Transfer/ImportUsers", Needs(Permission::UsersWrite)),
    ("users.v1.Users/ChangeEmail", OwnerOr(Permission::UsersWrite)),
    ("users.v1.Users/ChangeMobile", OwnerOr(Permission::UsersWrite)),
    ("users.v1.Users/ChangeUsername", OwnerOr(Permission::UsersWrite)),
    // Where no account is named: whoever has the token of a link.
    ("users.v1.Users/ConfirmEmail", Owner),
    ("users.v1.Users/ConfirmMobile", Owner),
    ("users.v1.Users/CreateUser", Needs(Permission::UsersWrite)),
    ("users.v1.Users/DeleteUser", OwnerOr(Permission::UsersWrite)),
    ("users.v1.Users/GetUser", OwnerOr(Permission::UsersRead)),
    ("users.v1.Users/ListUsers", Needs(Permission::UsersRead)),
    ("users.v1.Users/Register", Anybody),
    ("users.v1.Users/SendVerification", Owner),
    ("users.v1.Users/UpdateUser", OwnerOr(Permission::UsersWrite)),
];

/// Operations whose first field is no text: they are called with an empty message.
const EMPTY: [&str; 16] = [
    "audit.v1.Audit/VerifyChain",
    "audit.v1.Statistics/GetStatistics",
    "audit.v1.Trail/ListCheckpoints",
    "auth.v1.Auth/EndOtherSessions",
    "auth.v1.Auth/Logout",
    "auth.v1.ServiceAccounts/ListServiceAccounts",
    "notify.v1.DeadLetters/ListDeadLetters",
    "notify.v1.Notifications/ListNotifications",
    "otp.v1.Otp/SendOtp",
    "password.v1.IpBlocks/ListIpBlocks",
    "users.v1.Administration/ListRoles",
    "users.v1.Privacy/GetCertificateKeys",
    "users.v1.Privacy/Pseudonymise",
    "users.v1.Transfer/ExportUsers",
    "users.v1.Users/CreateUser",
    "users.v1.Users/ListUsers",
];

/// Operations that read their fields before they ask for the permission: a field that cannot be read is told to those
/// who may not, too. It says nothing of what is kept. This list may only shrink.
const READS_FIRST: [&str; 5] = [
    "audit.v1.Audit/ListEntries",
    "audit.v1.Trail/ExportEntries",
    "auth.v1.Factors/PutFactor",
    "users.v1.Privacy/DownloadExport",
    "users.v1.Privacy/GetExport",
];

/// Somebody who tries.
struct Tries {
    name: &'static str,
    roles: &'static [&'static str],
    /// Whether they name their own account.
    own: bool,
}

const EVERYBODY: [Tries; 6] = [
    Tries { name: "nobody", roles: &[], own: false },
    Tries { name: "the owner", roles: &["user"], own: true },
    Tries { name: "another person", roles: &["user"], own: false },
    Tries { name: "support", roles: &["user", "support"], own: false },
    Tries { name: "an administrator", roles: &["user", "admin"], own: false },
    Tries { name: "a service", roles: &["service"], own: false },
];

// === impl Rule ===

impl Rule {
    /// Whether somebody may pass.
    fn lets(self, who: &Tries) -> bool {
        let has = |permission| Permissions::of_roles(who.roles).has(permission);
        match self {
            Anybody => true,
            AnyPerson => !who.roles.is_empty(),
            Owner => who.own,
            OwnerOr(permission) => who.own || has(permission),
            Needs(permission) => has(permission),
        }
    }
}

fn id(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(0x0192_aa00_0000_7000_8000_0000_0000_0000 + number))
}

fn call(who: &Tries) -> Call {
    let person = Person {
        user_id: id(1),
        session_id: Some(SessionId::from_uuid(Uuid::from_u128(0x0192_aa00_0000_7000_8000_0000_0000_0003))),
        roles: who.roles.iter().map(|role| (*role).to_owned()).collect(),
        permissions: Permissions::of_roles(who.roles),
        auth_time: Timestamp::UNIX_EPOCH,
        amr: vec!["pwd".to_owned()],
    };
    let person = (!who.roles.is_empty()).then(|| Arc::new(person));
    Call {
        caller: Caller { service: Role::Gateway, person },
        request_id: Arc::from("refusals"),
        ip: Some("192.0.2.7".parse().unwrap()),
        user_agent: None,
        trace: None,
        deadline: Deadline::within(Duration::from_secs(10)),
        idempotency: None,
    }
}

/// The service of a method.
fn role_of(name: &str) -> Role {
    name.split('.').next().unwrap().parse().unwrap()
}

/// What an operation answers: a code, or nothing when it is done.
async fn answer(links: &Links, method: &Method, name: &str, who: &Tries) -> Option<Code> {
    let peer = links.peer_as(role_of(name), Arc::new(call(who)));
    let named = if who.own { id(1) } else { id(2) };
    let text = if EMPTY.contains(&name) { String::new() } else { named.to_string() };
    let mut client = Grpc::new(peer);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(method.path);
    let codec = ProstCodec::<String, ()>::default();
    let status = if method.streams {
        match client.server_streaming(Request::new(text), path, codec).await {
            Ok(stream) => stream.into_inner().message().await.err(),
            Err(status) => Some(status),
        }
    } else {
        client.unary(Request::new(text), path, codec).await.err()
    };
    status.map(|status| problem_from(status).code)
}

#[test]
fn every_public_operation_has_its_rule() {
    let public = METHODS.iter().filter(|method| method.public).map(|method| name_of(method));
    let missing: Vec<_> = public.filter(|name| !RULES.iter().any(|(known, _)| known == name)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "say in RULES who may do these");
    let gone: Vec<_> =
        RULES.iter().filter(|(name, _)| !METHODS.iter().any(|it| name_of(it) == *name)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// Whether the answer is about what was sent: no field of a message here is a whole wish.
const fn is_of_a_field(code: Option<Code>) -> bool {
    matches!(code, Some(Code::ValidationFailed | Code::NotFound))
}

fn name_of(method: &Method) -> &'static str {
    method.path.trim_start_matches("/denizen.")
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_passes_where_they_may_and_nowhere_else() {
    for topology in Topology::available().into_iter().filter(|topology| !topology.is_split()) {
        println!("--- {topology:?}");
        let cluster = Cluster::start(topology).await;
        let links = &cluster.nodes.values().next().unwrap().links;
        let mut wrong = Vec::new();
        for (name, rule) in RULES {
            let method = METHODS.iter().find(|method| name_of(method) == *name).unwrap();
            for who in &EVERYBODY {
                let code = answer(links, method, name, who).await;
                let refused = matches!(code, Some(Code::Unauthenticated | Code::Forbidden));
                let is_right = match rule {
                    // A bad proof is an answer of 401 too; what must not be is a want of permission.
                    Anybody => code != Some(Code::Forbidden),
                    rule if rule.lets(who) => !refused,
                    _ => refused || (READS_FIRST.contains(name) && is_of_a_field(code)),
                };
                if !is_right {
                    wrong.push(format!("{name} by {}: {code:?}, the rule is {rule:?}", who.name));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        cluster.stop().await;
    }
}
