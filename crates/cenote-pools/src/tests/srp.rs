//! Signing in by SRP: what each door asks and accepts, for users who exist and for users who do not.

mod blocks;
mod kept;
mod simulated;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cenote_base::Secret;
use cenote_secrets::srp::client::{Answer as ServersAnswer, Client};
use cenote_wire::idp::Operation;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

use super::on_both_engines;
use super::world::{Answer, App, INCORRECT, LOCKED, NEW_PASSWORD, NO_USER, PASSWORD, World, email};
use crate::testing::House;

on_both_engines! {
    every_client_by_every_door,
    an_alias_leads_to_the_username,
    where_addresses_are_usernames,
    a_temporary_password_and_then_the_users_own,
    wrong_passwords_count_and_lock,
    who_may_not_sign_in,
    parameters_that_are_missing_or_unusable,
    where_the_flow_is_off,
    any_name_and_any_password,
}

const TIMESTAMP: &str = "Sat Nov 7 09:05:03 UTC 2026";
const WRONG: &str = "Wrong-Horse-9";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

/// Somebody's sign-in after its first step.
pub(super) struct Srp {
    client: Client,
    pub(super) parameters: Value,
}

impl Srp {
    pub(super) async fn begin(app: &App<'_>, name: &str) -> Self {
        Self::begin_by(app, Operation::InitiateAuth, name).await.unwrap()
    }

    async fn begin_by(app: &App<'_>, door: Operation, name: &str) -> Result<Self, String> {
        Self::begin_at(&app.world.house, app, door, name).await
    }

    async fn begin_at(house: &House, app: &App<'_>, door: Operation, name: &str) -> Result<Self, String> {
        let client = Client::new(&*house.deps().random);
        let mut parameters = json!({"USERNAME": name, "SRP_A": client.public_hex()});
        if let Some(hash) = app.hash(name) {
            parameters["SECRET_HASH"] = json!(hash);
        }
        let request = json!({"ClientId": app.client, "UserPoolId": app.pool, "AuthFlow": "USER_SRP_AUTH",
            "AuthParameters": parameters});
        let answer = house.json(door, request).await.map_err(|error| error.to_string())?;
        assert_eq!(answer["ChallengeName"], "PASSWORD_VERIFIER");
        assert!(answer.get("Session").is_none());
        let parameters = answer["ChallengeParameters"].clone();
        let keys: Vec<_> = parameters.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["SALT", "SECRET_BLOCK", "SRP_B", "USERNAME", "USER_ID_FOR_SRP"]);
        assert_eq!(parameters["USERNAME"], parameters["USER_ID_FOR_SRP"]);
        Ok(Self { client, parameters })
    }

    fn text(&self, key: &str) -> &str {
        self.parameters[key].as_str().unwrap()
    }

    pub(super) fn username(&self) -> &str {
        self.text("USERNAME")
    }

    fn block(&self) -> &str {
        self.text("SECRET_BLOCK")
    }

    /// What a client answers that believes this to be the password.
    pub(super) fn responses(&self, app: &App<'_>, password: &str) -> Value {
        let pool = app.pool.split_once('_').unwrap().1;
        let block = STANDARD.decode(self.block()).unwrap();
        let answer = ServersAnswer { salt: self.text("SALT"), public: self.text("SRP_B"), secret_block: &block };
        let password = Secret::new(password);
        let signature = self.client.sign(pool, self.username(), &password, &answer, TIMESTAMP).unwrap();
        let mut responses = json!({"USERNAME": self.username(), "TIMESTAMP": TIMESTAMP,
            "PASSWORD_CLAIM_SECRET_BLOCK": self.block(), "PASSWORD_CLAIM_SIGNATURE": STANDARD.encode(signature)});
        if let Some(hash) = app.hash(self.username()) {
            responses["SECRET_HASH"] = json!(hash);
        }
        responses
    }

    pub(super) async fn answer(&self, app: &App<'_>, password: &str) -> Answer {
        respond(app, Operation::RespondToAuthChallenge, self.responses(app, password)).await
    }
}

async fn respond(app: &App<'_>, door: Operation, responses: Value) -> Answer {
    respond_at(&app.world.house, app, door, responses).await
}

async fn respond_at(house: &House, app: &App<'_>, door: Operation, responses: Value) -> Answer {
    let request = json!({"ClientId": app.client, "UserPoolId": app.pool, "ChallengeName": "PASSWORD_VERIFIER",
        "ChallengeResponses": responses});
    house.json(door, request).await.map_err(|error| error.to_string())
}

