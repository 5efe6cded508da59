//! A bucket behind the S3 protocol.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use denizen_kit::config::Settings;
use denizen_storage::{AwsConfig, Config, Error, Place, S3, Secret, Store};
use http::StatusCode;

use crate::fake::{ACCOUNT, BUCKET, Fake, Mood};
use crate::suite;

fn config(address: SocketAddr, prefix: &str) -> Config {
    Config {
        place: Place::Bucket { bucket: BUCKET.to_owned(), prefix: prefix.to_owned() },
        s3: S3 {
            endpoint: Some(format!("http://{address}/")),
            region: Some(ACCOUNT.region.to_owned()),
            access_key: Some(ACCOUNT.key_id.to_owned()),
            secret_key: Some(Secret::new(ACCOUNT.secret)),
            identity: None,
        },
        object_limit: 1000,
        timeout: Duration::from_secs(10),
    }
}

fn open(config: &Config) -> Store {
    Store::open(config, Path::new("/nowhere")).unwrap()
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    let (fake, address) = Fake::start().await;
    suite::holds(&open(&config(address, ""))).await;
    let seen = fake.seen();
    assert!(seen.iter().any(|line| line.contains("list-type=2")), "{seen:?}");
}

#[tokio::test]
async fn two_prefixes_of_a_bucket_are_two_stores() {
    let (fake, address) = Fake::start().await;
    let (one, other) = (open(&config(address, "a/one")), open(&config(address, "a/one-more")));
    suite::holds(&one).await;
    suite::fill(&other, &["l/1"]).await;
    assert!(fake.names().iter().all(|name| name.starts_with("a/one/") || name == "a/one-more/l/1"));
    assert_eq!(one.get("l/1").await.unwrap(), None);
}

#[tokio::test]
async fn without_a_key_of_its_own_it_takes_that_of_aws() {
    let (fake, address) = Fake::start().await;
    let toml = format!(
        "[aws]\nregion = \"{}\"\naccess_key = \"{}\"\nsecret_key = \"{}\"",
        ACCOUNT.region, ACCOUNT.key_id, ACCOUNT.secret
    );
    let aws = AwsConfig::read(&mut Settings::load(&toml, []));
    let mut bare = config(address, "");
    (bare.s3.region, bare.s3.access_key, bare.s3.secret_key) = (None, None, None);
    bare.take_over(&aws);
    open(&bare).put("a", vec![1]).await.unwrap();
    assert_eq!(fake.names(), ["a"]);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_said_so() {
    let (fake, address) = Fake::start().await;
    let mut wrong = config(address, "");
    wrong.s3.secret_key = Some(Secret::new("another"));
    // A listing that is refused says so in its cause only: the client has no kind for it.
    let listed = open(&wrong).list("a", None, 1).await.unwrap_err();
    assert!(format!("{listed:?}").contains("SignatureDoesNotMatch"), "{listed:?}");
    for error in [
        open(&wrong).put("a", vec![1]).await.unwrap_err(),
        open(&wrong).get("a").await.unwrap_err(),
        open(&wrong).delete("a").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        let problem = denizen_kit::problem::Problem::from(error);
        assert_eq!(problem.code, denizen_kit::problem::Code::Unavailable);
        assert!(!problem.detail.contains("another"));
    }
    assert_eq!(fake.names(), Vec::<String>::new());
    assert_eq!(fake.seen().len(), 4, "a refusal is not tried again");
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again() {
    let (fake, address) = Fake::start().await;
    let store = open(&config(address, ""));
    let passing = [
        Mood::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Mood::Error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
    ];
    fake.will(&passing);
    store.put("a", vec![1]).await.unwrap();
    assert_eq!(fake.seen().len(), 3);
    fake.will(&passing);
    assert_eq!(store.get("a").await.unwrap().unwrap().as_ref(), [1]);
    fake.will(&passing);
    store.delete("a").await.unwrap();
}

#[tokio::test]
async fn what_keeps_failing_is_told() {
    let (fake, address) = Fake::start().await;
    let store = open(&config(address, ""));
    fake.will(&[Mood::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"); 20]);
    assert!(matches!(store.put("a", vec![1]).await, Err(Error::Unusable(_))));
    assert!(fake.seen().len() <= 4, "tries are bounded");
}

#[tokio::test]
async fn silence_ends_in_time() {
    let (fake, address) = Fake::start().await;
    let mut hasty = config(address, "");
    hasty.timeout = Duration::from_millis(300);
    let store = open(&hasty);
    fake.will(&[Mood::Silent; 20]);
    let started = Instant::now();
    for failed in
        [store.put("a", vec![1]).await.err(), store.get("a").await.err(), store.delete("a").await.err()]
    {
        assert!(matches!(failed, Some(Error::Late | Error::Unusable(_))), "{failed:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_object() {
    let (fake, address) = Fake::start().await;
    let store = open(&config(address, ""));
    store.put("a", b"hallo".to_vec()).await.unwrap();
    fake.will(&[Mood::Cut]);
    match store.get("a").await {
        Ok(Some(whole)) => assert_eq!(whole.as_ref(), b"hallo", "fetched again"),
        Ok(None) => panic!("it is there"),
        Err(error) => assert!(matches!(error, Error::Unusable(_)), "{error:?}"),
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_and_a_server_that_is_down() {
    let (_fake, address) = Fake::start().await;
    let mut other = config(address, "");
    other.place = Place::Bucket { bucket: "other-bucket".to_owned(), prefix: String::new() };
    assert!(open(&other).put("a", vec![1]).await.is_err());

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut down = config(closed, "");
    down.timeout = Duration::from_secs(1);
    assert!(matches!(open(&down).get("a").await, Err(Error::Late | Error::Unusable(_))));
}

#[test]
fn a_bucket_without_a_region_is_told_at_once() {
    let mut none = config("127.0.0.1:1".parse().unwrap(), "");
    none.s3.region = None;
    let error = Store::open(&none, Path::new("/nowhere")).unwrap_err();
    assert!(error.to_string().contains("storage.s3.region"), "{error}");
}
