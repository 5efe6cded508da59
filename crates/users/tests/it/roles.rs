//! Roles: made, given, taken, and what gateways hear of it.

use std::time::Duration;

use denizen_kit::caller::{Permission, Permissions, Role};
use denizen_kit::problem::Code;
use denizen_rpc::users::internal::v1 as internal;
use denizen_rpc::users::v1 as wire;
use serde_json::json;

use crate::support::{House, anonymous, done, everywhere, nobody, operator, refusal};

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn new_role(name: &str, permissions: &[&str]) -> wire::CreateRoleRequest {
    let description = "Looks into the trail".to_owned();
    wire::CreateRoleRequest { name: name.to_owned(), description, permissions: texts(permissions) }
}

fn set(user: &wire::User, roles: &[&str]) -> wire::SetRolesRequest {
    wire::SetRolesRequest { user_id: user.id.clone(), roles: texts(roles), if_version: None }
}

fn named(name: &str) -> wire::DeleteRoleRequest {
    wire::DeleteRoleRequest { name: name.to_owned(), if_version: None }
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted() {
    everywhere(async |house: &House| {
        let mut client = house.administration(&operator());
        let made = done(client.create_role(new_role("auditor", &["audit:read", "users:read"])).await);
        assert_eq!(
            (made.permissions.clone(), made.built_in, made.version),
            (texts(&["users:read", "audit:read"]), false, 1)
        );
        assert_eq!(refusal(client.create_role(new_role("auditor", &[])).await).0, Code::Conflict);
        assert_eq!(refusal(client.create_role(new_role("admin", &[])).await).0, Code::Conflict);
        let invalid = |pointer: &str| (Code::ValidationFailed, pointer.to_owned());
        assert_eq!(refusal(client.create_role(new_role("No Name", &[])).await), invalid("/name"));
        assert_eq!(
            refusal(client.create_role(new_role("x1", &["users:*"])).await),
            invalid("/permissions/0")
        );

        let all = done(client.list_roles(wire::ListRolesRequest {}).await).roles;
        let names: Vec<_> = all.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["admin", "service", "support", "user", "auditor"]);
        assert!(all[0].built_in && all[0].permissions.len() == Permission::ALL.len());

        let change = wire::UpdateRoleRequest {
            name: "auditor".into(),
            description: Some("Reads".into()),
            permissions: Some(wire::PermissionList { permissions: texts(&["audit:read"]) }),
            if_version: Some(1),
        };
        let changed = done(client.update_role(change.clone()).await);
        assert_eq!((changed.version, changed.permissions.clone()), (2, texts(&["audit:read"])));
        assert_eq!(refusal(client.update_role(change.clone()).await).0, Code::StaleVersion);
        let get = |name: &str| wire::GetRoleRequest { name: name.to_owned() };
        assert_eq!(done(client.get_role(get("auditor")).await), changed);
        assert!(done(client.get_role(get("support")).await).built_in);
        assert_eq!(refusal(client.get_role(get("wizard")).await).0, Code::NotFound);
        let built_in = wire::UpdateRoleRequest { name: "admin".into(), if_version: None, ..change };
        assert_eq!(refusal(client.update_role(built_in).await).0, Code::Conflict);
        assert_eq!(refusal(client.delete_role(named("user")).await).0, Code::Conflict);

        let ada = house.register("ada").await;
        done(client.set_roles(set(&ada, &["auditor"])).await);
        assert_eq!(refusal(client.delete_role(named("auditor")).await).0, Code::Conflict, "somebody has it");
        done(client.set_roles(set(&ada, &[])).await);
        done(client.delete_role(named("auditor")).await);
        assert_eq!(refusal(client.delete_role(named("auditor")).await).0, Code::NotFound);
        assert_eq!(
            house.events_of("role.updated").await,
            [json!({ "role": "auditor", "permissions": ["audit:read"] })]
        );
        assert_eq!(house.events_of("role.deleted").await, [json!({ "role": "auditor" })]);
    })
    .await;
}

#[tokio::test]
async fn roles_are_given_and_taken() {
    everywhere(async |house: &House| {
        let mut client = house.administration(&operator());
        let ada = house.register("ada").await;
        let given = done(client.set_roles(set(&ada, &["support", "support"])).await);
        assert_eq!((given.roles.clone(), given.version), (texts(&["user", "support"]), 2));
        assert_eq!(
            done(client.set_roles(set(&ada, &["user", "support"])).await).version,
            2,
            "nothing changes"
        );
        let list = wire::ListUsersRequest { role: Some("support".into()), ..Default::default() };
        let listed = done(house.users(&operator()).list_users(list.clone()).await).users;
        assert_eq!(listed.iter().map(|user| &user.id).collect::<Vec<_>>(), [&ada.id]);
        let taken = done(client.set_roles(set(&ada, &[])).await);
        assert_eq!(taken.roles, texts(&["user"]));
        assert!(done(house.users(&operator()).list_users(list).await).users.is_empty());
        let unknown = refusal(client.set_roles(set(&ada, &["wizard"])).await);
        assert_eq!(unknown, (Code::ValidationFailed, "/roles".to_owned()));
        let many: Vec<String> = (0..21).map(|number| format!("role-{number}")).collect();
        let many = wire::SetRolesRequest { roles: many, ..set(&ada, &[]) };
        assert_eq!(refusal(client.set_roles(many).await), (Code::ValidationFailed, "/roles".to_owned()));
        assert_eq!(house.events_of("role.granted").await, [json!({ "role": "support" })]);
        assert_eq!(house.events_of("role.revoked").await, [json!({ "role": "support" })]);
    })
    .await;
}