/// Both steps.
async fn srp(app: &App<'_>, name: &str, password: &str) -> Answer {
    Srp::begin_by(app, Operation::InitiateAuth, name).await?.answer(app, password).await
}

const DOORS: [(Operation, Operation); 2] = [
    (Operation::InitiateAuth, Operation::RespondToAuthChallenge),
    (Operation::AdminInitiateAuth, Operation::AdminRespondToAuthChallenge),
];

fn assert_tokens(answer: &Answer) {
    let tokens = &answer.as_ref().unwrap()["AuthenticationResult"];
    for token in ["AccessToken", "IdToken", "RefreshToken"] {
        assert!(tokens[token].is_string(), "{answer:?}");
    }
    assert_eq!(answer.as_ref().unwrap()["ChallengeParameters"], json!({}));
}

async fn every_client_by_every_door(world: World) {
    let public = world.app(json!({})).await;
    let confidential = world.client(&public.pool, json!({"GenerateSecret": true})).await;
    public.confirmed("alice").await;
    for app in [&public, &confidential] {
        for (first, second) in DOORS {
            let srp = Srp::begin_by(app, first, "alice").await.unwrap();
            assert_eq!(srp.username(), "alice");
            let mut responses = srp.responses(app, PASSWORD);
            // Left-overs, and what is null.
            responses["NEW_PASSWORD"] = json!("x");
            responses["DEVICE_KEY"] = Value::Null;
            assert_tokens(&respond(app, second, responses).await);
        }
    }
    // A Session of whatever kind is not looked at.
    let srp = Srp::begin(&public, "alice").await;
    let request = json!({"ClientId": public.client, "ChallengeName": "PASSWORD_VERIFIER",
        "Session": "somebody else's session", "ChallengeResponses": srp.responses(&public, PASSWORD)});
    assert_tokens(&world.call(Operation::RespondToAuthChallenge, request).await);
    // The secret must be shown in each step, over the name that is sent in it.
    let (app, srp) = (&confidential, Srp::begin(&confidential, "alice").await);
    let missing = format!(
        "NotAuthorizedException: Client {} is configured with secret but SECRET_HASH was not received",
        app.client
    );
    let wrong = format!("NotAuthorizedException: Unable to verify secret hash for client {}", app.client);
    let a = "ab";
    let first = app.initiate("USER_SRP_AUTH", json!({"USERNAME": "alice", "SRP_A": a})).await;
    assert_eq!(first, refused(&missing));
    let parameters = json!({"USERNAME": "alice", "SRP_A": a, "SECRET_HASH": app.hash("bob")});
    assert_eq!(app.initiate("USER_SRP_AUTH", parameters).await, refused(&wrong));
    let mut responses = srp.responses(app, PASSWORD);
    responses["SECRET_HASH"] = json!(app.hash("bob"));
    assert_eq!(respond(app, DOORS[0].1, responses.clone()).await, refused(&wrong));
    responses.as_object_mut().unwrap().remove("SECRET_HASH");
    assert_eq!(respond(app, DOORS[0].1, responses).await, refused(&missing));
    assert_tokens(&srp.answer(app, PASSWORD).await);
    assert_eq!(world.rows("select count(*) from attempts").await, 0);
}

async fn an_alias_leads_to_the_username(world: World) {
    let pool = world.pool(json!({"AliasAttributes": ["email", "preferred_username"]})).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    app.confirmed("alice").await;
    app.confirmed("bob").await;
    let srp = Srp::begin(&app, &email("alice")).await;
    assert_eq!(srp.username(), "alice", "what the password is hashed with");
    assert_tokens(&srp.answer(&app, PASSWORD).await);
    // The second step may use either name, with the hash of the one that it uses, but nobody else's.
    for (name, fits) in [(email("alice"), true), ("alice".into(), true), (email("bob"), false), ("carol".into(), false)]
    {
        let srp = Srp::begin(&app, &email("alice")).await;
        let mut responses = srp.responses(&app, PASSWORD);
        responses["USERNAME"] = json!(name);
        responses["SECRET_HASH"] = json!(app.hash(&name));
        let answer = respond(&app, DOORS[0].1, responses).await;
        if fits { assert_tokens(&answer) } else { assert_eq!(answer, refused(INCORRECT), "{name}") }
    }
    // Nothing was compared for somebody else's name, so nothing is counted.
    assert_eq!(world.rows("select count(*) from attempts").await, 0);
}

