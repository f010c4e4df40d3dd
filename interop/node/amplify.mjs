// aws-amplify v6, as a web application uses it, with its default flow (USER_SRP_AUTH).

import { Amplify } from "aws-amplify";
import {
  confirmResetPassword,
  confirmSignIn,
  deleteUser,
  fetchAuthSession,
  fetchUserAttributes,
  getCurrentUser,
  resetPassword,
  signIn,
  signOut,
  updatePassword,
  updateUserAttributes,
} from "aws-amplify/auth";
import { claims, refusal, report, scenario } from "./run.mjs";

const { endpoint, poolId, clientId, username, initialPassword, password, nextPassword } = scenario;
Amplify.configure({
  Auth: { Cognito: { userPoolId: poolId, userPoolClientId: clientId, userPoolEndpoint: endpoint } },
});

const seen = {};
seen.wrongInitialPassword = await refusal(() => signIn({ username, password: `${initialPassword}!` }));
seen.unknownUser = await refusal(() => signIn({ username: "nobody", password: initialPassword }));

seen.challenge = (await signIn({ username, password: initialPassword })).nextStep;
seen.done = (await confirmSignIn({ challengeResponse: password })).nextStep;
seen.user = await getCurrentUser();
const first = await fetchAuthSession();
seen.idClaims = claims(first.tokens.idToken.toString());
seen.accessClaims = claims(first.tokens.accessToken.toString());
seen.attributes = await fetchUserAttributes();

const refreshed = await fetchAuthSession({ forceRefresh: true });
seen.refreshedClaims = claims(refreshed.tokens.accessToken.toString());
const twice = await fetchAuthSession({ forceRefresh: true });
seen.refreshedTwiceClaims = claims(twice.tokens.accessToken.toString());

await updatePassword({ oldPassword: password, newPassword: nextPassword });
seen.updated = await updateUserAttributes({ userAttributes: { name: "Alice" } });

await signOut({ global: true });
seen.afterSignOut = await refusal(() => fetchUserAttributes());
seen.oldPassword = await refusal(() => signIn({ username, password }));
seen.signedInAgain = (await signIn({ username, password: nextPassword })).nextStep;
await signOut();

seen.resetStep = (await resetPassword({ username })).nextStep;
seen.wrongCode = await refusal(() =>
  confirmResetPassword({ username, confirmationCode: "nothing", newPassword: password }),
);
seen.unknownReset = await refusal(() =>
  confirmResetPassword({ username: "nobody", confirmationCode: "000000", newPassword: password }),
);

await signIn({ username, password: nextPassword });
await deleteUser();
seen.afterDeletion = await refusal(() => signIn({ username, password: nextPassword }));
report(seen);