#[tokio::test]
async fn nobody_gives_takes_or_makes_more_than_they_have() {
    everywhere(async |house: &House| {
        done(
            house
                .administration(&operator())
                .create_role(new_role("steward", &["roles:manage", "users:read"]))
                .await,
        );
        done(house.administration(&operator()).create_role(new_role("auditor", &["audit:read"])).await);
        let ada = house.register("ada").await;
        let admin = house.with_roles("root1", &["admin"]).await;
        house.with_roles("root2", &["admin"]).await;
        let steward = house.with_roles("stew", &["steward"]).await;
        let mut me = house.owner(&steward);
        let person = me.person.as_deref().unwrap().clone();
        let permissions = Permissions::of(&[Permission::RolesManage, Permission::UsersRead]);
        me.person = Some(std::sync::Arc::new(denizen_kit::caller::Person { permissions, ..person }));
        let mut client = house.administration(&me);
        done(client.set_roles(set(&ada, &["steward"])).await);
        for wanted in [set(&ada, &["steward", "auditor"]), set(&steward, &["admin"]), set(&admin, &[])] {
            assert_eq!(refusal(client.set_roles(wanted.clone()).await).0, Code::Forbidden, "{wanted:?}");
        }
        let role = refusal(client.create_role(new_role("mine", &["users:write"])).await);
        assert_eq!(role.0, Code::Forbidden);
        let widen = wire::UpdateRoleRequest {
            name: "steward".into(),
            permissions: Some(wire::PermissionList { permissions: texts(&["roles:manage", "audit:read"]) }),
            ..Default::default()
        };
        assert_eq!(refusal(client.update_role(widen).await).0, Code::Forbidden);
        assert_eq!(refusal(client.delete_role(named("auditor")).await).0, Code::Forbidden);
        let last = house.administration(&operator()).set_roles(set(&admin, &[])).await;
        done(last);
        let only = done(
            house
                .users(&operator())
                .list_users(wire::ListUsersRequest { role: Some("admin".into()), ..Default::default() })
                .await,
        );
        let demoted = refusal(house.administration(&operator()).set_roles(set(&only.users[0], &[])).await);
        assert_eq!(demoted.0, Code::Conflict, "the last administrator");
    })
    .await;
}

#[tokio::test]
async fn plain_people_may_not_even_look() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        for (caller, code) in [(anonymous(), Code::Unauthenticated), (house.owner(&ada), Code::Forbidden)] {
            let mut client = house.administration(&caller);
            assert_eq!(refusal(client.list_roles(wire::ListRolesRequest {}).await).0, code);
            assert_eq!(refusal(client.get_role(wire::GetRoleRequest { name: "user".into() }).await).0, code);
            assert_eq!(
                refusal(client.create_role(new_role("", &["x"])).await).0,
                code,
                "before anything is read"
            );
            assert_eq!(refusal(client.update_role(wire::UpdateRoleRequest::default()).await).0, code);
            assert_eq!(refusal(client.delete_role(named("admin")).await).0, code);
            assert_eq!(refusal(client.set_roles(set(&ada, &["admin"])).await).0, code);
        }
    })
    .await;
}

#[tokio::test]
async fn gateways_hear_what_roles_allow_and_who_lost_one() {
    everywhere(async |house: &House| {
        let ada = house.with_roles("ada", &["support"]).await;
        let mut stream =
            done(house.access(Role::Gateway).watch_access(internal::WatchAccessRequest {}).await);
        let mut changed = async || loop {
            let message = tokio::time::timeout(Duration::from_secs(5), stream.message()).await.unwrap();
            let message = message.unwrap().expect("the stream goes on");
            if message.changed {
                return message;
            }
        };
        assert_eq!(changed().await.roles, [], "first the whole");
        let mut client = house.administration(&operator());
        done(client.create_role(new_role("auditor", &["audit:read"])).await);
        let bits = Permissions::of(&[Permission::AuditRead]).bits();
        let auditor = internal::RolePermissions { name: "auditor".into(), permissions: bits };
        assert_eq!(changed().await.roles, [auditor]);
        done(client.set_roles(set(&ada, &["auditor"])).await);
        let lost = internal::Loss { user_id: ada.id.clone(), roles: texts(&["user", "auditor"]) };
        assert_eq!(changed().await.losses, [lost]);

        let check = |user_id: &str| internal::CheckAccessRequest { user_id: user_id.to_owned() };
        let now = done(house.access(Role::Gateway).check_access(check(&ada.id)).await);
        assert_eq!((now.roles, now.permissions), (texts(&["user", "auditor"]), bits));
        assert!(done(house.access(Role::Gateway).check_access(check(&nobody())).await).roles.is_empty());
        assert_eq!(refusal(house.access(Role::Otp).check_access(check(&ada.id)).await).0, Code::Forbidden);
        let foreign = house.access(Role::Otp).watch_access(internal::WatchAccessRequest {}).await;
        assert_eq!(denizen_rpc::problem_from(foreign.err().unwrap()).code, Code::Forbidden);

        house.clock.advance(Duration::from_secs(3601));
        denizen_users::start_jobs(&house.app, &house.tasks);
        let gone = async {
            const COUNT: &str = "SELECT COUNT(*) FROM role_losses";
            loop {
                let mut tx = house.app.db.single().await.unwrap();
                let (count,): (i64,) = tx.one(COUNT, denizen_db::args![]).await.unwrap();
                if count == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone)
            .await
            .expect("a loss that no token names is forgotten");
    })
    .await;
}
