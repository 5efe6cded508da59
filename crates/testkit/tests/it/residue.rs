//! What is left of somebody in the files: nothing that was sealed at any time, nothing at all once they are erased.

use denizen_testkit::residue::holders;
use denizen_testkit::{Cluster, PASSWORD, Topology};
use reqwest::Method;
use serde_json::json;

use crate::privacy::at_home;

const EMAIL: &str = "ada.erased@example.test";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_erased_is_left_in_the_files() {
    for topology in [Topology::OneOnSqlite, Topology::SplitOnSqlite] {
        let cluster = Cluster::start(topology).await;
        let client = cluster.client();
        let account = json!({ "name": "Adalbertina Zwetschgendatschi", "email": EMAIL, "username": "zwetschgendatschi",
            "password": PASSWORD, "metadata": { "plan": "kirschkernweitspucken" } });
        client
            .send(Method::POST, "/users", Some(account), &[("idempotency-key", "register-once")])
            .await
            .expect(201);
        client.mail(EMAIL, 1).await;
        let (ada, _) = client.login(EMAIL).await;
        at_home(&ada).await;
        ada.patch("/users/me", json!({ "name": "Adalbertina Zwetschgendatschi II" })).await.expect(200);
        let folder = cluster.data_folder();
        assert!(!holders(folder, "zwetschgendatschi").is_empty(), "the search finds what is plain before");
        for sealed in [EMAIL, "kirschkernweitspucken"] {
            assert_eq!(holders(folder, sealed), Vec::<String>::new(), "sealed at all times: {sealed}");
        }
        ada.post("/users/me/erase", json!({ "password": PASSWORD })).await.expect(200);
        for gone in [EMAIL, "zwetschgendatschi", "kirschkernweitspucken"] {
            assert_eq!(holders(folder, gone), Vec::<String>::new(), "{gone}");
        }
        cluster.stop().await;
    }
}
