// amazon-cognito-identity-js: sign in by SRP with an initial password, choose another, refresh, change the password,
// update an attribute, sign out everywhere.

import cognito from "amazon-cognito-identity-js";
import { claims, refusal, report, scenario } from "./run.mjs";

const { AuthenticationDetails, CognitoUser, CognitoUserAttribute, CognitoUserPool } = cognito;

const { endpoint, poolId, clientId, username, initialPassword, password, nextPassword } = scenario;
const pool = new CognitoUserPool({ UserPoolId: poolId, ClientId: clientId, endpoint });

function newUser(name = username) {
  return new CognitoUser({ Username: name, Pool: pool });
}

/** Signs in by SRP, the client's own choice; a challenge for a new password is answered with `chosen`. */
function signIn(user, secret, chosen) {
  const details = new AuthenticationDetails({ Username: user.getUsername(), Password: secret });
  return new Promise((resolve, reject) => {
    const callbacks = {
      onSuccess: (session) => resolve({ session, challenged: false }),
      onFailure: reject,
      newPasswordRequired: (attributes, required) => {
        if (chosen === undefined) {
          resolve({ challenged: true });
          return;
        }
        user.completeNewPasswordChallenge(
          chosen,
          {},
          {
            onSuccess: (session) => resolve({ session, challenged: true, attributes, required }),
            onFailure: reject,
          },
        );
      },
    };
    user.authenticateUser(details, callbacks);
  });
}

/** Calls a method that ends with a callback (error, result). */
function called(user, method, ...values) {
  return new Promise((resolve, reject) => {
    user[method](...values, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function globalSignOut(user) {
  return new Promise((onSuccess, onFailure) => user.globalSignOut({ onSuccess, onFailure }));
}

const seen = {};
seen.wrongInitialPassword = await refusal(() => signIn(newUser(), `${initialPassword}!`));
seen.unknownUser = await refusal(() => signIn(newUser("nobody"), initialPassword));

const user = newUser();
const first = await signIn(user, initialPassword, password);
seen.challenge = { attributes: first.attributes, required: first.required };
seen.idClaims = claims(first.session.getIdToken().getJwtToken());
seen.accessClaims = claims(first.session.getAccessToken().getJwtToken());
seen.attributes = (await called(user, "getUserAttributes")).map(({ Name, Value }) => [Name, Value]);

const refreshed = await called(user, "refreshSession", first.session.getRefreshToken());
seen.refreshedClaims = claims(refreshed.getAccessToken().getJwtToken());

seen.changed = await called(user, "changePassword", password, nextPassword);
seen.oldPassword = await refusal(() => signIn(newUser(), password));
seen.updated = await called(user, "updateAttributes", [new CognitoUserAttribute({ Name: "name", Value: "Alice" })]);

const second = newUser();
const again = await signIn(second, nextPassword);
seen.challengedAgain = again.challenged;

await globalSignOut(user);
seen.signedOutElsewhere = await refusal(() => called(second, "getUserAttributes"));
seen.refreshAfterSignOut = await refusal(() => called(second, "refreshSession", again.session.getRefreshToken()));
report(seen);