async fn where_addresses_are_usernames(world: World) {
    let pool = json!({"UsernameAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": false}});
    let app = world.app(pool).await;
    app.create(&email("alice"), &[]).await.unwrap();
    app.set_password(&email("alice"), PASSWORD, true).await.unwrap();
    let sub = app.attributes(&email("alice")).await["sub"].as_str().unwrap().to_owned();
    for name in [email("alice"), "Alice@Example.com".to_owned(), sub.clone()] {
        let srp = Srp::begin(&app, &name).await;
        assert_eq!(srp.username(), sub);
        let mut responses = srp.responses(&app, PASSWORD);
        responses["USERNAME"] = json!(name);
        assert_tokens(&respond(&app, DOORS[0].1, responses).await);
    }
}

async fn a_temporary_password_and_then_the_users_own(world: World) {
    let app = world.app(json!({})).await;
    app.create("alice", &[("email", &email("alice"))]).await.unwrap();
    let srp_first = Srp::begin(&app, "alice").await;
    let mut responses = srp_first.responses(&app, PASSWORD);
    let challenge = respond(&app, DOORS[0].1, responses.clone()).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert_eq!(challenge["ChallengeParameters"]["USER_ID_FOR_SRP"], "alice");
    // As pycognito does: the answers of the step before are left in.
    responses["NEW_PASSWORD"] = json!(NEW_PASSWORD);
    let request = json!({"ClientId": app.client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": challenge["Session"], "ChallengeResponses": responses});
    assert_tokens(&world.call(Operation::RespondToAuthChallenge, request).await);
    assert_eq!(srp(&app, "alice", PASSWORD).await, refused(INCORRECT));
    assert_tokens(&srp(&app, "alice", NEW_PASSWORD).await);
    let later = Srp::begin(&app, "alice").await;
    assert_ne!(later.text("SALT"), srp_first.text("SALT"), "another password, another salt");
    assert_eq!(Srp::begin(&app, "alice").await.text("SALT"), later.text("SALT"));
}

async fn wrong_passwords_count_and_lock(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    // One count for all flows and doors.
    for (first, second) in DOORS {
        for _ in 0..2 {
            let srp = Srp::begin_by(&app, first, "alice").await.unwrap();
            assert_eq!(respond(&app, second, srp.responses(&app, WRONG)).await, refused(INCORRECT));
        }
    }
    let waiting = Srp::begin(&app, "alice").await;
    assert_eq!(app.sign_in("alice", WRONG).await, refused(INCORRECT));
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED));
    assert_eq!(waiting.answer(&app, PASSWORD).await, refused(LOCKED));
    assert_eq!(srp(&app, "alice", PASSWORD).await, refused(LOCKED));
    world.pass(std::time::Duration::from_secs(1));
    assert_tokens(&waiting.answer(&app, PASSWORD).await);
    assert_eq!(world.rows("select count(*) from attempts").await, 0, "a success forgets");
    assert_eq!(srp(&app, "alice", WRONG).await, refused(INCORRECT));
    assert_eq!(world.rows("select count(*) from attempts where failures = 1").await, 2, "by user and by address");
    assert_tokens(&srp(&app, "alice", PASSWORD).await);
}

async fn set_status(world: &World, status: &'static str) {
    let sql = "update users set status = $1, version = version + 1 where username = 'alice'";
    world.store.apply(cenote_store::Batch::new().one(sql, cenote_store::params![status], "NoUser")).await.unwrap();
}

async fn who_may_not_sign_in(world: World) {
    let app = world.app(json!({})).await;
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.sign_up("alice").await.unwrap();
    let reset = "PasswordResetRequiredException: Password reset required for the user";
    for (status, right, wrong) in [
        ("UNCONFIRMED", "UserNotConfirmedException: User is not confirmed.", INCORRECT),
        ("RESET_REQUIRED", reset, reset),
        ("EXTERNAL_PROVIDER", INCORRECT, INCORRECT),
    ] {
        set_status(&world, status).await;
        assert_eq!(srp(&app, "alice", WRONG).await, refused(wrong), "{status}");
        assert_eq!(srp(&app, "alice", PASSWORD).await, refused(right), "{status}");
        assert_eq!(srp(&hiding, "alice", WRONG).await, refused(INCORRECT), "{status}");
        assert_eq!(srp(&hiding, "alice", PASSWORD).await, refused(right), "{status}");
        assert_eq!(world.rows("select count(*) from attempts").await, 0, "{status}: the password was right");
    }
    set_status(&world, "CONFIRMED").await;
    let begun = Srp::begin(&app, "alice").await;
    app.disable("alice").await;
    let disabled = refused("NotAuthorizedException: User is disabled.");
    assert_eq!(begun.answer(&app, PASSWORD).await, disabled);
    assert_eq!(srp(&app, "alice", PASSWORD).await, disabled);
}

/// The group's modulus (RFC 5054, 3072 bits).
const N: &str = concat!(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd",
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed",
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f",
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b",
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510",
    "15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7",
    "abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c",
    "bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff",
);

async fn parameters_that_are_missing_or_unusable(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let missing = |key: &str| refused(&format!("InvalidParameterException: Missing required parameter {key}"));
    for flow_at in DOORS.map(|(first, _)| first) {
        let initiate = |parameters: Value| {
            let request = json!({"ClientId": app.client, "UserPoolId": app.pool, "AuthFlow": "USER_SRP_AUTH",
                "AuthParameters": parameters});
            world.call(flow_at, request)
        };
        assert_eq!(initiate(json!({"SRP_A": "ab"})).await, missing("USERNAME"));
        assert_eq!(initiate(json!({"USERNAME": "alice"})).await, missing("SRP_A"));
        assert_eq!(initiate(json!({"USERNAME": "alice", "SRP_A": null})).await, missing("SRP_A"));
        for name in ["alice", "nobody"] {
            for a in ["0", "0000", N, &format!("00{N}"), "xyz", "-1", "0x12", &"f".repeat(1000)] {
                let answer = initiate(json!({"USERNAME": name, "SRP_A": a})).await;
                assert_eq!(answer, refused("InvalidParameterException: SRP_A is invalid."), "{a}");
            }
        }
    }
    let srp = Srp::begin(&app, "alice").await;
    for key in ["USERNAME", "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP"] {
        let mut responses = srp.responses(&app, PASSWORD);
        responses.as_object_mut().unwrap().remove(key);
        for (_, second) in DOORS {
            assert_eq!(respond(&app, second, responses.clone()).await, missing(key));
        }
    }
    assert_tokens(&srp.answer(&app, PASSWORD).await);
}

async fn where_the_flow_is_off(world: World) {
    let app = world.app(json!({})).await;
    let off = world.client(&app.pool, json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]})).await;
    app.confirmed("alice").await;
    let refusal = refused("InvalidParameterException: USER_SRP_AUTH is not enabled for the client.");
    for (first, second) in DOORS {
        assert_eq!(Srp::begin_by(&off, first, "alice").await.err(), refusal.clone().err());
        let responses = Srp::begin(&app, "alice").await.responses(&app, PASSWORD);
        assert_eq!(respond(&off, second, responses).await, refusal);
    }
}

/// Whatever people are called and choose, they sign in, and with nothing else.
async fn any_name_and_any_password(world: World) {
    let policy = json!({"PasswordPolicy": {"MinimumLength": 6}});
    let app = world.app(json!({"Policies": policy})).await;
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    let cases = ("[\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]{1,40}", "[\\S]{6,40}", "[\\S]{6,40}", any::<bool>());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..24 {
        let (name, password, other, signs_up) = cases.new_tree(&mut runner).unwrap().current();
        let made = if signs_up {
            app.public(Operation::SignUp, &name, json!({"Password": password})).await
        } else {
            app.admin(Operation::AdminCreateUser, &name, json!({"MessageAction": "SUPPRESS"})).await
        };
        made.unwrap_or_else(|error| panic!("{name:?}: {error}"));
        app.set_password(&name, &password, true).await.unwrap_or_else(|error| panic!("{password:?}: {error}"));
        assert_tokens(&srp(&app, &name, &password).await);
        if other != password {
            assert_eq!(srp(&hiding, &name, &other).await, refused(INCORRECT), "{name:?}, not {password:?}: {other:?}");
        }
        assert_eq!(srp(&hiding, &format!("{name}-"), &password).await, refused(INCORRECT));
        assert_eq!(srp(&app, &format!("{name}-"), &password).await, refused(NO_USER));
    }
}
